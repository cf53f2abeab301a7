//! Functions that only a tree can tell about, in a text whose other parts are plain.
//!
//! Owns where the global object goes to a name: `(g = globalThis) == null ? void 0 : g.process`, as it stands once in a
//! bundle of megabytes. The names that it is given are bound in the function around it, so that nothing outside of that
//! function can mean them; who reads the function's tree sees to it that they are. It refuses files where that happens
//! outside of any function, or that export names to others.

use std::ops::Range;

use super::Doubt;
use super::lexer::Lexer;
use crate::reads::{self, FileReads, Wanted};
use crate::syntax;

/// Gathered along the way.
#[derive(Default)]
pub(super) struct Islands {
    /// Bodies that are still open.
    open: Vec<usize>,
    closed: Vec<Range<usize>>,
    /// The global object goes somewhere.
    hands_on_global: bool,
    /// Another name for it may be asked for `process`.
    asks_for_process: bool,
    /// Another name for it may be taken by another file.
    exports: bool,
    /// One of these lies in no function.
    is_outside: bool,
}

impl Islands {
    pub(super) fn hands_on_global(&mut self, lexer: &Lexer<'_>) {
        self.hands_on_global = true;
        self.mark(lexer);
    }

    pub(super) fn asks_for_process(&mut self, lexer: &Lexer<'_>) {
        self.asks_for_process = true;
        self.mark(lexer);
    }

    pub(super) fn exports(&mut self) {
        self.exports = true;
    }

    fn mark(&mut self, lexer: &Lexer<'_>) {
        match lexer.open.iter().rfind(|open| open.is_body) {
            Some(body) if !self.open.contains(&body.at) => self.open.push(body.at),
            Some(_) => {}
            None => self.is_outside = true,
        }
    }

    /// The bracket that was opened there ends here.
    #[inline]
    pub(super) fn closed(&mut self, at: usize, end: usize) {
        if !self.open.is_empty() {
            self.closed.extend(self.open.extract_if(.., |open| *open == at).map(|open| open..end));
        }
    }

    /// The bodies, in order, none inside another.
    pub(super) fn finish(self) -> Result<Vec<Range<usize>>, Doubt> {
        if !self.hands_on_global || !self.asks_for_process && !self.exports {
            return Ok(Vec::new());
        }
        if self.is_outside || self.exports {
            return Err(Doubt::Global);
        }
        let mut bodies = self.closed;
        bodies.sort_by_key(|body| (body.start, std::cmp::Reverse(body.end)));
        let mut end = 0;
        bodies.retain(|body| {
            let is_outer = body.start >= end;
            end = end.max(body.end);
            is_outer
        });
        Ok(bodies)
    }
}

/// Puts what the trees of these bodies tell in place of what their tokens do.
pub(super) fn read(
    text: &str,
    mut found: FileReads,
    bodies: &[Range<usize>],
    wanted: &dyn Wanted,
) -> Result<FileReads, Doubt> {
    let is_inside = |at: u32| bodies.iter().any(|body| body.contains(&(at as usize)));
    found.reads.retain(|read| !is_inside(read.start));
    found.notes.retain(|note| !is_inside(note.at));
    for body in bodies {
        let FileReads { reads, objects, notes, .. } = one(text, body, wanted)?;
        found.reads.extend(reads);
        found.objects.extend(objects);
        found.notes.extend(notes);
    }
    Ok(found)
}

fn one(text: &str, body: &Range<usize>, wanted: &dyn Wanted) -> Result<FileReads, Doubt> {
    // Whatever the function is, `return`, `await` and `yield` may stand in it.
    const HEAD: &str = "async function*_()";
    let function = [HEAD, &text[body.clone()]].concat();
    let program = syntax::parse(&function).map_err(|_| Doubt::Global)?;
    let found = reads::find_within(&program, wanted).ok_or(Doubt::Global)?;
    found.of_part(body.start as u32, HEAD.len() as u32).ok_or(Doubt::Global)
}
