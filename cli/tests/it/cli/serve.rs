//! A key service of this machine: its start, its stop, and what it refuses to start with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cli::server::Server;
use crate::sandbox::Sandbox;

fn get(url: &str) -> (u16, String) {
    get_as(url, "")
}

fn get_as(url: &str, token: &str) -> (u16, String) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    let agent = config.timeout_global(Some(Duration::from_secs(20))).build().new_agent();
    let request = agent.get(url).header("authorization", format!("Bearer {token}"));
    let mut answer = request.call().unwrap_or_else(|error| panic!("{url}: {error}"));
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn a_service_is_up_with_one_command_and_stops_when_asked() {
    let sandbox = Sandbox::new();
    let mut server = Server::start(&sandbox, &["--init", "--metrics", "127.0.0.1:0"], 2);
    let (status, health) = get(&format!("{}/health", server.urls[0]));
    assert_eq!(status, 200, "{health}");
    assert_eq!(get(&format!("{}/metrics", server.urls[0])).0, 404, "not for the public");
    let (_, metrics) = get(&server.urls[1]);
    let counted = "capy_http_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 1";
    assert!(metrics.contains(counted), "{metrics}");

    server.signal(Signal::HUP);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(get(&format!("{}/health", server.urls[0])).0, 200, "a reload ends nothing");

    server.signal(Signal::TERM);
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("\"route\":\"/health\",\"status\":200") && log.ends_with("stopped\n"), "{log}");
    for file in ["admin-token", "wrap-roots", "encryption-key"] {
        let path = sandbox.path("data").join(file);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        assert!(!log.contains(fs::read_to_string(&path).unwrap().trim()), "{file} is in the log");
    }
}

#[test]
fn a_second_start_takes_the_same_secrets_and_a_second_service_is_refused() {
    let sandbox = Sandbox::new();
    let mut first = Server::start(&sandbox, &["--init"], 1);
    let drawn = sandbox.read("data/wrap-roots");
    let second = sandbox.capy(&["serve", "--listen", "127.0.0.1:0", "--data", "data"]);
    assert!(second.stderr.starts_with("error[DATA_IN_USE]: data: "), "{}", second.stderr);
    assert_eq!(get(&format!("{}/health", first.urls[0])).0, 200);
    first.signal(Signal::INT);
    assert_eq!(first.end().0, Some(0));
    let mut third = Server::start(&sandbox, &["--init"], 1);
    assert_eq!(sandbox.read("data/wrap-roots"), drawn);
    assert_eq!(get(&format!("{}/health", third.urls[0])).0, 200);
    third.signal(Signal::TERM);
    assert_eq!(third.end().0, Some(0));

    fs::remove_file(sandbox.path("data/wrap-roots")).unwrap();
    let lost = sandbox.capy(&["serve", "--listen", "127.0.0.1:0", "--data", "data", "--init"]);
    assert!(
        lost.stderr.contains("WRAP_ROOTS is not set"),
        "no new root beside old deployments: {}",
        lost.stderr
    );
    assert!(!sandbox.path("data/wrap-roots").exists());
}

#[test]
fn it_does_not_start_with_what_cannot_work() {
    let mut sandbox = Sandbox::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data", "data"];
    let missing = sandbox.capy(&serve);
    assert_eq!(missing.code, 10);
    assert!(missing.stderr.contains("ADMIN_TOKEN is not set"), "{}", missing.stderr);
    assert!(missing.stderr.contains("hint: set ADMIN_TOKEN or ADMIN_TOKEN_FILE"), "{}", missing.stderr);

    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    sandbox
        .env
        .extend([variable("ADMIN_TOKEN", &"t".repeat(40)), variable("WRAP_ROOTS", "1:canary.ROOT.x9")]);
    let malformed = sandbox.capy(&serve);
    assert!(malformed.stderr.starts_with("error[SERVICE_SECRET]: secret WRAP_ROOTS"), "{}", malformed.stderr);
    assert!(!malformed.stderr.contains("canary"), "{}", malformed.stderr);

    sandbox.env.remove("WRAP_ROOTS");
    sandbox.env.extend([variable("WRAP_ROOTS_FILE", "nowhere")]);
    let unreadable = sandbox.capy(&serve);
    assert!(unreadable.stderr.contains("WRAP_ROOTS_FILE names nowhere"), "{}", unreadable.stderr);

    sandbox.env.remove("WRAP_ROOTS_FILE");
    sandbox.env.extend([variable("WRAP_ROOTS", &format!("1:{}", "11".repeat(32)))]);
    sandbox.env.insert("ENCRYPTION_KEY".into(), "canary.KEY.x9".into());
    let key = sandbox.capy(&serve);
    assert_eq!(key.code, 10, "{}", key.stderr);
    assert!(key.stderr.starts_with("error[SERVICE_SECRET]: secret ENCRYPTION_KEY is malf"), "{}", key.stderr);
    assert!(
        key.stderr.contains("hint: make one with `capy service keygen --encryption-key`"),
        "{}",
        key.stderr
    );
    assert!(!key.stderr.contains("canary"), "{}", key.stderr);
    sandbox.env.remove("ENCRYPTION_KEY");
    sandbox.write("cert.pem", "nothing");
    sandbox.write_private("key.pem", "nothing");
    let tls = sandbox.capy(&[&serve[..], &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]].concat());
    assert!(tls.stderr.contains("error[TLS_UNUSABLE]: the certificate cert.pem"), "{}", tls.stderr);
    sandbox.write("data/admin-token", "x");
    sandbox.env.remove("ADMIN_TOKEN");
    fs::set_permissions(sandbox.path("data/admin-token"), fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = sandbox.capy(&serve);
    assert!(exposed.stderr.contains("can be read by other users"), "{}", exposed.stderr);
}

#[test]
fn calls_are_answered_over_tls_with_the_certificate_that_was_given() {
    let sandbox = Sandbox::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    sandbox.write("cert.pem", &made.cert.pem());
    sandbox.write_private("key.pem", &made.signing_key.serialize_pem());
    let server = Server::start(&sandbox, &["--init", "--tls-cert", "cert.pem", "--tls-key", "key.pem"], 1);
    let url = format!("{}/health", server.urls[0]);
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let call = |pem: &str| {
        let root = ureq::tls::Certificate::from_pem(pem.as_bytes()).unwrap().to_owned();
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::new_with_certs(&[root]));
        let config = ureq::Agent::config_builder().tls_config(tls.build()).proxy(None);
        config.timeout_global(Some(Duration::from_secs(20))).build().new_agent().get(&url).call()
    };
    assert_eq!(call(&made.cert.pem()).unwrap().status(), 200);
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    assert!(call(&other.cert.pem()).is_err(), "another certificate does not vouch for it");

    // A renewed certificate is taken without a restart; connections begin with it from then on.
    sandbox.write("cert.pem", &other.cert.pem());
    sandbox.write_private("key.pem", &other.signing_key.serialize_pem());
    server.signal(Signal::HUP);
    let patience = Instant::now() + Duration::from_secs(20);
    while call(&other.cert.pem()).is_err() {
        assert!(Instant::now() < patience, "the new certificate is never served");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn secrets_are_read_again_on_a_signal_and_what_cannot_be_used_changes_nothing() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &["--init"], 1);
    let tokens = format!("{}/tokens/self", server.urls[0]);
    let old = sandbox.read("data/admin-token").trim().to_owned();
    let new = "n".repeat(40);
    let waits_for = |token: &str, status: u16| {
        let patience = Instant::now() + Duration::from_secs(30);
        while get_as(&tokens, token).0 != status {
            assert!(Instant::now() < patience, "it never became {status}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    waits_for(&old, 200);
    fs::write(sandbox.path("data/admin-token"), format!("{new} {old}")).unwrap();
    assert_eq!(get_as(&tokens, &new).0, 401, "not before the signal");
    server.signal(Signal::HUP);
    waits_for(&new, 200);
    assert_eq!(get_as(&tokens, &old).0, 200);
    fs::write(sandbox.path("data/admin-token"), "short").unwrap();
    server.signal(Signal::HUP);
    fs::write(sandbox.path("data/wrap-roots"), "canary.ROOT.x9").unwrap();
    server.signal(Signal::HUP);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(get_as(&tokens, &new).0, 200, "the last good ones stay");
    let mut server = server;
    server.signal(Signal::TERM);
    let (_, log) = server.end();
    assert!(log.contains("the secrets stay as they were: secret ADMIN_TOKEN is malformed"), "{log}");
    assert!(!log.contains("canary") && !log.contains(&new), "{log}");
}

#[test]
fn help_and_faults_of_the_server_are_those_of_capy_serve() {
    let sandbox = Sandbox::new();
    let help = sandbox.capy(&["serve", "--help"]).succeeds();
    assert!(help.stdout.contains("Usage: capy serve [OPTIONS] --data <DIR>"), "{}", help.stdout);
    assert!(help.stdout.contains("--max-connections-per-address"), "{}", help.stdout);
    let wrong = sandbox.capy(&["serve", "--listen", "nowhere"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("invalid value 'nowhere'"), "{}", wrong.stderr);
}

#[test]
fn serve_without_its_program_says_how_to_get_it() {
    let sandbox = Sandbox::new();
    let alone = sandbox.path("alone");
    fs::create_dir(&alone).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_capy"), alone.join("capy")).unwrap();
    let mut capy = std::process::Command::new(alone.join("capy"));
    let output = capy.args(["serve", "--help"]).env_clear().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(10), "{said}");
    assert!(said.starts_with("error[SERVER_MISSING]: cannot find the program capy-server "), "{said}");
    assert!(said.contains("\nhint: install capy-server "), "{said}");
}
