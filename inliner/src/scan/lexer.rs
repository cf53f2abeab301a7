//! JavaScript text to tokens, as far as a search needs them.
//!
//! Owns where strings, templates, comments and regular expressions begin and end, and which brackets belong together.
//! Words, operators and closers are looked at no closer than that, but for two things: whether a `/` divides, and
//! whether neighbours can stand beside each other at all. Whatever is not plain is a [`Doubt`], never a guess.

use memchr::{memchr2, memchr3, memmem};

use super::Doubt;
use crate::words::{self, is_part};

/// What a token is, as far as the next one must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Before the first token.
    Start,
    /// An identifier or a keyword.
    Word,
    /// An identifier after a point.
    Property,
    /// A number, a string, a template or a regular expression.
    Literal,
    /// One byte of an operator, or a bracket.
    Sign,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A bracket that is open; a template's is a backtick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) byte: u8,
    pub(super) at: usize,
    /// What stands before it.
    pub(super) before: Token,
    /// That is the `)` of `if (…)`, `while (…)` and the like.
    pub(super) after_head: bool,
    /// Where the parameters of a function begin whose body this is, for certain.
    pub(super) parameters: Option<usize>,
    /// Behind the last `;` in it, or where a declaration began since.
    statement: usize,
}

impl Open {
    /// A template's `${`.
    pub(super) fn piece(at: usize) -> Self {
        let before = Token { kind: Kind::Sign, start: at, end: at + 1 };
        Self { byte: b'`', at, before, after_head: false, parameters: None, statement: at }
    }
}

/// What wants to know about tokens; positions are those of the bytes that it asked for.
pub(super) trait Listener {
    /// The first byte that is still asked for.
    fn next(&self) -> usize;
    /// A word, a property, a literal or a piece of a template that reaches beyond [`Self::next`].
    fn token(&mut self, lexer: &Lexer<'_>, token: Token) -> Result<(), Doubt>;
    /// Whether a text of this word would matter, if it were not written with escapes.
    fn means(&self, word: &[u8]) -> bool;
    /// A bracket was closed; the lexer stands behind it.
    fn closed(&mut self, lexer: &Lexer<'_>, open: &Open) -> Result<(), Doubt>;
}

pub(super) struct Lexer<'t> {
    pub(super) text: &'t [u8],
    pub(super) at: usize,
    pub(super) before: Token,
    pub(super) open: Vec<Open>,
    /// The bracket that was closed last.
    pub(super) last: Open,
    /// A line ended after `before`.
    pub(super) line_ended: bool,
    /// Where the open statement began that is in no bracket, or one before it.
    statement: usize,
}

/// More brackets inside each other are left to who refuses them.
const MOST_OPEN: usize = 1 << 10;

/// Runs over a whole text.
pub(super) fn run(text: &[u8], listener: &mut impl Listener) -> Result<(), Doubt> {
    let start = Token { kind: Kind::Start, start: 0, end: 0 };
    let none = Open { byte: 0, at: 0, before: start, after_head: false, parameters: None, statement: 0 };
    let mut lexer =
        Lexer { text, at: 0, before: start, open: Vec::new(), last: none, line_ended: true, statement: 0 };
    if text.starts_with(b"#!") {
        lexer.line_comment()?;
    }
    while let Some(&byte) = text.get(lexer.at) {
        lexer.one(byte, listener)?;
    }
    if lexer.open.is_empty() { Ok(()) } else { Err(Doubt::Brackets) }
}

impl<'t> Lexer<'t> {
    #[inline]
    fn one(&mut self, byte: u8, listener: &mut impl Listener) -> Result<(), Doubt> {
        match class(byte) {
            Class::Blank => {
                self.at += 1;
                // Indentation.
                while self.text.get(self.at) == Some(&b' ') {
                    self.at += 1;
                }
            }
            Class::Line => {
                self.line_ended = true;
                self.at += 1;
            }
            Class::Word => return self.word(listener),
            Class::Sign => return self.sign(byte),
            Class::Open => self.opens(byte)?,
            Class::Close => return self.closes(byte, listener),
            Class::Quote => return self.string(byte, listener),
            Class::Digit => return self.number(listener),
            Class::Slash => return self.slash(),
            Class::Backtick => return self.template(listener),
            Class::Odd => return self.odd(listener),
        }
        Ok(())
    }

    /// Where the innermost open statement began, or one before it on another line.
    pub(super) fn statement(&self) -> usize {
        self.open.last().map_or(self.statement, |open| open.statement)
    }

    /// The byte of the sign before, or zero.
    pub(super) fn sign_before(&self) -> u8 {
        if self.before.kind == Kind::Sign { self.text[self.before.start] } else { 0 }
    }

    /// After `++` or `--`.
    pub(super) fn is_doubled(&self) -> bool {
        let sign = self.sign_before();
        let at = self.before.start;
        matches!(sign, b'+' | b'-') && at > 0 && self.text[at - 1] == sign
    }

    pub(super) fn slice(&self, token: Token) -> &'t [u8] {
        &self.text[token.start..token.end]
    }

    pub(super) fn set(&mut self, kind: Kind, start: usize) {
        self.before = Token { kind, start, end: self.at };
        self.line_ended = false;
    }

    #[inline]
    fn word(&mut self, listener: &mut impl Listener) -> Result<(), Doubt> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(is_part) {
            self.at += 1;
        }
        if self.text.get(self.at).is_some_and(|byte| !byte.is_ascii() || *byte == b'\\') {
            return self.odd_word(start, listener);
        }
        self.word_ends(start, listener)
    }

    #[inline]
    fn word_ends(&mut self, start: usize, listener: &mut impl Listener) -> Result<(), Doubt> {
        let kind = match self.before.kind {
            Kind::Sign => match self.text[self.before.start] {
                b'.' if !self.is_spread() => Kind::Property,
                b'#' => Kind::Property,
                _ => Kind::Word,
            },
            Kind::Start => Kind::Word,
            _ if self.line_ended => Kind::Word,
            _ => self.word_after_value(start)?,
        };
        let token = Token { kind, start, end: self.at };
        if token.end > listener.next() {
            listener.token(self, token)?;
        }
        self.set(kind, start);
        Ok(())
    }

    /// The point before is the last of three.
    pub(super) fn is_spread(&self) -> bool {
        self.before.start >= 1 && self.text[self.before.start - 1] == b'.'
    }

    /// Two values in a row are an error, unless one of them is a keyword.
    fn word_after_value(&self, start: usize) -> Result<Kind, Doubt> {
        let before = self.slice(self.before);
        let fits = self.before.kind == Kind::Word && words::goes_before_a_word(before)
            || words::goes_after_a_value(&self.text[start..self.at]);
        if fits { Ok(Kind::Word) } else { Err(Doubt::Neighbours) }
    }

    /// An identifier with letters beyond ASCII.
    fn odd_word(&mut self, start: usize, listener: &mut impl Listener) -> Result<(), Doubt> {
        loop {
            let rest = &self.text[self.at..];
            match rest.first() {
                Some(byte) if is_part(byte) => self.at += 1,
                Some(b'\\') => return Err(Doubt::Letters),
                Some(byte) if !byte.is_ascii() => {
                    let letter = first_letter(rest).ok_or(Doubt::Letters)?;
                    if !letter.is_alphanumeric() {
                        return Err(Doubt::Letters);
                    }
                    self.at += letter.len_utf8();
                }
                _ => return self.word_ends(start, listener),
            }
        }
    }

    fn odd(&mut self, listener: &mut impl Listener) -> Result<(), Doubt> {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        if self.at == 0 && self.text.starts_with(MARK) {
            self.at = MARK.len();
            return Ok(());
        }
        if self.text[self.at].is_ascii() {
            return Err(Doubt::Letters);
        }
        self.odd_word(self.at, listener)
    }

    fn sign(&mut self, byte: u8) -> Result<(), Doubt> {
        let start = self.at;
        let rest = &self.text[start..];
        let doubt = match byte {
            b'<' => rest.starts_with(b"<!--") || self.expects_operand() && self.sign_before() != b'<',
            b'-' => rest.starts_with(b"-->"),
            b';' | b',' => {
                self.expects_operand()
                    && !matches!(self.sign_before(), b'(' | b'[' | b'{' | b'}' | b';' | b',' | b':')
            }
            b'#' => !rest.get(1).is_some_and(|byte| class(*byte) == Class::Word),
            _ => false,
        };
        if doubt {
            return Err(Doubt::Neighbours);
        }
        self.at += 1;
        self.set(Kind::Sign, start);
        if byte == b';' {
            *self.open.last_mut().map_or(&mut self.statement, |open| &mut open.statement) = self.at;
        }
        Ok(())
    }

    /// After an operator. `++` and `--` may be at either end of an operand.
    pub(super) fn expects_operand(&self) -> bool {
        match self.sign_before() {
            0 | b')' | b']' | b'}' => false,
            b'+' | b'-' => !self.is_doubled(),
            _ => true,
        }
    }

    fn opens(&mut self, byte: u8) -> Result<(), Doubt> {
        if self.open.len() == MOST_OPEN {
            return Err(Doubt::Brackets);
        }
        let after_head = self.sign_before() == b')'
            && self.last.before.kind == Kind::Word
            && words::has_a_head(self.slice(self.last.before));
        let parameters = if byte == b'{' { self.parameters() } else { None };
        let statement = self.at + 1;
        self.open.push(Open { byte, at: self.at, before: self.before, after_head, parameters, statement });
        self.at += 1;
        self.set(Kind::Sign, self.at - 1);
        Ok(())
    }

    /// What stands before is `=>`, `function f(…)`, or `"name"(…)` of a bundler's table: who calls a text does not get far.
    fn parameters(&self) -> Option<usize> {
        match self.sign_before() {
            b'>' => {
                let before = self.text[..self.before.start].strip_suffix(b"=")?.trim_ascii_end();
                let name = before.iter().rev().take_while(|byte| is_part(byte)).count();
                let in_parentheses = || before.ends_with(b")") && self.last.byte == b'(';
                let start = before.len() - name;
                // A longer name than one of ASCII letters is not worth finding.
                let is_whole = before[..start].last().is_none_or(u8::is_ascii);
                let only = (name > 0 && is_whole).then_some(start);
                only.or_else(|| in_parentheses().then_some(self.last.at))
            }
            b')' => self.is_function().then_some(self.last.at),
            _ => None,
        }
    }

    /// The bracket that was closed last holds a function's parameters.
    fn is_function(&self) -> bool {
        let word = self.last.before;
        match word.kind {
            Kind::Literal => true,
            Kind::Word if self.slice(word) == b"function" => true,
            Kind::Word => {
                let rest = self.text[..word.start].trim_ascii_end().strip_suffix(b"function");
                rest.is_some_and(|rest| !rest.last().is_some_and(is_part))
            }
            _ => false,
        }
    }

    #[inline]
    fn closes(&mut self, byte: u8, listener: &mut impl Listener) -> Result<(), Doubt> {
        let open = self.open.pop().ok_or(Doubt::Brackets)?;
        if self.expects_operand() && !may_stand_before(self.sign_before(), byte) {
            return Err(Doubt::Neighbours);
        }
        if open.byte == b'`' && byte == b'}' {
            self.at += 1;
            return self.quasi(open.at, self.at, listener);
        }
        if !matches!((open.byte, byte), (b'(', b')') | (b'[', b']') | (b'{', b'}')) {
            return Err(Doubt::Brackets);
        }
        self.at += 1;
        self.set(Kind::Sign, self.at - 1);
        self.last = open;
        // On the same line only a statement may begin so.
        if byte == b'}'
            && [&b"let "[..], b"const ", b"var "].iter().any(|word| self.text[self.at..].starts_with(word))
        {
            *self.open.last_mut().map_or(&mut self.statement, |open| &mut open.statement) = self.at;
        }
        listener.closed(self, &open)
    }

    /// A call follows, and not one with a mere word in quotes: as a program that is harmless.
    pub(super) fn calls_for_text(&self) -> bool {
        let Some(at) = self.skip(self.at).filter(|at| self.text[*at] == b'(') else { return false };
        let Some((quote @ (b'"' | b'\''), text)) = self.text[at + 1..].split_first() else { return true };
        let length = text.iter().take_while(|byte| is_part(byte) && **byte != b'$').count();
        !(text[length..].starts_with(&[*quote, b')']))
    }

    /// Where the next token begins, comments left out; `None` at the end.
    pub(super) fn skip(&self, mut at: usize) -> Option<usize> {
        loop {
            let rest = &self.text[at..];
            match rest {
                [b' ' | b'\t' | 0x0b | 0x0c | b'\n' | b'\r', ..] => at += 1,
                [b'/', b'*', ..] => at += memmem::find(&rest[2..], b"*/")? + 4,
                [b'/', b'/', ..] => at += memchr2(b'\n', b'\r', rest)?,
                [] => return None,
                _ => return Some(at),
            }
        }
    }
}

/// What a `/` is: a comment, or by what stands before, a division or a regular expression. Where that
/// is not enough, [`Doubt::Slash`].
impl Lexer<'_> {
    pub(super) fn slash(&mut self) -> Result<(), Doubt> {
        match self.text.get(self.at + 1) {
            Some(b'/') => self.line_comment(),
            Some(b'*') => self.block_comment(),
            _ if self.divides()? => {
                self.at += 1;
                self.set(Kind::Sign, self.at - 1);
                Ok(())
            }
            _ => self.regex(),
        }
    }

    pub(super) fn line_comment(&mut self) -> Result<(), Doubt> {
        let mut from = self.at;
        loop {
            let Some(found) = memchr3(b'\n', b'\r', 0xe2, &self.text[from..]) else {
                self.at = self.text.len();
                return Ok(());
            };
            from += found;
            if self.text[from] != 0xe2 {
                self.at = from;
                return Ok(());
            }
            // U+2028 and U+2029 end a line too.
            if matches!(self.text.get(from + 1..from + 3), Some([0x80, 0xa8 | 0xa9])) {
                return Err(Doubt::Letters);
            }
            from += 1;
        }
    }

    fn block_comment(&mut self) -> Result<(), Doubt> {
        let body = self.at + 2;
        let length = memmem::find(&self.text[body..], b"*/").ok_or(Doubt::Literal)?;
        self.line_ended |= memchr2(b'\n', b'\r', &self.text[body..body + length]).is_some();
        self.at = body + length + 2;
        Ok(())
    }

    /// Whether a `/` here divides what stands before it.
    fn divides(&self) -> Result<bool, Doubt> {
        match self.before.kind {
            Kind::Start => Ok(false),
            Kind::Property | Kind::Literal => Ok(true),
            Kind::Word => words::divides_after(self.slice(self.before)).ok_or(Doubt::Slash),
            Kind::Sign => match self.sign_before() {
                b']' => Ok(true),
                b')' => self.divides_after_parenthesis(),
                b'}' => self.divides_after_brace(),
                b'+' | b'-' if self.is_doubled() => Err(Doubt::Slash),
                b'.' => Err(Doubt::Slash),
                _ => Ok(false),
            },
        }
    }

    fn divides_after_parenthesis(&self) -> Result<bool, Doubt> {
        match self.last.before.kind {
            Kind::Word if words::has_a_head(self.slice(self.last.before)) => Ok(false),
            Kind::Word if self.slice(self.last.before) == b"await" => Err(Doubt::Slash),
            _ => Ok(true),
        }
    }

    fn divides_after_brace(&self) -> Result<bool, Doubt> {
        let before = self.last.before;
        match before.kind {
            Kind::Start => Ok(false),
            Kind::Word if words::begins_a_block(self.slice(before)) => Ok(false),
            Kind::Sign => match self.text[before.start] {
                b')' if self.last.after_head => Ok(false),
                b';' | b'{' | b'}' => Ok(false),
                b'(' | b',' | b'[' | b'?' | b'&' | b'|' => Ok(true),
                b'=' => Ok(true),
                _ => Err(Doubt::Slash),
            },
            _ => Err(Doubt::Slash),
        }
    }
}

/// What a byte is to the lexer, which knows nothing beyond ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Odd,
    Blank,
    Line,
    Word,
    Digit,
    Quote,
    Backtick,
    Slash,
    Open,
    Close,
    Sign,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Odd; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b' ' | b'\t' | 0x0b | 0x0c => Class::Blank,
            b'\n' | b'\r' => Class::Line,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' => Class::Word,
            b'0'..=b'9' => Class::Digit,
            b'"' | b'\'' => Class::Quote,
            b'`' => Class::Backtick,
            b'/' => Class::Slash,
            b'(' | b'[' | b'{' => Class::Open,
            b')' | b']' | b'}' => Class::Close,
            b'!' | b'%' | b'&' | b'*' | b'+' | b',' | b'-' | b'.' | b':' | b';' | b'<' | b'=' | b'>'
            | b'?' | b'^' | b'|' | b'~' | b'#' => Class::Sign,
            _ => Class::Odd,
        };
        byte += 1;
    }
    classes
};

/// What a byte may begin.
fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

/// A trailing comma, an empty statement, a label's end.
fn may_stand_before(sign: u8, closer: u8) -> bool {
    match sign {
        b'(' | b'[' | b'{' | b',' | b';' => true,
        b':' => closer == b'}',
        _ => false,
    }
}

fn first_letter(text: &[u8]) -> Option<char> {
    let chunk = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(chunk) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(&chunk[..error.valid_up_to()]).ok()?,
    };
    valid.chars().next()
}
