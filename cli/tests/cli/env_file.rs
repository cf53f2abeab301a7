//! `capy set`, `unset`, `list`, `encrypt`: what happens to `.env`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::sandbox::{CANARY, Sandbox, contains, mode};

#[test]
fn a_value_is_sealed_under_its_name_and_listed() {
    let sandbox = Sandbox::project();
    let outcome = sandbox.capy_with(&["set", "DATABASE_URL"], "canary.A.x9\n").succeeds();
    insta::assert_snapshot!("set", outcome.shown());
    assert_eq!(mode(&sandbox.path(".env")), 0o600);
    assert!(sandbox.read(".env").starts_with("DATABASE_URL=capy:v1:"));
    assert!(sandbox.files().iter().all(|(_, content)| !contains(content, CANARY)));

    sandbox.capy_with(&["set", "NEXT_PUBLIC_SITE"], "https://shop.example").succeeds();
    sandbox.write(".env", &format!("{}PLAIN=1\nCAPY_X=1\n", sandbox.read(".env")));
    insta::assert_snapshot!("list", sandbox.capy(&["list"]).succeeds().shown());
    insta::assert_snapshot!("list_json", sandbox.capy(&["list", "--json"]).succeeds().shown());
    sandbox.capy(&["unset", "DATABASE_URL"]).succeeds();
    assert!(!sandbox.read(".env").contains("DATABASE_URL"));
    sandbox.capy(&["unset", "PLAIN", "DATABASE_URL"]).fails(1, "NAME_NOT_FOUND");
    assert!(sandbox.read(".env").contains("PLAIN"));
}

#[test]
fn any_text_comes_back_as_it_was() {
    let sandbox = Sandbox::project();
    for value in [
        "",
        " ",
        "a b # c",
        "it's \"x\" `y`",
        "line 1\nline 2\n",
        "tab\tcr\rend",
        "$HOME ${A}",
        "é🦫\u{2028}</script>",
    ] {
        for name in ["A", "NEXT_PUBLIC_A"] {
            sandbox.capy_with(&["set", name], &format!("{value}\n")).succeeds();
            let run = sandbox.capy(&["run", "--", "sh", "-c", &format!("printf %s. \"${name}\"")]).succeeds();
            assert_eq!(run.stdout, format!("{value}."), "{name}: {}", sandbox.read(".env"));
        }
    }
}

#[test]
fn names_that_cannot_be_set_are_refused_before_the_value_is_read() {
    let sandbox = Sandbox::project();
    for (name, code) in [
        ("1A", "NAME_MALFORMED"),
        ("A-B", "NAME_MALFORMED"),
        ("A=B", "NAME_MALFORMED"),
        ("", "NAME_MALFORMED"),
        ("PROJECT_KEY", "NAME_RESERVED"),
        ("SECRETS_BLOB", "NAME_RESERVED"),
        ("_CAPY_DEPLOY_KEY", "NAME_RESERVED"),
        ("CAPY_TOKEN", "NAME_RESERVED"),
    ] {
        sandbox.capy_with(&["set", name], "canary").fails(2, code);
    }
    assert!(!sandbox.path(".env").exists());
    sandbox.capy_with(&["set", "A"], "canary\0").fails(2, "VALUE_UNUSABLE");
}

const PLAIN: &str = "# shop\r\nexport A='canary one' # note\n\nB=\"canary\\ntwo\nthree\"\nNEXT_PUBLIC_X=open\nEMPTY=\nA2=canary";

#[test]
fn encrypting_changes_values_and_no_other_byte() {
    let sandbox = Sandbox::project();
    sandbox.write(".env", PLAIN);
    fs::set_permissions(sandbox.path(".env"), fs::Permissions::from_mode(0o640)).unwrap();
    insta::assert_snapshot!("encrypt", sandbox.capy(&["encrypt"]).succeeds().shown());
    let sealed = sandbox.read(".env");
    let masked: Vec<_> = sealed
        .split_inclusive(['=', ' ', '\n', '\r'])
        .map(|part| {
            let blank = part.len() - part.trim_end().len();
            if part.starts_with("capy:v1:") {
                format!("<sealed>{}", &part[part.len() - blank..])
            } else {
                part.to_owned()
            }
        })
        .collect();
    assert_eq!(
        masked.concat().replace("<sealed>=", "<sealed>"),
        "# shop\r\nexport A=<sealed> # note\n\nB=<sealed>\nNEXT_PUBLIC_X=open\nEMPTY=\nA2=<sealed>"
    );
    assert_eq!(mode(&sandbox.path(".env")), 0o640);
    assert!(sandbox.files().iter().all(|(_, content)| !contains(content, CANARY)));

    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo \"$A|$B|$A2|$EMPTY|$NEXT_PUBLIC_X\""]).succeeds();
    assert_eq!(run.stdout, "canary one|canary\ntwo\nthree|canary||open\n");
    sandbox.capy(&["encrypt"]).succeeds();
    assert_eq!(sandbox.read(".env"), sealed, "what is sealed stays as it is");
}

#[test]
fn killed_at_any_moment_the_file_is_whole_and_another_run_finishes() {
    let sandbox = Sandbox::project();
    for round in 0..40 {
        sandbox.write(".env", PLAIN);
        let mut child = sandbox.command(&["encrypt"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(round * 300));
        let _ = child.kill();
        child.wait().unwrap();
        let text = sandbox.read(".env");
        let sealed = text.matches("capy:v1:").count();
        assert!(text == PLAIN || sealed == 3, "round {round}: {text}");
        sandbox.capy(&["encrypt"]).succeeds();
        assert!(!sandbox.read(".env").contains(CANARY));
    }
    for (path, content) in sandbox.files() {
        assert!(!contains(&content, CANARY), "{}", path.display());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains(".capy-") || name.starts_with(".env.capy-"), "{name}");
    }
}

#[test]
fn a_line_that_would_be_sealed_in_half_is_refused() {
    let sandbox = Sandbox::project();
    let pem = "A=-----BEGIN KEY-----\ncanary+/==\n-----END KEY-----";
    for line in ["A=can#ary", "A='can'ary", "A=\"canary", pem, "A\u{a0}=canary"] {
        let text = format!("B=1\n{line}\n");
        sandbox.write(".env", &text);
        sandbox.capy(&["encrypt"]).fails(1, "ENV_FILE_IN_DOUBT");
        assert_eq!(sandbox.read(".env"), text);
    }
}

#[test]
fn a_linked_file_is_edited_where_it_is() {
    let sandbox = Sandbox::project();
    sandbox.write("shared/real.env", "A=canary\n");
    symlink("shared/real.env", sandbox.path(".env")).unwrap();
    sandbox.capy(&["encrypt"]).succeeds();
    assert!(sandbox.path(".env").is_symlink());
    assert!(sandbox.read("shared/real.env").starts_with("A=capy:v1:"));
}

#[test]
fn several_edits_at_once_lose_none() {
    let sandbox = Sandbox::project();
    let names: Vec<_> = (0..8).map(|index| format!("NAME_{index}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let sandbox = &sandbox;
            scope.spawn(move || {
                let mut command = sandbox.command(&["set", name]);
                let input = fs::File::open("/dev/null").unwrap();
                assert!(command.stdin(input).stderr(std::process::Stdio::null()).status().unwrap().success());
            });
        }
    });
    let text = sandbox.read(".env");
    assert!(names.iter().all(|name| text.contains(name.as_str())), "{text}");
    assert_eq!(text.lines().count(), 8);
}

#[test]
fn another_file_can_be_named() {
    let sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A", "--env-file", "other.env"], "1").succeeds();
    assert!(!sandbox.path(".env").exists());
    let run = sandbox.capy(&["run", "--env-file", "other.env", "--", "sh", "-c", "echo $A"]).succeeds();
    assert_eq!(run.stdout, "1\n");
}

#[test]
fn a_sealed_value_under_another_name_or_altered_does_not_open() {
    let sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary").succeeds();
    let sealed = sandbox.read(".env");
    for text in [sealed.replace("A=", "B="), sealed.replace("v1:", "v2:"), sealed.replace("v1:", "v1:AAAA")] {
        sandbox.write(".env", &text);
        sandbox.capy(&["run", "--", "true"]).fails(11, "SEALED_VALUE_DOES_NOT_OPEN");
    }
}

#[test]
fn outside_of_a_project_nothing_can_be_sealed() {
    let sandbox = Sandbox::new();
    sandbox.capy_with(&["set", "A"], "canary").fails(10, "NOT_INITIALISED");
    sandbox.write(".env", "A=canary\n");
    sandbox.capy(&["encrypt"]).fails(10, "NOT_INITIALISED");
    assert_eq!(sandbox.read(".env"), "A=canary\n");
}

#[test]
fn a_value_that_fits_no_environment_is_refused_whole() {
    let sandbox = Sandbox::project();
    let longest = "x".repeat(128 * 1024 - "A=\0".len());
    sandbox.capy_with(&["set", "A"], &format!("{longest}\r\n")).succeeds();
    let run = sandbox.capy(&["run", "--", "sh", "-c", "echo ${#A}"]).succeeds();
    assert_eq!(run.stdout, format!("{}\n", longest.len()));
    let before = sandbox.read(".env");
    for value in [format!("{longest}x"), longest.repeat(20)] {
        sandbox.capy_with(&["set", "A"], &value).fails(2, "VALUE_TOO_LONG");
    }
    assert_eq!(sandbox.read(".env"), before);
}

#[test]
fn an_edit_that_would_change_another_variable_is_not_made() {
    let sandbox = Sandbox::project();
    // The quote is open until an edit closes it.
    sandbox.write(".env", "B='canary\n");
    sandbox.capy_with(&["set", "NEXT_PUBLIC_A"], "two words 'in' \"quotes\"").fails(1, "ENV_FILE_IN_DOUBT");
    assert_eq!(sandbox.read(".env"), "B='canary\n");
    sandbox.capy_with(&["set", "NEXT_PUBLIC_A"], "it's").fails(1, "ENV_FILE_IN_DOUBT");
    assert_eq!(sandbox.read(".env"), "B='canary\n");
    sandbox.capy_with(&["set", "A"], "it's").succeeds();
}
