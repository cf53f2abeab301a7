//! Benchmark of the inliner on large trees and files, without a key service, compared with
//! bundlers' `define` and with a plain copy.
//!
//! The tree is the scripts of Next's `dist`. Their variables begin with `NEXT_`, which the inliner
//! leaves to the framework, so the copy calls them `APPL_`; all other bytes are the same. The peers
//! read the same files and write all of them, but replace only what is spelt `process.env.NAME`.
//! The inliner warns about what it cannot replace, which the peers do not report, and sets no
//! variables at the start, which the peers cannot do.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::measure::{self, Prepare, Row, Side, compare};
use super::program;
use capy_test_support::setup;
use capy_test_support::shop::{collect, copy_tree};
use capy_test_support::steps::say;
use capy_test_support::workspace_root;

/// A folder of scripts, and the names to inline there.
struct InlineCase {
    what: String,
    tree: PathBuf,
    names: Vec<String>,
}

pub(super) fn rows(scratch: &Path, esbuild: &Path, runs: u32) -> Result<Vec<Row>> {
    let inliner = inliner()?;
    let tree = scratch.join("tree");
    let read = renamed_copy(&tree)?;
    let many: Vec<String> = most_read(&read, 10);
    let few: Vec<String> =
        read.iter().filter(|(_, files)| files.len() == 1).map(|(name, _)| name.clone()).take(10).collect();
    let files: BTreeSet<&PathBuf> = many.iter().flat_map(|name| &read[name]).collect();
    let case = |what: &str, tree: &Path, names: &[String]| InlineCase {
        what: what.to_owned(),
        tree: tree.to_owned(),
        names: names.to_vec(),
    };
    let all = case(&format!("ten names, read by {} files of {}", files.len(), size(&tree)?), &tree, &many);
    let rare = case("the same, ten names that one file each reads", &tree, &few);
    let one = case("one file of 9 MB", &one_file(scratch)?, &["APPL_ENV".to_owned()]);
    let mut rows = Vec::new();
    for case in [&all, &rare, &one] {
        let name = format!("inliner, {}", case.what);
        let ours = || inlining(&inliner, scratch, case);
        let define = || esbuild_define(esbuild, scratch, case);
        let oxc = || library_define("oxc", scratch, case);
        let swc = || library_define("swc", scratch, case);
        let copy = || copying(scratch, case);
        let peers = [
            Side { name: "`esbuild --define`", prepare: &define },
            Side { name: "oxc-transform, `define`", prepare: &oxc },
            Side { name: "@swc/core, `globals.envs`", prepare: &swc },
            Side { name: "`cp -r`", prepare: &copy },
        ];
        rows.extend(measure::rows(&Side { name: &name, prepare: &ours }, &peers, runs)?);
    }
    rows.extend(doubled(&inliner, scratch, &all, runs)?);
    for case in [&all, &rare, &one] {
        say_phases(&inliner, scratch, case)?;
    }
    Ok(rows)
}

/// Prints the time of each phase of one run, as the inliner reports it.
fn say_phases(inliner: &Path, scratch: &Path, case: &InlineCase) -> Result<()> {
    let output = inlining(inliner, scratch, case)?.output()?;
    ensure!(output.status.success(), "inliner: {}", output.status);
    let told = String::from_utf8_lossy(&output.stderr);
    say(format!("   {}: {}", case.what, told.lines().last().unwrap_or_default()));
    Ok(())
}

/// Compares the inliner on twice the tree, and with twice the names, with itself on the tree once.
fn doubled(inliner: &Path, scratch: &Path, once: &InlineCase, runs: u32) -> Result<Vec<Row>> {
    let double = scratch.join("double");
    fs::create_dir_all(&double)?;
    copy_tree(&once.tree, &double.join("one"))?;
    copy_tree(&once.tree, &double.join("two"))?;
    let unread = (0..once.names.len()).map(|number| format!("NEVER_READ_{number}"));
    let trees = InlineCase { what: "twice the tree".to_owned(), tree: double, names: once.names.clone() };
    let names = InlineCase {
        what: "twice the names".to_owned(),
        tree: once.tree.clone(),
        names: once.names.iter().cloned().chain(unread).collect(),
    };
    let run = |case| move || inlining(inliner, scratch, case);
    let base: Prepare<'_> = &run(once);
    let mut rows = Vec::new();
    for case in [&trees, &names] {
        let name = format!("inliner, {}", case.what);
        rows.extend(compare(&name, "itself, once", runs, &run(case), base)?);
    }
    Ok(rows)
}

/// Builds the inliner as a program that needs no key service.
fn inliner() -> Result<PathBuf> {
    let mut cargo = setup::cargo();
    cargo.args(["build", "--release", "--package", "capy-inliner", "--example", "inline"]);
    capy_test_support::steps::quiet(
        "cargo build the inliner (release)",
        cargo.current_dir(workspace_root()),
    )?;
    Ok(setup::target_dir()?.join("release/examples/inline"))
}

/// Copies the scripts, and returns which files read which variable. Leaves out names that any file
/// writes.
fn renamed_copy(to: &Path) -> Result<BTreeMap<String, BTreeSet<PathBuf>>> {
    let from = workspace_root().join("examples/next/node_modules/next/dist");
    let mut files = Vec::new();
    collect(&from, &mut files)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "js"));
    ensure!(!files.is_empty(), "{} has no scripts", from.display());
    let (mut read, mut written) = (BTreeMap::<String, BTreeSet<PathBuf>>::new(), BTreeSet::new());
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        if replaces_the_environment(&text) {
            continue;
        }
        let text = text.replace("env.NEXT_", "env.APPL_").replace("env.__NEXT_", "env.__APPL_");
        let target = to.join(file.strip_prefix(&from)?);
        fs::create_dir_all(target.parent().context("no folder")?)?;
        fs::write(&target, &text)?;
        for rest in text.split(".env.").skip(1) {
            let length =
                rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            let (name, after) = rest.split_at(length);
            let after = after.trim_start();
            if after.starts_with('=') && !after.starts_with("==")
                || after.starts_with("??=")
                || after.starts_with("||=")
            {
                written.insert(name.to_owned());
            }
            if name.contains("APPL_") {
                read.entry(name.to_owned()).or_default().insert(target.clone());
            }
        }
    }
    read.retain(|name, _| !written.contains(name));
    Ok(read)
}

/// Whether a script replaces `process.env`, or writes variables under computed names. One such file
/// in a program makes the inliner leave all reads alone.
fn replaces_the_environment(text: &str) -> bool {
    let assigned = |rest: &str| rest.trim_start().starts_with('=') && !rest.trim_start().starts_with("==");
    let is_written = |rest: &str| match rest.strip_prefix('[') {
        Some(key) => key.split_once(']').is_some_and(|(_, rest)| assigned(rest)),
        None => assigned(rest),
    };
    let mut uses = text.match_indices("process.env").map(|(at, name)| &text[at + name.len()..]);
    uses.any(is_written) || text.contains("assign(process.env") || text.contains("delete process.env[")
}

fn most_read(read: &BTreeMap<String, BTreeSet<PathBuf>>, count: usize) -> Vec<String> {
    let mut names: Vec<(&String, usize)> = read.iter().map(|(name, files)| (name, files.len())).collect();
    names.sort_by_key(|(_, files)| std::cmp::Reverse(*files));
    names.into_iter().take(count).map(|(name, _)| name.clone()).collect()
}

/// Writes one large file: TypeScript's compiler, which reads variables by name and by computed
/// keys.
fn one_file(scratch: &Path) -> Result<PathBuf> {
    let folder = scratch.join("one");
    fs::create_dir_all(&folder)?;
    let typescript = workspace_root().join("examples/next/node_modules/typescript/lib/typescript.js");
    let text = fs::read_to_string(&typescript).with_context(|| typescript.display().to_string())?;
    let reads = "if (process.env.APPL_ENV === \"test\") exports.isTest = true;\n".repeat(20);
    fs::write(folder.join("bundle.js"), [&text, "\n", &*reads].concat())?;
    Ok(folder)
}

fn size(tree: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(tree, &mut files)?;
    let bytes: u64 =
        files.iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum();
    Ok(format!("{}, {} MB", files.len(), bytes / 1_000_000))
}

fn fresh(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn inlining(inliner: &Path, scratch: &Path, case: &InlineCase) -> Result<Command> {
    let run = scratch.join("run");
    fresh(&run)?;
    copy_tree(&case.tree, &run)?;
    let mut command = Command::new(inliner);
    command.arg(values(scratch, case)?).arg(run);
    Ok(command)
}

/// Writes a JSON file of names and values.
fn values(scratch: &Path, case: &InlineCase) -> Result<PathBuf> {
    let file = scratch.join("values.json");
    let pairs = case.names.iter().map(|name| (name.clone(), format!("canary.{name}.x9").into()));
    fs::write(&file, serde_json::Value::Object(pairs.collect()).to_string())?;
    Ok(file)
}

/// The command that runs a library over all files, in one Node process.
fn library_define(library: &str, scratch: &Path, case: &InlineCase) -> Result<Command> {
    let out = scratch.join("library-tree");
    fresh(&out)?;
    let mut command = Command::new(setup::node_tool("node")?);
    command.arg(workspace_root().join("bench/peers/define.mjs")).arg(library);
    command.arg(values(scratch, case)?).arg(&case.tree).arg(out);
    Ok(command)
}

fn copying(scratch: &Path, case: &InlineCase) -> Result<Command> {
    let copy = scratch.join("copy");
    fresh(&copy)?;
    let mut command = Command::new("cp");
    command.arg("-r").arg(&case.tree).arg(copy);
    Ok(command)
}

fn esbuild_define(esbuild: &Path, scratch: &Path, case: &InlineCase) -> Result<Command> {
    let out = scratch.join("esbuild-tree");
    fresh(&out)?;
    let mut files = Vec::new();
    collect(&case.tree, &mut files)?;
    let mut args: Vec<OsString> = vec![esbuild.into(), "--log-level=error".into(), "--charset=utf8".into()];
    args.extend(
        case.names.iter().map(|name| format!("--define:process.env.{name}=\"canary.{name}.x9\"").into()),
    );
    args.push(format!("--outdir={}", out.display()).into());
    args.extend(files.into_iter().map(Into::into));
    Ok(program(&args))
}
