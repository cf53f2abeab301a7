//! Which connections a listener holds, how many, and which of them makes room for another one.
//!
//! A connection costs a file descriptor and memory, whoever opened it and whether it ever asks for anything. So there is a
//! most in all, and a most for each network. When all are taken, a new connection takes the place of the one that has
//! waited longest for its client: to send a request, to send more of one, or to read an answer. What is being answered is
//! left alone. The last places are for calls whose bearer is let in, and for `/health`: so that whoever revokes gets in
//! while all others are being answered.

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

/// A client has this long before its connection makes room for a call that could have a reserved place.
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// How often a full listener is told of.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How many connections a listener holds.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most in all.
    pub connections: usize,
    /// How many of those are for calls that have a right to them.
    pub reserved: usize,
    /// The most from one address of IPv4, or from one /64 of IPv6.
    pub from_network: usize,
    /// Networks whose addresses are each many clients: not limited by their own number.
    pub shared: Vec<Network>,
}

impl Limits {
    /// The usual shares of `connections`: an eighth is reserved, and one network has an eighth at most.
    pub fn of(connections: usize) -> Self {
        let share = connections / 8;
        // Of a few, there are some for everybody.
        let reserved = share.max(2).min(connections / 2);
        Self { connections, reserved, from_network: share.max(4), shared: Vec::new() }
    }
}

/// Why a connection was not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub(crate) struct Turned {
    reason: &'static str,
}

/// What an operator's Prometheus reads of them.
#[derive(Clone, Default, Debug)]
pub(crate) struct Counters {
    pub(crate) open: Gauge,
    pub(crate) closed: Family<Turned, Counter>,
}

/// The connections of one listener.
pub(crate) struct Connections {
    limits: Limits,
    began: Instant,
    counters: Counters,
    /// Is told of a full listener now and then.
    tell: Box<dyn Fn(&str) + Send + Sync>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next: u64,
    connections: BTreeMap<u64, Arc<Shared>>,
    told: Option<Instant>,
}

/// A connection that is held, until it is dropped.
pub(crate) struct Connection {
    of: Arc<Connections>,
    number: u64,
    shared: Arc<Shared>,
}

struct Shared {
    /// `None` where the address is many clients'.
    network: Option<IpAddr>,
    is_reserved: bool,
    /// Its bearer was let in.
    is_known: AtomicBool,
    /// Milliseconds since the listener began, and 1; 0 while it is not the client that is waited for.
    waiting_since: AtomicU64,
    was_closed: AtomicBool,
    close: Notify,
}

impl Connections {
    pub(crate) fn new(
        limits: Limits,
        counters: Counters,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (began, held) = (Instant::now(), Mutex::default());
        Arc::new(Self { limits, began, counters, tell: Box::new(tell), held })
    }

    /// A place for a connection from `address`; `None` where there is none.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Connection> {
        let address = address.to_canonical();
        let is_shared = address.is_loopback() || self.limits.shared.iter().any(|net| net.contains(address));
        let network = (!is_shared).then(|| network_of(address));
        let mut held = self.lock();
        if network.is_some() && held.count_of(network) >= self.limits.from_network {
            let waiting = held.longest_waiting(self.now(), LEAST_WAIT, |one| one.network == network);
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
            is_known: AtomicBool::new(false),
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

    /// Whether the free place is a reserved one; `None` where none can be had.
    fn make_room(&self, held: &mut Held) -> Option<bool> {
        let taken = held.connections.len();
        let of_all = self.limits.connections.saturating_sub(self.limits.reserved);
        if taken < of_all {
            return Some(false);
        }
        self.tell_once_in_a_while(held);
        if let Some((number, was_reserved)) = held.longest_waiting(self.now(), LEAST_WAIT, |_| true) {
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

    fn close(&self, held: &mut Held, number: u64) {
        if let Some(shared) = held.connections.remove(&number) {
            self.count("replaced");
            shared.was_closed.store(true, Ordering::SeqCst);
            shared.close.notify_one();
        }
    }

    fn count(&self, reason: &'static str) {
        self.counters.closed.get_or_create(&Turned { reason }).inc();
    }

    fn tell_once_in_a_while(&self, held: &mut Held) {
        if held.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            held.told = Some(Instant::now());
            let most = self.limits.connections;
            (self.tell)(&format!(
                "all connections are taken ({most} at most): those that wait for their client make room for others"
            ));
        }
    }

    /// Milliseconds since the listener began, and 1.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Held {
    fn count_of(&self, network: Option<IpAddr>) -> usize {
        self.connections.values().filter(|one| one.network == network).count()
    }

    /// The connection that has waited for its client for the longest time, and at least this long.
    fn longest_waiting(
        &self,
        now: u64,
        at_least: Duration,
        is_meant: impl Fn(&Shared) -> bool,
    ) -> Option<(u64, bool)> {
        let latest = now.saturating_sub(u64::try_from(at_least.as_millis()).unwrap_or(u64::MAX));
        let waiting = self.connections.iter().filter_map(|(number, one)| {
            let since = one.waiting_since.load(Ordering::SeqCst);
            let may_go = (1..=latest).contains(&since) && !one.is_known.load(Ordering::SeqCst);
            (may_go && is_meant(one)).then_some((since, *number, one.is_reserved))
        });
        waiting.min().map(|(_, number, is_reserved)| (number, is_reserved))
    }
}

impl Connection {
    /// Only calls that have a right to it are answered.
    pub(crate) fn is_reserved(&self) -> bool {
        self.shared.is_reserved && !self.shared.is_known.load(Ordering::SeqCst)
    }

    /// Its bearer was let in: it makes no room for others.
    pub(crate) fn know(&self) {
        self.shared.is_known.store(true, Ordering::SeqCst);
    }

    /// The client is to read or to send, from now on.
    pub(crate) fn wait_for_client(&self) {
        self.shared.waiting_since.store(self.of.now(), Ordering::SeqCst);
    }

    /// It is not the client that is waited for.
    pub(crate) fn answer(&self) {
        self.shared.waiting_since.store(0, Ordering::SeqCst);
    }

    /// Whether the client is waited for.
    pub(crate) fn is_waiting(&self) -> bool {
        self.shared.waiting_since.load(Ordering::SeqCst) != 0
    }

    /// Whether it made room for another one.
    pub(crate) fn was_closed(&self) -> bool {
        self.shared.was_closed.load(Ordering::SeqCst)
    }

    /// Resolves when it is to make room for another one.
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

/// What counts as one address: of IPv6 the first half, since whoever has one has all with that half.
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

    /// As after a while.
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
        std::thread::sleep(LEAST_WAIT + Duration::from_millis(50));
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
        known.know();
        std::thread::sleep(LEAST_WAIT + Duration::from_millis(50));
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
        two.know();
        three.know();
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
