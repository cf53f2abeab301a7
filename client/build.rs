//! Tells the programs what they are built from: the target, and the commit.
//!
//! `CAPY_COMMIT` names the commit of a release. Without it a build for use asks git; a build for development does
//! not: it would be made anew after every commit.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CAPY_COMMIT");
    let target = env::var("TARGET").expect("cargo sets it");
    println!("cargo::rustc-env=CAPY_TARGET={target}");
    let commit = match env::var("CAPY_COMMIT") {
        Ok(commit) if !commit.is_empty() => format!("commit {commit}"),
        _ if env::var("PROFILE").is_ok_and(|profile| profile == "release") => checkout(),
        _ => unknown(),
    };
    println!("cargo::rustc-env=CAPY_BUILT_FROM={commit}");
}

fn unknown() -> String {
    "commit unknown".to_owned()
}

/// The commit of the checkout that this file lies in. What was changed since is not looked for.
fn checkout() -> String {
    let Some(commit) = git(&["rev-parse", "--verify", "HEAD"]) else { return unknown() };
    // Whatever moves HEAD writes a line there.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    format!("a checkout at commit {commit}")
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
