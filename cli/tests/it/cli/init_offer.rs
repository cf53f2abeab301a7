//! What `capy init` offers in a project's files, and `capy init --undo`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::terminal::Terminal;
use crate::sandbox::{CANARY, Sandbox, contains, mode};

const ENV: &str = "# keys\r\nA=\"canary.A.x9 two words\"\nNEXT_PUBLIC_B=2\nexport C='canary.C.x9'\nD=\"canary.D\\nx9\nend\"\nE=\n";
const PACKAGE: &str = "\u{feff}{\r\n\t\"scripts\": {\"build\": \"next build\", \"start\": \"next start\"},\r\n\t\"a\": 1.0\r\n}";

/// A folder with readable values and a build, in which nothing was done.
fn application() -> Sandbox {
    let sandbox = Sandbox::logged_in();
    sandbox.write_private(".env", ENV);
    sandbox.write("package.json", PACKAGE);
    sandbox
}

/// Whether a value lies readable anywhere but in `.env`.
fn has_copies(sandbox: &Sandbox) -> bool {
    let env = sandbox.path(".env");
    sandbox.files().iter().any(|(path, content)| *path != env && contains(content, CANARY))
}

#[test]
fn nothing_but_the_project_is_made_where_nobody_can_answer() {
    let sandbox = application();
    let made = sandbox.capy(&["init"]).succeeds();
    for line in [
        ".env\n-A=…\n-C=…\n-D=…\n+A=capy:v1:…\n+C=capy:v1:…\n+D=capy:v1:…\n",
        "package.json\n-  \"build\": \"next build\"\n+  \"build\": \"capy run -- next build\"\n",
        "hint: `capy init --yes` does all of it",
    ] {
        assert!(made.stderr.contains(line), "{}", made.stderr);
    }
    assert!(!made.stderr.contains(CANARY), "{}", made.stderr);
    assert_eq!((sandbox.read(".env"), sandbox.read("package.json")), (ENV.into(), PACKAGE.into()));
    assert!(!has_copies(&sandbox));
}

#[test]
fn with_yes_all_of_it_is_done_once_and_undo_takes_it_back_byte_for_byte() {
    let sandbox = application();
    fs::set_permissions(sandbox.path(".env"), fs::Permissions::from_mode(0o640)).unwrap();
    let made = sandbox.capy(&["init", "--yes"]).succeeds();
    assert!(made.stderr.contains("3 values sealed") && !made.stderr.contains(CANARY), "{}", made.stderr);
    assert!(made.stderr.contains("npm install --save-dev capy"), "{}", made.stderr);
    let sealed = sandbox.read(".env");
    assert!(!sealed.contains(CANARY) && sealed.starts_with("# keys\r\nA=capy:v1:"), "{sealed}");
    assert_eq!(sandbox.read("package.json"), PACKAGE.replace("next build", "capy run -- next build"));
    assert!(!has_copies(&sandbox));

    let before = sandbox.files();
    let again = sandbox.capy(&["init", "--yes"]).succeeds();
    assert!(again.stderr.contains("has nothing left to do"), "{}", again.stderr);
    assert_eq!(sandbox.files(), before);

    sandbox.capy(&["init", "--undo"]).fails(1, "NOT_CONFIRMED");
    assert_eq!(sandbox.files(), before);
    let undone = sandbox.capy(&["init", "--undo", "--yes"]).succeeds();
    for line in ["\n+A=…\n", "\n+  \"build\": \"next build\"\n"] {
        assert!(undone.stderr.contains(line), "{}", undone.stderr);
    }
    assert!(!undone.stderr.contains(CANARY), "{}", undone.stderr);
    assert_eq!((sandbox.read(".env"), sandbox.read("package.json")), (ENV.into(), PACKAGE.into()));
    assert_eq!(mode(&sandbox.path(".env")), 0o640);
    assert!(!sandbox.path(".gitignore").exists() && sandbox.path("capy.toml").exists());
    assert!(!has_copies(&sandbox));
    sandbox.capy(&["init", "--undo", "--yes"]).fails(1, "NOTHING_TO_UNDO");
    sandbox.capy(&["init", "--yes"]).succeeds();
    assert!(!sandbox.read(".env").contains(CANARY));
    assert_eq!(sandbox.read(".gitignore"), ".env\n.env.*\ncapy.env\n!.env.example\n");
}

#[test]
fn a_gitignore_keeps_its_own_lines_through_init_and_undo() {
    let sandbox = Sandbox::logged_in();
    sandbox.write(".gitignore", "node_modules");
    sandbox.capy(&["init"]).succeeds();
    assert_eq!(sandbox.read(".gitignore"), "node_modules\n.env\n.env.*\ncapy.env\n!.env.example\n");
    sandbox.capy(&["init", "--undo", "--yes"]).succeeds();
    assert_eq!(sandbox.read(".gitignore"), "node_modules");
}

#[test]
fn undo_refuses_files_that_changed_since_and_names_them() {
    let sandbox = application();
    sandbox.capy(&["init", "--yes"]).succeeds();
    sandbox.capy_with(&["set", "F"], "canary.F.x9").succeeds();
    let package = sandbox.read("package.json");
    sandbox.write("package.json", &package.replace("1.0", "2.0"));
    let before = sandbox.files();
    let refused = sandbox.capy(&["init", "--undo", "--yes"]).fails(1, "FILE_CHANGED");
    for part in ["package.json and", ".env changed", "remove `capy run -- `", "capy run -- printenv NAME"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert_eq!(sandbox.files(), before);
    // The way out that the hint names.
    sandbox.capy(&["unset", "F"]).succeeds();
    sandbox.write("package.json", &package);
    sandbox.capy(&["init", "--undo", "--yes"]).succeeds();
    assert_eq!((sandbox.read(".env"), sandbox.read("package.json")), (ENV.into(), PACKAGE.into()));
}

#[test]
fn an_undo_that_was_killed_between_two_files_goes_on() {
    let sandbox = application();
    sandbox.capy(&["init", "--yes"]).succeeds();
    sandbox.write("package.json", PACKAGE);
    sandbox.capy(&["init", "--undo", "--yes"]).succeeds();
    assert_eq!((sandbox.read(".env"), sandbox.read("package.json")), (ENV.into(), PACKAGE.into()));
}

#[test]
fn undo_takes_back_the_rest_after_a_file_was_undone_by_hand() {
    let sandbox = application();
    sandbox.capy(&["init", "--yes"]).succeeds();
    let edited = sandbox.read("package.json").replace("1.0", "2.0");
    sandbox.write("package.json", &edited);
    sandbox.write(".gitignore", "node_modules\n");
    sandbox.capy(&["init", "--undo", "--yes"]).fails(1, "FILE_CHANGED");
    let by_hand = edited.replace("capy run -- ", "");
    sandbox.write("package.json", &by_hand);
    sandbox.capy(&["init", "--undo", "--yes"]).succeeds();
    assert_eq!((sandbox.read(".env"), sandbox.read("package.json")), (ENV.into(), by_hand));
    assert_eq!(sandbox.read(".gitignore"), "node_modules\n");

    sandbox.capy(&["init", "--yes"]).succeeds();
    sandbox.write(".env", "A=canary.other\n");
    let ignored = sandbox.read(".gitignore");
    sandbox.write(".gitignore", &format!("{ignored}# mine\n"));
    sandbox.capy(&["init", "--undo", "--yes"]).fails(1, "FILE_CHANGED");
    sandbox.write(".gitignore", &ignored);
    sandbox.capy(&["init", "--undo", "--yes"]).succeeds();
    assert_eq!(sandbox.read(".env"), "A=canary.other\n");
    assert!(!sandbox.read("package.json").contains("capy"));

    let sandbox = application();
    sandbox.capy(&["init", "--yes"]).succeeds();
    fs::remove_file(sandbox.path("package.json")).unwrap();
    sandbox.capy(&["init", "--undo", "--yes"]).succeeds();
    assert_eq!(sandbox.read(".env"), ENV);
}

#[test]
fn a_file_of_some_megabytes_is_sealed_and_taken_back() {
    let sandbox = Sandbox::logged_in();
    let env = format!("{}A=canary.A.x9\n", format!("# {}\n", "x".repeat(1000)).repeat(5000));
    sandbox.write_private(".env", &env);
    sandbox.capy(&["init", "--yes"]).succeeds();
    assert!(!has_copies(&sandbox) && !sandbox.read(".env").contains(CANARY));
    sandbox.capy(&["init", "--undo", "--yes"]).succeeds();
    assert!(sandbox.read(".env") == env);
}

#[test]
fn a_package_json_that_leads_out_of_the_folder_stays() {
    let sandbox = Sandbox::logged_in();
    let outside = sandbox.path("../package.json");
    fs::write(&outside, PACKAGE).unwrap();
    symlink("../package.json", sandbox.path("package.json")).unwrap();
    let made = sandbox.capy(&["init", "--yes"]).succeeds();
    assert!(made.stderr.contains("a link out of this folder"), "{}", made.stderr);
    assert_eq!(fs::read_to_string(&outside).unwrap(), PACKAGE);
}

#[test]
fn what_cannot_be_changed_is_named_and_the_rest_is_done() {
    let sandbox = application();
    sandbox.write("package.json", "{\"scripts\": }");
    let made = sandbox.capy(&["init"]).succeeds();
    assert!(
        made.stderr.contains("warning: package.json is not JSON") && made.stderr.contains("line 1"),
        "{}",
        made.stderr
    );
    sandbox.capy(&["init", "--yes"]).fails(1, "PACKAGE_JSON_MALFORMED");
    assert!(!sandbox.read(".env").contains(CANARY));
    assert_eq!(sandbox.read("package.json"), "{\"scripts\": }");

    sandbox.write("package.json", PACKAGE);
    fs::set_permissions(sandbox.path("package.json"), fs::Permissions::from_mode(0o444)).unwrap();
    sandbox.capy(&["init", "--yes"]).fails(1, "FILE_READ_ONLY");
    assert_eq!(sandbox.read("package.json"), PACKAGE);

    let ambiguous = application();
    ambiguous.write(".env", "A=canary#A\n");
    ambiguous.capy(&["init"]).succeeds();
    ambiguous.capy(&["init", "--yes"]).fails(1, "ENV_FILE_AMBIGUOUS");
    assert!(ambiguous.read("package.json").contains("capy run -- next build"));
}

#[test]
fn a_project_without_its_key_here_offers_nothing() {
    let sandbox = application();
    sandbox.capy(&["init"]).succeeds();
    fs::remove_dir_all(sandbox.config("keys")).unwrap();
    let before = sandbox.files();
    sandbox.capy(&["init", "--yes"]).fails(11, "LOCAL_KEY_MISSING");
    assert_eq!(sandbox.files(), before);
    sandbox.capy(&["init", "--undo", "--yes"]).fails(11, "LOCAL_KEY_MISSING");
}

#[test]
fn scripts_that_are_no_single_command_stay_with_the_reason() {
    let sandbox = Sandbox::logged_in();
    sandbox.write("package.json", r#"{"scripts":{"build":"tsc && next build"}}"#);
    let made = sandbox.capy(&["init", "--yes"]).succeeds();
    assert!(made.stderr.contains("operators of the shell"), "{}", made.stderr);
    assert!(!sandbox.read("package.json").contains("capy"));
}

#[test]
fn at_a_terminal_each_change_is_asked_for() {
    let sandbox = application();
    sandbox.capy(&["init"]).succeeds();
    let mut terminal = Terminal::start(&sandbox, &["init"]);
    terminal.wait_for("Seal 3 values in .env? [y/N]");
    terminal.type_keys("n\n");
    terminal.wait_for("Run the build script of package.json through capy? [y/N]");
    terminal.type_keys("y\n");
    let (code, shown) = terminal.end();
    assert!(code == Some(0) && !shown.contains(CANARY), "{shown}");
    assert_eq!(sandbox.read(".env"), ENV);
    assert!(sandbox.read("package.json").contains("capy run -- next build"));
    let mut terminal = Terminal::start(&sandbox, &["init", "--undo"]);
    terminal.wait_for("Take this back?");
    terminal.type_keys("y\n");
    assert_eq!(terminal.end().0, Some(0));
    assert_eq!(sandbox.read("package.json"), PACKAGE);
}

#[test]
fn ctrl_c_at_the_question_and_an_edit_meanwhile_change_nothing() {
    let sandbox = application();
    sandbox.capy(&["init"]).succeeds();
    let before = sandbox.files();
    let mut terminal = Terminal::start(&sandbox, &["init"]);
    terminal.wait_for("Seal 3 values in .env? [y/N]");
    terminal.type_keys("\u{3}");
    assert_ne!(terminal.end().0, Some(0));
    assert_eq!(sandbox.files(), before);

    let mut terminal = Terminal::start(&sandbox, &["init"]);
    terminal.wait_for("Seal 3 values in .env? [y/N]");
    sandbox.write(".env", "A=canary.other\n");
    terminal.type_keys("y\n");
    let (code, shown) = terminal.end();
    assert!(code == Some(1) && shown.contains("error[FILE_CHANGED]"), "{shown}");
    assert_eq!(sandbox.read(".env"), "A=canary.other\n");
}

/// The outer one opens the values, the inner one inlines them.
#[test]
fn a_capy_run_in_a_script_neither_opens_nor_inlines_again() {
    let mut sandbox = application();
    sandbox.capy(&["init", "--yes"]).succeeds();
    sandbox.write(".next/server/page.js", "f(process.env.C);\n");
    sandbox.write_program(
        "next",
        "#!/bin/sh\nenv | grep -c CAPY > seen\necho '{\"config\":{\"distDir\":\".next\"}}' > .next/required-server-files.json\ntouch .next/server/page.js\n",
    );
    let capy = sandbox.command(&[]).get_program().to_string_lossy().into_owned();
    sandbox.write_program("capy", &format!("#!/bin/sh\necho \"$*\" >> runs\nexec {capy} \"$@\"\n"));
    sandbox.write_program("npm", "#!/bin/sh\nrm .env capy.toml\nexec capy run -- next build\n");
    let built = sandbox.capy(&["run", "--", "npm", "run", "build"]).succeeds();
    assert_eq!(sandbox.read("runs"), "run -- next build\n");
    assert!(sandbox.read(".next/server/page.js").contains("canary.C.x9"), "{}", built.stderr);
    // The names are for the inner `capy run` alone.
    assert_eq!(sandbox.read("seen"), "0\n");
}
