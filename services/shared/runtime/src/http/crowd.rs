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

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Limits;

/// Everybody who is connected.
#[derive(Debug)]
pub struct Crowd {
    limits: Limits,
    members: Mutex<BTreeMap<u64, Member>>,
    /// Counts arrivals and answers, so that it tells what was earlier.
    clock: Arc<AtomicU64>,
    /// Connections that are open, those included that were told to go and have not gone yet.
    open: Arc<Semaphore>,
}

/// How many may be on their way out. Whoever comes then waits in the kernel's queue: without this, a
/// rush of newcomers would fill the memory with those they displace.
const LEAVING: usize = 32;

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
    _open: OwnedSemaphorePermit,
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
        let open = Arc::new(Semaphore::new(limits.connections + LEAVING));
        Self { limits, members: Mutex::default(), clock: Arc::default(), open }
    }

    /// A place for somebody new. Where there is none, the one who has said nothing for longest makes
    /// room; nothing is given where everybody is being served.
    pub async fn enter(crowd: &Arc<Self>, source: IpAddr) -> Option<Place> {
        // Those who were told to go are gone in a moment.
        let open = Arc::clone(&crowd.open).acquire_owned().await.ok()?;
        Self::place(crowd, source, open)
    }

    fn place(crowd: &Arc<Self>, source: IpAddr, open: OwnedSemaphorePermit) -> Option<Place> {
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
        Some(Place { crowd: Arc::clone(crowd), number, activity, given_away, _open: open })
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
    use std::task::Poll;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn crowd(connections: usize, per_source: usize) -> Arc<Crowd> {
        Arc::new(Crowd::new(Limits { connections, per_source }))
    }

    async fn enter(crowd: &Arc<Crowd>, source: IpAddr) -> Place {
        Crowd::enter(crowd, source).await.unwrap()
    }

    #[tokio::test]
    async fn who_has_said_nothing_for_longest_makes_room() {
        let crowd = crowd(3, 3);
        let (first, second) = (enter(&crowd, HERE).await, enter(&crowd, THERE).await);
        let third = enter(&crowd, HERE).await;
        first.activity().begins();
        first.activity().ends();
        let fourth = enter(&crowd, HERE).await;
        let gone = [&first, &second, &third, &fourth].map(|it| it.given_away.is_cancelled());
        assert_eq!(gone, [false, true, false, false]);
    }

    #[tokio::test]
    async fn a_source_has_its_share_and_no_more() {
        let crowd = crowd(10, 2);
        let stranger = enter(&crowd, THERE).await;
        let mut ours = Vec::new();
        for _ in 0..3 {
            ours.push(enter(&crowd, HERE).await);
        }
        assert!(ours[0].given_away.is_cancelled() && !stranger.given_away.is_cancelled());
        for place in &ours[1..] {
            place.activity().begins();
        }
        assert!(Crowd::enter(&crowd, HERE).await.is_none(), "both of them are being served");
        assert!(Crowd::enter(&crowd, THERE).await.is_some());
    }

    #[tokio::test]
    async fn a_place_that_is_left_is_free() {
        let crowd = crowd(1, 1);
        let place = enter(&crowd, HERE).await;
        place.activity().begins();
        assert!(Crowd::enter(&crowd, THERE).await.is_none());
        drop(place);
        assert!(Crowd::enter(&crowd, THERE).await.is_some());
    }

    #[tokio::test]
    async fn a_rush_waits_for_those_it_displaces_to_leave() {
        let crowd = crowd(1, 1);
        let mut told_to_go = Vec::new();
        for _ in 0..=LEAVING {
            told_to_go.push(enter(&crowd, HERE).await);
        }
        let mut next = std::pin::pin!(Crowd::enter(&crowd, HERE));
        let waits = std::future::poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending()));
        assert!(waits.await);
        drop(told_to_go.swap_remove(0));
        assert!(next.await.is_some());
    }
}
