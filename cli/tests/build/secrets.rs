//! What reaches the container, and by which way.

use std::fmt::Write as _;

use crate::bench::Bench;

/// Values that no file of lines can carry, and those that its readers read differently.
const HARD: [(&str, &str); 11] = [
    ("LINES", "canary.LINES.1\ncanary.LINES.2\n"),
    ("QUOTES", r#"canary'"`.QUOTES"#),
    ("DOLLAR", "canary.$HOME.${PATH}.$(id)"),
    ("BLANKS", "  canary.BLANKS  "),
    ("HASH", "canary.HASH #not a comment"),
    ("BACKSLASH", r"canary\n\t\\.x9"),
    ("EMOJI", "canary.🦫.naïve"),
    ("EMPTY", ""),
    ("PLAIN", "canary.PLAIN.x9"),
    // What a build gets without being asked gives way.
    ("CI", "canary.CI.x9"),
    ("HOME", "/canary.HOME"),
];

#[test]
fn every_value_arrives_as_it_was_set_and_none_is_an_argument() {
    let Some(mut bench) = Bench::new() else { return };
    bench.secrets(&HARD);
    // A digest of each value: the value itself would be found in the output.
    bench.set(
        "build_command",
        "mkdir dist; for n in LINES QUOTES DOLLAR BLANKS HASH BACKSLASH EMOJI EMPTY PLAIN CI HOME; do \
         eval 'printf %s \"$'$n'\"' | sha256sum | sed \"s/-/$n/\" >> dist/digests; done; echo 1 > dist/server.js",
    );
    bench.build(&[]).passes();
    let digests = bench.artifact("digests");
    for (name, value) in HARD {
        let expected = sha256(value);
        assert!(digests.contains(&format!("{expected}  {name}")), "{name}: {digests}");
    }
    let calls = bench.calls();
    assert!(
        calls.contains("\n--env-file\n") && calls.contains("\n-e\nLINES\n") && !calls.contains("\nPLAIN\n")
    );
    bench.is_clean();
}

/// By the container's own tools: no second implementation to trust.
fn sha256(value: &str) -> String {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn five_hundred_secrets_arrive() {
    let Some(mut bench) = Bench::new() else { return };
    let names: Vec<String> = (0..500).map(|number| format!("SECRET_{number}")).collect();
    // Every fifth needs another way than the file.
    let value =
        |at: usize| if at.is_multiple_of(5) { format!("canary {at}\nx") } else { format!("canary.{at}.x9") };
    let values: Vec<(&str, String)> =
        names.iter().enumerate().map(|(at, name)| (name.as_str(), value(at))).collect();
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    bench.secrets(&values);
    bench.set(
        "build_command",
        "mkdir dist; env | grep -c '^SECRET_' > dist/count; echo 1 > dist/server.js; env",
    );
    bench.build(&[]).passes();
    assert_eq!(bench.artifact("count"), "500\n");
    assert_eq!(bench.record()["secrets"], 500);
    bench.is_clean();
}

#[test]
fn what_the_build_prints_is_masked_on_the_screen_and_in_the_log() {
    let Some(mut bench) = Bench::new() else { return };
    bench.secrets(&[
        ("TOKEN", "canary.TOKEN.x9"),
        ("PEM", "-----BEGIN-----\ncanary.first.line\ncanary.second.line\n-----END-----\n"),
        ("PIN", "1234"),
    ]);
    let mut script = String::from(
        "mkdir dist; echo 1 > dist/server.js; echo begin; env; cat .env; set -x; : \"$TOKEN\"; set +x; ",
    );
    // In pieces, by both outputs, and encoded.
    script += "printf can; sleep 0.2; printf ary.TOK; sleep 0.2; echo EN.x9; echo \"$TOKEN\" >&2; printf %s \"$TOKEN\" | base64; ";
    let _ = write!(
        script,
        "echo '{{\"a\":\"'$TOKEN'\"}}'; echo \"$PEM\"; echo PIN=$PIN; printf 'esc \\033[31mred\\n'; echo end"
    );
    bench.set("build_command", script);
    let outcome = bench.build(&[]).passes();
    let log = bench.log();
    for text in [&outcome.stderr, &log] {
        assert!(text.contains("TOKEN=***") && text.contains("{\"a\":\"***\"}"), "{text}");
        assert!(text.contains("begin\n") && text.contains("\nend\n") && text.contains("PIN=1234"), "{text}");
        assert!(text.contains("not masked: PIN") && !text.contains('\u{1b}'), "{text}");
        assert!(!text.contains("Y2FuYXJ5"), "{text}");
    }
    bench.is_clean();
}

#[test]
fn a_value_in_a_form_that_no_stream_sees_is_taken_out_of_the_log() {
    let Some(mut bench) = Bench::new() else { return };
    bench.secrets(&[("LONG", &"canary.LONG.x9.".repeat(12))]);
    bench.set(
        "build_command",
        "mkdir dist; echo 1 > dist/server.js; echo before; printf %s \"$LONG\" | base64",
    );
    let outcome = bench.build(&[]).passes();
    assert!(outcome.stderr.contains("a form that is not masked"), "{}", outcome.stderr);
    assert!(bench.log().contains("withheld"), "{}", bench.log());
    bench.set(
        "build_command",
        "mkdir dist; printf %s \"$LONG\" | base64; printf %s \"$LONG\" > dist/server.js",
    );
    bench.build(&["--artifacts", bench.path("again").to_str().unwrap()]).fails(63, "VALUE_IN_OUTPUT");
    let log = bench.log();
    assert!(
        log.contains("withheld") && log.contains("holds the value of LONG"),
        "what comes later is kept: {log}"
    );
    assert!(!bench.log().contains("Y2FuYXJ5"));
    bench.is_clean();
}

#[test]
fn env_is_there_while_it_builds_private_and_kept_out_of_images() {
    let Some(mut bench) = Bench::new() else { return };
    bench.set(
        "build_command",
        "mkdir dist; stat -c %a .env > dist/mode; cat .dockerignore > dist/ignored; ls -a > dist/files; id -u > dist/uid; \
         echo \"$HOME $CI\" > dist/home; cp .env dist/.env; echo 1 > dist/server.js",
    );
    bench.write(".env", "STRIPE_KEY=the developer's own");
    let outcome = bench.build(&[]).passes();
    assert_eq!([bench.artifact("mode"), bench.artifact("ignored")], ["600\n", ".env\n"]);
    assert_eq!([bench.artifact("uid"), bench.artifact("home")], ["0\n", "/tmp true\n"]);
    assert!(bench.artifact("files").contains(".env\n"));
    assert!(!bench.path("out/.env").exists(), "a copy is taken out");
    assert!(outcome.stderr.contains("the source's own .env is set aside"), "{}", outcome.stderr);
    bench.is_clean();
}

#[test]
fn the_programs_that_are_started_get_no_key() {
    let Some(mut bench) = Bench::new() else { return };
    bench.env.insert("ADMIN_TOKEN".into(), "canary.ADMIN.x9".into());
    bench.before_engine(&format!("env >> '{}'", bench.path("environment").display()));
    bench.build(&[]).passes();
    let environment = std::fs::read_to_string(bench.path("environment")).unwrap();
    for name in ["ENCRYPTION_KEY", "CAPY_TOKEN", "ADMIN_TOKEN"] {
        assert!(!environment.contains(name), "{environment}");
    }
    bench.is_clean();
}
