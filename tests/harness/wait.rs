//! Waiting for conditions, never for time.

use std::{
    fmt::Debug,
    future::Future,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(10);

/// Waits until `look` gives `Ok`, and gives that; after the deadline, fails with what it last saw.
///
/// # Panics
/// When the deadline passes.
pub async fn eventually<T, E, F, Fut>(what: &str, within: Duration, mut look: F) -> T
where
    E: Debug,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let deadline = Instant::now() + within;
    loop {
        match look().await {
            Ok(value) => return value,
            Err(seen) if Instant::now() >= deadline => {
                panic!("not within {within:?}: {what}; last seen: {seen:#?}")
            }
            Err(_) => tokio::time::sleep(STEP).await,
        }
    }
}

/// Checks that `look` keeps giving the same for a time: silence can only be shown by listening.
///
/// # Panics
/// When it gives something else.
pub async fn stays<T, F, Fut>(what: &str, time: Duration, mut look: F)
where
    T: Debug + PartialEq,
    F: FnMut() -> Fut,
    Fut: Future<Output = T>,
{
    let (first, end) = (look().await, Instant::now() + time);
    while Instant::now() < end {
        tokio::time::sleep(STEP * 5).await;
        let now = look().await;
        assert_eq!(now, first, "did not stay: {what}");
    }
}
