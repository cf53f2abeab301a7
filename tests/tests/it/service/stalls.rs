//! A database that another process has locked, as a backup may.

use std::thread;
use std::time::{Duration, Instant};

use capy_journeys::{printed, programs};
use capy_test_support::desk::Desk;
use capy_test_support::key_service::KeyService;
use rusqlite::Connection;
use serde_json::Value;

use crate::service::lifecycle::database_file;
use crate::service::support::{call, owner};

const VALUE: &str = "canary.STALLED.x9";
/// Longer than any one call may take.
const STALL: Duration = Duration::from_secs(25);

/// On a machine of one's own. What D1 does under another process's lock on its file is the simulator's own.
#[test]
fn a_database_that_stands_still_costs_one_use_and_whoever_waits_is_told() {
    let service = &KeyService::embedded(&programs()).unwrap();
    let project = tempfile::tempdir().unwrap();
    let desk = Desk::new(&programs(), project.path()).unwrap();
    desk.set_up(service.url(), service.admin_token(), &[("STALLED", VALUE)]).unwrap();
    let credentials = desk.deploy(&["--max-uses", "1"]).unwrap();
    let database = Connection::open(database_file(service.persist_dir())).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let output = thread::scope(|scope| {
        let print = ["run", "--", "sh", "-c", "printf %s \"$STALLED\""];
        let mut run = desk.on_platform(project.path(), &credentials, &print);
        run.env("CAPY_TIMEOUT", "90");
        let run = scope.spawn(move || run.output().unwrap());
        let began = Instant::now();
        while began.elapsed() < STALL {
            let asked = Instant::now();
            let health = call(service.url(), "GET", "/health", None, &Value::Null);
            assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
            assert_eq!((health.status, &health.json["bindings"]["database"]), (503, &"error".into()));
            thread::sleep(Duration::from_secs(1));
        }
        assert!(!run.is_finished(), "it waits for its values");
        database.execute_batch("ROLLBACK").unwrap();
        run.join().unwrap()
    });
    let told = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let line = format!("waiting for the key service at {}\n", service.url());
    assert_eq!(told.matches(&line).count(), 1, "{told}");
    assert!(told.contains(VALUE), "{told}");
    assert_eq!(call(service.url(), "GET", "/health", None, &Value::Null).status, 200);

    let id = &credentials.deploy_id;
    let listed = desk.run(&["deploy", "list", "--json"], "").unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let deploys = listed["deploys"].as_array().unwrap();
    let ours = deploys.iter().find(|deploy| deploy["deploy_id"] == **id).unwrap();
    assert_eq!(ours["uses"], 1, "{listed}");
    let events: Value = serde_json::from_str(&desk.run(&["audit", "--json"], "").unwrap()).unwrap();
    let is_use = |event: &&Value| event["action"] == "decrypt" && event["result"] == "ok";
    assert_eq!(events["events"].as_array().unwrap().iter().filter(is_use).count(), 1, "{events}");
    let verified = owner(service, "GET", "/admin/audit/verify", &Value::Null);
    assert_eq!(verified.status, 200, "{}", verified.text);
}
