//! Who is connected, from where, and who has said nothing for longest.

use std::{
    collections::BTreeMap,
    future::Future,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use super::Limits;

/// Everybody who is connected.
#[derive(Debug)]
pub struct Crowd {
    limits: Limits,
    members: Mutex<BTreeMap<u64, Member>>,
    /// Counts arrivals and answers, so that it tells what was earlier.
    clock: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Member {
    source: IpAddr,
    quiet_since: Arc<AtomicU64>,
    given_away: CancellationToken,
}

/// The place of a connection in the crowd; it is free again when dropped.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    activity: Activity,
    given_away: CancellationToken,
}

/// Whether a connection is being served.
#[derive(Debug, Clone)]
pub struct Activity {
    clock: Arc<AtomicU64>,
    quiet_since: Arc<AtomicU64>,
}

/// What stands for "is being served".
const BUSY: u64 = u64::MAX;

impl Crowd {
    /// Nobody yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, members: Mutex::default(), clock: Arc::default() }
    }

    /// A place for somebody new. Where there is none, the one who has said nothing for longest makes
    /// room; nothing is given where everybody is being served.
    pub fn enter(crowd: &Arc<Self>, source: IpAddr) -> Option<Place> {
        let mut members = crowd.members();
        let of_source = || members.values().filter(|member| member.source == source).count();
        let leaves = if members.len() >= crowd.limits.connections {
            Some(quietest(&members, |_| true)?)
        } else if of_source() >= crowd.limits.per_source {
            Some(quietest(&members, |member| member.source == source)?)
        } else {
            None
        };
        if let Some(member) = leaves.and_then(|number| members.remove(&number)) {
            metrics::counter!("tandem_connections_given_away_total").increment(1);
            member.given_away.cancel();
        }
        let number = crowd.clock.fetch_add(1, Ordering::Relaxed);
        let (quiet_since, given_away) =
            (Arc::new(AtomicU64::new(number)), CancellationToken::new());
        let (since, token) = (Arc::clone(&quiet_since), given_away.clone());
        members.insert(number, Member { source, quiet_since: since, given_away: token });
        drop(members);
        let activity = Activity { clock: Arc::clone(&crowd.clock), quiet_since };
        Some(Place { crowd: Arc::clone(crowd), number, activity, given_away })
    }

    /// A thread that panicked in here leaves a crowd that is whole all the same.
    fn members(&self) -> MutexGuard<'_, BTreeMap<u64, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has said nothing for longest.
fn quietest(members: &BTreeMap<u64, Member>, may_leave: impl Fn(&Member) -> bool) -> Option<u64> {
    let quiet = members.iter().filter(|(_, member)| may_leave(member));
    let quiet = quiet.map(|(number, member)| (member.quiet_since.load(Ordering::Relaxed), *number));
    quiet.filter(|(since, _)| *since != BUSY).min().map(|(_, number)| number)
}

impl Place {
    /// Where to note whether the connection says anything.
    pub fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Waits until the place is somebody else's.
    pub fn given_away(&self) -> impl Future<Output = ()> + Send + use<> {
        self.given_away.clone().cancelled_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.members().remove(&self.number);
    }
}

impl Activity {
    /// It is being served from now on, and keeps its place.
    pub fn begins(&self) {
        self.quiet_since.store(BUSY, Ordering::Relaxed);
    }

    /// It said something just now, or was answered; from now on it is quiet.
    pub fn ends(&self) {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        self.quiet_since.store(now, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn crowd(connections: usize, per_source: usize) -> Arc<Crowd> {
        Arc::new(Crowd::new(Limits { connections, per_source }))
    }

    fn enter(crowd: &Arc<Crowd>, source: IpAddr) -> Place {
        Crowd::enter(crowd, source).unwrap()
    }

    #[test]
    fn who_has_said_nothing_for_longest_makes_room() {
        let crowd = crowd(3, 3);
        let [first, second, third] = [HERE, THERE, HERE].map(|source| enter(&crowd, source));
        first.activity().begins();
        first.activity().ends();
        let fourth = enter(&crowd, HERE);
        let gone = [&first, &second, &third, &fourth].map(|it| it.given_away.is_cancelled());
        assert_eq!(gone, [false, true, false, false]);
    }

    #[test]
    fn a_source_has_its_share_and_no_more() {
        let crowd = crowd(10, 2);
        let stranger = enter(&crowd, THERE);
        let ours = [HERE, HERE, HERE].map(|source| enter(&crowd, source));
        assert!(ours[0].given_away.is_cancelled() && !stranger.given_away.is_cancelled());
        for place in &ours[1..] {
            place.activity().begins();
        }
        assert!(Crowd::enter(&crowd, HERE).is_none(), "both of them are being served");
        assert!(Crowd::enter(&crowd, THERE).is_some());
    }

    #[test]
    fn a_place_that_is_left_is_free() {
        let crowd = crowd(1, 1);
        let place = enter(&crowd, HERE);
        place.activity().begins();
        assert!(Crowd::enter(&crowd, THERE).is_none());
        drop(place);
        assert!(Crowd::enter(&crowd, THERE).is_some());
    }
}
