//! Rewrites one bundle and its source map.
//!
//! Adjusts the map only if columns move; a read stays, and is reported, if the map cannot be kept
//! exact. Checks a bundle that was inlined before for values that changed since.

use std::collections::BTreeMap;
use std::path::PathBuf;

use capy_protocol::env_map::EnvMap;

use crate::digest::short_digest;
use crate::finding::Reason;
use crate::footer::{self, Parts};
use crate::helpers;
use crate::line_index::LineIndex;
use crate::map::{self, DataUrl, Shift};
use crate::reads::FileReads;
use crate::replace::{self, Edit};
use crate::variables::{function_name, object_name};

/// What the rewriting of every bundle of a run shares.
pub(crate) struct Context<'a> {
    pub(crate) values: &'a EnvMap,
    /// The prefix of helper functions, with which no other name begins.
    pub(crate) prefix: String,
    /// Variables whose reads stay, and why.
    pub(crate) kept: BTreeMap<String, Reason>,
}

/// Where a bundle's map is.
pub(crate) enum MapAt {
    Nowhere,
    /// A file beside the bundle, with its text.
    File(String),
    /// In the bundle's last comment.
    Inline,
    /// Somewhere that cannot be written.
    Elsewhere,
}

/// The statement that a bundle runs first, to set variables.
#[derive(Debug)]
pub(crate) struct Prologue {
    /// `None` if an earlier run inserted it.
    pub(crate) edit: Option<Edit>,
    /// Variables whose functions the statement calls, and the function that sets them.
    pub(crate) names: Vec<String>,
    pub(crate) function: Option<(String, String)>,
    /// The module that the statement imports: path and text.
    pub(crate) module: Option<(PathBuf, String)>,
}

/// A bundle after rewriting.
#[derive(Default)]
pub(crate) struct Rewritten {
    /// How the new text is made, if it differs.
    pub(crate) text: Option<NewText>,
    /// The new text of the map beside it, if it differs.
    pub(crate) map: Option<String>,
    /// Reads that hold a value now, by variable.
    pub(crate) replaced: BTreeMap<String, usize>,
    /// Reads that stay: reason, variable, offset.
    pub(crate) left: Vec<(Reason, String, usize)>,
    /// Functions of an earlier run that hold other values.
    pub(crate) stale: Vec<String>,
    /// Whether the bundle contains the prologue.
    pub(crate) starts_first: bool,
    /// The module that the prologue imports.
    pub(crate) module: Option<(PathBuf, String)>,
}

/// How a bundle's new text is made from its old one. Takes far less memory than the texts, of which
/// there may be thousands.
#[derive(Default)]
pub(crate) struct NewText {
    edits: Vec<Edit>,
    /// Helper functions that the bundle does not contain yet.
    functions: Vec<String>,
    /// `None` if the trailer is unchanged.
    trailer: Option<String>,
}

impl NewText {
    /// The new text in pieces. The source must be the text that the edits were planned for.
    pub(crate) fn pieces<'a>(&'a self, source: &'a str) -> Vec<&'a str> {
        let parts = footer::split(source).expect("a text that does not come apart is not edited");
        let new = self.functions.iter().map(String::as_str);
        let body = replace::apply(parts.body, &self.edits);
        let trailer = self.trailer.as_deref().unwrap_or(parts.trailer);
        footer::join(body, parts.functions.into_iter().chain(new), trailer)
    }
}

/// One replacement and the variables that it needs.
struct Piece {
    edits: Vec<Edit>,
    names: Vec<String>,
    function: Option<(String, String)>,
    is_prologue: bool,
}

/// Plans the new texts. Calls `find_map` only if columns move.
pub(crate) fn rewrite(
    source: &str,
    reads: &FileReads,
    context: &Context<'_>,
    prologue: impl FnOnce(&Parts<'_>) -> Option<Prologue>,
    find_map: impl FnOnce(&str) -> MapAt,
) -> Rewritten {
    let mut out = Rewritten::default();
    let Some(parts) = footer::split(source) else {
        return out;
    };
    out.stale = stale(&parts.functions, context);
    // The prologue goes in front of a read that begins at the same offset.
    let mut pieces = Vec::from_iter(prologue(&parts).and_then(|prologue| first_piece(prologue, &mut out)));
    add_reads(parts.body, reads, context, &mut pieces, &mut out);
    if pieces.is_empty() {
        return out;
    }
    let mut trailer = None;
    if !shifts(parts.body, &all_edits(&pieces)).is_empty() {
        match move_map(&parts, &pieces, find_map) {
            Ok(Moved::Nothing) => {}
            Ok(Moved::File(map)) => out.map = map,
            Ok(Moved::Trailer(text)) => trailer = Some(text),
            Err(map::Unsupported) => leave_moving(parts.body, &mut pieces, &mut out),
        }
    }
    let edits = all_edits(&pieces);
    if edits.is_empty() {
        return out;
    }
    for name in pieces.iter().filter(|piece| !piece.is_prologue).flat_map(|piece| &piece.names) {
        *out.replaced.entry(name.clone()).or_default() += 1;
    }
    let functions = functions(&parts, &pieces, context);
    out.text = Some(NewText { edits, functions, trailer });
    out
}

fn first_piece(prologue: Prologue, out: &mut Rewritten) -> Option<Piece> {
    let Prologue { edit, names, function, module } = prologue;
    (out.starts_first, out.module) = (true, module);
    edit.map(|edit| Piece { edits: vec![edit], names, function, is_prologue: true })
}

fn add_reads(
    body: &str,
    reads: &FileReads,
    context: &Context<'_>,
    pieces: &mut Vec<Piece>,
    out: &mut Rewritten,
) {
    for read in &reads.reads {
        if let Some(reason) = context.kept.get(&read.name) {
            out.left.push((*reason, read.name.clone(), read.start as usize));
            continue;
        }
        let edits = replace::read(body, &context.prefix, read);
        let names = vec![read.name.clone()];
        pieces.push(Piece { edits, names, function: None, is_prologue: false });
    }
    for read in &reads.objects {
        let mut read = read.clone();
        let start = read.start as usize;
        read.names.retain(|name| match context.kept.get(name) {
            Some(reason) => {
                out.left.push((*reason, name.clone(), start));
                false
            }
            None => true,
        });
        if read.names.is_empty() {
            continue;
        }
        let edits = replace::object(body, &context.prefix, &read);
        let name = object_name(&context.prefix, read.of, &read.names);
        let function = replace::object_function(&context.prefix, read.of, &read.names);
        let function = Some((name, function));
        pieces.push(Piece { edits, names: read.names, function, is_prologue: false });
    }
}

fn all_edits(pieces: &[Piece]) -> Vec<Edit> {
    let edits = pieces.iter().flat_map(|piece| piece.edits.iter().cloned()).collect();
    replace::in_order(edits).expect("reads do not overlap: each ends where its variable's name does")
}

/// How columns move; edits that keep every column are left out.
fn shifts(body: &str, edits: &[Edit]) -> Vec<Shift> {
    let mut lines = LineIndex::new(body);
    let mut shifts = Vec::new();
    for edit in edits {
        let old = &body[edit.start..edit.end];
        if old.contains(['\n', '\r']) || old.is_empty() && is_end_of_code(&body[edit.end..]) {
            continue;
        }
        let by = edit.text.encode_utf16().count().saturating_sub(old.encode_utf16().count()) as u32;
        if by > 0 {
            let (line, column) = lines.zero_based(edit.end);
            shifts.push(Shift { line, column, by });
        }
    }
    shifts
}

/// Whether the rest of the line holds at most a comment.
fn is_end_of_code(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t', '\x0b', '\x0c']);
    rest.is_empty() || rest.starts_with(['\n', '\r']) || rest.starts_with("//")
}

enum Moved {
    Nothing,
    /// The map beside the bundle; `None` if a killed run adjusted it already.
    File(Option<String>),
    Trailer(String),
}

fn move_map(
    parts: &Parts<'_>,
    pieces: &[Piece],
    find_map: impl FnOnce(&str) -> MapAt,
) -> Result<Moved, map::Unsupported> {
    if footer::map_url(parts.trailer).is_none() && footer::names_a_map(parts.body) {
        return Err(map::Unsupported);
    }
    let edits = all_edits(pieces);
    let shifts = shifts(parts.body, &edits);
    let (from, to) = (digest(parts.body), digest(&replace::apply(parts.body, &edits).concat()));
    match find_map(parts.trailer) {
        MapAt::Nowhere => Ok(Moved::Nothing),
        MapAt::Elsewhere => Err(map::Unsupported),
        MapAt::File(map) => match map::stamp(&map) {
            Some((old_from, old_to)) if old_from == from && old_to == to => Ok(Moved::File(None)),
            Some((_, old_to)) if old_to != from => Err(map::Unsupported),
            _ => map::shift(&map, &shifts, &from, &to).map(|map| Moved::File(Some(map))),
        },
        MapAt::Inline => {
            let url = footer::map_url(parts.trailer).ok_or(map::Unsupported)?;
            let data = DataUrl::parse(url).ok_or(map::Unsupported)?;
            let map = data.decode().ok_or(map::Unsupported)?;
            let moved = data.encode(&map::shift(&map, &shifts, &from, &to)?);
            Ok(Moved::Trailer(parts.trailer.replace(url, &moved)))
        }
    }
}

/// Identifies a body; the blank lines before the appended functions do not count.
fn digest(body: &str) -> String {
    short_digest(body.trim_end_matches('\n'), 16)
}

/// Drops every replacement that would move a column.
fn leave_moving(body: &str, pieces: &mut Vec<Piece>, out: &mut Rewritten) {
    let moves = |piece: &Piece| !shifts(body, &piece.edits).is_empty();
    for piece in pieces.iter().filter(|piece| moves(piece)) {
        if piece.is_prologue {
            (out.starts_first, out.module) = (false, None);
            continue;
        }
        let at = piece.edits[0].start;
        out.left.extend(piece.names.iter().map(|name| (Reason::SourceMap, name.clone(), at)));
    }
    pieces.retain(|piece| !moves(piece));
}

/// The functions that an earlier run did not put there, in order of name.
fn functions(parts: &Parts<'_>, pieces: &[Piece], context: &Context<'_>) -> Vec<String> {
    let mut new: BTreeMap<String, String> = BTreeMap::new();
    for piece in pieces {
        new.extend(piece.function.clone());
        for name in &piece.names {
            let value = context.values.get(name).map_or("", |value| value.expose_secret());
            let function = function_name(&context.prefix, name);
            new.entry(function).or_insert_with(|| replace::value_function(&context.prefix, name, value));
        }
    }
    new.into_values().filter(|function| !parts.functions.contains(&function.as_str())).collect()
}

/// Functions of an earlier run whose variable is not among the values, or has another value.
fn stale(functions: &[&str], context: &Context<'_>) -> Vec<String> {
    let held = functions.iter().filter(|function| function.contains("{return(\n"));
    let is_current = |function: &str| {
        let Some(prefix) = helpers::prefix_of(function) else { return false };
        let name = function["function ".len()..].split('(').next().unwrap_or_default();
        context.values.iter().any(|(variable, value)| {
            function_name(prefix, variable) == name
                && replace::value_function(prefix, variable, value.expose_secret()) == function
        })
    };
    let stale = held.filter(|function| !is_current(function));
    stale.map(|function| function.split(['(', ' ']).nth(1).unwrap_or_default().to_owned()).collect()
}
