//! `cargo xtask soak`: mixed load on both hosts of the key service for as long as one likes, at half of what they can,
//! with restarts under load. It ends with an error at the first answer that may not be, and when the audit trail does
//! not hold what was answered.

mod model;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use serde_json::Value;

use crate::bench::load::{self, Ask};
use crate::key_service::KeyService;
use crate::node::Node;
use crate::registered::{Caller, PROJECT, Registered};
use crate::setup;
use crate::steps::{heading, say};
use model::{Events, Known, Model};

const CLIENTS: usize = 8;

/// Between two of them the service is restarted.
const STRETCHES: u32 = 4;

/// How long the service is asked as fast as it can, to know half of it.
const PROBE: Duration = Duration::from_secs(5);

/// Soaks each host for so many minutes.
///
/// # Errors
/// At the first wrong answer, lost revocation or lost event.
pub fn run(minutes: f64) -> Result<()> {
    heading("set-up");
    setup::wasm_target()?;
    setup::npm_ci("")?;
    let programs = setup::programs("release")?;
    let time = Duration::try_from_secs_f64(minutes * 60.0)?;
    heading("`capy serve`");
    soak(KeyService::embedded(&programs)?, time)?;
    heading("Workers");
    soak(KeyService::start(&Node::find()?)?, time)
}

fn soak(service: KeyService, time: Duration) -> Result<()> {
    let rate = highest_rate(&service)? / 2.0;
    say(format!("   {rate:.0} calls a second, half of its decrypts a second"));
    let field = Field::new(&service)?;
    let pace = Duration::from_secs_f64(CLIENTS as f64 / rate);
    let service = thread::scope(|scope| {
        let field = &field;
        let clients: Vec<_> =
            (0..CLIENTS).map(|number| scope.spawn(move || field.client(number, pace))).collect();
        let service = stretches(field, service, time);
        field.over.store(true, SeqCst);
        for client in clients {
            client.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        service
    })?;
    field.check_the_end(service.url())
}

/// Restarts the service between the stretches, and says what memory it held.
fn stretches(field: &Field, mut service: KeyService, time: Duration) -> Result<KeyService> {
    for stretch in 1..=STRETCHES {
        let begun = service.server().resident()?;
        let end = Instant::now() + time / STRETCHES;
        while Instant::now() < end && !field.over.load(SeqCst) {
            thread::sleep(Duration::from_millis(50));
        }
        let ended = service.server().resident()?;
        let mib = |bytes: u64| bytes >> 20;
        let calls = field.calls.load(SeqCst);
        say(format!(
            "      {stretch} of {STRETCHES}: {calls} calls so far, memory {} MiB, then {} MiB",
            mib(begun),
            mib(ended)
        ));
        if stretch < STRETCHES && !field.over.load(SeqCst) {
            field.restarts.fetch_add(1, SeqCst);
            service = service.restarted()?;
            service.url().clone_into(&mut field.url.write().unwrap_or_else(PoisonError::into_inner));
            field.restarts.fetch_add(1, SeqCst);
        }
    }
    Ok(service)
}

fn highest_rate(service: &KeyService) -> Result<f64> {
    let caller = Caller::new(service.admin_token());
    let ask = || {
        let deployment = Registered::register(&caller, service.url())?;
        Ok(Ask::post(&deployment.path(), &deployment.ask.to_string(), &deployment.key))
    };
    let asks = (0..load::CLIENTS).map(|_| ask()).collect::<Result<Vec<_>>>()?;
    Ok(load::run(service.url(), &asks, PROBE)?.a_second())
}

/// What all clients share.
#[derive(Debug)]
struct Field {
    model: Model,
    url: RwLock<String>,
    token: String,
    /// Odd while the service restarts.
    restarts: AtomicU64,
    calls: AtomicU64,
    over: AtomicBool,
}

impl Field {
    fn new(service: &KeyService) -> Result<Self> {
        let (caller, model) = (Caller::new(service.admin_token()), Model::default());
        for _ in 0..CLIENTS {
            model.add(Registered::register(&caller, service.url())?);
        }
        Ok(Self {
            model,
            url: RwLock::new(service.url().to_owned()),
            token: service.admin_token().to_owned(),
            restarts: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            over: AtomicBool::new(false),
        })
    }

    /// One call after the other at its pace, until it is over for all: because time is up, or one found a fault.
    fn client(&self, number: usize, pace: Duration) -> Result<()> {
        let caller = Caller::new(&self.token);
        let mut next = Instant::now() + pace.mul_f64(number as f64 / CLIENTS as f64);
        for turn in 0.. {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            // What could not be done in time is not made up for.
            next = (next + pace).max(Instant::now());
            if self.over.load(SeqCst) {
                break;
            }
            if let Err(fault) = self.turn(&caller, turn, number) {
                self.over.store(true, SeqCst);
                return Err(fault);
            }
            self.calls.fetch_add(1, SeqCst);
        }
        Ok(())
    }

    fn turn(&self, caller: &Caller, turn: usize, number: usize) -> Result<()> {
        let Some(known) = self.model.pick(turn * 7919 + number * 104_729) else {
            return Ok(());
        };
        match (turn + number) % 20 {
            0 => self.register(caller),
            10 => self.revoke(caller, &known),
            5 => self.list(caller),
            _ => self.decrypt(caller, &known),
        }
    }

    fn register(&self, caller: &Caller) -> Result<()> {
        if let Some(deployment) = self.unless_cut_off(|url| Registered::register(caller, url))? {
            self.model.add(deployment);
        }
        Ok(())
    }

    fn revoke(&self, caller: &Caller, known: &Known) -> Result<()> {
        known.revoking.store(true, SeqCst);
        let path = format!("/deploy/{}", known.deployment.id);
        if let Some((status, body)) = self.answer(caller, "DELETE", &path, &Value::Null)? {
            ensure!(status == 200, "not revoked: {status} {body}");
            known.revoked.store(true, SeqCst);
        }
        Ok(())
    }

    fn decrypt(&self, caller: &Caller, known: &Known) -> Result<()> {
        let revoked_before = known.revoked.load(SeqCst);
        let answer = self.answer(caller, "POST", &known.deployment.path(), &known.deployment.ask)?;
        known.take(answer.as_ref(), revoked_before)
    }

    /// The newest deployments: what was revoked before is told as revoked.
    fn list(&self, caller: &Caller) -> Result<()> {
        let recent = self.model.recent();
        let revoked: Vec<_> = recent.iter().filter(|known| known.revoked.load(SeqCst)).collect();
        let path = format!("/projects/{PROJECT}/deploys");
        if let Some((status, body)) = self.answer(caller, "GET", &path, &Value::Null)? {
            let deploys = body["deploys"].as_array().ok_or_else(|| anyhow!("no list: {status} {body}"))?;
            for known in revoked {
                let mut listed = deploys.iter().filter(|deploy| deploy["deploy_id"] == *known.deployment.id);
                ensure!(
                    listed.all(|deploy| deploy["revoked_at"].is_u64()),
                    "{}: revoked, but listed as live",
                    known.deployment.id
                );
            }
        }
        Ok(())
    }

    /// The answer to a call; none when a restart cut it off.
    fn answer(
        &self,
        caller: &Caller,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Option<(u16, Value)>> {
        self.unless_cut_off(|url| {
            let (status, answer) = caller.call(method, &format!("{url}{path}"), body)?;
            ensure!(status < 500, "{method} {path}: {status} {answer}");
            Ok((status, answer))
        })
    }

    /// A call may fail while the service restarts, and at no other time.
    fn unless_cut_off<T>(&self, call: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
        let before = self.restarts.load(SeqCst);
        let url = self.url.read().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = call(&url);
        let restarted = before % 2 == 1 || self.restarts.load(SeqCst) != before;
        match answer {
            Err(_) if restarted => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// No revoked deployment has its key, and the trail holds every release, registration and revocation.
    fn check_the_end(&self, url: &str) -> Result<()> {
        let caller = Caller::new(&self.token);
        let all = self.model.all();
        let revoked: Vec<_> = all.iter().filter(|known| known.revoked.load(SeqCst)).collect();
        for known in &revoked {
            self.decrypt(&caller, known)?;
        }
        self.model.check(&trail(&caller, url)?)?;
        let released: u64 = all.iter().map(|known| known.released()).sum();
        ensure!(released > 0 && !revoked.is_empty(), "the load was too short to say anything");
        let cut_off: u64 = all.iter().map(|known| known.cut_off()).sum();
        say(format!(
            "   {} deployments, {released} keys released, {} revoked, {cut_off} requests cut off by restarts: every \
            answer and the audit trail as they must be",
            all.len(),
            revoked.len()
        ));
        Ok(())
    }
}

/// The project's audit trail, counted by deployment.
fn trail(caller: &Caller, url: &str) -> Result<BTreeMap<String, Events>> {
    let (mut trail, mut cursor) = (BTreeMap::<String, Events>::new(), String::new());
    loop {
        let page = format!("{url}/projects/{PROJECT}/audit{cursor}");
        let (status, answer) = caller.call("GET", &page, &Value::Null)?;
        let events = answer["events"].as_array().ok_or_else(|| anyhow!("no trail: {status} {answer}"))?;
        for event in events {
            trail.entry(event["subject"].as_str().unwrap_or_default().to_owned()).or_default().add(event);
        }
        match answer["next"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => return Ok(trail),
        }
    }
}
