//! From a laptop to a built server with an empty environment: real Workers runtime, real Next, both bundlers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use capy_journeys::{printed, programs};
use capy_test_support::desk::{Credentials, Desk};
use capy_test_support::key_service::KeyService;
use capy_test_support::node::{Node, require_node};
use capy_test_support::setup;
use capy_test_support::shop::{NextServer, Shop, VARIABLES, answers, canary_in, collect};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A project at the desk with a deployment for its platform.
struct Journey {
    desk: Desk,
    shop: Shop,
    service: KeyService,
    credentials: Credentials,
    _scratch: TempDir,
}

impl Journey {
    fn begin(node: &Node, name: &str) -> Self {
        let scratch = setup::scratch(name).unwrap();
        let shop = Shop::copy_to(&scratch.path().join("shop")).unwrap();
        let service = KeyService::start(node).unwrap();
        let desk = Desk::new(&programs(), shop.dir()).unwrap();
        desk.set_up(service.url(), service.admin_token(), &VARIABLES).unwrap();
        let credentials = desk.deploy(&["--label", name]).unwrap();
        // The platform has the repository, not the laptop's `.env`.
        std::fs::remove_file(shop.dir().join(".env")).unwrap();
        Self { desk, shop, service, credentials, _scratch: scratch }
    }

    fn capy_run(&self, command: &[&str]) -> Command {
        let args = [&["run", "--", "node_modules/.bin/next"], command].concat();
        self.desk.on_platform(self.shop.dir(), &self.credentials, &args)
    }

    fn build(&self, command: &[&str], environment: &[(&str, &str)]) -> String {
        let output = self.capy_run(command).envs(environment.iter().copied()).output().unwrap();
        let text = printed(&output);
        assert!(output.status.success(), "{text}");
        assert_eq!(canary_in(text.as_bytes()), None, "a value was printed:\n{text}");
        text
    }

    /// Nothing in the build holds a value but the scripts that run on the server.
    fn assert_no_leak(&self) {
        let mut files = Vec::new();
        collect(&self.shop.dir().join(".next"), &mut files).unwrap();
        collect(&self.shop.dir().join("public"), &mut files).unwrap();
        let mut baked = 0;
        for file in files {
            let Some(name) = canary_in(&std::fs::read(&file).unwrap()) else {
                continue;
            };
            let relative = file.strip_prefix(self.shop.dir()).unwrap();
            assert!(is_server_script(relative), "the value of {name} stands in {}", relative.display());
            baked += 1;
        }
        assert!(baked > 0, "no server file holds a value: nothing was inlined");
    }

    fn assert_revocation_ends_it(&self) {
        self.desk.run(&["deploy", "revoke", &self.credentials.deploy_id[..12]], "").unwrap();
        let before = tree(&self.shop.dir().join(".next"));
        let output = self.capy_run(&["build"]).output().unwrap();
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(44), "{text}");
        assert!(text.contains("DEPLOY_REVOKED"), "{text}");
        assert!(tree(&self.shop.dir().join(".next")) == before, "a refused build changed files");
    }
}

/// Where values may stand. A standalone build's own entry loads packages that lie beside it, and sets variables first.
fn is_server_script(relative: &Path) -> bool {
    let text = relative.to_string_lossy();
    let server = text.starts_with(".next/server/")
        || text.starts_with(".next/standalone/.next/server/")
        || text == ".next/standalone/server.js";
    server && relative.extension().is_some_and(|extension| extension == "js")
}

fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = Vec::new();
    collect(folder, &mut files).unwrap();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

/// What `/api/status` tells of the secrets that it was given, without the other headers and fields.
fn fingerprints(content: &str) -> BTreeMap<String, String> {
    let json: serde_json::Value = serde_json::from_str(&content[content.find('{').unwrap()..]).unwrap();
    let of = |field: &str| (field.to_owned(), json[field].as_str().unwrap_or_default().to_owned());
    ["database", "stripe", "mail", "invoice", "sessions", "carrier", "region"].map(of).into()
}

/// The same, worked out here from the values themselves.
fn fingerprints_of_the_variables() -> BTreeMap<String, String> {
    let value = |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).unwrap().1;
    let fingerprint = |text: &str| hex::encode(Sha256::digest(text))[..12].to_owned();
    let sessions = format!("{}/{}", value("SESSION_SECRET"), value("SESSION_SECRET_PREVIOUS"));
    [
        ("database", fingerprint(value("DATABASE_URL"))),
        ("stripe", fingerprint(value("STRIPE_SECRET_KEY"))),
        ("mail", fingerprint(value("SMTP_URL"))),
        ("invoice", fingerprint(value("INVOICE_KEY"))),
        ("sessions", fingerprint(&sessions)),
        ("carrier", fingerprint(value("CARRIER_TOKEN"))),
        ("region", value("CARRIER_REGION").to_owned()),
    ]
    .map(|(field, text)| (field.to_owned(), text))
    .into()
}

/// The built server answers alike with an empty environment and with the variables set.
fn assert_same_answers(start: impl Fn(&[(&str, &str)]) -> anyhow::Result<NextServer>) {
    let bare = start(&[]).unwrap();
    let found = answers(bare.url()).unwrap();
    let log = bare.stop();
    assert_eq!(canary_in(log.as_bytes()), None, "the server's log holds a value:\n{log}");
    let full = start(&VARIABLES).unwrap();
    let expected = answers(full.url()).unwrap();
    assert_eq!(found, expected);
    let known = expected.iter().find(|answer| answer.probe == "node route /api/status").unwrap();
    assert_eq!(fingerprints(&known.content), fingerprints_of_the_variables(), "{}", known.content);
    let status = |probe: &str| expected.iter().find(|answer| answer.probe == probe).unwrap().status;
    assert_eq!(status("edge route /api/webhook, signed"), 200);
    assert_eq!(status("edge route /api/webhook, forged"), 401);
    assert_eq!(status("middleware with session"), 200);
    assert_eq!(status("middleware without session"), 307);
}

#[test]
fn a_turbopack_build_answers_alike_in_an_empty_environment_and_leaks_nothing() {
    let Some(node) = require_node() else { return };
    let journey = Journey::begin(&node, "turbopack");
    journey.build(&["build"], &[]);
    journey.assert_no_leak();
    assert_same_answers(|environment| NextServer::start(journey.shop.dir(), environment));

    // `next start` writes its own caches: the second run is compared from here.
    let before = tree(&journey.shop.dir().join(".next/server"));
    let mut again = Command::new(programs().join("capy-inline"));
    again.current_dir(journey.shop.dir()).envs(journey.credentials.variables.iter().cloned());
    let output = again.env("CAPY_SERVICE_URL", journey.service.url()).output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    assert!(tree(&journey.shop.dir().join(".next/server")) == before, "a second run changed files");

    journey.assert_revocation_ends_it();
}

#[test]
fn a_webpack_build_with_source_maps_answers_alike_in_an_empty_environment_and_leaks_nothing() {
    let Some(node) = require_node() else { return };
    let journey = Journey::begin(&node, "webpack");
    journey.build(&["build", "--webpack"], &[("NEXT_SOURCE_MAPS", "1")]);
    journey.assert_no_leak();
    assert_same_answers(|environment| NextServer::start(journey.shop.dir(), environment));
}

#[test]
fn a_standalone_build_answers_alike_in_an_empty_environment_and_leaks_nothing() {
    let Some(node) = require_node() else { return };
    let journey = Journey::begin(&node, "standalone");
    journey.build(&["build"], &[("NEXT_OUTPUT", "standalone"), ("NEXT_SOURCE_MAPS", "1")]);
    journey.assert_no_leak();
    assert_same_answers(|environment| NextServer::start_standalone(journey.shop.dir(), environment));
}
