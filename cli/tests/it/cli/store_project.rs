//! `capy store project` and `capy store secret`, against a real service: settings and names are shown,
//! values go in by a prompt, a pipe or a file.

use std::io::Read;

use serde_json::{Value, json};

use crate::cli::store_keys::Store;
use crate::sandbox::{CANARY, Sandbox, contains};

fn keys() -> String {
    "0c".repeat(32)
}

fn names(project: &Value) -> Vec<&str> {
    project["secrets"].as_array().unwrap().iter().map(|secret| secret["key"].as_str().unwrap()).collect()
}

#[test]
fn a_project_is_made_changed_shown_and_deleted() {
    let store = Store::start(&keys());
    let capy = |arguments: &[&str]| store.sandbox.capy(arguments);
    let none = capy(&["store", "project", "list"]).succeeds();
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "no projects yet\n"));
    let made = capy(&[
        "store",
        "project",
        "create",
        "shop",
        "--repository",
        "git@git.example:shop.git",
        "--branch",
        "main",
    ]);
    let made = made.succeeds();
    let id = made.stdout.trim();
    assert!(id.starts_with("prj_") && made.stdout.lines().count() == 1, "{}", made.stdout);
    assert_eq!(made.stderr, "project shop is created, with 0 secrets\n");

    capy(&["store", "project", "update", "shop", "--build-command", "npm run build", "--branch", ""])
        .succeeds();
    let shown = store.json(&["store", "project", "show", "shop"]);
    assert_eq!(shown["project_id"], id);
    assert_eq!((shown.get("branch"), &shown["build_command"]), (None, &json!("npm run build")));
    assert_eq!(store.json(&["store", "project", "show", id]), shown, "by its id, too");
    let trail = store.json(&["audit", "--project", "shop"]);
    assert_eq!(trail["events"][0]["detail"], "branch build_command");
    assert_eq!(trail["events"][1]["action"], "create-project");
    let text = capy(&["store", "project", "show", "shop"]).succeeds().stdout;
    assert!(text.contains("repository        git@git.example:shop.git\n"), "{text}");
    assert!(text.contains("branch            -\n"), "{text}");
    let listed = capy(&["store", "project", "list"]).succeeds().stdout;
    assert!(listed.contains(&format!("{id}  shop  git@git.example:shop.git  ")), "{listed}");

    assert_eq!(capy(&["store", "project", "update", "shop"]).code, 2, "nothing to change");
    capy(&["store", "project", "update", "shop", "--branch", "a..b"]).fails(21, "SERVICE_REFUSED");
    capy(&["store", "project", "create", "../../etc"]).fails(21, "SERVICE_REFUSED");
    capy(&["store", "project", "create", "x", "--id", "a/b"]).fails(2, "PROJECT_ID_MALFORMED");
    capy(&["store", "project", "create", "x", "--id", id]).fails(21, "PROJECT_EXISTS");
    capy(&["store", "project", "show", "nothing"]).fails(51, "PROJECT_UNKNOWN");
    capy(&["store", "project", "show", "prj_nothing"]).fails(51, "PROJECT_UNKNOWN");
    capy(&["store", "project", "delete", "shop"]).fails(1, "NOT_CONFIRMED");
    capy(&["store", "project", "delete", "shop", "--yes"]).succeeds();
    capy(&["store", "project", "delete", "shop", "--yes"]).fails(51, "PROJECT_UNKNOWN");
}

#[test]
fn a_path_is_a_source_for_a_service_on_this_machine() {
    let store = Store::start(&keys());
    store.sandbox.capy(&["store", "project", "create", "shop", "--repository", "/srv/shop.git"]).succeeds();
    assert_eq!(store.json(&["store", "project", "show", "shop"])["repository_url"], "/srv/shop.git");
}

#[test]
fn two_projects_of_one_name_are_told_apart_by_their_ids() {
    let store = Store::start(&keys());
    for id in ["prj_a", "prj_b"] {
        store.sandbox.capy(&["store", "project", "create", "shop", "--id", id]).succeeds();
    }
    let refused = store.sandbox.capy(&["store", "project", "show", "shop"]).fails(1, "PROJECT_AMBIGUOUS");
    assert!(refused.stderr.contains("prj_a") && refused.stderr.contains("prj_b"), "{}", refused.stderr);
    assert_eq!(store.json(&["store", "project", "show", "prj_b"])["project_id"], "prj_b");
}

#[test]
fn values_come_from_a_pipe_or_a_file_and_are_kept_sealed() {
    let store = Store::start(&keys());
    let capy = |arguments: &[&str], stdin: &str| store.sandbox.capy_with(arguments, stdin);
    capy(&["store", "project", "create", "shop", "--id", "prj_a"], "").succeeds();
    let value = "canary.A.x9\n\"'$HOME 🦫";
    let set = capy(&["store", "secret", "set", "shop", "A"], value).succeeds();
    assert_eq!((set.stdout.as_str(), set.stderr.as_str()), ("", "A is set in project shop\n"));
    store.sandbox.write("more.env", "A=canary.A2.x9\nB='canary.B.x9 $x'\nC=\nCAPY_TOKEN=canary.own.x9\n");
    let set = capy(&["store", "secret", "set", "shop", "--from", "more.env"], "").succeeds();
    assert!(set.stderr.ends_with("3 secrets are set in project shop\n"), "{}", set.stderr);
    assert!(set.stderr.contains("capy ignores CAPY_TOKEN in more.env"), "{}", set.stderr);
    let pairs = [("A", "canary.A2.x9"), ("B", "canary.B.x9 $x"), ("C", "")];
    let pairs: Vec<_> = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_eq!(store.values("prj_a", &keys()), pairs);
    capy(&["store", "secret", "set", "shop", "A"], value).succeeds();
    assert_eq!(store.values("prj_a", &keys())[0].1, value, "byte for byte");

    let listed = capy(&["store", "secret", "list", "shop"], "").succeeds();
    assert!(listed.stdout.starts_with("name  created "), "{}", listed.stdout);
    let json = store.json(&["store", "secret", "list", "shop"]);
    assert_eq!(json.as_array().unwrap().len(), 3);
    capy(&["store", "secret", "delete", "shop", "B", "NOTHING"], "").fails(51, "SECRET_UNKNOWN");
    let shown = store.json(&["store", "project", "show", "shop"]);
    assert_eq!(names(&shown), ["A", "B", "C"], "all or none");
    capy(&["store", "secret", "delete", "shop", "B", "C"], "").succeeds();
    assert_eq!(names(&store.json(&["store", "project", "show", "shop"])), ["A"]);
    for (path, content) in store.sandbox.files() {
        let ours = path.ends_with("more.env");
        assert!(ours || !contains(&content, CANARY), "{}", path.display());
    }
}

#[test]
fn sealed_values_of_a_file_are_opened_with_the_local_key() {
    let store = Store::start(&keys());
    store.sandbox.capy(&["init", "--url", &store.server.urls[0]]).succeeds();
    store.sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    assert!(store.sandbox.read(".env").contains("A=capy:v1:"));
    store.sandbox.capy(&["store", "project", "create", "shop", "--id", "prj_a", "--from", ".env"]).succeeds();
    assert_eq!(store.values("prj_a", &keys()), [("A".to_owned(), "canary.A.x9".to_owned())]);
}

#[test]
fn what_no_environment_can_carry_is_refused_before_anything_is_sent() {
    let store = Store::start(&keys());
    let capy = |arguments: &[&str], stdin: &str| store.sandbox.capy_with(arguments, stdin);
    capy(&["store", "project", "create", "shop"], "").succeeds();
    let set = ["store", "secret", "set", "shop"];
    let with = |name: &'static str| [&set[..], &[name]].concat();
    capy(&with("1A"), "x").fails(2, "NAME_MALFORMED");
    capy(&with("CAPY_TOKEN"), "x").fails(2, "NAME_RESERVED");
    capy(&with("A"), "canary\0x9").fails(2, "VALUE_UNUSABLE");
    capy(&with("A"), &"canary".repeat(30_000)).fails(2, "VALUE_TOO_LONG");
    assert_eq!(capy(&set, "x").code, 2, "no name");
    assert_eq!(capy(&[&set[..], &["A", "value"]].concat(), "").code, 2, "there is no argument for a value");
    store.sandbox.write("odd.env", "A=canary#x9\n");
    capy(&[&set[..], &["--from", "odd.env"]].concat(), "").fails(1, "ENV_FILE_AMBIGUOUS");
    capy(&[&set[..], &["--from", "none.env"]].concat(), "").fails(10, "NO_ENV_FILE");
    assert_eq!(names(&store.json(&["store", "project", "show", "shop"])), Vec::<&str>::new());
}

#[test]
fn a_service_without_a_store_says_so_at_once() {
    let mut sandbox = Sandbox::new();
    let roots = format!("7:{}", "11".repeat(32));
    for (name, value) in
        [("ADMIN_TOKEN", "t".repeat(40)), ("WRAP_ROOTS", roots), ("CAPY_TOKEN", "t".repeat(40))]
    {
        sandbox.env.insert(name.into(), value);
    }
    // Long enough that a wait would be seen: the test would not end in time.
    sandbox.env.insert("CAPY_TIMEOUT".into(), "3600".into());
    let server = crate::cli::server::Server::start(&sandbox, &[], 1);
    sandbox.env.insert("CAPY_SERVICE_URL".into(), server.urls[0].clone());
    for arguments in [
        &["store", "project", "list"][..],
        &["store", "project", "create", "x"],
        &["store", "keys", "rotate"],
    ] {
        let refused = sandbox.capy(arguments).fails(52, "STORE_OFF");
        assert!(refused.stderr.contains("capy service keygen --encryption-key"), "{}", refused.stderr);
    }
}

/// The program's own arguments, as any process may read them, never hold a value; nor does its output.
#[test]
fn a_value_is_in_no_argument_and_no_output() {
    let store = Store::start(&keys());
    store.sandbox.capy(&["store", "project", "create", "shop"]).succeeds();
    let mut command = store.sandbox.command(&["store", "secret", "set", "shop", "A"]);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let arguments = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"canary.A.x9").unwrap();
    assert!(child.wait().unwrap().success());
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(!contains(&arguments, CANARY) && !printed.contains(CANARY), "{printed}");
}
