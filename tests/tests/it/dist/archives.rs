//! The archives: what is in them, and that it runs without a C library.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use flate2::read::GzDecoder;

use crate::dist::{output, read, release, version};

const ARCHIVE: &str = "capy-x86_64-unknown-linux-musl.tar.gz";

#[test]
fn sums_fit_all_files() {
    let sums = String::from_utf8(read("SHA256SUMS")).unwrap();
    assert!(sums.contains(ARCHIVE), "{sums}");
    let checked =
        output(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(release()));
    assert_eq!(checked.lines().count(), fs::read_dir(release()).unwrap().count() - 1, "{checked}");
}

#[test]
fn archive_holds_programs_and_licences_of_nobody_in_particular() {
    let packed = read(ARCHIVE);
    let mut archive = tar::Archive::new(GzDecoder::new(&packed[..]));
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        let path = entry.path().unwrap().display().to_string();
        let link = entry.link_name().unwrap().map(|to| to.display().to_string());
        found.push((path, header.mode().unwrap(), link.unwrap_or_default()));
    }
    let file = |path: &str| (path.to_owned(), 0o644, String::new());
    let expected = [
        file("LICENSE-APACHE"),
        file("LICENSE-MIT"),
        file("LICENSES-THIRD-PARTY"),
        ("bin/capy".to_owned(), 0o755, String::new()),
        ("bin/capy-inline".to_owned(), 0o777, "capy".to_owned()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn licences_of_compiled_crates_are_there() {
    let packed = read(ARCHIVE);
    let mut archive = tar::Archive::new(GzDecoder::new(&packed[..]));
    let mut text = String::new();
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry = entries.find(|entry| entry.path().unwrap().ends_with("LICENSES-THIRD-PARTY")).unwrap();
    entry.read_to_string(&mut text).unwrap();
    // One of Rust, one of C, one that Windows alone would have, and one that only tests use.
    assert!(text.contains("\nrustls ") && text.contains("\nlibmimalloc-sys "), "{}", &text[..2000]);
    assert!(!text.contains("\nwindows-sys ") && !text.contains("\nproptest "));
    assert!(text.contains("Permission is hereby granted, free of charge"));
}

#[test]
fn unpacked_programs_are_static_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let archive = release().join(ARCHIVE);
    output(Command::new("tar").arg("-xzf").arg(archive).current_dir(folder.path()));
    for program in ["capy", "capy-inline"] {
        let path = folder.path().join("bin").join(program);
        let told = output(Command::new(&path).arg("--version"));
        assert!(told.starts_with(&format!("{program} {}", version())), "{told}");
        let needs = Command::new("ldd").arg(&path).output().unwrap();
        let needs = capy_journeys::printed(&needs);
        assert!(needs.contains("not a dynamic executable") || needs.contains("statically linked"), "{needs}");
    }
    let capy = folder.path().join("bin/capy");
    assert_eq!(fs::metadata(&capy).unwrap().permissions().mode() & 0o7777, 0o755);
    // As docs/installing.md promises.
    let size = fs::metadata(&capy).unwrap().len();
    assert!(size <= 8_000_000, "capy has {size} bytes");
}

#[test]
fn programs_hold_no_path_of_the_machine_that_built_them() {
    let folder = tempfile::tempdir().unwrap();
    let archive = release().join(ARCHIVE);
    output(Command::new("tar").arg("-xzf").arg(archive).current_dir(folder.path()));
    let program = fs::read(folder.path().join("bin/capy")).unwrap();
    let home = std::env::home_dir().unwrap();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| home.join(".cargo").display().to_string());
    let root = capy_test_support::workspace_root().display().to_string();
    for path in [cargo, root, "/registry/src/".to_owned(), "/.rustup/".to_owned()] {
        assert!(memchr::memmem::find(&program, path.as_bytes()).is_none(), "it holds {path}");
    }
    // That paths are looked for as they are written.
    assert!(memchr::memmem::find(&program, b"/crates/").is_some());
}
