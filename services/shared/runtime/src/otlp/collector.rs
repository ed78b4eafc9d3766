//! A collector for tests, inside the test's process: keeps what it is sent.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point},
    resource::v1::Resource,
    trace::v1::Span,
};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

/// What arrived, in order, each with who sent it.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    spans: Arc<Mutex<Vec<(Sender, Span)>>>,
    metrics: Arc<Mutex<Vec<(Sender, Metric)>>>,
}

/// The attributes of who sent it.
pub(crate) type Sender = Vec<(String, String)>;

impl Collector {
    /// Collects on a thread of its own until the test's process ends.
    pub(crate) fn start() -> (Self, String) {
        let collector = Self::default();
        let (tell, told) = mpsc::channel();
        let service = collector.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(service.serve(tell));
        });
        (collector, format!("http://{}", told.recv().unwrap()))
    }

    async fn serve(self, tell: mpsc::Sender<SocketAddr>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(self.clone()))
            .add_service(MetricsServiceServer::new(self))
            .serve_with_incoming(TcpIncoming::from(listener))
            .await
            .unwrap();
    }

    /// The spans that arrived.
    pub(crate) fn spans(&self) -> Vec<(Sender, Span)> {
        self.spans.lock().unwrap().clone()
    }

    /// The metrics that arrived.
    pub(crate) fn metrics(&self) -> Vec<(Sender, Metric)> {
        self.metrics.lock().unwrap().clone()
    }

    /// The last number that arrived under a name with these labels.
    pub(crate) fn number(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let metrics = self.metrics();
        let mut points =
            metrics.iter().filter(|(_, metric)| metric.name == name).flat_map(|(_, metric)| {
                match metric.data.clone() {
                    Some(Data::Sum(sum)) => sum.data_points,
                    Some(Data::Gauge(gauge)) => gauge.data_points,
                    _ => Vec::new(),
                }
            });
        let point = points.rfind(|point| has(&point.attributes, labels))?;
        match point.value? {
            number_data_point::Value::AsDouble(value) => Some(value),
            #[expect(clippy::cast_precision_loss, reason = "tests count to ten")]
            number_data_point::Value::AsInt(value) => Some(value as f64),
        }
    }

    /// How often each bound of a histogram was met, with the bounds.
    pub(crate) fn buckets(&self, name: &str) -> Option<(Vec<f64>, Vec<u64>)> {
        let (_, metric) = self.metrics().into_iter().rfind(|(_, metric)| metric.name == name)?;
        let Some(Data::Histogram(histogram)) = metric.data else { return None };
        let point = histogram.data_points.into_iter().next()?;
        Some((point.explicit_bounds, point.bucket_counts))
    }
}

fn has(attributes: &[KeyValue], labels: &[(&str, &str)]) -> bool {
    let attributes = plain(attributes);
    labels.len() == attributes.len()
        && labels
            .iter()
            .all(|(key, value)| attributes.iter().any(|(has, is)| has == key && is == value))
}

fn plain(attributes: &[KeyValue]) -> Sender {
    let text = |attribute: &KeyValue| match attribute.value.clone()?.value? {
        Value::StringValue(value) => Some((attribute.key.clone(), value)),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}

fn sender(resource: Option<&Resource>) -> Sender {
    resource.map(|resource| plain(&resource.attributes)).unwrap_or_default()
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for from in request.into_inner().resource_spans {
            let sender = sender(from.resource.as_ref());
            let spans = from.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.spans.lock().unwrap().extend(spans.map(|span| (sender.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        for from in request.into_inner().resource_metrics {
            let sender = sender(from.resource.as_ref());
            let metrics = from.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            self.metrics.lock().unwrap().extend(metrics.map(|metric| (sender.clone(), metric)));
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
