//! CPU time of a decrypt in the key service's isolate on Workers, without the simulated storage,
//! and the functions that take it. The platform limits that time: 10 ms for a call on its smallest
//! plan.
//!
//! There are two measurements, each of our Worker and of one written by hand. Alone:
//! `bench/peers/decrypt-worker/alone.mjs` stands in for the bindings and answers at once, so that
//! all CPU time that the kernel counts is the isolate's, with the platform's requests, answers and
//! garbage. Under load: V8's profile of the isolate, taken through workerd's inspector while the
//! simulated bindings are in use. The bindings run in other isolates, which the profile leaves out.
//!
//! The profiled upload has the names of its functions.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::cpu_profile::{Inspector, Profile};
use super::measure::median;
use super::service::{HANDWRITTEN_TOKEN, Side, registered};
use super::upload::Upload;
use super::workers::Workers;
use crate::registered::{Caller, Registered};
use capy_test_support::node::Node;
use capy_test_support::steps::say;

/// How many decrypts a call that runs alone makes, and how many such calls are measured. There are
/// so many because the kernel's clock ticks only every 10 ms.
const DECRYPTS_PER_CALL: u32 = 200;
const CALLS: u32 = 10;

/// How many functions are listed.
const LISTED_FUNCTIONS: usize = 5;

/// What one decrypt takes in one Worker's isolate. Times are in seconds.
#[derive(Debug)]
pub(super) struct IsolateTime {
    pub(super) name: &'static str,
    /// CPU time by the kernel's count, with bindings that answer at once.
    pub(super) alone: f64,
    /// CPU time by the profile under load: in total, and of that the garbage collector's.
    pub(super) profiled: [f64; 2],
    /// Decrypts a second while the profile was taken, divided by the rate just before.
    pub(super) slowed: f64,
    /// The functions that took most, with their shares of the isolate's time: alone, and under
    /// load.
    pub(super) heaviest: [Vec<(String, f64)>; 2],
}

/// Measures ours, then the Worker written by hand with rate limiters.
pub(super) fn rows(node: &Node, upload: &Upload, runs: u32) -> Result<Vec<IsolateTime>> {
    let workers = Workers::start_inspected(node, &upload.named)?;
    let script = fs::read_to_string(upload.named.join("entry.js")).context("the bundle's script")?;
    let inspector = Inspector { node, address: workers.inspector()?, script: &script };
    let admin = workers.admin_token.as_str();
    say("   the isolate's own time for a decrypt");
    [
        ("on Workers", "ours", admin, workers.ours(), workers.ours_alone()?),
        (
            "Worker by hand, with rate limiters",
            "limited",
            HANDWRITTEN_TOKEN,
            workers.limited(),
            workers.limited_alone()?,
        ),
    ]
    .into_iter()
    .map(|(name, worker, token, url, alone_url)| {
        let side = Side::register(&workers.server, url, token)?;
        let alone = LoneWorker::register(&workers, alone_url, token)?;
        own((name, worker), &inspector, (&side, &alone), runs)
    })
    .collect()
}

fn own(
    (name, worker): (&'static str, &str),
    inspector: &Inspector<'_>,
    (side, alone): (&Side<'_>, &LoneWorker<'_>),
    runs: u32,
) -> Result<IsolateTime> {
    let (mut times, mut profiles, mut slowed) = (Vec::new(), Vec::new(), Vec::new());
    alone.run()?;
    for _ in 0..runs.max(1) {
        times.push(alone.run()?);
        let before = side.sample()?;
        let (during, profile) = inspector.profile(worker, || side.sample())?;
        profiles.push((profile, during.count as f64));
        slowed.push(during.rate / before.rate);
    }
    let (_, apart) = inspector.profile(&format!("{worker}-alone"), || alone.run())?;
    let each = |of: &dyn Fn(&Profile) -> Duration| {
        median(profiles.iter().map(|(profile, count)| of(profile).as_secs_f64() / count))
    };
    let own = IsolateTime {
        name,
        alone: median(times.into_iter()),
        profiled: [each(&Profile::busy), each(&Profile::garbage)],
        slowed: median(slowed.into_iter()),
        heaviest: [apart.heaviest(LISTED_FUNCTIONS), profiles[0].0.heaviest(LISTED_FUNCTIONS)],
    };
    say(format!("      {name}: alone {:.2} ms, under load {:.2} ms", own.alone * 1e3, own.profiled[0] * 1e3));
    Ok(own)
}

/// A Worker that runs alone, and the requests for it.
struct LoneWorker<'a> {
    workers: &'a Workers,
    url: &'a str,
    asks: Value,
}

impl<'a> LoneWorker<'a> {
    fn register(workers: &'a Workers, url: &'a str, token: &str) -> Result<Self> {
        let ask = |(deployment, expected): (Registered, String)| json!({ "path": deployment.path(), "body": deployment.ask.to_string(), "expected": expected });
        let asks = registered(url, token)?.into_iter().map(ask).collect();
        Ok(Self { workers, url, asks })
    }

    /// The CPU time of each decrypt, in seconds.
    fn run(&self) -> Result<f64> {
        let before = self.workers.server.cpu_time()?;
        let body = json!({ "count": DECRYPTS_PER_CALL, "asks": self.asks });
        for _ in 0..CALLS {
            let (status, answer) = Caller::new("").call("POST", &format!("{}/alone", self.url), &body)?;
            ensure!(
                status == 200 && answer["count"] == DECRYPTS_PER_CALL,
                "not run alone: {status} {answer}"
            );
        }
        Ok((self.workers.server.cpu_time()? - before).as_secs_f64() / f64::from(DECRYPTS_PER_CALL * CALLS))
    }
}
