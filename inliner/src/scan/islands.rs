//! Functions that only a tree can tell about, in a text whose other parts are plain.
//!
//! Owns where the global object or `process` goes to a name: `(g = globalThis) == null ? void 0 : g.process`, `let t = process
//! || {}`, as they stand once in a bundle of megabytes. The names that they are given are bound in the function around, so
//! that nothing outside of that function can mean them; who reads the function's tree sees to it that they are. A name for the
//! global object that is only looked into needs no tree, as long as nobody asks for `process` around. It refuses files where
//! that happens outside of any function, or where the global object does and names are exported.

use std::ops::Range;

use memchr::memmem;

use super::Doubt;
use super::around::{DeclaredName, is_ever_assigned};
use super::lexer::Lexer;
use crate::reads::{self, FileReads, Wanted};
use crate::syntax;
use crate::words::is_part;

/// Gathered along the way.
#[derive(Default)]
pub(super) struct Islands {
    of_global: Bodies,
    of_process: Bodies,
    of_asks: Bodies,
    /// Functions that look into the global object.
    named: Vec<Named>,
    /// So many of their bodies are not closed yet.
    naming: usize,
    /// The global object goes somewhere.
    hands_on_global: bool,
    /// Where another name for it may be asked for `process`.
    asks: Vec<usize>,
    /// Another name for it may be taken by another file.
    exports: bool,
    /// More functions look into the global object than are kept.
    has_many: bool,
}

/// A file with more such functions is cheaper as a tree.
const MOST_NAMED: usize = 256;
/// And so is one with more names that have to be looked for in the whole of it.
const MOST_SEARCHES: usize = 64;

/// A function that looks into the global object, by a declared name or at once.
struct Named {
    name: Option<Vec<u8>>,
    /// Where the name may be meant.
    region: Range<usize>,
    function: Function,
}

impl Named {
    /// Whether nothing but properties is taken from the name, wherever it stands.
    fn is_only_looked_into(&self, text: &[u8]) -> bool {
        let Some(name) = &self.name else { return true };
        let region = &text[self.region.clone()];
        memmem::find_iter(region, name).all(|at| {
            let (before, after) = (&region[..at], &region[at + name.len()..]);
            let is_word = !before.last().is_some_and(is_part) && !after.first().is_some_and(is_part);
            let is_property = before.ends_with(b".") && !before.ends_with(b"...");
            let is_used = match after.trim_ascii_start() {
                [b'=', next, ..] => !matches!(next, b'=' | b'>'),
                [b'?', b'.', ..] | [b'.' | b'[', ..] => true,
                _ => false,
            };
            !is_word || is_property || is_used
        })
    }
}

/// A function whose tree is asked.
#[derive(Clone)]
pub(super) struct Function {
    parameters: usize,
    body: Range<usize>,
}

impl Function {
    /// One that is still open.
    fn around(lexer: &Lexer<'_>) -> Option<Self> {
        let mut bodies = lexer.open.iter().rev();
        bodies.find_map(|open| Some(Self { parameters: open.parameters?, body: open.at..open.at }))
    }

    fn range(&self) -> Range<usize> {
        self.parameters..self.body.end
    }
}

/// Bodies of functions with something in them that is looked for.
#[derive(Default)]
struct Bodies {
    open: Vec<Function>,
    closed: Vec<Function>,
    /// One of these lies in no function.
    is_outside: bool,
}

impl Bodies {
    fn mark(&mut self, lexer: &Lexer<'_>) {
        match Function::around(lexer) {
            Some(around) if self.open.iter().all(|open| open.body != around.body) => self.open.push(around),
            Some(_) => {}
            None => self.is_outside = true,
        }
    }

    /// The bracket that was opened there ends here.
    #[inline]
    fn closed(&mut self, at: usize, end: usize) {
        if !self.open.is_empty() {
            let closed = self.open.extract_if(.., |open| open.body.start == at);
            self.closed.extend(closed.map(|open| Function { body: at..end, ..open }));
        }
    }
}

impl Islands {
    pub(super) fn names_global(&mut self, lexer: &Lexer<'_>, declared: &DeclaredName<'_>) {
        let Some(function) = Function::around(lexer) else { return self.hands_on_global(lexer) };
        let block = lexer.open.last().filter(|open| open.byte == b'{' && !declared.is_var);
        let region = block.map_or(function.body.start, |block| block.at);
        self.looks_into(function, region, Some(declared.name.to_owned()));
    }

    /// `globalThis[key]`.
    pub(super) fn looks_into_global(&mut self, lexer: &Lexer<'_>) {
        match Function::around(lexer) {
            Some(function) => {
                let region = function.body.start;
                self.looks_into(function, region, None);
            }
            None => self.hands_on_global(lexer),
        }
    }

    /// Both end where their brackets are closed.
    fn looks_into(&mut self, function: Function, region: usize, name: Option<Vec<u8>>) {
        if self.named.len() == MOST_NAMED {
            self.has_many = true;
            return;
        }
        self.named.push(Named { name, region: region..region, function });
        self.naming += 1;
    }

    pub(super) fn hands_on_global(&mut self, lexer: &Lexer<'_>) {
        self.hands_on_global = true;
        self.of_global.mark(lexer);
    }

    pub(super) fn asks_for_process(&mut self, lexer: &Lexer<'_>) {
        self.asks.push(lexer.at);
        self.of_asks.mark(lexer);
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

    pub(super) fn has_exports(&self) -> bool {
        self.exports
    }

    /// The bracket that was opened there ends here.
    #[inline]
    pub(super) fn closed(&mut self, at: usize, end: usize) {
        self.of_global.closed(at, end);
        self.of_process.closed(at, end);
        self.of_asks.closed(at, end);
        if self.naming > 0 {
            for named in &mut self.named {
                if named.region == (at..at) {
                    named.region.end = end;
                }
                if named.function.body == (at..at) {
                    named.function.body.end = end;
                    self.naming -= 1;
                }
            }
        }
    }

    /// The functions, in order, none inside another.
    pub(super) fn finish(self, text: &[u8]) -> Result<Vec<Function>, Doubt> {
        // They were met in order.
        let is_asked = |function: &Function| {
            let first = self.asks.partition_point(|at| *at < function.body.start);
            self.asks.get(first).is_some_and(|at| *at < function.body.end)
        };
        let mut named = self.named;
        // Each is looked for in its function.
        if self.exports && !named.is_empty() || self.has_many {
            return Err(Doubt::Global);
        }
        let matters = |named: &Named| is_asked(&named.function) || !named.is_only_looked_into(text);
        named.retain(|named| !self.asks.is_empty() && matters(named));
        let mut functions = self.of_process.closed;
        let hands_on_global = self.hands_on_global || !named.is_empty();
        if hands_on_global && (!self.asks.is_empty() || self.exports) {
            if self.of_global.is_outside || self.of_asks.is_outside || self.exports {
                return Err(Doubt::Global);
            }
            functions.extend(self.of_global.closed);
            functions.extend(self.of_asks.closed);
            functions.extend(named.into_iter().map(|named| named.function));
        }
        functions.sort_by_key(|function| (function.parameters, std::cmp::Reverse(function.body.end)));
        let mut end = 0;
        functions.retain(|function| {
            let is_outer = function.parameters >= end;
            end = end.max(function.body.end);
            is_outer
        });
        // The whole tree costs no more than these, and is asked once.
        let is_most = functions.iter().map(|function| function.body.len()).sum::<usize>() > text.len() / 2;
        if is_most { Err(Doubt::Process) } else { Ok(functions) }
    }
}

/// Puts what the trees of these functions tell in place of what their tokens do.
pub(super) fn read(
    text: &str,
    mut found: FileReads,
    functions: &[Function],
    wanted: &dyn Wanted,
) -> Result<FileReads, Doubt> {
    // They are in order, and none lies in another.
    let is_inside = |at: u32| {
        let next = functions.partition_point(|function| function.range().end <= at as usize);
        functions.get(next).is_some_and(|function| function.range().contains(&(at as usize)))
    };
    let mut searches = MOST_SEARCHES;
    found.reads.retain(|read| !is_inside(read.start));
    found.notes.retain(|note| !is_inside(note.at));
    for function in functions {
        let FileReads { reads, objects, notes, .. } = one(text, function, wanted, &mut searches)?;
        found.reads.extend(reads);
        found.objects.extend(objects);
        found.notes.extend(notes);
    }
    Ok(found)
}

fn one(
    text: &str,
    function: &Function,
    wanted: &dyn Wanted,
    searches: &mut usize,
) -> Result<FileReads, Doubt> {
    let parameters = &text[function.parameters..function.body.start];
    let in_parentheses = parameters.starts_with('(');
    // Whatever the function is, `return`, `await` and `yield` may stand in it. It has no name that something may mean.
    let head = if in_parentheses { "(async function*" } else { "(async function*(" };
    // An arrow's sign makes room for what the other kind needs.
    let parameters = match parameters.trim_ascii_end().strip_suffix("=>") {
        Some(list) => {
            let after = &parameters[list.len() + 2..];
            [list, if in_parentheses { "  " } else { ") " }, after].concat()
        }
        None => parameters.to_owned(),
    };
    let source = [head, &parameters, &text[function.body.clone()], ")"].concat();
    let program = syntax::parse(&source).map_err(|_| Doubt::Global)?;
    let searches = std::cell::RefCell::new(searches);
    let is_given = |name: &str| {
        let mut left = searches.borrow_mut();
        **left = left.saturating_sub(1);
        **left == 0 || is_ever_assigned(text.as_bytes(), name.as_bytes())
    };
    let found = reads::find_within(&program, wanted, is_given).ok_or(Doubt::Global)?;
    found.of_part(function.parameters as u32, head.len() as u32).ok_or(Doubt::Global)
}
