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
fn a_variable_that_nearly_every_system_sets_is_set_with_a_note() {
    let mut sandbox = Sandbox::project();
    sandbox.env.insert("NODE_ENV".into(), "production".into());
    let told = sandbox.capy_with(&["set", "NODE_ENV"], "staging").succeeds();
    assert!(told.stderr.contains("note: systems set NODE_ENV themselves"), "{}", told.stderr);
    let plain = sandbox.capy_with(&["set", "NODE_ENVS"], "staging").succeeds();
    assert!(!plain.stderr.contains("note:"), "{}", plain.stderr);
    // It is as the note says: what is set already counts, but for --override.
    let print = ["--", "sh", "-c", "echo $NODE_ENV"];
    assert_eq!(sandbox.capy(&[&["run"][..], &print].concat()).succeeds().stdout, "production\n");
    let replaced = sandbox.capy(&[&["run", "--override"][..], &print].concat()).succeeds();
    assert_eq!(replaced.stdout, "staging\n");
}

#[test]
fn names_that_cannot_be_set_are_refused_before_the_value_is_read() {
    let sandbox = Sandbox::project();
    for (name, code) in [
        ("1A", "NAME_MALFORMED"),
        ("A-B", "NAME_MALFORMED"),
        ("A=B", "NAME_IS_ASSIGNMENT"),
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

#[test]
fn a_value_behind_the_name_is_refused_and_not_repeated() {
    let sandbox = Sandbox::project();
    let refused = sandbox.capy(&["set", "API_KEY=canary.A.x9"]).fails(2, "NAME_IS_ASSIGNMENT");
    assert!(!refused.stderr.contains(CANARY), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: give the name alone"), "{}", refused.stderr);
    assert!(!sandbox.path(".env").exists());
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
        sandbox.capy(&["encrypt"]).fails(1, "ENV_FILE_AMBIGUOUS");
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
    sandbox.capy_with(&["set", "NEXT_PUBLIC_A"], "two words 'in' \"quotes\"").fails(1, "ENV_FILE_AMBIGUOUS");
    assert_eq!(sandbox.read(".env"), "B='canary\n");
    sandbox.capy_with(&["set", "NEXT_PUBLIC_A"], "it's").fails(1, "ENV_FILE_AMBIGUOUS");
    assert_eq!(sandbox.read(".env"), "B='canary\n");
    sandbox.capy_with(&["set", "A"], "it's").succeeds();
}

fn make_pipe(path: &std::path::Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn what_is_no_regular_file_is_refused_and_stays() {
    use std::os::unix::fs::FileTypeExt;
    let sandbox = Sandbox::project();
    let env = sandbox.path(".env");
    make_pipe(&sandbox.path("pipe"));
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path("socket")).unwrap();
    sandbox.write("folder/.keep", "");
    let commands: [&[&str]; 7] = [
        &["set", "A"],
        &["unset", "A"],
        &["list"],
        &["encrypt"],
        &["run", "--", "true"],
        &["deploy", "--platform", "other", "--print"],
        &["set", "NEXT_PUBLIC_A"],
    ];
    for target in ["pipe", "socket", "folder", "/dev/zero"] {
        symlink(target, &env).unwrap();
        for command in commands {
            let refused = sandbox.capy_with(command, "canary").fails(1, "NOT_A_REGULAR_FILE");
            assert!(refused.stderr.contains("hint: put a regular file there"), "{}", refused.stderr);
        }
        fs::remove_file(&env).unwrap();
    }
    make_pipe(&env);
    // Whose text it is finds nobody that takes it away.
    let (path, text) = (env.clone(), "A=canary\n");
    std::thread::spawn(move || fs::write(path, text));
    for command in commands {
        sandbox.capy_with(command, "canary").fails(1, "NOT_A_REGULAR_FILE");
    }
    assert!(fs::symlink_metadata(&env).unwrap().file_type().is_fifo());
    assert_eq!(fs::read_to_string(&env).unwrap(), text);
}

#[test]
fn a_named_pipe_is_read_where_somebody_names_it_and_never_written() {
    let sandbox = Sandbox::project();
    let pipe = sandbox.path("pipe");
    make_pipe(&pipe);
    let writer = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::write(pipe, "A=1\n"))
    };
    let run = sandbox.capy(&["run", "--env-file", "pipe", "--", "sh", "-c", "echo $A"]).succeeds();
    assert_eq!(run.stdout, "1\n");
    writer.join().unwrap().unwrap();
    let run = sandbox.capy_with(&["run", "--env-file", "/dev/stdin", "--", "sh", "-c", "echo $A"], "A=2\n");
    assert_eq!(run.succeeds().stdout, "2\n");
    for command in [&["set", "A", "--env-file", "pipe"][..], &["encrypt", "--env-file", "pipe"]] {
        sandbox.capy_with(command, "canary").fails(1, "NOT_A_REGULAR_FILE");
    }
    sandbox.capy(&["run", "--env-file", "/dev/zero", "--", "true"]).fails(1, "ENV_FILE_TOO_LARGE");
    sandbox.capy(&["run", "--env-file", "/dev/null", "--", "true"]).succeeds();
}

#[test]
fn an_edit_keeps_the_mode_and_a_new_file_is_private() {
    let sandbox = Sandbox::project();
    for mode_before in [0o600, 0o400, 0o640, 0o644] {
        sandbox.write(".env", "B=1\n");
        fs::set_permissions(sandbox.path(".env"), fs::Permissions::from_mode(mode_before)).unwrap();
        for command in [&["set", "A"][..], &["set", "NEXT_PUBLIC_A"], &["encrypt"], &["unset", "A"]] {
            sandbox.capy_with(command, "canary").succeeds();
            assert_eq!(mode(&sandbox.path(".env")), mode_before, "{command:?}");
        }
        fs::remove_file(sandbox.path(".env")).unwrap();
    }
    let mut command = std::process::Command::new("sh");
    let plain = sandbox.command(&["set", "NEXT_PUBLIC_A"]);
    command.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    command.current_dir(sandbox.path("")).env_clear().envs(&sandbox.env);
    sandbox.finish(command, "canary").succeeds();
    assert_eq!(mode(&sandbox.path(".env")), 0o600);
}

#[test]
fn what_readers_of_env_files_read_otherwise_is_told_by_run_and_refused_by_encrypt_and_deploy() {
    let sandbox = Sandbox::project();
    for (line, says) in [
        ("\u{feff}B_TWO=canary", "an invisible character (U+FEFF)"),
        ("\u{200b}B_TWO=canary", "an invisible character (U+200B)"),
        ("B_TWO=canary\u{a0}", "an invisible character (U+00A0)"),
        ("B_TWO='can\u{2028}ary'", "an invisible character (U+2028)"),
        ("B_TWO=\u{202e}canary", "an invisible character (U+202E)"),
        ("В_TWO=canary", "a character that other readers of .env do not accept"),
        ("B_TWO=canary\rC=2", "a carriage return without a newline"),
        ("B_TWO=\"can\\ary\"", "a backslash in double quotes"),
        ("B_TWO='canary\\'", "a backslash before the closing quote"),
        ("B_TWO=“canary”", "typographic quotes"),
        ("B_TWO= \nC=canary", "only blanks as its value"),
    ] {
        let text = format!("A_ONE=one\n{line}\n");
        sandbox.write(".env", &text);
        let run = sandbox.capy(&["run", "--", "sh", "-c", "echo $A_ONE"]).succeeds();
        assert_eq!(run.stdout, "one\n");
        let warning = format!("warning: line 2 of {} has ", sandbox.path(".env").display());
        assert!(run.stderr.contains(&warning) && run.stderr.contains(says), "{line:?}: {}", run.stderr);
        assert!(!run.stderr.contains(CANARY), "{}", run.stderr);
        for command in [&["encrypt"][..], &["deploy", "--platform", "other", "--print"]] {
            let refused = sandbox.capy(command).fails(1, "ENV_FILE_AMBIGUOUS");
            assert!(refused.stderr.contains(says), "{}", refused.stderr);
        }
        assert_eq!(sandbox.read(".env"), text);
    }
    assert!(sandbox.service.deploys().is_empty());
}

#[test]
fn a_name_that_shells_drop_is_told_in_one_line() {
    let mut sandbox = Sandbox::project();
    let refused = sandbox.capy_with(&["set", "my.key"], "canary").fails(2, "NAME_MALFORMED");
    assert!(refused.stderr.contains("a shell drops other names"), "{}", refused.stderr);
    sandbox.write(".env", "my.key=canary\nA=1\n2nd=canary\nx-y=canary\n");
    let says = "drops variables with such names: ";
    let run = sandbox.capy(&["run", "--", "env"]).succeeds();
    assert!(run.stdout.contains("my.key=canary"), "{}", run.stdout);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.ends_with(&format!("{says}my.key, 2nd, x-y\n")), "{}", run.stderr);
    let deployed = sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds();
    assert_eq!(deployed.stderr.matches(says).count(), 1, "{}", deployed.stderr);
    sandbox.become_platform(&deployed.stdout);
    let run = sandbox.capy(&["run", "--", "true"]).succeeds();
    assert!(run.stderr.contains(says) && !run.stderr.contains(CANARY), "{}", run.stderr);
}

#[test]
fn another_encoding_is_named_with_the_way_out_and_nothing_runs() {
    let sandbox = Sandbox::project();
    let wide = |text: &str, little: bool| -> Vec<u8> {
        let bytes = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    };
    let text = "A=canary\r\nB=canary2\r\n";
    let utf32 = |text: &str| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<_>>();
    let marked = format!("\u{feff}{text}");
    for (bytes, name) in [
        (wide(text, true), "UTF-16LE"),
        (wide(text, false), "UTF-16BE"),
        (wide(&marked, true), "UTF-16LE"),
        (wide(&marked, false), "UTF-16BE"),
        (utf32(text), "UTF-32LE"),
        (utf32(&marked), "UTF-32LE"),
    ] {
        fs::write(sandbox.path(".env"), &bytes).unwrap();
        let ran = sandbox.path("ran").display().to_string();
        let commands: [&[&str]; 6] = [
            &["run", "--", "touch", &ran],
            &["list"],
            &["encrypt"],
            &["set", "A"],
            &["unset", "A"],
            &["deploy", "--platform", "other", "--print"],
        ];
        for command in commands {
            let refused = sandbox.capy_with(command, "x").fails(1, "ENV_FILE_ENCODING");
            assert!(refused.stderr.contains(&format!(" is encoded in {name}, ")), "{}", refused.stderr);
            assert!(refused.stderr.contains(&format!("iconv -f {name} -t UTF-8")), "{}", refused.stderr);
        }
        assert!(!sandbox.path("ran").exists());
        assert_eq!(fs::read(sandbox.path(".env")).unwrap(), bytes);
    }
    for (bytes, says) in
        [(&b"A=1\nB=caf\xe9\n"[..], "is not valid UTF-8: see line 2"), (b"A=\0\n", "zero byte")]
    {
        fs::write(sandbox.path(".env"), bytes).unwrap();
        let refused = sandbox.capy(&["run", "--", "true"]).fails(1, "ENV_FILE_ENCODING");
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
}

#[test]
fn a_file_of_which_nothing_is_read_does_not_run() {
    let sandbox = Sandbox::new();
    for text in ["A: 1\n", "{\"A\": 1}\n", "A 1", "А\u{a0}Б=1"] {
        sandbox.write(".env", text);
        sandbox.capy(&["run", "--", "true"]).fails(1, "ENV_FILE_AMBIGUOUS");
    }
    for text in ["", "# nothing yet\n", "\n"] {
        sandbox.write(".env", text);
        sandbox.capy(&["run", "--", "true"]).succeeds();
    }
}
