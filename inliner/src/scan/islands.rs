//! Functions that only a tree can tell about, in a text whose other parts are plain.
//!
//! Owns where the global object or `process` goes to a name: `(g = globalThis) == null ? void 0 : g.process`, `let t = process
//! || {}`, as they stand once in a bundle of megabytes. The names that they are given are bound in the function around, so
//! that nothing outside of that function can mean them; who reads the function's tree sees to it that they are. It refuses
//! files where that happens outside of any function, or where the global object does and names are exported.

use std::ops::Range;

use super::Doubt;
use super::lexer::Lexer;
use crate::reads::{self, FileReads, Wanted};
use crate::syntax;

/// Gathered along the way.
#[derive(Default)]
pub(super) struct Islands {
    of_global: Bodies,
    of_process: Bodies,
    /// The global object goes somewhere.
    hands_on_global: bool,
    /// Another name for it may be asked for `process`.
    asks_for_process: bool,
    /// Another name for it may be taken by another file.
    exports: bool,
}

/// Bodies of functions with something in them that is looked for.
#[derive(Default)]
struct Bodies {
    open: Vec<usize>,
    closed: Vec<Range<usize>>,
    /// One of these lies in no function.
    is_outside: bool,
}

impl Bodies {
    fn mark(&mut self, lexer: &Lexer<'_>) {
        match lexer.open.iter().rfind(|open| open.is_body) {
            Some(body) if !self.open.contains(&body.at) => self.open.push(body.at),
            Some(_) => {}
            None => self.is_outside = true,
        }
    }

    /// The bracket that was opened there ends here.
    #[inline]
    fn closed(&mut self, at: usize, end: usize) {
        if !self.open.is_empty() {
            self.closed.extend(self.open.extract_if(.., |open| *open == at).map(|open| open..end));
        }
    }
}

impl Islands {
    pub(super) fn hands_on_global(&mut self, lexer: &Lexer<'_>) {
        self.hands_on_global = true;
        self.of_global.mark(lexer);
    }

    pub(super) fn asks_for_process(&mut self, lexer: &Lexer<'_>) {
        self.asks_for_process = true;
        self.of_global.mark(lexer);
    }

    /// Outside of any function there is no use in reading on.
    pub(super) fn hands_on_process(&mut self, lexer: &Lexer<'_>) -> Result<(), Doubt> {
        self.of_process.mark(lexer);
        if self.of_process.is_outside { Err(Doubt::Process) } else { Ok(()) }
    }

    /// In a function that takes `process` itself.
    pub(super) fn is_inside(&self) -> bool {
        !self.of_process.open.is_empty()
    }

    pub(super) fn exports(&mut self) {
        self.exports = true;
    }

    /// The bracket that was opened there ends here.
    #[inline]
    pub(super) fn closed(&mut self, at: usize, end: usize) {
        self.of_global.closed(at, end);
        self.of_process.closed(at, end);
    }

    /// The bodies, in order, none inside another.
    pub(super) fn finish(self, length: usize) -> Result<Vec<Range<usize>>, Doubt> {
        let mut bodies = self.of_process.closed;
        if self.hands_on_global && (self.asks_for_process || self.exports) {
            if self.of_global.is_outside || self.exports {
                return Err(Doubt::Global);
            }
            bodies.extend(self.of_global.closed);
        }
        bodies.sort_by_key(|body| (body.start, std::cmp::Reverse(body.end)));
        let mut end = 0;
        bodies.retain(|body| {
            let is_outer = body.start >= end;
            end = end.max(body.end);
            is_outer
        });
        // The whole tree costs no more than these, and is asked once.
        let is_most = bodies.iter().map(Range::len).sum::<usize>() > length / 2;
        if is_most { Err(Doubt::Process) } else { Ok(bodies) }
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
