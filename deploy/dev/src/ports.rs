//! Picks TCP ports on 127.0.0.1.
//!
//! A port counts as free when nothing answers on it and it can be bound. Picks for tests come from below the range the
//! kernel hands to outgoing connections (a client that keeps calling a stopped server in that range ends up connected to
//! itself, on the server's port), and each process starts its search elsewhere, so that tests running side by side do
//! not pick the same port between the check and the use.

use std::env;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// First port of the range that [`free`] picks from.
const FIRST: u16 = 20_000;
/// Size of that range; it ends below Linux's first ephemeral port, 32768.
const COUNT: u16 = 12_000;

/// How many picks this process has made or skipped.
static PICKS: AtomicU16 = AtomicU16::new(0);

/// The right to pick ports that others of this user would pick as well; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    _lock: Option<File>,
}

/// Waits until nobody else of this user is between picking preferred ports and listening on them.
///
/// Where there is no place for a lock, everybody has their turn at once, and one of two may lose a port to the other.
pub fn turn() -> Turn {
    let name = format!("tandem-dev-ports-{}.lock", rustix::process::geteuid().as_raw());
    let open = || {
        let lock = File::options().create(true).append(true).open(env::temp_dir().join(name))?;
        lock.lock()?;
        io::Result::Ok(lock)
    };
    Turn { _lock: open().ok() }
}

/// Says whether a port of 127.0.0.1 is free at this moment.
pub fn is_free(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // Binding alone is not enough: some systems let a specific address be bound beside a wildcard listener.
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err()
        && TcpListener::bind(address).is_ok()
}

/// Picks a free port that no other call in this process has returned recently.
pub fn free() -> io::Result<u16> {
    let start = u16::try_from(u64::from(std::process::id()) * 37 % u64::from(COUNT)).unwrap_or(0);
    for _ in 0..COUNT {
        let pick = PICKS.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + pick) % COUNT;
        if is_free(port) {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no free port between 20000 and 32000"))
}

/// Takes the preferred port, or the next one above it that is free and not in `taken`.
pub fn preferred(port: u16, taken: &[u16]) -> io::Result<u16> {
    (port..=u16::MAX).find(|port| !taken.contains(port) && is_free(*port)).ok_or_else(|| {
        io::Error::new(io::ErrorKind::AddrInUse, format!("no free port from {port} up"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced_by_the_next_free_one() {
        let port = free().unwrap();
        let _holder = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let next = preferred(port, &[]).unwrap();
        assert!(next > port);
        assert!(is_free(next));
    }

    #[test]
    fn a_port_promised_to_a_sibling_is_not_given_twice() {
        let port = free().unwrap();
        assert_eq!(preferred(port, &[]).unwrap(), port);
        assert!(preferred(port, &[port]).unwrap() > port);
    }

    #[test]
    fn a_listener_on_every_address_makes_the_port_taken() {
        let port = free().unwrap();
        let _holder = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
        assert!(!is_free(port));
    }

    #[test]
    fn one_waits_while_another_has_their_turn() {
        let first = turn();
        let second = std::thread::spawn(|| drop(turn()));
        // It can only be seen not to have got it yet; that it gets it in the end is waited for.
        std::thread::sleep(Duration::from_millis(50));
        assert!(!second.is_finished());
        drop(first);
        second.join().unwrap();
    }

    #[test]
    fn two_picks_differ() {
        assert_ne!(free().unwrap(), free().unwrap());
    }
}
