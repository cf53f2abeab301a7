//! Thousands of real scripts from npm: tokens and tree agree, and nothing but the reads changes,
//! neither in the bytes nor in the tree.
//!
//! The packages are those of `inliner/corpus` and the example's Next, as `cargo xtask test`
//! installs them; without them the test does nothing. Each script is inlined with the names that
//! it reads itself.

#![expect(clippy::print_stderr, reason = "the counts are told on stderr")]

use crate::support;
use crate::trees;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use capy_inliner::testing::{Agreement, parses, tokens_and_tree};
use capy_test_support::needs;
use rayon::prelude::*;

use support::{MARK, canary, inline, map};
use trees::{Replaced, difference};

/// Whole bundled programs are smaller; a few larger scripts would take longer than all others together.
const LARGEST: u64 = 10 << 20;

fn scripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = ["inliner/corpus/node_modules", "examples/next/node_modules/next/dist"];
    let mut found = Vec::new();
    for folder in folders.map(|folder| root.join(folder)) {
        let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
        let is_script =
            |path: &Path| path.extension().is_some_and(|kind| kind == "js" || kind == "mjs" || kind == "cjs");
        let files = files.filter(|file| file.file_type().is_file() && is_script(file.path()));
        let small = files.filter(|file| file.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST));
        found.extend(small.map(walkdir::DirEntry::into_path));
    }
    // The largest first, so that no thread ends up alone with it.
    found.sort_by_cached_key(|path| std::cmp::Reverse(path.metadata().map_or(0, |metadata| metadata.len())));
    found
}

/// The names after `process.env.`. The one that everybody reads is never inlined, so that it is called something else.
fn with_names(path: &Path) -> Option<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(path).ok()?.replace("NODE_ENV", "APPL_ENV").replace("NEXT_", "APPL_");
    let names = text.split("process.env.").skip(1).filter_map(|rest| {
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let name = &rest[..length];
        (length > 2 && name.bytes().all(|byte| !byte.is_ascii_lowercase())).then(|| name.to_owned())
    });
    let names = names.collect();
    Some((text, names))
}

#[test]
fn real_scripts_are_read_alike_by_tokens_and_by_tree_and_change_in_nothing_but_their_reads() {
    let scripts = scripts();
    if scripts.len() < 1000 {
        needs(false, "the packages of inliner/corpus, by `npm ci` there");
        return;
    }
    // As large a stack as the program's own threads have: scripts are taken apart here, too, to compare them.
    let pool = rayon::ThreadPoolBuilder::new().stack_size(256 << 20).build().unwrap();
    let check_all = || scripts.par_iter().with_max_len(1).map(|path| check(path)).collect();
    let seen: Vec<(&'static str, Option<String>)> = pool.install(check_all);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    seen.iter().for_each(|(kind, _)| *counts.entry(kind).or_default() += 1);
    let wrong: Vec<&String> = seen.iter().filter_map(|(_, wrong)| wrong.as_ref()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{:#?}", wrong.len(), scripts.len(), &wrong[..wrong.len().min(20)]);
    eprintln!("{} scripts: {counts:?}", scripts.len());
    let at_least = |kind: &str, share: usize| {
        assert!(counts.get(kind).copied().unwrap_or_default() * share > scripts.len(), "{kind}: {counts:?}");
    };
    at_least("certain", 2);
    at_least("inlined", 50);
}

/// What became of a script, and what is wrong with that.
fn check(path: &Path) -> (&'static str, Option<String>) {
    let Some((text, names)) = with_names(path) else { return ("not text", None) };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let values = map(&names);
    let wrong = |what: String| Some(format!("{}: {what}", path.display()));
    let is_certain = match tokens_and_tree(&text, &values) {
        Agreement::Same(_) => true,
        Agreement::NotSure(_) => false,
        // A dialect, with nothing in it that concerns us.
        Agreement::Different(_, None) if names.is_empty() => return ("not JavaScript", None),
        Agreement::Different(tokens, tree) => return ("different", wrong(format!("{tokens} {tree:?}"))),
    };
    let inlined = inline(&text, &values).text;
    if inlined == text {
        return (if is_certain { "certain" } else { "left to the tree" }, None);
    }
    let fault = if !parses(&inlined) {
        wrong("does not parse afterwards".to_owned())
    } else if inline(&inlined, &values).text != inlined {
        wrong("a second pass changes it".to_owned())
    } else {
        match only_reads_changed(&text, &inlined, &names) {
            Ok(replaced) => difference(&text, &inlined, &replaced).and_then(wrong),
            Err(what) => wrong(what),
        }
    };
    ("inlined", fault)
}

/// Goes through both texts side by side and gathers the reads; says where they part otherwise than by a call in place of one.
fn only_reads_changed(before: &str, after: &str, names: &[&str]) -> Result<Vec<Replaced>, String> {
    let (mut old, mut new) = (before, after.split(MARK).next().unwrap_or_default());
    let (mut replaced, mut wrapped) = (Vec::new(), 0);
    loop {
        let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
        let is_boundary = |at: &usize| old.is_char_boundary(*at) && new.is_char_boundary(*at);
        let same = (0..=same).rev().find(is_boundary).unwrap_or_default();
        (old, new) = (&old[same..], &new[same..]);
        let start = before.len() - old.len();
        if let Some(call) = new.strip_prefix("__capy_$") {
            new = call.split_once('(').ok_or("no call")?.1;
            wrapped += 1;
        } else if let Some(call) = new.strip_prefix("__capy_") {
            let (name, after) = call.split_once("()").ok_or("no call")?;
            let read = names.contains(&name).then(|| read_of(old, name)).flatten();
            let length = read.ok_or_else(|| format!("no read of {name} at {}", quoted(old)))?;
            let spaces = length.saturating_sub("__capy_()".len() + name.len());
            let rest = after.strip_prefix(&*" ".repeat(spaces));
            replaced.push(Replaced { start, end: start + length, name: name.to_owned() });
            (old, new) = (&old[length..], rest.ok_or_else(|| format!("not padded at {}", quoted(old)))?);
        } else if wrapped > 0 && new.starts_with(')') {
            wrapped -= 1;
            new = &new[1..];
        } else if is_trailer(old) && new.trim().is_empty() {
            return Ok(replaced);
        } else {
            return Err(format!("{} became {}", quoted(old), quoted(new)));
        }
    }
}

/// The length of a plain expression that ends with the variable's name.
fn read_of(text: &str, name: &str) -> Option<usize> {
    let at = text.find(name)?;
    let object = &text[..at];
    let quote = object.ends_with(['"', '\'', '`']);
    let plain = |letter: char| letter.is_alphanumeric() || " _$?.()[]\"'`".contains(letter);
    object.chars().all(plain).then_some(at + name.len() + if quote { 2 } else { 0 })
}

/// Nothing is left but what goes behind our own lines.
fn is_trailer(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with("//"))
}

fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}

/// `[(old, new, what the comparison of trees says)]`: the reads are told apart by bytes, as in real scripts.
#[test]
fn an_edit_that_changes_more_than_a_read_is_seen() {
    let value = canary("KEY");
    let ours = |call: &str| format!("{call}\n{MARK}function __capy_KEY(){{return(\n\"{value}\"\n)}}\n");
    for (old, new, expected) in [
        ("f(a * process.env.KEY)", "f(a * __capy_KEY()   )", None),
        ("f(a?.process.env.KEY)", "f(a?.__capy_KEY()   )", Some("no expression")),
        ("f(a.process.env.KEY)", "f(a.__capy_KEY()   )", Some("no expression")),
        ("process.env.KEY = 1", "__capy_KEY()    = 1", Some("parse")),
        ("new process.env.KEY()", "new __capy_KEY()   ()", Some("0 calls")),
        ("x = {process.env.KEY}", "x = {__capy_KEY()   }", Some("parse")),
        ("delete process.env.KEY", "delete __capy_KEY()   ", None),
    ] {
        let new = ours(new);
        let replaced = only_reads_changed(old, &new, &["KEY"]).expect("the bytes are right");
        let found = difference(old, &new, &replaced);
        let as_expected = match expected {
            Some(expected) => found.as_ref().is_some_and(|found| found.contains(expected)),
            None => found.is_none(),
        };
        assert!(as_expected, "{old}: {found:?}");
    }
    let replaced = [Replaced { start: 2, end: 17, name: "KEY".to_owned() }];
    for (old, new) in [
        ("f(process.env.KEY, 1)", "f(__capy_KEY()   , 2)"),
        ("f(process.env.KEY, 'a')", "f(__capy_KEY()   , 'b')"),
        ("f(process.env.KEY); g()", "f(__capy_KEY()   ), g()"),
        ("f(process.env.KEY)", "f(__capy_KEY()   ); f()"),
        ("f(process.env.KEY)", "f(__capy_OTHER() )"),
    ] {
        assert!(difference(old, &ours(new), &replaced).is_some(), "{old} became {new}");
    }
}
