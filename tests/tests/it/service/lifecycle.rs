//! From registration to revocation, and what is kept of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use capy_journeys::needles::{Needle, assert_absent};
use capy_protocol::blob::Format;
use capy_test_support::key_service::KeyService;
use rusqlite::Connection;
use rusqlite::types::Value as SqlValue;
use serde_json::Value;

use crate::service::support::{Deployment, on_each_host, owner, registration};

on_each_host!(
    a_deployment_lives_until_it_is_revoked,
    database_files_and_logs_hold_no_key_material,
    a_row_that_the_service_cannot_have_written_is_503_and_ends_nothing,
);

fn a_deployment_lives_until_it_is_revoked(service: &KeyService) {
    for (format, credential) in [(Format::V1, "project-key"), (Format::V0, "deploy-key")] {
        let deployment = Deployment::register(service, format, credential);
        for uses in 1..=2 {
            let answer = deployment.decrypt(service.url());
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(answer.headers["cache-control"], "no-store");
            assert_eq!(answer.json["service_key"], deployment.service_key());
            let inner = answer.json.get("inner_blob").and_then(Value::as_str);
            let expected = deployment.minting.inner_blob().serialize_base64();
            assert_eq!(inner, (credential == "deploy-key").then_some(expected.as_str()));
            let listed = owner(service, "GET", "/projects/prj_a/deploys", &Value::Null);
            let newest = &listed.json["deploys"][0];
            assert_eq!(newest["uses"], uses, "{}", listed.text);
            assert_eq!(newest["label"], "Zürich \"main\" 🦫");
            assert_eq!(newest["deploy_id"], deployment.id().to_string());
            assert!(newest["last_used_at"].as_u64() >= newest["created_at"].as_u64());
            assert!(newest["created_at"].as_u64() > Some(1_700_000_000_000), "milliseconds");
        }
        let again = registration(&deployment.minting, format, credential);
        assert_eq!(owner(service, "POST", "/deploy", &again).refusal(), (409, "DEPLOY_EXISTS"));

        let first = deployment.revoke(service);
        assert_eq!(first.status, 200, "{}", first.text);
        assert_eq!(deployment.decrypt(service.url()).refusal(), (410, "DEPLOY_REVOKED"));
        thread::sleep(Duration::from_millis(5));
        assert_eq!(deployment.revoke(service).json, first.json, "the first time stays");
        let listed = owner(service, "GET", "/projects/prj_a/deploys", &Value::Null);
        assert_eq!(listed.json["deploys"][0]["revoked_at"], first.json["revoked_at"]);
    }
    let unknown = format!("/deploy/{}", "cd".repeat(32));
    assert_eq!(owner(service, "DELETE", &unknown, &Value::Null).refusal(), (404, "DEPLOY_UNKNOWN"));
    assert_events(service, &["register", "decrypt", "decrypt", "revoke", "decrypt"].repeat(2));
}

/// The audit trail as the database holds it, oldest first; and that it cannot be shortened.
fn assert_events(service: &KeyService, expected: &[&str]) {
    let database = Connection::open(database_file(service.persist_dir())).unwrap();
    let mut rows = database.prepare("SELECT action, at, user_agent, result FROM audit ORDER BY id").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    let rows: Vec<(String, i64, String, String)> = rows.map(Result::unwrap).collect();
    let actions: Vec<&str> = rows.iter().map(|(action, ..)| action.as_str()).collect();
    assert_eq!(actions, expected);
    for (_, at, agent, _) in &rows {
        assert!(*at > 1_700_000_000_000 && agent.starts_with("ureq"), "{at} {agent}");
    }
    let results: Vec<&str> = rows.iter().map(|(.., result)| result.as_str()).collect();
    assert_eq!(results, ["ok", "ok", "ok", "ok", "DEPLOY_REVOKED"].repeat(2));
    for change in ["DELETE FROM audit", "UPDATE audit SET at = 0", "REPLACE INTO audit SELECT * FROM audit"] {
        let refused = database.execute(change, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

/// The service's tables: `capy serve` keeps them in one file, the simulator of D1 in one of several.
pub(crate) fn database_file(folder: &Path) -> PathBuf {
    let is_ours = |path: &PathBuf| {
        let tables = "SELECT count(*) FROM sqlite_master WHERE name = 'deploys'";
        let count = |database: Connection| database.query_row(tables, [], |row| row.get::<_, u32>(0));
        Connection::open(path).and_then(count).is_ok_and(|count| count == 1)
    };
    let mut files = Vec::new();
    list_below(folder, &mut files);
    files.retain(|path| path.extension().is_some_and(|kind| kind == "sqlite"));
    files.into_iter().find(is_ours).expect("the database lies below its folder")
}

fn a_row_that_the_service_cannot_have_written_is_503_and_ends_nothing(service: &KeyService) {
    let deployment = Deployment::register(service, Format::V1, "project-key");
    let database = Connection::open(database_file(service.persist_dir())).unwrap();
    let mut damages = vec![
        ("created_at", "-1", "does not hold an integer"),
        ("project_id", "'canary/CELL.x9'", "does not hold a project's id"),
        ("cidrs", "'canary.CELL.x9'", "does not hold networks"),
    ];
    if !service.persist_dir().join("capy.sqlite").exists() {
        // D1 gives numbers as doubles.
        damages.push(("expires_at", "9007199254740993", "holds neither a text nor an exact integer"));
    }
    for (column, damage, fault) in damages {
        let whole: SqlValue =
            database.query_row(&format!("SELECT {column} FROM deploys"), [], |row| row.get(0)).unwrap();
        database.execute(&format!("UPDATE deploys SET {column} = {damage}"), []).unwrap();
        let answer = deployment.decrypt(service.url());
        assert_eq!(answer.refusal(), (503, "UNAVAILABLE"), "{column}: {}", answer.text);
        database.execute(&format!("UPDATE deploys SET {column} = ?1"), [whole]).unwrap();
        assert_eq!(deployment.decrypt(service.url()).status, 200, "{column}");
        assert_logged(service, &format!("column {column} {fault}"));
    }
    assert!(!service.log().contains("x9"), "{}", service.log());
}

/// What a process writes comes a little later.
fn assert_logged(service: &KeyService, line: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !service.log().contains(line) {
        assert!(Instant::now() < deadline, "{line}\n{}", service.log());
        thread::sleep(Duration::from_millis(20));
    }
}

fn database_files_and_logs_hold_no_key_material(service: &KeyService) {
    let mut needles = vec![Needle::new("the admin token", service.admin_token().as_bytes())];
    let mut ids = Vec::new();
    for (format, credential) in [(Format::V1, "deploy-key"), (Format::V0, "project-key")] {
        let deployment = Deployment::register(service, format, credential);
        assert_eq!(deployment.decrypt(service.url()).status, 200);
        assert_eq!(deployment.revoke(service).status, 200);
        let outer = capy_protocol::text::parse_base64(&deployment.outer).unwrap();
        needles.push(Needle::new("the inner blob", deployment.minting.inner_blob().expose_secret()));
        needles.push(Needle::new("the outer blob", &outer));
        needles.push(Needle::new("the service key", &hex::decode(deployment.service_key()).unwrap()));
        ids.push(deployment.id().to_string());
    }
    let mut kept = service.log().into_bytes();
    read_below(service.persist_dir(), &mut kept);
    for id in ids {
        let found = kept.windows(id.len()).any(|window| window == id.as_bytes());
        assert!(found, "the search finds what is there");
    }
    assert_absent("what the service keeps", &kept, &needles);
}

pub(crate) fn read_below(folder: &Path, into: &mut Vec<u8>) {
    let mut files = Vec::new();
    list_below(folder, &mut files);
    files.iter().for_each(|path| into.extend(fs::read(path).unwrap()));
}

fn list_below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => list_below(&path, into),
            false => into.push(path),
        }
    }
}
