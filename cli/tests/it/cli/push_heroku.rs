//! `capy deploy --push` to Heroku, by its API.

use std::io::{BufReader, Write};

use crate::cli::push::project_with;
use crate::sandbox::CANARY;
use crate::stand_in::{Seen, read_request};

/// What becomes of the variables that it is given.
#[derive(Clone, Copy, PartialEq)]
enum Keeps {
    All,
    /// The other values, and an empty one for this name.
    AllBut(&'static str),
    /// Refused.
    Nothing,
}

/// Heroku's API for one app: a PATCH is kept as its variables, or refused.
struct Heroku {
    address: std::net::SocketAddr,
    seen: std::sync::mpsc::Receiver<String>,
}

impl Heroku {
    fn start(keeps: Keeps) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut held = serde_json::json!({});
            for stream in listener.incoming().flatten() {
                let Some(Seen { head, body, .. }) = read_request(&mut BufReader::new(&stream)) else {
                    continue;
                };
                let answer = if keeps == Keeps::Nothing {
                    r#"{"id":"forbidden","message":"You do not have access to the app shop."}"#.to_owned()
                } else {
                    if head.starts_with("PATCH") {
                        held = serde_json::from_str(&body).unwrap();
                        if let Keeps::AllBut(name) = keeps {
                            held[name] = "".into();
                        }
                    }
                    held.to_string()
                };
                let status = if keeps == Keeps::Nothing { "403 Forbidden" } else { "200 OK" };
                let length = answer.len();
                let _ = write!(
                    &stream,
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
                );
                let _ = sender.send(head + &body);
            }
        });
        Self { address, seen }
    }
}

/// Gives its token for `auth:token`, and takes nothing else.
const HEROKU: &str =
    "#!/bin/sh\n[ \"$*\" = auth:token ] || exit 9\necho warning: it expires >&2\necho canary-heroku-token\n";

#[test]
fn heroku_gets_its_values_in_the_body_of_its_own_api() {
    let mut sandbox = project_with("heroku");
    sandbox.write_program("heroku", HEROKU);
    let heroku = Heroku::start(Keeps::All);
    sandbox.env.insert("HEROKU_HOST".into(), format!("http://{}", heroku.address));
    let push = ["deploy", "--platform", "heroku", "--push", "--yes"];
    let which = sandbox.capy(&push).fails(2, "PUSH_PROJECT_MISSING");
    assert!(which.stderr.contains("hint: pass the app's name with --project APP"), "{}", which.stderr);
    assert!(sandbox.service.deploys().is_empty());
    let pushed = sandbox.capy(&[&push[..], &["--project", "shop"]].concat()).succeeds();
    let all = "set, and verified: CAPY_SERVICE_URL, PROJECT_KEY, SECRETS_BLOB";
    assert!(pushed.stderr.contains(all) && !pushed.stderr.contains(CANARY), "{}", pushed.stderr);
    let call = heroku.seen.recv().unwrap();
    let (head, body) = call.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PATCH /apps/shop/config-vars "), "{head}");
    assert!(head.contains("Bearer canary-heroku-token") && head.contains("version=3"), "{head}");
    let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body).unwrap();
    let lines: String =
        json.iter().map(|(name, value)| format!("{name}={}\n", value.as_str().unwrap())).collect();
    sandbox.become_platform(&lines);
    assert_eq!(sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds().stdout, "canary.A.x9\n");
}

#[test]
fn what_heroku_keeps_as_an_empty_value_is_not_called_set() {
    let mut sandbox = project_with("heroku");
    sandbox.write_program("heroku", HEROKU);
    let heroku = Heroku::start(Keeps::AllBut("PROJECT_KEY"));
    sandbox.env.insert("HEROKU_HOST".into(), format!("http://{}", heroku.address));
    let push = ["deploy", "--platform", "heroku", "--push", "--yes", "--project", "shop"];
    let told = sandbox.capy(&push).fails(1, "PUSH_INCOMPLETE");
    for line in [
        "set, and verified: CAPY_SERVICE_URL, SECRETS_BLOB\n",
        "set, but the platform stored a different value: PROJECT_KEY\n",
        "not everything was set on Heroku: PROJECT_KEY",
    ] {
        assert!(told.stderr.contains(line), "{line}: {}", told.stderr);
    }
}

#[test]
fn what_heroku_refuses_is_told_and_taken_back() {
    let mut sandbox = project_with("heroku");
    sandbox.write_program("heroku", HEROKU);
    let heroku = Heroku::start(Keeps::Nothing);
    sandbox.env.insert("HEROKU_HOST".into(), format!("http://{}", heroku.address));
    let push = ["deploy", "--platform", "heroku", "--push", "--yes", "--project", "shop"];
    let failed = sandbox.capy(&push).fails(1, "PUSH_INCOMPLETE");
    assert!(failed.stderr.contains("You do not have access to the app shop. (403)"), "{}", failed.stderr);
    assert!(sandbox.service.deploys().iter().all(|deploy| deploy.revoked_at.is_some()));
}

#[test]
fn a_token_that_comes_with_a_failure_is_not_printed() {
    let mut sandbox = project_with("heroku");
    sandbox.write_program("heroku", "#!/bin/sh\necho canary-heroku-token\nexit 1\n");
    let push = ["deploy", "--platform", "heroku", "--push", "--yes", "--project", "shop"];
    let failed = sandbox.capy(&push).fails(1, "PUSH_INCOMPLETE");
    assert!(!(failed.stdout + &failed.stderr).contains("canary-heroku-token"));
}
