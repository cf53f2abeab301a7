//! The commands that a person pastes into a shell: run as they are, with stand-ins for the platforms' own programs.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use capy_test_support::needs;

use crate::sandbox::Sandbox;

/// Every platform whose commands read the saved variables.
const PLATFORMS: [(&str, &[&str]); 14] = [
    ("kubernetes", &["kubectl"]),
    ("helm", &["kubectl"]),
    ("aws-ecs", &["aws"]),
    ("aws-lambda-image", &["aws"]),
    ("aws-lambda-layer", &["aws"]),
    ("azure-app-service", &["az"]),
    ("google-cloud-run", &["gcloud"]),
    ("gitlab-ci", &["glab"]),
    ("railway", &["railway"]),
    ("fly", &["flyctl"]),
    ("netlify", &["netlify"]),
    ("dokku", &["ssh"]),
    ("systemd", &["sudo"]),
    ("docker", &["docker"]),
];

/// Records its arguments, and whatever it reads: its input, and the files that its arguments name. What `refuse` holds
/// is refused where the arguments begin so; what is made once is not made twice.
const STAND_IN: &str = r#"#!/bin/sh
printf '%s\n' "$*" >> "$HOME/argv"
refused=$(cat "$HOME/refuse" 2>/dev/null)
[ -n "$refused" ] && case "$*" in "$refused"*) exit 3;; esac
input=
case "$*" in *describe*|*"secrets create"*|*get-function*|*docker-options*|*"services update"*|systemctl*) ;; *) [ -t 0 ] || input=$(cat) ;; esac
printf '%s\n' "$input" >> "$HOME/got"
case "$*" in
    *--filename=-) [ -n "$input" ] || { echo 'no objects passed to apply' >&2; exit 1; } ;;
    *describe*) exit 1 ;;
    *get-function-configuration*) echo '{"OTHER":"kept","SECRETS_BLOB_2":"old","_CAPY_DEPLOY_KEY":"old"}' ;;
    *create-secret*|"variable set"*--masked*)
        mkdir "$HOME/made-$(printf %s "$*" | tr -c 'A-Za-z0-9\n' _)" 2>/dev/null || { echo 'it exists' >&2; exit 1; } ;;
esac
for word in "$@"; do
    file=${word##*file://}; file=${file#@}; file=${file##*--from-env-file=}
    [ -f "$file" ] && cat "$file" >> "$HOME/got"
    case "$file" in capy*.json) stat -c '%a %n' "$file" >> "$HOME/modes" ;; esac
    case "$word" in --from-env-file=*) cat "$file" ;; esac
done
exit 0
"#;

/// Some of the commands need jq; in CI it is there.
fn jq_is_there() -> bool {
    let there = Command::new("jq").arg("--version").stdout(Stdio::null()).status().is_ok();
    needs(there, "jq")
}

struct Paste {
    sandbox: Sandbox,
    block: String,
}

impl Paste {
    fn of(platform: &str, programs: &[&str]) -> Self {
        let mut sandbox = Sandbox::project();
        sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
        let printed = sandbox.capy(&["deploy", "--platform", platform, "--print"]).succeeds();
        let (_, rest) = printed
            .stderr
            .split_once("\non the command line: ")
            .or_else(|| printed.stderr.split_once("\nor on the command line:"))
            .unwrap();
        let lines = rest.lines().skip(1).take_while(|line| !line.is_empty());
        let block = lines.map(|line| line.strip_prefix("     ").unwrap()).collect::<Vec<_>>().join("\n");
        for program in programs {
            sandbox.write_program(program, STAND_IN);
        }
        sandbox.write("capy.env", &printed.stdout);
        sandbox.write("saved", &printed.stdout);
        Self { sandbox, block }
    }

    /// Whether the shell said that all went well.
    fn run(&self) -> bool {
        fs::copy(self.sandbox.path("saved"), self.sandbox.path("capy.env")).unwrap();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &self.block])
            .current_dir(self.sandbox.path(""))
            .env_clear()
            .envs(&self.sandbox.env);
        shell.output().unwrap().status.success()
    }

    fn home(&self, file: &str) -> String {
        fs::read_to_string(self.sandbox.config("../..").join(file)).unwrap_or_default()
    }

    fn values(&self) -> Vec<String> {
        let lines = self.sandbox.read("saved");
        lines.lines().map(|line| line.split_once('=').unwrap().1.to_owned()).collect()
    }
}

#[test]
fn what_is_pasted_works_again_and_again_and_shows_no_value_to_other_users() {
    if !jq_is_there() {
        return;
    }
    for (platform, programs) in PLATFORMS {
        let paste = Paste::of(platform, programs);
        for _ in 0..2 {
            assert!(paste.run(), "{platform}:\n{}\n{}", paste.block, paste.home("argv"));
            assert_eq!(
                paste.sandbox.path("capy.env").exists(),
                !paste.block.contains("rm capy.env"),
                "{platform}"
            );
            assert!(!paste.sandbox.path("capy.json").exists(), "{platform}");
        }
        let (argv, got) = (paste.home("argv"), paste.home("got"));
        for value in paste.values() {
            assert!(
                got.contains(&value)
                    || platform == "docker"
                    || platform == "systemd"
                    || platform == "netlify",
                "{platform}: {value} did not arrive:\n{got}"
            );
            assert!(!argv.contains(&value), "{platform}: {argv}");
        }
    }
}

#[test]
fn what_was_saved_stays_until_every_command_before_went_well() {
    if !jq_is_there() {
        return;
    }
    for (platform, programs) in PLATFORMS {
        let paste = Paste::of(platform, programs);
        // The first run makes what the second one finds.
        assert!(paste.run() && paste.run(), "{platform}");
        let ran: BTreeSet<_> = paste.home("argv").lines().map(str::to_owned).collect();
        for refused in ran {
            // Whether something is there already is only a question.
            let asks = ["describe", "create-secret", "secrets create", "variable set"];
            if asks.iter().any(|word| refused.contains(word) && platform != "railway") {
                continue;
            }
            fs::write(paste.sandbox.config("../../refuse"), &refused).unwrap();
            assert!(!paste.run(), "{platform}: {refused}");
            // After the last command there is nothing to keep it for.
            let is_kept = paste.sandbox.path("capy.env").exists();
            assert!(is_kept || refused.starts_with("systemctl"), "{platform}: {refused}");
        }
    }
}

#[test]
fn a_function_keeps_its_other_variables_and_loses_those_of_an_older_deployment() {
    if !jq_is_there() {
        return;
    }
    let ours = ["CAPY_SERVICE_URL", "OTHER", "PROJECT_KEY", "SECRETS_BLOB"];
    function_keeps_its_variables("aws-lambda-image", &ours);
    function_keeps_its_variables("aws-lambda-layer", &[&["AWS_LAMBDA_EXEC_WRAPPER"], &ours[..]].concat());
}

/// Asserts that a function of AWS Lambda has these variables after the commands of this platform.
fn function_keeps_its_variables(platform: &str, expected: &[&str]) {
    let paste = Paste::of(platform, &["aws"]);
    assert!(paste.run());
    let got = paste.home("got");
    let given: serde_json::Value =
        got.lines().find_map(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| {
            let start = got.find("{\n").unwrap();
            serde_json::from_str(got[start..].trim()).unwrap()
        });
    assert_eq!(paste.home("modes"), "600 capy.json\n", "other users of the machine read nothing in passing");
    let variables = given["Variables"].as_object().unwrap();
    let names: Vec<_> = variables.keys().map(String::as_str).collect();
    assert_eq!(names, expected, "{platform}");
    assert_eq!(variables["OTHER"], "kept");
    for value in paste.values() {
        assert!(variables.values().any(|held| *held == value), "{value}");
    }
}
