//! From an empty account to a revoked deployment, by the lines of the book's page on Cloudflare; and what an owner
//! does later.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use capy_journeys::needles::{Needle, assert_absent};
use capy_journeys::{printed, programs};
use capy_test_support::desk::Desk;
use capy_test_support::node::require_node;
use capy_test_support::workspace_root;
use capy_worker::migrations::{MIGRATIONS, RECORD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::owner::account::{Account, Version};
use crate::owner::desk::Owner;
use crate::owner::runtime::Running;
use crate::owner::server::{API_TOKEN, Cloudflare};

/// In bytes. Workers take 3 MB on the free plan; what is more than this was added without being looked at.
pub(crate) const LARGEST_UPLOAD: usize = 320 * 1024;

/// The text of the book's page on a key service on Cloudflare.
pub(crate) fn page() -> String {
    let page = workspace_root().join("docs/operations/key-service-on-cloudflare.md");
    fs::read_to_string(page).unwrap()
}

/// The commands that the page has for a key service from a checkout, but for those whose work the tests' set-up has
/// done; `service.secrets` is a file in a folder of the owner's.
fn walkthrough(folder: &Path) -> Vec<String> {
    let text = page();
    let (_, rest) = text.split_once("# once: your own key service on Cloudflare").unwrap();
    let (block, _) = rest.split_once("\n```").unwrap();
    let lines: Vec<&str> = block.lines().skip(1).filter(|line| !line.starts_with('#')).collect();
    let set_up = ["npm ci", "cargo install --path cli"];
    for step in set_up {
        assert!(lines.iter().any(|line| line.split('#').next().unwrap().trim() == step), "{step}\n{block}");
    }
    let own = lines.into_iter().filter(|line| !set_up.iter().any(|step| line.starts_with(step)));
    let file = folder.join("service.secrets").display().to_string();
    own.map(|line| line.replace("service.secrets", &file)).collect()
}

/// Names and values of the file that the walkthrough made.
pub(crate) fn made_secrets(folder: &Path) -> Vec<(String, String)> {
    let file = folder.join("service.secrets");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(file).unwrap();
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.lines().filter_map(pair).collect()
}

pub(crate) fn needles<'a>(secrets: impl IntoIterator<Item = &'a (String, String)>) -> Vec<Needle> {
    let own = Needle::new("the API's token", API_TOKEN.as_bytes());
    let theirs = secrets.into_iter().map(|(name, value)| Needle::new(name, value.as_bytes()));
    std::iter::once(own).chain(theirs).collect()
}

#[test]
fn the_pages_lines_lead_from_an_empty_account_to_a_service_that_releases_and_revokes() {
    let Some(node) = require_node() else { return };
    let cloudflare = Cloudflare::start(Account::empty());
    let mut owner = Owner::of(&cloudflare, &node);
    let home = owner.home().to_owned();
    let mut said = String::new();
    for line in walkthrough(&home) {
        said += &owner.types(&line);
    }
    assert!(said.contains("capy.owner.workers.dev"), "{said}");
    let secrets = made_secrets(&home);
    assert_eq!(
        secrets.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["ADMIN_TOKEN", "WRAP_ROOTS"]
    );
    owner.assert_discreet(&needles(&secrets));
    let account = cloudflare.account();
    assert_eq!(account.strange, [""; 0]);
    assert_upload(&account, &secrets);
    // Nobody has asked the database for anything yet.
    assert_eq!(account.databases[0].history, [""; 0]);
    let data = TempDir::new().unwrap();
    let running = Running::start(&node, account.live(), data.path(), &[]);
    assert_makes_its_tables_once(&running);
    assert_releases_and_revokes(&running, &secrets[0].1);
    assert_absent("the service's log", running.log().as_bytes(), &needles(&secrets));
}

#[test]
fn a_later_deploy_and_each_secret_that_is_put_leave_the_database_and_all_other_secrets() {
    let Some(node) = require_node() else { return };
    let cloudflare = Cloudflare::start(Account::empty());
    let mut owner = Owner::of(&cloudflare, &node);
    let (home, data) = (owner.home().to_owned(), TempDir::new().unwrap());
    walkthrough(&home).iter().for_each(|line| drop(owner.types(line)));
    let first = cloudflare.account().live().clone();
    let mut secrets = made_secrets(&home);
    let put = |name: &str, value: &str| {
        let mut expected: BTreeMap<_, _> = made_secrets(&home).into_iter().collect();
        expected.insert(name.to_owned(), value.to_owned());
        expected
    };

    // For who wants to see a change of tables before it is made: the service then finds nothing to do.
    assert_eq!(cloudflare.account().databases[0].history, [""; 0]);
    let listed = owner.types("npx wrangler d1 migrations list capy --remote");
    assert!(MIGRATIONS.iter().all(|(name, _)| listed.contains(name)), "{listed}");
    owner.types("npx wrangler d1 migrations apply capy --remote");
    let listed = owner.types("npx wrangler d1 migrations list capy --remote");
    assert!(listed.contains("No migrations to apply"), "{listed}");
    assert!(cloudflare.account().databases[0].history.iter().any(|sql| bare(sql) == bare(RECORD)));

    // The lines of the book's page on the project store, with a copy of what they draw.
    owner.types(
        "capy service keygen --encryption-key | tee \"$HOME/key\" | npx wrangler secret put ENCRYPTION_KEY",
    );
    let key = read_line(&home.join("key"));
    assert_eq!(cloudflare.account().live().secrets(), put("ENCRYPTION_KEY", &key));
    owner.types("npx wrangler deploy");
    let deployed = cloudflare.account().live().clone();
    assert_eq!(deployed.secrets(), put("ENCRYPTION_KEY", &key));
    assert!(deployed.upload.bindings().iter().all(|binding| binding["type"] != "secret_text"));
    for name in ["DB", "REVOCATIONS"] {
        assert_eq!(deployed.binding(name), first.binding(name));
    }

    owner.types("capy service keygen --admin-token > \"$HOME/new\"");
    let both = "old=$(sed -n s/^ADMIN_TOKEN=//p \"$HOME/service.secrets\") new=$(cat \"$HOME/new\")";
    owner
        .types(&format!("{both}\nprintf '%s %s\\n' \"$new\" \"$old\" | npx wrangler secret put ADMIN_TOKEN"));
    let (old, new) = (secrets[0].1.clone(), read_line(&home.join("new")));
    secrets.extend([("ENCRYPTION_KEY".to_owned(), key), ("the new token".to_owned(), new.clone())]);
    {
        let account = cloudflare.account();
        let running = Running::start(&node, account.live(), data.path(), &account.databases[0].history);
        assert_eq!((admits(&running, &old), admits(&running, &new)), (true, true));
        assert_keeps_projects(&running, &new);
    }
    owner.types(&format!("{both}\nprintf '%s\\n' \"$new\" | npx wrangler secret put ADMIN_TOKEN"));
    let account = cloudflare.account();
    let running = Running::start(&node, account.live(), data.path(), &[]);
    assert_eq!((admits(&running, &old), admits(&running, &new)), (false, true));
    assert_eq!((account.databases.len(), account.namespaces.len()), (1, 1));
    assert_eq!(account.strange, [""; 0]);
    owner.assert_discreet(&needles(&secrets));
}

/// A statement without its layout.
fn bare(sql: &str) -> String {
    sql.replace(|letter: char| letter.is_whitespace() || letter == '"' || letter == ';', "")
}

fn read_line(file: &Path) -> String {
    fs::read_to_string(file).unwrap().trim_end().to_owned()
}

/// Whether the service lets a token log in.
fn admits(running: &Running, token: &str) -> bool {
    let folder = TempDir::new().unwrap();
    let desk = Desk::new(&programs(), folder.path()).unwrap();
    match desk.run(&["login", "--url", running.url()], token) {
        Ok(_) => true,
        Err(error) if error.to_string().contains("error[UNAUTHORIZED]") => false,
        Err(error) => panic!("{error}\n{}", running.log()),
    }
}

/// The project store, which has a key now.
fn assert_keeps_projects(running: &Running, token: &str) {
    let folder = TempDir::new().unwrap();
    let desk = Desk::new(&programs(), folder.path()).unwrap();
    desk.run(&["login", "--url", running.url()], token).unwrap();
    let store = |words: &[&str], stdin: &str| {
        desk.run(&[&["store"], words, &["--url", running.url()]].concat(), stdin).unwrap()
    };
    store(&["project", "create", "shop"], "");
    store(&["secret", "set", "shop", "DATABASE_URL"], "canary.DATABASE_URL.x9");
    let listed = store(&["secret", "list", "shop"], "");
    assert!(listed.contains("DATABASE_URL"), "{listed}");
}

/// What is in the account after the first deploy.
fn assert_upload(account: &Account, secrets: &[(String, String)]) {
    let (version, worker) = (account.live(), &account.workers["capy"]);
    assert_eq!((worker.workers_dev, worker.previews), (true, false));
    assert_eq!(worker.schedules, ["*/5 * * * *"]);
    let [database] = &account.databases[..] else { panic!("{:?}", account.databases) };
    let [(namespace, title)] = &account.namespaces[..] else { panic!("{:?}", account.namespaces) };
    assert_eq!((database.name.as_str(), title.as_str()), ("capy", "capy-revocations"));
    let limiter = |name: &str, id: &str, limit: u32| {
        let simple = json!({ "limit": limit, "period": 10 });
        json!({ "name": name, "type": "ratelimit", "namespace_id": id, "simple": simple })
    };
    let mut expected = vec![
        json!({ "name": "DB", "type": "d1", "id": database.id }),
        json!({ "name": "REVOCATIONS", "type": "kv_namespace", "namespace_id": namespace }),
        limiter("DECRYPTS_OF_DEPLOY", "26101", 100),
        limiter("DECRYPTS_FROM_ADDRESS", "26102", 300),
    ];
    let secret =
        |(name, text): &(String, String)| json!({ "name": name, "type": "secret_text", "text": text });
    expected.extend(secrets.iter().map(secret));
    let by_name = |bindings: &[Value]| {
        let mut sorted = bindings.to_vec();
        sorted.sort_by_key(|binding| binding["name"].to_string());
        sorted
    };
    assert_eq!(by_name(version.upload.bindings()), by_name(&expected));
    assert_metadata(version, secrets);
}

fn assert_metadata(version: &Version, secrets: &[(String, String)]) {
    let mut metadata = version.upload.metadata.clone();
    assert_eq!(metadata["main_module"], "entry.js");
    assert_eq!(metadata["compatibility_date"], "2026-10-01");
    assert_eq!(metadata["observability"], json!({ "enabled": true, "logs": { "invocation_logs": false } }));
    assert_eq!(metadata["keep_bindings"], json!(["secret_text", "secret_key"]));
    metadata["bindings"] = Value::Null;
    assert_absent("the metadata", metadata.to_string().as_bytes(), &needles(secrets));
    let modules = &version.upload.modules;
    assert_eq!(modules.iter().map(|module| module.is_wasm()).collect::<Vec<_>>(), [false, true]);
    for module in modules.iter().chain(&version.upload.maps) {
        assert_absent(&module.name, &module.bytes, &needles(secrets));
    }
    // Who builds it is nobody's business.
    let home = std::env::home_dir().unwrap();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), Into::into);
    for place in [workspace_root(), home, cargo] {
        let folder = format!("{}/", place.display());
        let found = memchr::memmem::find(&modules[1].bytes, folder.as_bytes());
        assert_eq!(found, None, "the wasm names {folder}");
    }
    let size = version.upload.compressed().unwrap();
    assert!(size < LARGEST_UPLOAD, "{size} bytes with gzip");
}

/// Many first calls at once, to an empty database.
fn assert_makes_its_tables_once(running: &Running) {
    let address = running.url().trim_start_matches("http://");
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(stream, "GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    let answers: Vec<String> = thread::scope(|scope| {
        let callers: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap().unwrap()).collect()
    });
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}\n{}", running.log());
    }
}

/// The command lines' journey against a service, with the token that it was given.
pub(crate) fn assert_releases_and_revokes(running: &Running, admin_token: &str) {
    let project = TempDir::new().unwrap();
    let desk = Desk::new(&programs(), project.path()).unwrap();
    let value = "canary.STRIPE_SECRET_KEY.x9";
    desk.set_up(running.url(), admin_token, &[("STRIPE_SECRET_KEY", value)]).unwrap();
    let credentials = desk.deploy(&[]).unwrap();
    let run = || desk.on_platform(project.path(), &credentials, &["run", "--", "env"]).output().unwrap();
    let opened = run();
    let text = printed(&opened);
    assert!(text.contains(&format!("STRIPE_SECRET_KEY={value}")), "{text}\n{}", running.log());
    desk.run(&["deploy", "revoke", &credentials.deploy_id], "").unwrap();
    let refused = run();
    let text = printed(&refused);
    assert!(refused.status.code() == Some(44) && !text.contains(value), "{text}\n{}", running.log());
    desk.run(&["audit", "verify"], "").unwrap();
}
