//! Finds possible uses of the environment by their spelling, where neither tokens nor the syntax tree
//! follow them.
//!
//! Such uses are a child process, which inherits the environment; the process module, loaded by an
//! unknown function; and a computed key of some `env`, whose object may be `process`. Also finds an
//! `.env` file that is loaded over variables that are set. A comment may be taken for code, which
//! does no harm.

use std::collections::HashSet;

use memchr::memmem;

use crate::finding::Reason;
use crate::prefilter::quoted;
use crate::reads::{FileReads, Note};
use crate::words::{is_part, is_word};

const CHILDREN: &[u8] = b"child_process";
const PROCESS: &[u8] = b"process";
const ENV: &[u8] = b"env";

/// How many bytes around a use are checked for a finding of the syntax tree.
const SAME_USE_DISTANCE: usize = 80;

/// Whether a text may contain such a use.
pub(crate) fn has_candidates(text: &[u8]) -> bool {
    memmem::find(text, CHILDREN).is_some()
        || overrides(text).is_some()
        || memmem::find_iter(text, ENV).any(|at| key_of(text, at).is_some())
}

/// Offset of `override: true`, which makes dotenv replace variables that are set.
fn overrides(text: &[u8]) -> Option<usize> {
    memmem::find(text, b"dotenv")?;
    memmem::find_iter(text, OVERRIDE).find(|at| {
        let rest = text[at + OVERRIDE.len()..].trim_ascii_start();
        let value = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        let is_true = value.is_some_and(|value| value.starts_with(b"true") || value.starts_with(b"!0"));
        is_true && is_word(text, *at, at + OVERRIDE.len())
    })
}

const OVERRIDE: &[u8] = b"override";

/// The uses that `reads` does not contain.
pub(crate) fn notes(text: &[u8], reads: &FileReads) -> Vec<Note> {
    let note = |at: usize, reason| Note { at: at as u32, name: None, reason };
    let loads =
        |at: usize| is_word(text, at, at + PROCESS.len()) && quoted(text, at, PROCESS.len()).is_some();
    let of_module = |end: usize| env_after_call(text, end).filter(|at| !is_named(text, *at));
    let known = Known::of(reads);
    let mut loaded = false;
    let mut notes = Vec::new();
    let mut of_modules = HashSet::new();
    for at in memmem::find_iter(text, PROCESS).filter(|at| loads(*at)) {
        let Some((_, end)) = quoted(text, at, PROCESS.len()) else { continue };
        let is_call = text[end..].trim_ascii_start().starts_with(b")");
        loaded |= is_call && !is_followed(text, at);
        if let Some(env) = of_module(end).filter(|env| !known.has(at, *env)) {
            of_modules.insert(env);
            let computed = key_of(text, env).is_some();
            notes.push(note(env, if computed { Reason::DynamicKey } else { Reason::WholeObject }));
        }
    }
    for at in memmem::find_iter(text, ENV) {
        let Some(key) = key_of(text, at).filter(|key| !known.has(*key, *key)) else { continue };
        if of_modules.contains(&at) {
            continue;
        }
        notes.push(note(key, if loaded { Reason::DynamicKey } else { Reason::UnprovenKey }));
    }
    let child = memmem::find_iter(text, CHILDREN).find(|at| quoted(text, *at, CHILDREN.len()).is_some());
    notes.extend(child.map(|at| note(at, Reason::ChildProcess)));
    notes.extend(overrides(text).map(|at| note(at, Reason::EnvFileOverrides)));
    notes
}

/// Whether this is `require("process")` or `import("process")`, which the syntax tree follows.
fn is_followed(text: &[u8], at: usize) -> bool {
    let Some((start, _)) = quoted(text, at, PROCESS.len()) else { return false };
    let Some(callee) = text[..start].trim_ascii_end().strip_suffix(b"(").map(<[u8]>::trim_ascii_end) else {
        return false;
    };
    let object = callee.strip_suffix(b"require").or_else(|| callee.strip_suffix(b"import"));
    object.is_some_and(|object| !object.last().is_some_and(|last| is_part(last) || *last == b'.'))
}

/// Offset of `env` in `.env` after the end of a call.
fn env_after_call(text: &[u8], end: usize) -> Option<usize> {
    let rest = text[end..].trim_ascii_start().strip_prefix(b")")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"?.").or_else(|| rest.strip_prefix(b"."))?.trim_ascii_start();
    let at = text.len() - rest.len();
    (rest.starts_with(ENV) && is_word(text, at, at + ENV.len())).then_some(at)
}

/// Whether a property with a literal name follows `env`, which the syntax tree reports.
fn is_named(text: &[u8], env: usize) -> bool {
    let rest = text[env + ENV.len()..].trim_ascii_start();
    let dotted = rest.strip_prefix(b"?.").or_else(|| rest.strip_prefix(b"."));
    let key = dotted.unwrap_or(rest).trim_ascii_start();
    dotted.is_some() && key.first().is_some_and(is_part)
        || key.strip_prefix(b"[").is_some_and(|key| is_literal(key.trim_ascii_start()))
}

/// Whether this is a string in brackets.
fn is_literal(key: &[u8]) -> bool {
    let Some((quote @ (b'"' | b'\'' | b'`'), rest)) = key.split_first() else { return false };
    let end = memchr::memchr3(*quote, b'\\', b'$', rest);
    end.is_some_and(|end| rest[end] == *quote && rest[end + 1..].trim_ascii_start().starts_with(b"]"))
}

/// Offset of the key in `<something>.env[key]`, if the key is computed.
fn key_of(text: &[u8], at: usize) -> Option<usize> {
    let object = text[..at].trim_ascii_end().strip_suffix(b".")?;
    let object = object.strip_suffix(b"?").unwrap_or(object).trim_ascii_end();
    // The syntax tree follows `process.env`, and `import.meta.env` is Vite's.
    if !is_word(text, at, at + ENV.len()) || object.ends_with(PROCESS) || object.ends_with(b"import.meta") {
        return None;
    }
    let rest = text[at + ENV.len()..].trim_ascii_start();
    let rest = rest.strip_prefix(b"?.").unwrap_or(rest).trim_ascii_start();
    let key = rest.strip_prefix(b"[")?.trim_ascii_start();
    (!is_literal(key)).then_some(text.len() - rest.len())
}

/// The findings and reads of the syntax tree, in order.
struct Known {
    /// Uses of the whole environment or of a computed name.
    uses: Vec<u32>,
    /// Reads, and objects that are read from, none of which overlap.
    ranges: Vec<(u32, u32)>,
}

impl Known {
    fn of(reads: &FileReads) -> Self {
        let is_use = |note: &&Note| {
            note.name.is_none()
                && matches!(note.reason, Reason::DynamicKey | Reason::DynamicWrite | Reason::WholeObject)
        };
        let mut uses: Vec<u32> = reads.notes.iter().filter(is_use).map(|note| note.at).collect();
        uses.sort_unstable();
        let of_reads = reads.reads.iter().map(|read| (read.start, read.end));
        let of_objects = reads.objects.iter().map(|object| (object.start, object.end));
        let mut all: Vec<(u32, u32)> = of_reads.chain(of_objects).collect();
        all.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (start, end) in all {
            match ranges.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => ranges.push((start, end)),
            }
        }
        Self { uses, ranges }
    }

    /// Whether a finding or a read is between these offsets or directly before them.
    fn has(&self, from: usize, to: usize) -> bool {
        let first = if from == to { from } else { (from + 1).saturating_sub(SAME_USE_DISTANCE) };
        let last = if from == to { to } else { to + ENV.len() };
        let use_at = self.uses.partition_point(|at| (*at as usize) < first);
        let before = self.ranges.partition_point(|(start, _)| *start as usize <= to);
        self.uses.get(use_at).is_some_and(|at| *at as usize <= last)
            || before.checked_sub(1).is_some_and(|last| to < self.ranges[last].1 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possible_uses_are_found_by_their_spelling() {
        use Reason::*;
        for (text, expected) in [
            ("f(n.p.env[k])", &[UnprovenKey][..]),
            ("f(n.p?.env?.[k])", &[UnprovenKey]),
            ("f(n.p.env['A' + k])", &[UnprovenKey]),
            ("f(n.p.env['A'])", &[]),
            ("f(n.p.env.A)", &[]),
            ("f(n.environment[k], n.env, env[k])", &[]),
            ("f(import.meta.env[k], process.env[k])", &[]),
            ("f(Reflect.get(globalThis, 'process').env[k])", &[DynamicKey]),
            ("f(module.require('process').env)", &[WholeObject]),
            ("f(module.require('process').env.A)", &[]),
            ("const p = process.getBuiltinModule('node:process'); p.env[k]", &[DynamicKey]),
            ("const p = require('process'); p.env[k]", &[UnprovenKey]),
            ("f('a process'); p.env[k]", &[UnprovenKey]),
            ("require('child_process').exec('echo $A')", &[ChildProcess]),
            ("import{exec}from\"node:child_process\"", &[ChildProcess]),
            ("// a child_process", &[]),
            ("require('dotenv').config({ override: true })", &[EnvFileOverrides]),
            ("import{config as e}from'dotenv';e({override:!0})", &[EnvFileOverrides]),
            ("require('dotenv').config({ override: false }); f({override: 1})", &[]),
            ("f({ override: true })", &[]),
        ] {
            let found = notes(text.as_bytes(), &FileReads::default());
            let reasons: Vec<Reason> = found.iter().map(|note| note.reason).collect();
            assert_eq!(reasons, expected, "{text}");
        }
    }
}
