//! The entry of the npm package on Windows: Node of Windows starts it, and it starts the program.

use std::fs;

use crate::windows::desk::{Desk, Outcome};

/// The package for people, and the one with the program, as npm puts them there.
fn install(desk: &Desk) {
    let package = desk.path("node_modules/capy");
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/npm/capy");
    for file in ["bin/capy.cjs", "bin/capy-inline.cjs", "lib/run.cjs", "lib/child.cjs"] {
        fs::create_dir_all(package.join(file).parent().unwrap()).unwrap();
        fs::copy(format!("{sources}/{file}"), package.join(file)).unwrap();
    }
    let manifest = r#"{"name":"capy","version":"1.2.3","optionalDependencies":{"capy-win32-x64":"1.2.3"}}"#;
    fs::write(package.join("package.json"), manifest).unwrap();
    let program = desk.path("node_modules/capy-win32-x64/bin/capy.exe");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::copy(desk.wine.programs.join("capy.exe"), program).unwrap();
}

/// Node with the entry of this name.
fn entry(desk: &Desk, name: &str, arguments: &[&str]) -> Outcome {
    let script = format!(r"node_modules\capy\bin\{name}.cjs");
    let node = desk.wine.node.join("node.exe");
    desk.finish(desk.command_of(node.as_os_str(), &[&[script.as_str()], arguments].concat()), "")
}

#[test]
fn npms_entry_passes_its_name_arguments_and_exit_codes_and_names_a_missing_package() {
    let Some(desk) = Desk::new() else { return };
    install(&desk);
    for name in ["capy", "capy-inline"] {
        let told = entry(&desk, name, &["--version"]).succeeds().stdout;
        assert!(told.starts_with(&format!("{name} {}", env!("CARGO_PKG_VERSION"))), "{told}");
    }
    desk.write(".env", "GREETING=hello\r\n");
    let script = "console.log(JSON.stringify(process.argv.slice(1)), process.env.GREETING); process.exit(7);";
    let words = ["a \"b\" c", "%PATH%", "back\\slash\\", "é", ""];
    let run = entry(&desk, "capy", &[&["run", "--", "node", "-e", script], &words[..]].concat()).ends(7);
    let expected = r#"["a \"b\" c","%PATH%","back\\slash\\","é",""] hello"#;
    assert_eq!(run.stdout.trim(), expected);

    fs::remove_dir_all(desk.path("node_modules/capy-win32-x64")).unwrap();
    let missing = entry(&desk, "capy", &["--version"]).ends(127);
    assert!(
        missing.stderr.contains("error[PROGRAM_MISSING]: the package capy-win32-x64"),
        "{}",
        missing.stderr
    );
}
