//! Decrypts a second of the key service on both hosts, compared with a Worker written by hand in
//! `bench/peers/decrypt-worker/`, which makes the same calls to KV and D1 and does little else.
//!
//! The peer runs twice, without and with the service's two rate limiters, since their simulation is
//! no part of the service's own work. All Workers run in one workerd, each on its own port, without
//! wrangler's proxy, on the storage that wrangler simulates. Our Worker is the bundle that would be
//! uploaded. Sides take turns, and each ratio is of one round.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::load::{self, PreparedRequest};
use super::measure::median;
use super::workers::Workers;
use crate::registered::{Caller, Registered};
use capy_test_support::key_service::KeyService;
use capy_test_support::node::Node;
use capy_test_support::server_process::ServerProcess;
use capy_test_support::steps::say;

/// How many deployments the load is spread over.
pub(super) const DEPLOYMENTS: usize = 32;

/// How long each side is under load in a round.
const SAMPLE_TIME: Duration = Duration::from_secs(4);

/// The result of one of our hosts compared with the Worker written by hand.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) ours: &'static str,
    pub(super) peer: &'static str,
    /// Decrypts a second: ours, the peer's, and ours divided by the peer's.
    pub(super) rate: [f64; 3],
    /// CPU seconds of the server for one decrypt: ours, and the peer's.
    pub(super) cpu: [f64; 2],
}

/// The names of the sides, in the order of a round.
const SIDES: [&str; 4] =
    ["on Workers", "`capy serve`", "Worker by hand", "Worker by hand, with rate limiters"];

/// The sides of each row, by their place in [`SIDES`].
const PAIRS: [(usize, usize); 3] = [(0, 2), (0, 3), (1, 2)];

/// Measures both hosts and the peer: one round to warm up, then `runs` rounds that count.
pub(super) fn rows(node: &Node, programs: &Path, upload: &Path, runs: u32) -> Result<Vec<Row>> {
    let workers = Workers::start(node, upload)?;
    let machine = KeyService::embedded(programs)?;
    let sides = [
        Side::register(&workers.server, workers.ours(), &workers.admin_token)?,
        Side::register(machine.server(), machine.url(), machine.admin_token())?,
        Side::register(&workers.server, workers.peer(), HANDWRITTEN_TOKEN)?,
        Side::register(&workers.server, workers.limited(), HANDWRITTEN_TOKEN)?,
    ];
    say(format!("   decrypts a second: {}", SIDES.join(", ")));
    let mut rounds = Vec::new();
    for run in 0..=runs {
        let round = sides.iter().map(Side::sample).collect::<Result<Vec<_>>>()?;
        let rates: Vec<String> = round.iter().map(|turn| format!("{:.0}", turn.rate)).collect();
        let counts = if run == 0 { "warming up".to_owned() } else { format!("{run} of {runs}") };
        say(format!("      {counts}: {}", rates.join(", ")));
        if run > 0 {
            rounds.push(round);
        }
    }
    Ok(PAIRS.into_iter().map(|(ours, peer)| row(ours, peer, &rounds)).collect())
}

/// The medians of one side and its peer.
fn row(ours: usize, peer: usize, rounds: &[Vec<LoadSample>]) -> Row {
    let medians = |of: &dyn Fn(&[LoadSample]) -> f64| median(rounds.iter().map(|round| of(round)));
    let rate = [
        medians(&|round| round[ours].rate),
        medians(&|round| round[peer].rate),
        medians(&|round| round[ours].rate / round[peer].rate),
    ];
    let cpu = [medians(&|round| round[ours].cpu), medians(&|round| round[peer].cpu)];
    Row { ours: SIDES[ours], peer: SIDES[peer], rate, cpu }
}

/// The token for the Worker written by hand, which does not check it.
pub(super) const HANDWRITTEN_TOKEN: &str = "";

/// Registers deployments with a server, and returns each with the key that the server releases for
/// it.
pub(super) fn registered(url: &str, token: &str) -> Result<Vec<(Registered, String)>> {
    let caller = Caller::new(token);
    let register = || {
        let deployment = Registered::register(&caller, url)?;
        let expected = if token == HANDWRITTEN_TOKEN { "5a".repeat(32) } else { deployment.key.clone() };
        Ok((deployment, expected))
    };
    (0..DEPLOYMENTS).map(|_| register()).collect()
}

/// A server, and requests for the keys of deployments that it knows.
pub(super) struct Side<'a> {
    server: &'a ServerProcess,
    url: &'a str,
    asks: Vec<PreparedRequest>,
}

/// The result of one side in one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoadSample {
    /// How many decrypts.
    pub(super) count: u64,
    /// Decrypts a second.
    pub(super) rate: f64,
    /// CPU seconds of the server for each decrypt.
    cpu: f64,
}

impl<'a> Side<'a> {
    pub(super) fn register(server: &'a ServerProcess, url: &'a str, token: &str) -> Result<Self> {
        let ask = |(deployment, expected): &(Registered, String)| {
            PreparedRequest::post(&deployment.path(), &deployment.ask.to_string(), expected)
        };
        Ok(Self { server, url, asks: registered(url, token)?.iter().map(ask).collect() })
    }

    pub(super) fn sample(&self) -> Result<LoadSample> {
        let before = self.server.cpu_time()?;
        let answers = load::run(self.url, &self.asks, SAMPLE_TIME)?;
        let cpu = self.server.cpu_time()? - before;
        let cpu = cpu.as_secs_f64() / answers.count as f64;
        Ok(LoadSample { count: answers.count, rate: answers.per_second(), cpu })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use capy_test_support::workspace_root;

    #[test]
    fn the_worker_written_by_hand_runs_the_services_own_statements() {
        let read = |path: &str| fs::read_to_string(workspace_root().join(path)).unwrap();
        let bare = |text: &str| text.replace(|letter: char| !letter.is_alphanumeric() && letter != '?', "");
        let ours = bare(&(read("worker/src/store/deploys.rs") + &read("worker/src/store/audit.rs")));
        let peer = read("bench/peers/decrypt-worker/worker.mjs");
        for (name, clauses) in [("FIND", 1), ("EVENT_IF_OPEN", 11), ("RELEASE", 9)] {
            let (_, statement) = peer.split_once(&format!("const {name} =")).unwrap();
            let (statement, _) = statement.split_once(";\n").unwrap();
            let texts: Vec<&str> = statement.split('"').skip(1).step_by(2).collect();
            assert_eq!(texts.len(), clauses, "{name}");
            for text in texts {
                assert!(ours.contains(&bare(text)), "{name}: {text}");
            }
        }
    }
}
