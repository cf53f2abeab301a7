//! Parser and editor for `.env` files: it reads as Node does, and an edit leaves all other bytes
//! alone.
//!
//! The syntax is that of `util.parseEnv` of Node 22: `NAME=value`, `export` in front, `#` comments,
//! values in `'`, `"` or `` ` `` over several lines, `\n` meaning a new line in double quotes only,
//! no expansion of `$NAME`, and the last of several assignments wins. Deliberate differences:
//!
//! - A byte order mark at the start is skipped; Node makes it part of the first name.
//! - A comment may be indented; Node takes a name from it.
//! - A value of nothing but blanks is empty; Node takes the next line for it.
//! - Blanks after an unclosed quote are dropped, as they are after any value without quotes.
//! - A line without an assignment is skipped and reported, and so is one whose name is empty or has
//!   blanks, control characters or quotes in it.
//!
//! An [`Ambiguity`] reports a line that its author may have meant differently (`A=se#cret`), or
//! that dotenv or another parser of such files reads differently; the value is the one that Node
//! reads. Commands that would seal or deploy half a secret refuse a file with such a line. The
//! tests compare this parser with Node and dotenv: every file that the three read differently must
//! have an ambiguity.

mod invisible_chars;
pub(crate) mod open;
pub(crate) mod text;
pub(crate) mod written_form;

use std::ops::Range;

use capy_protocol::env_map::SecretValue;
use zeroize::Zeroizing;

use crate::error::{Ambiguity, AmbiguityKind};
use crate::names;

const BLANK: [char; 3] = [' ', '\t', '\r'];
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// A parsed file. Wiped on drop: it may hold plaintext.
pub(crate) struct EnvFile {
    text: Zeroizing<String>,
    entries: Vec<Entry>,
    ambiguities: Vec<Ambiguity>,
}

/// One assignment.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) value: SecretValue,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Byte range of the lines of the assignment, with the line end.
    lines: Range<usize>,
    /// Byte range of the value as written, with its quotes; up to the end of the line where an
    /// ambiguity makes the end of the value uncertain.
    raw: Range<usize>,
}

impl EnvFile {
    /// Parses the text of a file. No text is refused: see [`EnvFile::ambiguities`].
    pub(crate) fn parse(text: Zeroizing<String>) -> Self {
        let mut parser = Parser { text: &text, at: 0, line: 1, entries: Vec::new(), ambiguities: Vec::new() };
        if text.starts_with(invisible_chars::BYTE_ORDER_MARK) {
            parser.at = invisible_chars::BYTE_ORDER_MARK.len_utf8();
            parser.report(AmbiguityKind::ByteOrderMark);
        }
        while parser.at < text.len() {
            parser.read_line();
        }
        let Parser { entries, ambiguities, .. } = parser;
        Self { text, entries, ambiguities }
    }

    /// Every assignment, in the file's order; the last one of a name is the effective one.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The effective assignments, in the file's order: the last one of each name.
    pub(crate) fn effective(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| {
            let later = &self.entries[index + 1..];
            later.iter().all(|other| other.name != entry.name).then_some(entry)
        })
    }

    /// The text that was parsed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The value of one of this file's entries as it is written, with its quotes.
    pub(crate) fn written(&self, entry: &Entry) -> &str {
        &self.text[entry.raw.clone()]
    }

    /// Lines that may be meant differently than they are read.
    pub(crate) fn ambiguities(&self) -> &[Ambiguity] {
        &self.ambiguities
    }

    /// The text with some values rewritten: for each entry, `rewrite` returns the new value as it
    /// is to be written, or `None` to keep the old one.
    pub(crate) fn try_rewrite<E>(
        &self,
        mut rewrite: impl FnMut(&Entry) -> Result<Option<Zeroizing<String>>, E>,
    ) -> Result<Zeroizing<String>, E> {
        let mut edits = Vec::new();
        for entry in &self.entries {
            if let Some(value) = rewrite(entry)? {
                edits.push((entry.raw.clone(), value));
            }
        }
        Ok(self.apply(edits))
    }

    /// The text with `name` assigned once: in place of its last assignment, or on a new last line.
    pub(crate) fn set(&self, name: &str, written: &str) -> Zeroizing<String> {
        let mut found: Vec<_> = self.entries.iter().filter(|entry| entry.name == name).collect();
        let Some(last) = found.pop() else {
            return self.append(name, written);
        };
        let mut edits: Vec<_> =
            found.iter().map(|entry| (entry.lines.clone(), Zeroizing::default())).collect();
        edits.push((last.raw.clone(), Zeroizing::new(written.to_owned())));
        self.apply(edits)
    }

    /// The text without any assignment of these names.
    pub(crate) fn unset(&self, names: &[String]) -> Zeroizing<String> {
        let gone = self.entries.iter().filter(|entry| names.contains(&entry.name));
        self.apply(gone.map(|entry| (entry.lines.clone(), Zeroizing::default())).collect())
    }

    /// Whether `edited` differs from this file in `names` alone: `edited` assigns `value` to them
    /// once, or does not assign them if `value` is `None`.
    pub(crate) fn differs_only_in(&self, edited: &str, names: &[String], value: Option<&str>) -> bool {
        let edited = Self::parse(Zeroizing::new(edited.to_owned()));
        let named = |entry: &&Entry| names.contains(&entry.name);
        let now = edited.entries.iter().filter(named).map(|entry| entry.value.expose_secret());
        self.without(names).eq(edited.without(names)) && now.eq(value)
    }

    fn without(&self, names: &[String]) -> impl Iterator<Item = (&str, &str)> {
        let others = self.entries.iter().filter(|entry| !names.contains(&entry.name));
        others.map(|entry| (entry.name.as_str(), entry.value.expose_secret()))
    }

    fn append(&self, name: &str, written: &str) -> Zeroizing<String> {
        let end = self.text.len();
        let crlf = self.text.find('\n').is_some_and(|at| self.text[..at].ends_with('\r'));
        let newline = if crlf { "\r\n" } else { "\n" };
        let lead = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { newline };
        self.apply(vec![(end..end, Zeroizing::new(format!("{lead}{name}={written}{newline}")))])
    }

    /// Applies edits that are in order and do not overlap.
    fn apply(&self, edits: Vec<(Range<usize>, Zeroizing<String>)>) -> Zeroizing<String> {
        let grown: usize = edits.iter().map(|(_, new)| new.len() + 1).sum();
        let mut out = Zeroizing::new(String::with_capacity(self.text.len() + grown));
        let mut at = 0;
        for (range, new) in edits {
            out.push_str(&self.text[at..range.start]);
            out.push_str(&new);
            at = range.end;
            // `"x"# note` must not become one unquoted value with a `#` in it.
            if !new.is_empty() && self.text[at..].starts_with('#') {
                out.push(' ');
            }
        }
        out.push_str(&self.text[at..]);
        out
    }
}

/// How a plaintext value is written so that it reads back the same; `None` when no form can hold
/// it.
pub(crate) fn quote(value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=~".contains(c);
    if value.chars().all(plain) {
        return Some(value.to_owned());
    }
    let kept = |quote: char| {
        let read = format!("A={quote}{value}{quote}\n");
        let file = EnvFile::parse(Zeroizing::new(read));
        let same = file.entries.len() == 1 && file.entries[0].value.expose_secret() == value;
        (same && file.ambiguities.is_empty()).then(|| format!("{quote}{value}{quote}"))
    };
    QUOTES.into_iter().find_map(kept)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    entries: Vec<Entry>,
    ambiguities: Vec<Ambiguity>,
}

/// A value that was read: its meaning, its byte range and the end of its last line.
struct ParsedValue {
    value: Zeroizing<String>,
    raw: Range<usize>,
    line_end: usize,
    ambiguity: Option<AmbiguityKind>,
}

impl Parser<'_> {
    fn read_line(&mut self) {
        let end = self.end_of_line(self.at);
        let line = self.text[self.at..end].trim_matches(BLANK);
        if line.is_empty() || line.starts_with('#') {
            if self.text[self.at..end].starts_with(BLANK) && line.contains('=') {
                self.report(AmbiguityKind::IndentedComment);
            }
            self.find_invisible_chars(self.at..self.at, end);
            return self.finish_lines(end);
        }
        let Some((before, _)) = self.text[self.at..end].split_once('=') else {
            return self.skip_line(end, AmbiguityKind::NoAssignment);
        };
        let after_equals = self.at + before.len() + 1;
        let name = before.trim_matches(BLANK);
        let name = name.strip_prefix("export ").map_or(name, |rest| rest.trim_matches(BLANK));
        if !is_readable_name(name) {
            return self.skip_line(end, AmbiguityKind::BadName);
        }
        let found = self.read_value(after_equals, end);
        if !names::is_read_alike(name) {
            self.report(AmbiguityKind::OddName);
        }
        if let Some(kind) = found.ambiguity {
            self.report(kind);
        }
        if name.len() < before.trim_matches(BLANK).len() && found.raw.is_empty() {
            self.report(AmbiguityKind::ExportOfNothing);
        }
        self.find_invisible_chars(self.at..found.raw.end, found.line_end);
        self.entries.push(Entry {
            name: name.to_owned(),
            value: SecretValue::new(found.value.to_string()),
            line: self.line,
            lines: self.at..(found.line_end + 1).min(self.text.len()),
            raw: found.raw,
        });
        self.finish_lines(found.line_end);
    }

    fn read_value(&self, after_equals: usize, end: usize) -> ParsedValue {
        let rest = &self.text[after_equals..end];
        let written = rest.trim_matches(BLANK);
        let start = after_equals + (rest.len() - rest.trim_start_matches(BLANK).len());
        match written.chars().next() {
            None => ParsedValue {
                value: Zeroizing::default(),
                raw: after_equals..after_equals,
                line_end: end,
                ambiguity: rest.contains([' ', '\t']).then_some(AmbiguityKind::BlankValue),
            },
            Some(quote) if QUOTES.contains(&quote) => self.read_quoted(quote, start, end),
            Some(_) => self.read_unquoted(after_equals, start, end),
        }
    }

    fn read_unquoted(&self, after_equals: usize, start: usize, end: usize) -> ParsedValue {
        let line = &self.text[start..end];
        let value = line.split('#').next().unwrap_or_default();
        let glued = value.len() < line.len()
            && if value.is_empty() { start == after_equals } else { !value.ends_with(BLANK) };
        let value = value.trim_end_matches(BLANK);
        let is_typographic = |c: Option<char>| c.is_some_and(invisible_chars::is_typographic_quote);
        let quoted = is_typographic(value.chars().next()) || is_typographic(value.chars().next_back());
        let (raw, ambiguity) = match (glued, value.is_empty()) {
            (true, _) => {
                (start..start + line.trim_end_matches(BLANK).len(), Some(AmbiguityKind::HashInValue))
            }
            (false, true) => (after_equals..after_equals, None),
            (false, false) => (start..start + value.len(), quoted.then_some(AmbiguityKind::TypographicQuote)),
        };
        ParsedValue { value: without_cr(value), raw, line_end: end, ambiguity }
    }

    fn read_quoted(&self, quote: char, start: usize, end: usize) -> ParsedValue {
        let Some(len) = self.text[start + 1..].find(quote) else {
            let line = self.text[start..end].trim_end_matches(BLANK);
            return ParsedValue {
                value: without_cr(line),
                raw: start..start + line.len(),
                line_end: end,
                ambiguity: Some(AmbiguityKind::OpenQuote),
            };
        };
        let close = start + 1 + len;
        let line_end = self.end_of_line(close);
        let tail = self.text[close + 1..line_end].trim_matches(BLANK);
        let value = without_cr(&self.text[start + 1..close]);
        let odd = !tail.is_empty() && !tail.starts_with('#');
        let ambiguity = match quote {
            _ if odd => Some(AmbiguityKind::TextAfterQuote),
            '"' if value.replace("\\n", "").contains('\\') || value.contains("\\\\") => {
                Some(AmbiguityKind::Escape)
            }
            _ if value.ends_with('\\') => Some(AmbiguityKind::BackslashBeforeQuote),
            _ => None,
        };
        let raw_end = if odd {
            close + 1 + self.text[close + 1..line_end].trim_end_matches(BLANK).len()
        } else {
            close + 1
        };
        ParsedValue {
            value: if quote == '"' { Zeroizing::new(value.replace("\\n", "\n")) } else { value },
            raw: start..raw_end,
            line_end,
            ambiguity,
        }
    }

    fn end_of_line(&self, from: usize) -> usize {
        self.text[from..].find('\n').map_or(self.text.len(), |len| from + len)
    }

    fn skip_line(&mut self, end: usize, kind: AmbiguityKind) {
        self.report(kind);
        self.finish_lines(end);
    }

    fn report(&mut self, kind: AmbiguityKind) {
        self.ambiguities.push(Ambiguity { line: self.line, kind });
    }

    /// Reports characters that a person does not see, in an assignment and in the comment from its
    /// end up to `end`.
    fn find_invisible_chars(&mut self, assignment: Range<usize>, end: usize) {
        let comment = assignment.end..end;
        let found =
            invisible_chars::find_in_value(&self.text[assignment.clone()], &self.text[assignment.end..])
                .map(|(at, kind)| (assignment.start + at, kind))
                .or_else(|| {
                    let (at, kind) =
                        invisible_chars::find_in_comment(&self.text[comment.clone()], &self.text[end..])?;
                    Some((comment.start + at, kind))
                });
        if let Some((at, kind)) = found {
            let line = self.line + self.text[assignment.start..at].matches('\n').count();
            self.ambiguities.push(Ambiguity { line, kind });
        }
    }

    fn finish_lines(&mut self, end: usize) {
        self.line += self.text[self.at..end].matches('\n').count() + 1;
        self.at = end + 1;
    }
}

/// Removes carriage returns, as Node does before it parses.
fn without_cr(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace('\r', ""))
}

fn is_readable_name(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || QUOTES.contains(&c);
    !name.is_empty() && !name.contains(odd)
}

#[cfg(test)]
mod tests;
