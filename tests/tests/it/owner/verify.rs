//! `capy service verify` against the stand-in: what wrangler uploaded there is what it gets back.

use capy_test_support::node::require_node;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::owner::account::Refusal;
use crate::owner::desk::Owner;
use crate::owner::journey::{made_secrets, needles};
use crate::owner::release::{Release, deployed};
use crate::owner::server::Cloudflare;

const VERIFY: &str = "capy service verify";

/// Its report, which it prints whatever it finds.
fn report(owner: &mut Owner, expected: i32) -> Value {
    let (code, text) = owner.asks(&format!("{VERIFY} --json 2>/dev/null"));
    assert_eq!(code, Some(expected), "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The names of what is not as in the release.
fn differing(report: &Value) -> Vec<String> {
    let lists = report["deployed"].as_array().unwrap().iter();
    let lists = lists.flat_map(|version| [&version["modules"], &version["settings"]]);
    let all = lists.flat_map(|list| list.as_array().unwrap());
    let differing = all.filter(|entry| entry["state"] != "same");
    differing
        .map(|entry| format!("{} {}", entry["name"].as_str().unwrap(), entry["state"].as_str().unwrap()))
        .collect()
}

/// Changes what is deployed, and asks what is found.
fn found_after(
    cloudflare: &Cloudflare,
    owner: &mut Owner,
    change: impl FnOnce(&mut crate::owner::account::Version),
) -> Vec<String> {
    let as_deployed = cloudflare.account().workers["capy"].versions.clone();
    let deployed = cloudflare.account().workers["capy"].deployed.clone();
    let live = |version: &&mut crate::owner::account::Version| version.id == deployed;
    change(cloudflare.account().workers.get_mut("capy").unwrap().versions.iter_mut().find(live).unwrap());
    let found = differing(&report(owner, 54));
    cloudflare.account().workers.get_mut("capy").unwrap().versions = as_deployed;
    found
}

#[test]
fn what_wrangler_uploaded_is_found_the_same_and_every_change_is_named() {
    let Some(node) = require_node() else { return };
    let folder = TempDir::new().unwrap();
    let (cloudflare, mut owner, release) = deployed(&node, folder.path());
    let before = cloudflare.account().calls.len();

    let said = owner.types(VERIFY);
    assert!(said.contains("capy: the deployed modules and settings are the release's"), "{said}");
    let same = report(&mut owner, 0);
    assert_eq!((&same["matches_release"], differing(&same)), (&json!(true), vec![]));
    let names: Vec<_> =
        same["deployed"][0]["modules"].as_array().unwrap().iter().map(|module| &module["name"]).collect();
    assert_eq!(names, ["entry.mjs", "index.js", "index_bg.wasm"]);
    // The archive itself, from any folder.
    owner.types(&format!("cd / && {VERIFY} {}", Release::made().archive().display()));

    // One byte of the wasm, one module more, none of the entry.
    let wasm = |version: &mut crate::owner::account::Version| {
        let module = version.upload.modules.iter_mut().find(|module| module.is_wasm()).unwrap();
        let last = module.bytes.len() - 1;
        module.bytes[last] ^= 1;
    };
    assert_eq!(found_after(&cloudflare, &mut owner, wasm), ["index_bg.wasm different"]);
    let more = found_after(&cloudflare, &mut owner, |version| {
        let mut module = version.upload.modules[0].clone();
        module.name = "more.js".to_owned();
        version.upload.modules.push(module);
    });
    assert_eq!(more, ["more.js unexpected"]);
    let missing = found_after(&cloudflare, &mut owner, |version| {
        version.upload.modules.retain(|module| module.name != "index.js");
    });
    assert_eq!(missing, ["index.js missing"]);

    // Settings: another date, a root that anybody may read, and a binding that nobody asked for.
    let settings = found_after(&cloudflare, &mut owner, |version| {
        version.upload.metadata["compatibility_date"] = json!("2020-01-01");
        version.bindings.retain(|binding| binding["name"] != "WRAP_ROOTS");
        version.bindings.push(json!({ "name": "WRAP_ROOTS", "type": "plain_text", "text": "1:00" }));
        version.bindings.push(json!({ "name": "SPY", "type": "service", "service": "spy" }));
    });
    let expected = ["compatibility date different", "binding WRAP_ROOTS different", "binding SPY unexpected"];
    assert_eq!(settings, expected);
    let key = json!({ "name": "ENCRYPTION_KEY", "type": "secret_text", "text": "x" });
    cloudflare.account().put_secret("capy", &key).unwrap();
    owner.types(VERIFY);

    // What was deployed from a checkout is bundled, and no release.
    let (code, said) = owner.asks(&format!("{VERIFY} {}", capy_test_support::workspace_root().display()));
    assert!(code == Some(1) && said.contains("error[RELEASE_MALFORMED]"), "{said}");

    let calls = cloudflare.account().calls[before..].to_vec();
    assert!(calls.iter().all(|call| call.starts_with("GET ")), "{calls:?}");
    assert_eq!(cloudflare.account().strange, [""; 0]);
    owner.assert_discreet(&needles(&made_secrets(owner.home())));
    drop(release);
}

#[test]
fn each_version_that_answers_is_compared_and_a_reader_of_the_log_is_found() {
    let Some(node) = require_node() else { return };
    let folder = TempDir::new().unwrap();
    let (cloudflare, mut owner, _) = deployed(&node, folder.path());
    {
        let mut account = cloudflare.account();
        let worker = account.workers.get_mut("capy").unwrap();
        let mut other = worker.live().unwrap().clone();
        other.id = "ffffffff-0000-4000-8000-000000000000".to_owned();
        other.upload.modules[0].bytes.push(b' ');
        worker.shared_with = Some(other.id.clone());
        worker.versions.push(other);
    }
    let found = report(&mut owner, 54);
    assert_eq!(differing(&found), ["entry.mjs different"]);
    let shares: Vec<_> =
        found["deployed"].as_array().unwrap().iter().map(|version| &version["percentage"]).collect();
    assert_eq!(shares, [50.0, 50.0]);
    {
        let mut account = cloudflare.account();
        let worker = account.workers.get_mut("capy").unwrap();
        worker.shared_with = None;
        worker.schedules = vec!["0 0 1 1 *".to_owned()];
        worker.script_settings = json!({ "logpush": true, "tail_consumers": [{ "service": "spy" }] });
    }
    let expected =
        ["schedules different", "workers that read the log different", "log pushed elsewhere different"];
    assert_eq!(differing(&report(&mut owner, 54)), expected);
}

#[test]
fn a_wrong_token_a_missing_worker_and_settings_that_cannot_be_have_codes_of_their_own() {
    let Some(node) = require_node() else { return };
    let folder = TempDir::new().unwrap();
    let release = Release::made().unpacked(folder.path());
    let cloudflare = Cloudflare::start(crate::owner::account::Account::empty());
    let mut owner = Owner::of(&cloudflare, &node);
    owner.moves_to(&release);
    let mut assert_fails = |line: &str, code: i32, error: &str| {
        let (found, said) = owner.asks(line);
        assert!(
            found == Some(code) && said.contains(&format!("error[{error}]")),
            "{line}: {found:?}\n{said}"
        );
        assert!(!said.contains("canary"), "{said}");
    };
    assert_fails(VERIFY, 55, "WORKER_UNKNOWN");
    assert_fails(&format!("{VERIFY} --name other"), 55, "WORKER_UNKNOWN");
    assert_fails(&format!("{VERIFY} --name ../x"), 2, "WORKER_NAME_MALFORMED");
    let wrong = "CLOUDFLARE_API_TOKEN=canary.other.x9";
    assert_fails(&format!("{wrong} {VERIFY}"), 22, "CLOUDFLARE_UNAUTHORIZED");
    assert_fails(&format!("CLOUDFLARE_API_TOKEN= {VERIFY}"), 10, "CLOUDFLARE_NOT_SET_UP");
    assert_fails(&format!("CLOUDFLARE_API_TOKEN=$'canary\\nx' {VERIFY}"), 2, "CLOUDFLARE_SETTING_MALFORMED");
    assert_fails(&format!("CLOUDFLARE_ACCOUNT_ID=../.. {VERIFY}"), 2, "CLOUDFLARE_SETTING_MALFORMED");
    // The token goes over https, or to this machine.
    let plain = "CLOUDFLARE_API_BASE_URL=http://api.example";
    assert_fails(&format!("{plain} {VERIFY}"), 2, "CLOUDFLARE_SETTING_MALFORMED");
    let nobody = "CLOUDFLARE_API_BASE_URL=http://127.0.0.1:9";
    assert_fails(&format!("{nobody} {VERIFY}"), 20, "CLOUDFLARE_UNREACHABLE");
    cloudflare.account().refuse("GET", Refusal::new(500, 10013, "Internal error"), 1);
    assert_fails(VERIFY, 21, "CLOUDFLARE_REFUSED");
    assert_fails(&format!("{VERIFY} /nowhere"), 1, "RELEASE_MALFORMED");
}
