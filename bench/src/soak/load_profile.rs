//! The clients of a soak: which calls they make, and how they check every answer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use super::audit_check;
use super::model::{Model, ModelDeployment};
use crate::registered::{Caller, PROJECT, Registered};
use capy_test_support::key_service::KeyService;
use capy_test_support::steps::say;

pub(super) const CLIENTS: usize = 8;

/// State that all clients share.
#[derive(Debug)]
pub(super) struct LoadProfile {
    model: Model,
    pub(super) url: RwLock<String>,
    token: String,
    /// Odd while the service restarts.
    pub(super) restarts: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) over: AtomicBool,
}

impl LoadProfile {
    pub(super) fn new(service: &KeyService) -> Result<Self> {
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

    /// Makes one call after the other at its pace, until `over` is set: the time is up, or a client
    /// found a fault.
    pub(super) fn client(&self, number: usize, pace: Duration) -> Result<()> {
        let caller = Caller::new(&self.token);
        let mut next = Instant::now() + pace.mul_f64(number as f64 / CLIENTS as f64);
        for turn in 0.. {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            // A client that is late does not catch up.
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
        match (turn + number) % 40 {
            0 => self.register(caller),
            10 => self.revoke(caller, &known),
            20 => self.register(caller).and_then(|()| self.revoke(caller, &known)),
            30 => self.token(caller),
            5 | 25 => self.list(caller),
            _ => self.decrypt(caller, &known),
        }
    }

    fn register(&self, caller: &Caller) -> Result<()> {
        if let Some(deployment) = self.unless_cut_off(|url| Registered::register(caller, url))? {
            self.model.add(deployment);
        }
        Ok(())
    }

    fn revoke(&self, caller: &Caller, known: &ModelDeployment) -> Result<()> {
        known.revoking.store(true, SeqCst);
        let path = format!("/deploy/{}", known.deployment.id);
        if let Some((status, body)) = self.answer(caller, "DELETE", &path, &Value::Null)? {
            ensure!(status == 200, "not revoked: {status} {body}");
            known.revoked.store(true, SeqCst);
        }
        Ok(())
    }

    /// Creates an API token, registers a deployment with it, and revokes it.
    fn token(&self, caller: &Caller) -> Result<()> {
        let scopes = json!({ "scopes": [format!("deploy:{PROJECT}")] });
        let Some((status, made)) = self.answer(caller, "POST", "/tokens", &scopes)? else {
            return Ok(());
        };
        let text = |field: &str| made[field].as_str().with_context(|| format!("no token: {status}"));
        let (token, path) = (text("token")?, format!("/tokens/{}", text("token_id")?));
        self.register(&Caller::new(token))?;
        if let Some((status, body)) = self.answer(caller, "DELETE", &path, &Value::Null)? {
            ensure!(status == 200, "the token is not revoked: {status} {body}");
            self.is_refused(token)?;
            self.model.add_revoked_token(token);
        }
        Ok(())
    }

    fn is_refused(&self, token: &str) -> Result<()> {
        if let Some((status, body)) = self.answer(&Caller::new(token), "GET", "/tokens/self", &Value::Null)? {
            ensure!(status == 401, "a revoked token is taken: {status} {body}");
        }
        Ok(())
    }

    fn decrypt(&self, caller: &Caller, known: &ModelDeployment) -> Result<()> {
        let revoked_before = known.revoked.load(SeqCst);
        let answer = self.answer(caller, "POST", &known.deployment.path(), &known.deployment.ask)?;
        known.check_answer(answer.as_ref(), revoked_before)
    }

    /// Lists the newest deployments: those that were revoked before have to be listed as revoked.
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

    /// Makes a call, and returns its answer, or `None` if a restart cut it off.
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

    /// Lets a call fail while the service restarts, and at no other time.
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

    /// Checks the final state: no revoked deployment gets its key, no revoked token is accepted,
    /// and the trail holds every release, registration and revocation, and verifies from its first
    /// checkpoint to its end.
    pub(super) fn check_the_end(&self, url: &str) -> Result<()> {
        let caller = Caller::new(&self.token);
        let all = self.model.all();
        let revoked: Vec<_> = all.iter().filter(|known| known.revoked.load(SeqCst)).collect();
        for known in &revoked {
            self.decrypt(&caller, known)?;
        }
        let tokens = self.model.revoked_tokens();
        tokens.iter().try_for_each(|token| self.is_refused(token))?;
        let released: u64 = all.iter().map(|known| known.released()).sum();
        let enough = released > 0 && !revoked.is_empty() && !tokens.is_empty();
        ensure!(enough, "the load was too short to say anything");
        self.model.check(&audit_check::events(&caller, url)?)?;
        let verified = audit_check::verify(&caller, url, 1)?.events;
        ensure!(verified >= released, "{verified} events verify, but {released} keys were released");
        let cut_off: u64 = all.iter().map(|known| known.cut_off()).sum();
        say(format!(
            "   {} deployments, {released} keys released, {} revoked, {} revoked tokens refused, {cut_off} requests for keys \
            cut off by restarts; {verified} events verify: every answer and the audit trail as they must be",
            all.len(),
            revoked.len(),
            tokens.len()
        ));
        Ok(())
    }
}
