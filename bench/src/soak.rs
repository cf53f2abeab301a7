//! `cargo xtask soak`: mixed load on the key service for a given time, on one host or both, at half
//! the rate that the host can take. The soak restarts the service under load, every other time by
//! SIGKILL. The soak fails at the first wrong answer, when the audit trail does not hold what was
//! answered or does not verify, and when memory grows.
//!
//! The restarts are in the first half of the time. In the second half one process runs through, and
//! its memory is judged.

mod audit_check;
mod load_profile;
mod memory;
mod model;

use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::bench::load::{self, PreparedRequest};
use crate::registered::{Caller, Registered};
use capy_test_support::key_service::{End, KeyService};
use capy_test_support::node::Node;
use capy_test_support::setup;
use capy_test_support::steps::{heading, say};
use load_profile::{CLIENTS, LoadProfile};
use memory::Samples;

/// How many phases end with a restart. They take the first half of the time; one more phase
/// takes the second.
const PHASES: u32 = 6;

/// How long the highest rate is measured, with requests as fast as possible.
const PROBE_TIME: Duration = Duration::from_secs(5);

/// The time between two checkpoints on the Worker, whose schedule has to be triggered, and the time
/// between two samples of the memory.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);
const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);

/// Which host is soaked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Host {
    /// The Worker under `wrangler dev`.
    Workers,
    /// `capy serve`, a release build.
    Serve,
    /// One after the other.
    Both,
}

/// Soaks each host for `minutes`, at `rate` calls a second, or at half the measured highest rate.
///
/// # Errors
/// At the first wrong answer, lost revocation or lost event, and when memory grows.
pub(crate) fn run(minutes: f64, host: Host, rate: Option<f64>) -> Result<()> {
    let time = Duration::try_from_secs_f64(minutes * 60.0)?;
    ensure!(rate.is_none_or(|rate| rate >= 1.0), "--rate has to be one call a second or more");
    if host != Host::Workers {
        heading("`capy serve`");
        let programs = xtask::dist::programs_for_this_machine()?;
        soak(KeyService::embedded(&programs)?, "capy", time, rate)?;
    }
    if host != Host::Serve {
        heading("Workers");
        setup::wasm_target()?;
        setup::npm_ci("")?;
        soak(KeyService::start(&Node::find()?)?, "workerd", time, rate)?;
    }
    Ok(())
}

/// `program` is the name of the process whose memory is judged.
fn soak(service: KeyService, program: &'static str, time: Duration, rate: Option<f64>) -> Result<()> {
    let most = highest_rate(&service)?;
    let rate = rate.unwrap_or(most / 2.0);
    say(format!("   {rate:.0} calls a second; it took {most:.0} decrypts a second"));
    let load = LoadProfile::new(&service)?;
    let pace = Duration::from_secs_f64(CLIENTS as f64 / rate);
    let service = thread::scope(|scope| {
        let load = &load;
        let clients: Vec<_> =
            (0..CLIENTS).map(|number| scope.spawn(move || load.client(number, pace))).collect();
        let service = phases(load, service, program, time);
        load.over.store(true, SeqCst);
        for client in clients {
            client.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        service
    })?;
    load.check_the_end(service.url())
}

/// Restarts the service after each phase but the last, which is the longest.
fn phases(
    load: &LoadProfile,
    mut service: KeyService,
    program: &'static str,
    time: Duration,
) -> Result<KeyService> {
    let mut verified = 1;
    for number in 0..PHASES {
        phase(load, &service, program, time / 2 / PHASES)?;
        if load.over.load(SeqCst) {
            return Ok(service);
        }
        let end = if number % 2 == 0 { End::Killed } else { End::Terminated };
        load.restarts.fetch_add(1, SeqCst);
        service = service.restarted(end)?;
        service.url().clone_into(&mut load.url.write().unwrap_or_else(PoisonError::into_inner));
        load.restarts.fetch_add(1, SeqCst);
        let found = audit_check::verify(&Caller::new(service.admin_token()), service.url(), verified)?;
        say(format!("      {end}, and started again: {} events verify that came since", found.events));
        verified = found.last;
    }
    let samples = phase(load, &service, program, time / 2)?;
    if !load.over.load(SeqCst) {
        say(format!("   memory of {program}: {}", samples.judge()?));
    }
    Ok(service)
}

/// Waits while the clients send requests, samples the memory, and triggers the schedule.
fn phase(load: &LoadProfile, service: &KeyService, program: &str, time: Duration) -> Result<Samples> {
    let (caller, start) = (Caller::new(service.admin_token()), Instant::now());
    let (mut samples, mut scheduled) = (Samples::default(), start);
    while start.elapsed() < time && !load.over.load(SeqCst) {
        thread::sleep(SAMPLE_INTERVAL);
        samples.add(service.server().resident_of(program)?, load.calls.load(SeqCst));
        if scheduled.elapsed() >= CHECKPOINT_INTERVAL {
            trigger_schedule(service, &caller)?;
            scheduled = Instant::now();
        }
    }
    let calls = load.calls.load(SeqCst);
    let all = service.server().resident()?;
    say(format!("      {calls} calls so far, {program} has {samples}, with its helpers {} MiB", all >> 20));
    Ok(samples)
}

/// Triggers the Worker's schedule once, as the platform does every few minutes. `capy serve` has
/// its own timer.
fn trigger_schedule(service: &KeyService, caller: &Caller) -> Result<()> {
    if service.is_worker() {
        let status = caller.status(&format!("{}/cdn-cgi/handler/scheduled", service.url()))?;
        ensure!(status == 200, "the schedule: {status}");
    }
    Ok(())
}

fn highest_rate(service: &KeyService) -> Result<f64> {
    let caller = Caller::new(service.admin_token());
    let ask = || {
        let deployment = Registered::register(&caller, service.url())?;
        Ok(PreparedRequest::post(&deployment.path(), &deployment.ask.to_string(), &deployment.key))
    };
    let asks = (0..load::CLIENTS).map(|_| ask()).collect::<Result<Vec<_>>>()?;
    Ok(load::run(service.url(), &asks, PROBE_TIME)?.per_second())
}
