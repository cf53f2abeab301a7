//! An owner of two deployments, one of which is revoked, by the owner's own commands.

use std::thread;
use std::time::{Duration, Instant};

use capy_journeys::{printed, programs};
use capy_test_support::desk::{Credentials, Desk};
use serde_json::Value;
use tempfile::TempDir;

const VALUE: &str = "canary.PACKAGED.x9";
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Owner {
    desk: Desk,
    url: String,
    kept: Credentials,
    revoked: Credentials,
    _project: TempDir,
}

/// Waits until the service says that all of it works.
#[track_caller]
pub(crate) fn wait_for_health(url: &str) -> Value {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    let agent = config.timeout_global(Some(Duration::from_secs(5))).build().new_agent();
    let start = Instant::now();
    loop {
        let answer = agent.get(format!("{url}/health")).call();
        match answer {
            Ok(mut answer) if answer.status() == 200 => {
                return serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
            }
            other => assert!(start.elapsed() < PATIENCE, "{url} is not healthy: {other:?}"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}

impl Owner {
    /// From nothing to a deployment that opens and one that was revoked.
    pub(crate) fn set_up(url: &str, admin_token: &str) -> Self {
        let project = tempfile::tempdir().unwrap();
        let desk = Desk::new(&programs(), project.path()).unwrap();
        desk.set_up(url, admin_token, &[("PACKAGED", VALUE)]).unwrap();
        let (kept, revoked) = (desk.deploy(&[]).unwrap(), desk.deploy(&[]).unwrap());
        let owner = Self { desk, url: url.to_owned(), kept, revoked, _project: project };
        assert_eq!(owner.open(&owner.revoked), (Some(0), VALUE.to_owned()));
        owner.desk.run(&["deploy", "revoke", &owner.revoked.deploy_id], "").unwrap();
        owner.finds_all_there();
        owner
    }

    /// The service remembers both, and who asked for which.
    #[track_caller]
    pub(crate) fn finds_all_there(&self) {
        assert_eq!(self.open(&self.kept), (Some(0), VALUE.to_owned()));
        let (code, said) = self.open(&self.revoked);
        assert!(code == Some(44) && said.starts_with("error[DEPLOY_REVOKED]"), "{code:?} {said}");
        let events = self.desk.run(&["audit", "--json"], "").unwrap();
        let events: Value = serde_json::from_str(&events).unwrap();
        let of = |credentials: &Credentials, action: &str| {
            let events = events["events"].as_array().unwrap().iter();
            events.filter(|e| e["subject"] == *credentials.deploy_id && e["action"] == action).count()
        };
        assert_eq!((of(&self.kept, "register"), of(&self.revoked, "revoke")), (1, 1), "{events}");
        assert!(of(&self.kept, "decrypt") >= 1, "{events}");
        self.desk.run(&["audit", "verify", "--all", "--url", &self.url], "").unwrap();
    }

    /// The exit code of a command that prints the value, and what is printed.
    fn open(&self, credentials: &Credentials) -> (Option<i32>, String) {
        let print = ["run", "--", "sh", "-c", "printf %s \"$PACKAGED\""];
        let output = self.desk.on_platform(self.desk.project(), credentials, &print).output().unwrap();
        (output.status.code(), printed(&output))
    }
}
