//! An image from nothing but the static program, and a key service behind TLS with an authority of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use capy_journeys::podman::{Podman, Root};
use capy_journeys::{printed, programs, static_program};
use capy_test_support::desk::{Credentials, Desk, with_stdin};
use capy_test_support::server_process::ServerProcess;

use crate::containers::CANARY;

const IMAGE: &str = "localhost/scratch:1";

/// An authority, a certificate of it for the loopback address, and its key, as PEM files.
fn certificates(folder: &Path) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new([]).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let service = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let certificate = service.signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("ca.pem"), authority_certificate.pem()).unwrap();
    fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(folder.join("key.pem"), mode).unwrap();
}

/// The key service with a certificate of that authority, and its token.
fn serve(folder: &Path) -> (ServerProcess, String) {
    let mut serve = Command::new(programs().join("capy-server"));
    serve.args(["--listen", "127.0.0.1:0", "--data", "data", "--init"]);
    serve.args(["--tls-cert", "tls/cert.pem", "--tls-key", "tls/key.pem"]);
    let service = ServerProcess::spawn(&serve, folder, "listening on ").expect("the service starts");
    let token = fs::read_to_string(folder.join("data/admin-token")).unwrap();
    (service, token.trim().to_owned())
}

/// A deployment of one value, made by a desk that trusts the authority.
fn deploy(folder: &Path, url: &str, token: &str, authority: &Path) -> Credentials {
    let desk = Desk::new(&programs(), folder).unwrap();
    let run = |arguments: &[&str], stdin: &str| {
        let mut capy = desk.capy(arguments);
        let output = with_stdin(capy.env("SSL_CERT_FILE", authority), stdin).unwrap();
        assert!(output.status.success(), "{}", printed(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["login", "--url", url], token);
    run(&["init", "--url", url], "");
    run(&["set", "STRIPE_KEY"], CANARY);
    let lines = run(&["deploy", "--platform", "other", "--print"], "");
    let variables = lines.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Credentials { deploy_id: String::new(), variables }
}

#[test]
fn program_alone_runs_inlines_and_serves_behind_an_authority_of_its_own() {
    let Some(podman) = Podman::find(&[]) else { return };
    let root = Root::empty();
    root.copy(static_program(), "capy");
    symlink("capy", root.path("capy-inline")).unwrap();
    podman.import(root, IMAGE);
    let folder = tempfile::tempdir().unwrap();
    for inside in ["tls", "desk", "app"] {
        fs::create_dir(folder.path().join(inside)).unwrap();
    }
    certificates(&folder.path().join("tls"));
    let tls = format!("{}:/tls:ro", folder.path().join("tls").display());
    let (service, token) = serve(folder.path());
    assert!(service.url().starts_with("https://127.0.0.1:"), "{}", service.url());
    let authority = folder.path().join("tls/ca.pem");
    let credentials = deploy(&folder.path().join("desk"), service.url(), &token, &authority);

    let app = folder.path().join("app");
    let run = |more: &[&str], command: &[&str]| -> Output {
        fs::write(app.join("server.js"), "console.log(process.env.STRIPE_KEY);\n").unwrap();
        let mount = format!("{}:/app", app.display());
        let mut podman = Command::new(podman.bin().join("podman"));
        podman.args(["run", "--rm", "--network", "host", "--volume", &tls, "--volume", &mount]);
        podman
            .args(["--workdir", "/app", "--env", &format!("CAPY_SERVICE_URL={}", service.url())])
            .args(more);
        for (name, value) in &credentials.variables {
            podman.arg("--env").arg(name).env(name, value);
        }
        podman.arg(IMAGE).args(command).output().unwrap()
    };
    let trust = ["--env", "SSL_CERT_FILE=/tls/ca.pem"];
    let inlined = || fs::read_to_string(app.join("server.js")).unwrap().contains(CANARY);

    let command = ["/capy", "run", "--", "/capy", "exit-codes"];
    let opened = run(&trust, &command);
    assert!(
        opened.status.success() && printed(&opened).contains("SERVICE_UNTRUSTED"),
        "{}",
        printed(&opened)
    );
    let opened = run(&trust, &["/capy-inline", "--server", "."]);
    assert!(opened.status.success() && inlined(), "{}", printed(&opened));
    assert!(!printed(&opened).contains(CANARY), "{}", printed(&opened));

    // Without the authority, or with another one, nobody is believed.
    let refused = run(&[], &command);
    assert_eq!(refused.status.code(), Some(21), "{}", printed(&refused));
    assert!(printed(&refused).contains("error[SERVICE_UNTRUSTED]"), "{}", printed(&refused));
    assert!(printed(&refused).contains("SSL_CERT_FILE"), "{}", printed(&refused));
    fs::create_dir(folder.path().join("other")).unwrap();
    certificates(&folder.path().join("other"));
    fs::copy(folder.path().join("other/ca.pem"), app.join("other.pem")).unwrap();
    let refused = run(&["--env", "SSL_CERT_FILE=/app/other.pem"], &["/capy-inline", "--server", "."]);
    assert!(printed(&refused).contains("SERVICE_UNTRUSTED") && !inlined(), "{}", printed(&refused));
    let refused = run(&["--env", "SSL_CERT_FILE=/not/there.pem"], &command);
    assert_eq!(refused.status.code(), Some(2), "{}", printed(&refused));
    assert!(printed(&refused).contains("SSL_CERT_FILE names /not/there.pem"), "{}", printed(&refused));
}
