//! How often one source may ask, whatever it asks. What is remembered of sources is bounded.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

/// How many sources are told apart at a time; one takes some 100 bytes.
const SOURCES_MAX: usize = 16 * 1024;
/// How often those are looked for that have been quiet for long enough to be forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// Counts what comes from each source. Twice a second's worth may come at once.
#[derive(Debug)]
pub struct Rates {
    limiter: Option<DefaultKeyedRateLimiter<IpAddr>>,
    clock: DefaultClock,
    since: Instant,
    forgotten_at: AtomicU64,
}

impl Rates {
    /// So many in a second from one source; 0 for any number.
    pub fn per_second(most: u32) -> Self {
        let quota = |most: NonZeroU32| {
            Quota::per_second(most)
                .allow_burst(most.saturating_mul(NonZeroU32::MIN.saturating_add(1)))
        };
        Self {
            limiter: NonZeroU32::new(most).map(|most| RateLimiter::keyed(quota(most))),
            clock: DefaultClock::default(),
            since: Instant::now(),
            forgotten_at: AtomicU64::new(0),
        }
    }

    /// Counts one from a source; where that is one too many, says in how long another would not be.
    ///
    /// Where there are more sources than can be told apart, none of them is held up here: what all of
    /// them may have in hand is bounded anyway.
    pub fn take(&self, source: IpAddr) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        if limiter.len() >= SOURCES_MAX {
            self.forget(limiter);
            if limiter.len() >= SOURCES_MAX {
                return Ok(());
            }
        }
        let refused = limiter.check_key(&key(source)).err();
        refused.map_or(Ok(()), |until| {
            metrics::counter!("tandem_requests_over_rate_total").increment(1);
            Err(until.wait_time_from(self.clock.now()))
        })
    }

    /// Forgets sources that could ask all at once again, now and then.
    fn forget(&self, limiter: &DefaultKeyedRateLimiter<IpAddr>) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let every = u64::try_from(FORGET_EVERY.as_millis()).unwrap_or(u64::MAX);
        let due = |at: u64| (at == 0 || now >= at.saturating_add(every)).then_some(now.max(1));
        if self.forgotten_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// Whom an address belongs to: of IPv6 everybody has at least a /64.
fn key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_source_that_asks_too_often_is_told_when_to_ask_again_and_others_are_not() {
        let rates = Rates::per_second(1);
        let taken = (0..10).filter(|_| rates.take(v4(1)).is_ok()).count();
        assert!((2..10).contains(&taken), "{taken}");
        let wait = (0..10).find_map(|_| rates.take(v4(1)).err()).expect("it is too often");
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert_eq!(rates.take(v4(2)), Ok(()));
    }

    #[test]
    fn none_is_counted_where_any_number_may_come() {
        let rates = Rates::per_second(0);
        assert!((0..10_000).all(|_| rates.take(v4(1)).is_ok()));
    }

    #[test]
    fn what_is_remembered_of_sources_is_bounded() {
        let rates = Rates::per_second(1);
        for number in 0..40_000 {
            assert_eq!(rates.take(v4(number)), Ok(()));
        }
        assert!(rates.limiter.as_ref().unwrap().len() <= SOURCES_MAX);
    }

    #[test]
    fn an_address_is_its_owners_in_either_spelling() {
        let key = |text: &str| key(text.parse().unwrap()).to_string();
        assert_eq!(key("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
