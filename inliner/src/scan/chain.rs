//! The words that matter, each judged where it stands.
//!
//! Owns the plain forms: `process.env.NAME`, another property of `process`, `typeof process`, and the whole environment or
//! `process` as one argument of a plain call. Everything else is a [`Doubt`].

use capy_protocol::variable_name::is_object_property;

use super::Doubt;
use super::around::{
    Next, declared_name, is_after, is_argument, is_ever_assigned, is_key, is_listed, is_method,
    is_only_asked, is_only_tested, is_put_into_a_property, is_tested, is_written, next,
};
use super::islands::{Function, Islands};
use super::lexer::{Kind, Lexer, Listener, Open, Token};
use super::literal::hides_letters;
use crate::finding::Reason;
use crate::reads::{FileReads, Note, Read, Wanted};
use crate::words::{self, is_part};

pub(super) struct Chains<'w> {
    hits: Vec<usize>,
    next_hit: usize,
    /// Where that one is.
    next: usize,
    wanted: &'w dyn Wanted,
    /// The name or the literal that the read before this place ends with.
    judged: Option<usize>,
    /// Decided when the bracket at this depth closes.
    waiting: Vec<(usize, Waiting)>,
    /// The last word that must not lie in a pattern.
    last_target: Option<usize>,
    islands: Islands,
    /// A `require` may be made, for other files if this one exports it.
    makes_require: bool,
    /// How many keys the whole text may still be searched for.
    searches: usize,
    out: FileReads,
}

/// A file with more computed keys is cheaper as a tree.
const MOST_SEARCHES: usize = 64;

/// What is known once the bracket is closed.
enum Waiting {
    /// A note, if the parenthesis was a call's.
    Argument(Note),
    /// A note, if the element is not assigned.
    Element(Note),
}

impl<'w> Chains<'w> {
    pub(super) fn new(hits: Vec<usize>, wanted: &'w dyn Wanted) -> Self {
        Self {
            next: hits.first().copied().unwrap_or(usize::MAX),
            hits,
            next_hit: 0,
            wanted,
            judged: None,
            waiting: Vec::new(),
            last_target: None,
            islands: Islands::default(),
            makes_require: false,
            searches: MOST_SEARCHES,
            out: FileReads::default(),
        }
    }

    /// What was found, and the functions that only a tree can tell about.
    pub(super) fn finish(self, text: &[u8]) -> Result<(FileReads, Vec<Function>), Doubt> {
        if self.makes_require && self.islands.has_exports() {
            return Err(Doubt::Module);
        }
        Ok((self.out, self.islands.finish(text)?))
    }

    fn literal(&mut self, lexer: &Lexer<'_>, token: Token) -> Result<(), Doubt> {
        let text = lexer.text;
        if !matches!(text[token.start], b'"' | b'\'' | b'`') {
            return Err(Doubt::Name);
        }
        let inner = &text[token.start + 1..token.end - 1];
        match inner {
            b"process" | b"node:process" if is_listed(lexer) => Ok(()),
            b"process" | b"node:process" => Err(Doubt::Module),
            b"createRequire" => {
                self.makes_require = true;
                Ok(())
            }
            _ if self.is_unjudged(inner, token) => Err(Doubt::Name),
            _ => Ok(()),
        }
    }

    /// A variable's name outside of a plain read, and outside of functions whose tree is asked anyway.
    fn is_unjudged(&self, name: &[u8], token: Token) -> bool {
        self.is_wanted(name) && self.judged != Some(token.start) && !self.islands.is_inside()
    }

    fn is_wanted(&self, name: &[u8]) -> bool {
        std::str::from_utf8(name).is_ok_and(|name| self.wanted.is_wanted(name))
    }

    fn word(&mut self, lexer: &Lexer<'_>, token: Token) -> Result<(), Doubt> {
        let is_property = token.kind == Kind::Property;
        let is_private = lexer.sign_before() == b'#';
        match lexer.slice(token) {
            _ if is_private => Ok(()),
            b"process" if is_property => self.process_property(lexer, token.end),
            b"process" => self.process(lexer, token),
            b"createRequire" => {
                self.makes_require = true;
                Ok(())
            }
            b"global" | b"globalThis" if !is_property => self.global(lexer, token),
            b"eval" if !is_property && lexer.calls_for_text() => Err(Doubt::Scope),
            b"export" if !is_property => {
                self.islands.exports();
                Ok(())
            }
            word if word.starts_with(b"__capy") => Err(Doubt::Ours),
            word if self.is_unjudged(word, token) => Err(Doubt::Name),
            _ => Ok(()),
        }
    }

    fn process_property(&mut self, lexer: &Lexer<'_>, end: usize) -> Result<(), Doubt> {
        if let Ok(Next::Named { name: b"env", end, .. }) = next(lexer, end)
            && !matches!(next(lexer, end), Ok(Next::Named { .. }))
        {
            return Err(Doubt::Key);
        }
        // A bundler's own way to write the global object.
        let before = lexer.text[..lexer.before.start].trim_ascii_end();
        let before = before.strip_suffix(b"?").unwrap_or(before).trim_ascii_end();
        let is_word = !before.iter().rev().nth(1).is_some_and(is_part);
        if before.ends_with(b"g") && is_word
            || [&b"g\"]"[..], b"g']", b"g`]"].iter().any(|key| before.ends_with(key))
        {
            return Err(Doubt::Global);
        }
        self.islands.asks_for_process(lexer);
        Ok(())
    }

    fn global(&mut self, lexer: &Lexer<'_>, token: Token) -> Result<(), Doubt> {
        let following = next(lexer, token.end)?;
        if matches!(following, Next::Nothing(at) if is_key(lexer, at)) {
            return Ok(());
        }
        self.last_target = Some(token.start);
        match following {
            Next::Named { name: b"process" | b"global" | b"globalThis", .. } => Err(Doubt::Global),
            Next::Named { .. } => Ok(()),
            Next::Computed { .. } => {
                self.islands.looks_into_global(lexer);
                Ok(())
            }
            Next::Nothing(at) => {
                if is_written(lexer, at) || is_after(lexer, b"delete") || lexer.is_doubled() {
                    return Err(Doubt::Written);
                }
                if !is_only_asked(lexer, at) {
                    match declared_name(lexer) {
                        Some(declared) => self.islands.names_global(lexer, &declared),
                        None => self.islands.hands_on_global(lexer),
                    }
                }
                Ok(())
            }
        }
    }

    fn process(&mut self, lexer: &Lexer<'_>, token: Token) -> Result<(), Doubt> {
        self.last_target = Some(token.start);
        if is_after(lexer, b"delete") || is_after(lexer, b"new") || lexer.is_doubled() {
            return Err(Doubt::Written);
        }
        match next(lexer, token.end)? {
            Next::Named { name: b"env", end, .. } => self.env(lexer, token.start, end),
            Next::Named { name: b"default", .. } | Next::Computed { .. } => Err(Doubt::Process),
            Next::Named { .. } => Ok(()),
            Next::Nothing(at) => {
                let after = at.map_or(0, |at| lexer.text[at]);
                if is_looked_at(lexer, at) {
                    return Ok(());
                }
                let note = Note { at: token.start as u32, name: None, reason: Reason::ProcessEscapes };
                self.argument(lexer, after, note).or_else(|_| {
                    // What is assigned, or goes to a property, may be about more than the function around it; what is
                    // declared there is not.
                    let is_declared =
                        lexer.before.kind == Kind::Word && words::declares(lexer.slice(lexer.before));
                    if is_written(lexer, at) && !is_declared || is_put_into_a_property(lexer) {
                        return Err(Doubt::Process);
                    }
                    self.islands.hands_on_process(lexer)
                })
            }
        }
    }

    /// `process.env`, which ends at `end`.
    fn env(&mut self, lexer: &Lexer<'_>, start: usize, end: usize) -> Result<(), Doubt> {
        let following = match next(lexer, end) {
            Err(Doubt::Key) => return self.islands.hands_on_process(lexer).map_err(|_| Doubt::Key),
            other => other?,
        };
        match following {
            Next::Named { name, at, end } => self.variable(lexer, name, (start, at, end)),
            Next::Computed { at } => self.element(lexer, at),
            Next::Nothing(at) => {
                if is_written(lexer, at) {
                    return Err(Doubt::Written);
                }
                let after = at.map_or(0, |at| lexer.text[at]);
                if is_looked_at(lexer, at) {
                    return Ok(());
                }
                let note = Note { at: start as u32, name: None, reason: Reason::WholeObject };
                let is_spread = lexer.sign_before() == b'.' && lexer.is_spread();
                if is_spread && matches!(after, b',' | b'}' | b']' | b')') {
                    self.out.notes.push(note);
                    return Ok(());
                }
                self.argument(lexer, after, note).or_else(|doubt| {
                    // A name may take it for the function around, as it may `process`.
                    if is_put_into_a_property(lexer) {
                        return Err(doubt);
                    }
                    self.islands.hands_on_process(lexer).map_err(|_| doubt)
                })
            }
        }
    }

    fn variable(
        &mut self,
        lexer: &Lexer<'_>,
        name: &[u8],
        (start, at, end): (usize, usize, usize),
    ) -> Result<(), Doubt> {
        if is_object_property(name) {
            self.out.notes.push(Note { at: at as u32, name: None, reason: Reason::WholeObject });
            return Ok(());
        }
        if !self.is_wanted(name) {
            return Ok(());
        }
        let after = lexer.skip(end);
        let in_parentheses = lexer.sign_before() == b'(' && after.is_some_and(|at| lexer.text[at] == b')');
        if is_written(lexer, after) || in_parentheses && !is_argument(lexer) && !is_tested(lexer) {
            return Err(Doubt::Written);
        }
        // Of a key in brackets it is the literal that is met later.
        self.judged = if lexer.text[at] == b'[' { lexer.skip(at + 1) } else { Some(at) };
        self.out.reads.push(Read {
            name: String::from_utf8_lossy(name).into_owned(),
            start: start as u32,
            end: end as u32,
            keep_until: None,
            constructed: false,
        });
        Ok(())
    }

    /// `process.env[key]`: certainly no constant if the key begins with a call or if nothing ever gives it a value. Else the
    /// function around may give it one.
    fn element(&mut self, lexer: &Lexer<'_>, at: usize) -> Result<(), Doubt> {
        let key = lexer.skip(at + 1).ok_or(Doubt::Key)?;
        let length = lexer.text[key..].iter().take_while(|byte| is_part(byte)).count();
        let (name, rest) = lexer.text[key..].split_at(length);
        let is_name = name.first().is_some_and(|byte| !byte.is_ascii_digit());
        let is_plain = is_name && rest.starts_with(b"]");
        self.searches = self.searches.checked_sub(usize::from(is_plain)).ok_or(Doubt::Key)?;
        if !is_plain || is_ever_assigned(lexer.text, name) {
            return self.islands.hands_on_process(lexer).map_err(|_| Doubt::Key);
        }
        let note = Note { at: at as u32, name: None, reason: Reason::DynamicKey };
        self.waiting.push((lexer.open.len(), Waiting::Element(note)));
        Ok(())
    }

    /// A value after `(` or `,` and before `,` or `)`.
    fn argument(&mut self, lexer: &Lexer<'_>, after: u8, note: Note) -> Result<(), Doubt> {
        let is_alone = matches!(lexer.sign_before(), b'(' | b',') && matches!(after, b',' | b')');
        if !is_alone || !is_argument(lexer) {
            return Err(Doubt::WholeEnv);
        }
        self.waiting.push((lexer.open.len() - 1, Waiting::Argument(note)));
        Ok(())
    }
}

/// Whether only the type or the truth of the value before `at` is asked.
fn is_looked_at(lexer: &Lexer<'_>, at: Option<usize>) -> bool {
    let is_typed =
        || is_after(lexer, b"typeof") && !at.is_some_and(|at| matches!(lexer.text[at], b'(' | b'`'));
    !is_written(lexer, at) && (is_typed() || is_only_tested(lexer, at))
}

impl Listener for Chains<'_> {
    #[inline]
    fn next(&self) -> usize {
        self.next
    }

    #[cold]
    fn token(&mut self, lexer: &Lexer<'_>, token: Token) -> Result<(), Doubt> {
        while self.next < token.start {
            self.next_hit += 1;
            self.next = self.hits.get(self.next_hit).copied().unwrap_or(usize::MAX);
        }
        if self.next >= token.end {
            return Ok(());
        }
        match token.kind {
            Kind::Literal => self.literal(lexer, token),
            _ => self.word(lexer, token),
        }
    }

    #[cold]
    fn means(&self, word: &[u8]) -> bool {
        matches!(word, b"process" | b"node:process") || self.is_wanted(word)
    }

    #[inline]
    fn closed(&mut self, lexer: &Lexer<'_>, open: &Open) -> Result<(), Doubt> {
        if open.byte == b'(' && open.before.kind == Kind::Word {
            match lexer.slice(open.before) {
                b"with" if !is_method(lexer) => return Err(Doubt::Scope),
                b"Function" if self.may_run(&lexer.text[open.at..lexer.at], open.at) => {
                    return Err(Doubt::Scope);
                }
                _ => {}
            }
        }
        self.islands.closed(open.at, lexer.at);
        if open.byte != b'(' && self.last_target.is_some_and(|target| target > open.at) {
            self.pattern(lexer, open)?;
        }
        while self.waiting.last().is_some_and(|(depth, _)| *depth >= lexer.open.len()) {
            let Some((_, waiting)) = self.waiting.pop() else { break };
            let after = lexer.skip(lexer.at);
            let rest = after.map_or(&[][..], |at| &lexer.text[at..]);
            let (note, doubt) = match waiting {
                Waiting::Argument(note) => (note, rest.starts_with(b"{") || rest.starts_with(b"=>")),
                Waiting::Element(note) => (note, is_written(lexer, after)),
            };
            if doubt {
                return Err(Doubt::Written);
            }
            self.out.notes.push(note);
        }
        Ok(())
    }
}

impl Chains<'_> {
    /// Whether these arguments may be a program that names a variable: one that has no word of it, and hides none behind
    /// an escape, does not.
    #[cold]
    fn may_run(&self, arguments: &[u8], at: usize) -> bool {
        let from = self.hits.partition_point(|hit| *hit < at);
        let has_hit = self.hits.get(from).is_some_and(|hit| *hit < at + arguments.len());
        has_hit || hides_letters(arguments)
    }

    /// Brackets with one of our words in them must not be assigned to.
    #[cold]
    fn pattern(&self, lexer: &Lexer<'_>, open: &Open) -> Result<(), Doubt> {
        let is_element = open.byte == b'['
            && match open.before.kind {
                Kind::Word => !words::goes_before_a_word(lexer.slice(open.before)),
                Kind::Property | Kind::Literal => true,
                Kind::Sign => matches!(lexer.text[open.before.start], b')' | b']'),
                Kind::Start => false,
            };
        if !is_element && is_written(lexer, lexer.skip(lexer.at)) { Err(Doubt::Written) } else { Ok(()) }
    }
}
