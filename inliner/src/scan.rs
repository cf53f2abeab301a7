//! Reads of the environment from tokens alone, where that is certain.
//!
//! Owns the fast way around the parser: most bundles have nothing but `process.env.NAME` in them, and for those the tokens
//! tell all that a tree would. It answers exactly what `reads::find` answers, or nothing: every occurrence of `process`, of
//! the global object and of a wanted name must be one of a few plain forms, or the [`Doubt`] says why the parser is asked.
//!
//! Why the forms are enough: a binding, an alias or a shadow of `process` needs the bare word, and a bare word is only
//! accepted after `typeof` and as a call's argument. It may also be given to a name inside a function, as may the global
//! object: then that function alone is parsed. What it refuses to see is an error in the grammar that leaves the tokens and
//! their neighbours in order: such a file does not run before, and does not run after.

mod around;
mod chain;
mod islands;
mod lexer;
mod literal;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem::Finder;

use crate::reads::{FileReads, Wanted};
use crate::words::is_part;

/// Why the tokens are not enough. The serialised names are for statistics alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(not(feature = "testing"), expect(unreachable_pub, reason = "the feature shows it"))]
pub enum Doubt {
    /// Brackets that do not fit.
    Brackets,
    /// Two tokens that cannot stand side by side, or hardly.
    Neighbours,
    /// A `/` that may divide or begin a regular expression.
    Slash,
    /// A literal without an end.
    Literal,
    /// Letters that need a table of their own, or an escape in a name.
    Letters,
    /// A literal that is a name once its escapes are undone.
    Escapes,
    /// `process` itself goes somewhere.
    Process,
    /// The whole environment goes somewhere that is not a plain argument.
    WholeEnv,
    /// A key that may be known or not.
    Key,
    /// Assigned, updated, deleted, constructed, or in a pattern.
    Written,
    /// A wanted name outside a plain read.
    Name,
    /// The global object, and a property `process`.
    Global,
    /// The name of the process module.
    Module,
    /// `eval`, `with` or `Function`.
    Scope,
    /// Functions of an earlier run.
    Ours,
}

/// Looks for the words that matter. Made once for all files.
pub(crate) struct Scanner {
    words: AhoCorasick,
    /// What makes code of a text, besides a direct `eval` and `Function` by its name.
    runners: [Finder<'static>; 2],
    /// Names that are no identifiers: a file that has one is left to the parser.
    odd: Vec<Finder<'static>>,
}

/// Words that are looked for whatever the wanted names are.
const ALWAYS: [&str; 6] = ["process", "global", "__capy", "eval", "export", "createRequire"];

impl Scanner {
    pub(crate) fn new(names: &[&str]) -> Self {
        let is_plain = |name: &&str| name.as_bytes().iter().all(is_part);
        let (plain, odd): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(is_plain);
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(ALWAYS.iter().chain(&plain))
            .expect("names of variables are far below the automaton's limits");
        let runners = [Finder::new("Function)("), Finder::new("eval)(")];
        Self {
            words,
            runners,
            odd: odd.iter().map(|name| Finder::new(name.as_bytes()).into_owned()).collect(),
        }
    }

    /// What the file does with the environment.
    pub(crate) fn find(&self, text: &str, wanted: &dyn Wanted) -> Result<FileReads, Doubt> {
        let is_odd = self.odd.iter().any(|name| name.find(text.as_bytes()).is_some());
        if is_odd || u32::try_from(text.len()).is_err() {
            return Err(Doubt::Name);
        }
        let runs = |call: &Finder<'_>| {
            let mut calls = call.find_iter(text.as_bytes()).map(|at| at + call.needle().len());
            let is_eval = call.needle().starts_with(b"eval");
            calls.any(|at| may_name_one(&text.as_bytes()[at..], is_eval))
        };
        if self.runners.iter().any(runs) {
            return Err(Doubt::Scope);
        }
        let hits = self.words.find_iter(text.as_bytes()).map(|hit| hit.start()).collect();
        let mut chains = chain::Chains::new(hits, wanted);
        lexer::run(text.as_bytes(), &mut chains)?;
        let (found, functions) = chains.finish(text.as_bytes())?;
        if functions.is_empty() { Ok(found) } else { islands::read(text, found, &functions, wanted) }
    }
}

/// Whether the arguments may be texts that name a variable. One without the word `env` names none.
fn may_name_one(arguments: &[u8], is_eval: bool) -> bool {
    let Some((quote @ (b'"' | b'\'' | b'`'), rest)) = arguments.split_first() else {
        return matches!(arguments.first(), Some(b' ' | b'\n'));
    };
    let is_global = rest.starts_with(b"return this") || rest.starts_with(b"this");
    let Some(end) = memchr::memchr2(*quote, b'\\', rest).filter(|end| rest[*end] == *quote) else {
        return !is_global;
    };
    // The only argument, or the beginning of the only one that matters, which is none of ours then.
    let after = rest[end + 1..].first();
    let is_last = after == Some(&b')') || is_eval && after == Some(&b'+');
    !is_global && (!is_last || memchr::memmem::find(&rest[..end], b"env").is_some())
}
