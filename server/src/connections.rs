//! Connection limits of a listener: how many connections it holds, and which one a new connection
//! replaces.
//!
//! Each connection costs a file descriptor and memory, even if its client never sends a request. So
//! there is a limit on all connections and one for each network. When all are taken, a new
//! connection replaces the one that has waited longest for its client: to send a request, to send
//! more of one, or to read an answer. A connection whose request is being answered is never
//! replaced.
//!
//! The last places are reserved. On the listener of the routes, a connection in a reserved place
//! gets answers only to `/health` and to calls with a bearer, and is kept open only for a bearer
//! that was accepted. So a call that revokes gets in while all other places are busy.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use capy_protocol::network::Network;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

/// How long a connection waits for its client before a new one may replace it. Once the reserved
/// places are taken, too, this minimum does not hold.
const MIN_WAIT: Duration = Duration::from_secs(1);
/// The shortest time between two warnings that the listener is full.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// The connection limits of a listener.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most connections in all.
    pub connections: usize,
    /// How many of them are reserved for the calls that `ReservationPolicy::may_use` accepts.
    pub reserved: usize,
    /// The most connections from one IPv4 address, or from one IPv6 /64.
    pub from_network: usize,
    /// Networks whose addresses each stand for many clients, such as proxies: exempt from
    /// `from_network`.
    pub shared: Vec<Network>,
}

impl Limits {
    /// The default limits: an eighth of `connections` is reserved (at least 2, at most half), and
    /// one network may hold an eighth (at least 4).
    pub fn of(connections: usize) -> Self {
        let share = connections / 8;
        // A small listener keeps at least half of its places unreserved.
        let reserved = share.max(2).min(connections / 2);
        Self { connections, reserved, from_network: share.max(4), shared: Vec::new() }
    }
}

/// The label `reason` of the counter of closed connections: `network`, `full` or `replaced`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub(crate) struct ClosedLabels {
    reason: &'static str,
}

/// Prometheus metrics of a listener's connections.
#[derive(Clone, Default, Debug)]
pub(crate) struct Counters {
    pub(crate) open: Gauge,
    pub(crate) closed: Family<ClosedLabels, Counter>,
}

/// The connections of one listener.
pub(crate) struct Connections {
    limits: Limits,
    began: Instant,
    counters: Counters,
    /// Logs a warning when the listener is full, at most once in `WARNING_INTERVAL`.
    warn: Box<dyn Fn(&str) + Send + Sync>,
    held: Mutex<OpenConnections>,
}

#[derive(Default)]
struct OpenConnections {
    next: u64,
    connections: BTreeMap<u64, Arc<Shared>>,
    warned_at: Option<Instant>,
}

/// An open connection. It gives its place back on drop.
pub(crate) struct Connection {
    of: Arc<Connections>,
    number: u64,
    shared: Arc<Shared>,
}

struct Shared {
    /// `None` for an address that stands for many clients: loopback and `Limits::shared`.
    network: Option<IpAddr>,
    is_reserved: bool,
    /// Whether the connection's bearer was accepted.
    is_kept: AtomicBool,
    /// Since when the connection waits for its client: milliseconds since the listener started,
    /// plus 1. The value is 0 while the connection does not wait for its client.
    waiting_since: AtomicU64,
    was_closed: AtomicBool,
    close: Notify,
}

impl Connections {
    pub(crate) fn new(
        limits: Limits,
        counters: Counters,
        warn: impl Fn(&str) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (began, held) = (Instant::now(), Mutex::default());
        Arc::new(Self { limits, began, counters, warn: Box::new(warn), held })
    }

    /// Takes a place for a connection from `address`, and closes another connection if it has to.
    /// `None` if all places are taken.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Connection> {
        let address = address.to_canonical();
        let is_shared = address.is_loopback() || self.limits.shared.iter().any(|net| net.contains(address));
        let network = (!is_shared).then(|| network_of(address));
        let mut held = self.lock();
        if network.is_some() && held.count_of(network) >= self.limits.from_network {
            let waiting = held.longest_waiting(self.now(), MIN_WAIT, |one| one.network == network);
            let Some((number, _)) = waiting else {
                self.count("network");
                return None;
            };
            self.close(&mut held, number);
        }
        let is_reserved = self.make_room(&mut held)?;
        let shared = Arc::new(Shared {
            network,
            is_reserved,
            is_kept: AtomicBool::new(false),
            waiting_since: AtomicU64::new(self.now()),
            was_closed: AtomicBool::new(false),
            close: Notify::new(),
        });
        held.next += 1;
        let number = held.next;
        held.connections.insert(number, Arc::clone(&shared));
        self.counters.open.set(i64::try_from(held.connections.len()).unwrap_or(i64::MAX));
        Some(Connection { of: Arc::clone(self), number, shared })
    }

    /// Finds a place, and says whether it is a reserved one. `None` if all places are taken.
    fn make_room(&self, held: &mut OpenConnections) -> Option<bool> {
        let taken = held.connections.len();
        let of_all = self.limits.connections.saturating_sub(self.limits.reserved);
        if taken < of_all {
            return Some(false);
        }
        self.warn_if_due(held);
        if let Some((number, was_reserved)) = held.longest_waiting(self.now(), MIN_WAIT, |_| true) {
            self.close(held, number);
            return Some(was_reserved);
        }
        if taken < self.limits.connections {
            return Some(true);
        }
        let Some((number, was_reserved)) = held.longest_waiting(self.now(), Duration::ZERO, |_| true) else {
            self.count("full");
            return None;
        };
        self.close(held, number);
        Some(was_reserved)
    }

    fn close(&self, held: &mut OpenConnections, number: u64) {
        if let Some(shared) = held.connections.remove(&number) {
            self.count("replaced");
            shared.was_closed.store(true, Ordering::SeqCst);
            shared.close.notify_one();
        }
    }

    fn count(&self, reason: &'static str) {
        self.counters.closed.get_or_create(&ClosedLabels { reason }).inc();
    }

    fn warn_if_due(&self, held: &mut OpenConnections) {
        if held.warned_at.is_none_or(|warned| warned.elapsed() >= WARNING_INTERVAL) {
            held.warned_at = Some(Instant::now());
            let most = self.limits.connections;
            (self.warn)(&format!(
                "all connections are taken ({most} at most): those that wait for their client make room for others"
            ));
        }
    }

    /// Milliseconds since the listener started, plus 1.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl OpenConnections {
    fn count_of(&self, network: Option<IpAddr>) -> usize {
        self.connections.values().filter(|one| one.network == network).count()
    }

    /// The number of the connection that has waited longest for its client, for `at_least` or more,
    /// and whether its place is reserved. Skips connections whose bearer was accepted.
    fn longest_waiting(
        &self,
        now: u64,
        at_least: Duration,
        is_meant: impl Fn(&Shared) -> bool,
    ) -> Option<(u64, bool)> {
        let latest = now.saturating_sub(u64::try_from(at_least.as_millis()).unwrap_or(u64::MAX));
        let waiting = self.connections.iter().filter_map(|(number, one)| {
            let since = one.waiting_since.load(Ordering::SeqCst);
            let may_go = (1..=latest).contains(&since) && !one.is_kept.load(Ordering::SeqCst);
            (may_go && is_meant(one)).then_some((since, *number, one.is_reserved))
        });
        waiting.min().map(|(_, number, is_reserved)| (number, is_reserved))
    }
}

impl Connection {
    /// Whether the connection holds a reserved place and has had no accepted bearer yet. Then only
    /// calls with a right to the place are answered.
    pub(crate) fn is_reserved(&self) -> bool {
        self.shared.is_reserved && !self.shared.is_kept.load(Ordering::SeqCst)
    }

    /// Marks that the connection's bearer was accepted: no other connection replaces this one.
    pub(crate) fn keep(&self) {
        self.shared.is_kept.store(true, Ordering::SeqCst);
    }

    /// Marks that the connection waits for its client, to send or to read.
    pub(crate) fn wait_for_client(&self) {
        self.shared.waiting_since.store(self.of.now(), Ordering::SeqCst);
    }

    /// Marks that a request is being answered: the connection does not wait for its client.
    pub(crate) fn answer(&self) {
        self.shared.waiting_since.store(0, Ordering::SeqCst);
    }

    /// Whether the connection waits for its client.
    pub(crate) fn is_waiting(&self) -> bool {
        self.shared.waiting_since.load(Ordering::SeqCst) != 0
    }

    /// Whether a new connection has replaced this one.
    pub(crate) fn was_closed(&self) -> bool {
        self.shared.was_closed.load(Ordering::SeqCst)
    }

    /// Resolves when a new connection replaces this one.
    pub(crate) async fn closed(&self) {
        self.shared.close.notified().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut held = self.of.lock();
        held.connections.remove(&self.number);
        self.of.counters.open.set(i64::try_from(held.connections.len()).unwrap_or(i64::MAX));
    }
}

/// The address that `Limits::from_network` counts by: of IPv6 only the first 64 bits, since a
/// client usually owns all addresses of its /64.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(connections: usize, reserved: usize, from_network: usize) -> Arc<Connections> {
        let shared = vec![Network::parse("10.0.0.0/8").unwrap()];
        let limits = Limits { connections, reserved, from_network, shared };
        Connections::new(limits, Counters::default(), |_| {})
    }

    fn from(listener: &Arc<Connections>, address: &str) -> Option<Connection> {
        listener.admit(address.parse().unwrap())
    }

    /// Sets since when `connection` waits for its client, as if time had passed.
    fn wait_long(connection: &Connection, rank: u64) {
        connection.shared.waiting_since.store(rank, Ordering::SeqCst);
    }

    #[test]
    fn however_few_there_are_some_are_for_everybody() {
        for (connections, reserved, from_network) in
            [(1, 0, 4), (2, 1, 4), (8, 2, 4), (32, 4, 4), (2048, 256, 256)]
        {
            let limits = Limits::of(connections);
            assert_eq!((limits.reserved, limits.from_network), (reserved, from_network), "{connections}");
        }
    }

    #[test]
    fn one_network_has_its_share_and_proxies_and_loopback_have_none() {
        let listener = listener(100, 10, 2);
        for (addresses, expected) in [
            (["192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"], [true, true, false]),
            (["192.0.2.2", "192.0.2.3", "192.0.2.4"], [true, true, true]),
            (["2001:db8::1", "2001:db8::2", "2001:db8::3"], [true, true, false]),
            (["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1"], [true, true, true]),
            (["10.0.0.1", "10.0.0.1", "10.0.0.1"], [true, true, true]),
            (["127.0.0.1", "127.0.0.1", "::1"], [true, true, true]),
        ] {
            let admitted = addresses.map(|address| from(&listener, address));
            assert_eq!(admitted.each_ref().map(Option::is_some), expected, "{addresses:?}");
        }
    }

    #[test]
    fn a_network_makes_room_among_its_own() {
        let listener = listener(100, 10, 2);
        let others = from(&listener, "192.0.2.9").unwrap();
        wait_long(&others, 1);
        let (first, second) = (from(&listener, "192.0.2.1").unwrap(), from(&listener, "192.0.2.1").unwrap());
        std::thread::sleep(MIN_WAIT + Duration::from_millis(50));
        wait_long(&first, 3);
        wait_long(&second, 2);
        let third = from(&listener, "192.0.2.1").unwrap();
        assert_eq!(
            [&others, &first, &second, &third].map(Connection::was_closed),
            [false, false, true, false]
        );
    }

    #[test]
    fn a_full_listener_closes_who_waits_longest_and_nobody_who_is_answered_or_known() {
        let listener = listener(5, 2, 5);
        let [answered, known, waiting] = [(); 3].map(|()| from(&listener, "127.0.0.1").unwrap());
        answered.answer();
        known.keep();
        std::thread::sleep(MIN_WAIT + Duration::from_millis(50));
        wait_long(&known, 1);
        wait_long(&waiting, 2);
        let new = from(&listener, "127.0.0.1").unwrap();
        assert_eq!([&answered, &known, &waiting].map(Connection::was_closed), [false, false, true]);
        assert!(!new.is_reserved(), "it has the place of one for all");
    }

    #[test]
    fn the_last_places_are_reserved_and_make_room_for_each_other() {
        let listener = listener(5, 2, 5);
        let answered = [(); 3].map(|()| from(&listener, "127.0.0.1").unwrap());
        answered.iter().for_each(Connection::answer);
        let [one, two] = [(); 2].map(|()| from(&listener, "127.0.0.1").unwrap());
        assert!(one.is_reserved() && two.is_reserved());
        let three = from(&listener, "127.0.0.1").unwrap();
        assert!(three.is_reserved() && one.was_closed() && !two.was_closed());
        two.keep();
        three.keep();
        assert!(!two.is_reserved());
        assert!(from(&listener, "127.0.0.1").is_none(), "all others are answered or known");
        drop(two);
        assert!(from(&listener, "127.0.0.1").is_some_and(|four| four.is_reserved()));
        drop(answered);
        assert!(from(&listener, "127.0.0.1").is_some_and(|five| !five.is_reserved()));
    }

    #[test]
    fn a_place_is_free_again_once_its_connection_is_gone() {
        let listener = listener(8, 2, 8);
        for _ in 0..100 {
            let held: Vec<_> = (0..8).map(|_| from(&listener, "192.0.2.1").unwrap()).collect();
            assert_eq!(listener.counters.open.get(), 8);
            drop(held);
            assert_eq!(listener.counters.open.get(), 0);
        }
    }
}
