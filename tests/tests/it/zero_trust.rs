//! Everything that passes between the programs and the key service, and everything that it stores, is searched
//! for the keys and values that it must never see.

use capy_journeys::needles::{Needle, assert_absent, assert_absent_below};
use capy_journeys::recorder::Recorder;
use capy_journeys::{printed, programs};
use capy_protocol::id::{DeployId, ProjectId};
use capy_protocol::phrase::RecoveryPhrase;
use capy_test_support::desk::{Credentials, Desk};
use capy_test_support::key_service::KeyService;
use capy_test_support::node::require_node;
use capy_test_support::shop::VARIABLES;
use tempfile::TempDir;

fn variable<'a>(credentials: &'a Credentials, name: &str) -> &'a str {
    let found = credentials.variables.iter().find(|(known, _)| known == name);
    &found.unwrap_or_else(|| panic!("{name} is missing")).1
}

/// The 24 words that `capy init` prints, numbered or not.
fn phrase(printed: &str) -> RecoveryPhrase {
    let words =
        printed.split_whitespace().filter(|word| word.chars().all(|letter| letter.is_ascii_lowercase()));
    let words: Vec<&str> = words.collect();
    let found = words.windows(24).find_map(|window| RecoveryPhrase::parse(&window.join(" ")).ok());
    found.unwrap_or_else(|| panic!("no recovery phrase in {printed:?}"))
}

#[test]
fn the_service_sees_and_stores_no_key_and_no_value() {
    let Some(node) = require_node() else { return };
    let service = KeyService::start(&node).unwrap();
    let recorder = Recorder::start(service.url());
    let project = TempDir::new().unwrap();
    let desk = Desk::new(&programs(), project.path()).unwrap();

    // From init to revoke, with both kinds of credential.
    desk.run(&["login", "--url", &recorder.url()], service.admin_token()).unwrap();
    let shown = desk.capy(&["init", "--url", &recorder.url()]).output().unwrap();
    assert!(shown.status.success(), "{}", printed(&shown));
    for (name, value) in VARIABLES {
        desk.run(&["set", name], value).unwrap();
    }
    let by_project_key = desk.deploy(&[]).unwrap();
    let by_deploy_key = desk.deploy(&["--credential", "deploy-key"]).unwrap();
    for credentials in [&by_project_key, &by_deploy_key] {
        let opened = desk.on_platform(project.path(), credentials, &["run", "--", "env"]).output().unwrap();
        assert!(printed(&opened).contains("canary.STRIPE_SECRET_KEY.x9"), "{}", printed(&opened));
    }
    desk.run(&["deploy", "list"], "").unwrap();
    for credentials in [&by_project_key, &by_deploy_key] {
        desk.run(&["deploy", "revoke", &credentials.deploy_id], "").unwrap();
        let refused = desk.on_platform(project.path(), credentials, &["run", "--", "true"]).output().unwrap();
        assert!(!refused.status.success());
    }

    let file = std::fs::read_to_string(project.path().join("capy.toml")).unwrap();
    let id = file.lines().find_map(|line| line.strip_prefix("project_id = \"")?.strip_suffix('"')).unwrap();
    let project_id = ProjectId::parse(id).unwrap();
    let master = phrase(&printed(&shown)).master_key();
    let project_key = master.project_key(&project_id, 0);
    let mut needles = vec![
        Needle::new("M", master.expose_secret()),
        Needle::new("PK", project_key.expose_secret()),
        Needle::new("DT", &hex::decode(variable(&by_deploy_key, "_CAPY_DEPLOY_KEY")).unwrap()),
    ];
    for credentials in [&by_project_key, &by_deploy_key] {
        let k_d = project_key.deploy_project_key(&DeployId::parse(&credentials.deploy_id).unwrap());
        needles.push(Needle::new("K_d", k_d.expose_secret()));
    }
    assert_eq!(
        variable(&by_project_key, "PROJECT_KEY"),
        *project_key.deploy_project_key(&DeployId::parse(&by_project_key.deploy_id).unwrap()).serialize_hex(),
        "the keys searched for are the real ones"
    );
    for (name, value) in VARIABLES {
        if value.len() >= 8 {
            needles.push(Needle::new(name, value.as_bytes()));
        }
    }

    let record = recorder.record();
    let text = String::from_utf8_lossy(&record);
    for route in ["POST /deploy ", "/decrypt ", "DELETE /deploy/", "/deploys "] {
        assert!(text.contains(route), "the recorder missed {route}");
    }
    assert_absent("what passed between programs and service", &record, &needles);
    assert_absent_below(service.persist_dir(), &needles);
    assert_absent_below(&desk.home().join("capy"), &needles[1..]);
}
