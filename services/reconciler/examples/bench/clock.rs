//! Processor time: what something costs, whoever else the machine works for meanwhile.

use std::{fs, time::Instant};

use tandem_store::Store;

/// When something began, by the clock and in processor time.
pub(crate) struct Stopwatch {
    began: Instant,
    spent: f64,
    backends: Vec<i32>,
}

/// How long something took, in seconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Took {
    /// By the clock.
    pub(crate) wall: f64,
    /// Of processors.
    pub(crate) cpu: f64,
}

impl Took {
    /// Both of them together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { wall: self.wall + other.wall, cpu: self.cpu + other.cpu }
    }
}

impl Stopwatch {
    /// Watches this thread, and Postgres at work for it.
    pub(crate) fn start(backends: &[i32]) -> Self {
        let backends = backends.to_vec();
        Self { began: Instant::now(), spent: spent(&backends), backends }
    }

    pub(crate) fn stop(&self) -> Took {
        let wall = self.began.elapsed().as_secs_f64();
        Took { wall, cpu: spent(&self.backends) - self.spent }
    }
}

/// The processes of Postgres that work for this one.
pub(crate) async fn backends(store: &Store) -> anyhow::Result<Vec<i32>> {
    let sql = "select pid from pg_stat_activity where application_name = 'bench'";
    Ok(sqlx::query_scalar(sql).fetch_all(store.pool()).await?)
}

/// The seconds that processors have worked for this thread and for some processes; 0 where the
/// system does not tell.
fn spent(processes: &[i32]) -> f64 {
    let own = "/proc/thread-self/schedstat".to_owned();
    let others = processes.iter().map(|id| format!("/proc/{id}/schedstat"));
    let nanos = std::iter::once(own).chain(others).map(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0.0)
    });
    nanos.sum::<f64>() / 1e9
}
