//! Gauges that several integrations share: each adds its part, and takes it back when it ends.

/// One integration's part of a gauge.
#[derive(Debug)]
pub struct Gauge {
    name: &'static str,
    part: f64,
}

impl Gauge {
    /// A part of nothing.
    pub const fn new(name: &'static str) -> Self {
        Self { name, part: 0.0 }
    }

    /// Changes this part of the gauge.
    pub fn set(&mut self, part: f64) {
        metrics::gauge!(self.name).increment(part - self.part);
        self.part = part;
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.set(0.0);
    }
}
