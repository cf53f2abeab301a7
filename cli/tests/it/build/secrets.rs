//! What reaches the container, and by which way.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::build::bench::Bench;
use crate::build::engine::write_program;

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
    assert!(!calls.contains("LINES") && !calls.contains("PLAIN") && !calls.contains("--env-file"), "{calls}");
    bench.is_clean();
}

/// Names that programs on the way to the container heed: shells, runtimes, the C library, clouds, the engine.
const HEEDED: [&str; 16] = [
    "BASH_ENV",
    "ENV",
    "NODE_OPTIONS",
    "PYTHONSTARTUP",
    "PERL5OPT",
    "LD_AUDIT",
    "GCONV_PATH",
    "LOCPATH",
    "HOSTALIASES",
    "AWS_PROFILE",
    "CLOUDSDK_CONFIG",
    "KUBECONFIG",
    "DOCKER_HOST",
    "CONTAINERS_CONF",
    "HTTPS_PROXY",
    "XDG_RUNTIME_DIR",
];

#[test]
fn no_secret_is_in_the_environment_or_the_arguments_of_any_program_on_the_host() {
    let Some(mut bench) = Bench::new() else { return };
    // A shell would run what BASH_ENV names, the secret's and the host's own.
    let (marks, canary) = (bench.path("home"), "canary.everywhere.77");
    let trap = |name: &str| {
        let path = bench.path(name);
        write_program(&path, &format!("#!/bin/sh\ntouch '{}/{name} ran'\n", marks.display()));
        path.display().to_string()
    };
    let (secret_trap, host_trap) = (trap("trap"), trap("host trap"));
    bench.env.insert("BASH_ENV".into(), host_trap.clone());
    bench.env.insert("NODE_OPTIONS".into(), "--require=/nowhere".into());
    let value = |name: &str| match name {
        "BASH_ENV" | "ENV" => secret_trap.clone(),
        _ => format!("{canary} of {name}"),
    };
    let values: Vec<(&str, String)> = HEEDED.iter().map(|name| (*name, value(name))).collect();
    let mut values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    values.push(("PLAIN", canary));
    bench.secrets(&values);
    let environment = bench.path("environment");
    bench.program(
        "docker",
        &format!(
            "#!/bin/bash\nenv >> '{}'\n[ \"$1\" = version ] && exit\nexec '{}' \"$@\"\n",
            environment.display(),
            bench.path("bin/podman").display()
        ),
    );
    bench.set(
        "build_command",
        "mkdir dist; for n in BASH_ENV NODE_OPTIONS DOCKER_HOST PLAIN; do \
         eval 'printf %s \"$'$n'\"' | sha256sum | sed \"s/-/$n/\" >> dist/digests; done; sleep 1; echo 1 > dist/server.js",
    );
    let build = bench.start(&["--engine", "docker"]);
    let watched = watch(build.child.id(), canary);
    let seen = (build.finish().passes(), watched.join().unwrap()).1;
    assert_eq!(seen, Vec::<String>::new());
    let digests = bench.artifact("digests");
    for (name, value) in values.iter().filter(|(name, _)| digests.contains(&format!("  {name}\n"))) {
        assert!(digests.contains(&format!("{}  {name}", sha256(value))), "{name}: {digests}");
    }
    assert_eq!(digests.lines().count(), 4);
    let given = std::fs::read_to_string(environment).unwrap();
    for line in given.lines() {
        let name = line.split('=').next().unwrap_or_default();
        let of_the_shell = ["PWD", "SHLVL", "_"].contains(&name);
        assert!(of_the_shell || ["PATH", "HOME"].contains(&name), "{line}");
    }
    assert!(!marks.join("trap ran").exists() && !marks.join("host trap ran").exists());
    bench.is_clean();
}

/// Looks, until a program ends, into every program of this mount namespace: those that have the text in their environment
/// or among their arguments.
fn watch(pid: u32, text: &'static str) -> std::thread::JoinHandle<Vec<String>> {
    use std::fs;
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let holds = |pid: &str, file: &str| {
        fs::read(format!("/proc/{pid}/{file}"))
            .is_ok_and(|content| crate::build::bench::contains(&content, text))
    };
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        let stat = format!("/proc/{pid}/stat");
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            for entry in fs::read_dir("/proc").unwrap().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_here = name.parse::<u32>().is_ok() && namespace(&name) == namespace("self");
                for file in ["environ", "cmdline"].into_iter().filter(|file| is_here && holds(&name, file)) {
                    let program = fs::read_to_string(format!("/proc/{name}/comm")).unwrap_or_default();
                    seen.push(format!("{file} of {}", program.trim()));
                }
            }
        }
        seen.sort();
        seen.dedup();
        seen
    })
}

/// Every kind of letter that some shell, reader or terminal treats differently, and what nobody thought of.
fn any_value() -> impl Strategy<Value = String> {
    let letters = "['\"$`\\\\\n\r\t !{}()#&;|<>*?~%=^,.:/+-]{0,60}";
    prop_oneof![
        "[^\u{0}]{0,60}",
        letters,
        "[\u{1}-\u{20}\u{7f}-\u{a0}]{0,40}",
        "[a-z🦫é€\u{202e}\n]{0,60}",
        Just(String::new())
    ]
}

#[test]
fn hundreds_of_random_values_arrive_exactly() {
    let Some(mut bench) = Bench::new() else { return };
    let mut runner = TestRunner::default();
    let mut values: Vec<(String, String)> = (0..240)
        .map(|number| (format!("R{number}"), any_value().new_tree(&mut runner).unwrap().current()))
        .collect();
    values.push(("LONG".into(), "'🦫\n".repeat(16 * 1024)));
    let pairs: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    bench.secrets(&pairs);
    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    bench.set(
        "build_command",
        format!(
            "mkdir dist; for n in {}; do eval 'printf %s \"$'$n'\"' | sha256sum | sed \"s/-/$n/\" >> dist/digests; \
             done; echo 1 > dist/server.js",
            names.join(" ")
        ),
    );
    bench.build(&[]).passes();
    let digests = bench.artifact("digests");
    for (name, value) in &values {
        let expected = format!("{}  {name}\n", sha256(value));
        assert!(digests.contains(&expected), "{name}: {value:?}");
    }
    bench.is_clean();
}

#[test]
fn what_is_not_in_env_and_what_a_shell_may_keep_is_said_before_the_build_begins() {
    let Some(mut bench) = Bench::new() else { return };
    bench.secrets(&[
        ("API_JSON", r#"{"key":"canary.$x.1"}"#),
        ("QUOTED", "canary'x'"),
        ("PEM", "canary.one\ncanary.two"),
        ("NOTHING", ""),
        ("UID", "canary.uid.x9"),
        ("PLAIN", "canary.PLAIN.x9"),
    ]);
    bench.write(".env", "A=1");
    bench.write(".env.local", "A=2");
    bench.write("apps/web/.env.production.local", "A=3");
    bench.set("build_command", "echo begin; mkdir dist; cp .env dist/names.txt; sed -i 's/=.*//' dist/names.txt; echo 1 > dist/server.js");
    let outcome = bench.build(&[]).passes();
    let log = bench.log();
    for text in [&outcome.stderr, &log] {
        let before = &text[..text.find("begin\n").unwrap()];
        for said in [
            "note: in the environment and not in .env, as it has `$`: API_JSON\n",
            "as it has a quote: QUOTED\n",
            "as it has several lines: PEM\n",
            "as it is empty: NOTHING\n",
            "may not pass the secret on: UID\n",
            "the source's own .env is set aside",
            "the source's own .env.local is set aside",
            "the source's own apps/web/.env.production.local is set aside",
        ] {
            assert!(before.contains(said), "{said}: {text}");
        }
    }
    assert_eq!(bench.artifact("names.txt"), "PLAIN\nUID\n");
    bench.is_clean();
}

#[test]
fn fields_of_json_are_masked_in_every_spelling() {
    let Some(mut bench) = Bench::new() else { return };
    bench.secrets(&[
        ("ACCOUNT", r#"{"user":"canary.user.1","deep":[{"pw":"canary'&<pw>.2"}]}"#),
        ("DATABASE_URL", "postgres://app:canary.pw%2F3@db.test/app"),
    ]);
    bench.set(
        "build_command",
        r#"mkdir dist; echo 1 > dist/server.js; echo "user canary.user.1 pw canary'&<pw>.2 url canary.pw/3 end"
echo "html canary&#x27;&amp;&lt;pw&gt;.2 end"; echo 'url canary%27%26%3Cpw%3E.2 end'
printf 'colour can\033[31mary.us\033[0mer.1 end\n'; printf '%s\n' "q canary\\'\\&\\<pw\\>.2 end""#,
    );
    let outcome = bench.build(&[]).passes();
    let expected = "user *** pw *** url *** end\nhtml *** end\nurl *** end\ncolour *** end\nq *** end\n";
    for text in [&outcome.stderr, &bench.log()] {
        assert!(text.contains(expected), "{text}");
    }
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
    bench.secrets(&[("QUOTED", "canary\"QUOTED\"x9")]);
    // JSON in JSON in JSON in JSON in JSON.
    let quote = format!("{}\"", "\\".repeat(31));
    let print = format!("echo before; printf '%s\\n' 'canary{quote}QUOTED{quote}x9'");
    bench.set("build_command", format!("mkdir dist; echo 1 > dist/server.js; {print}"));
    let outcome = bench.build(&[]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("a form that is not masked"), "{}", outcome.stderr);
    assert!(
        bench.log().contains("before\n[this line is withheld: it contained QUOTED]\n"),
        "{}",
        bench.log()
    );
    bench.set("build_command", format!("mkdir dist; {print}; printf %s \"$QUOTED\" > dist/server.js"));
    let outcome = bench.build(&["--artifacts", bench.path("again").to_str().unwrap()]);
    assert_eq!(outcome.code, 63, "{}", outcome.stderr);
    let log = bench.log();
    assert!(
        log.contains("withheld") && log.contains("contains the value of QUOTED"),
        "what comes later is kept: {log}"
    );
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
