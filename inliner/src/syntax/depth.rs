//! How deep a text's tree would be, told by its tokens, before there is a tree.
//!
//! Owns a bound on the recursion of the parser, of whoever walks the tree, and of its end: brackets, and what nests
//! without brackets (operators, conditions, arrows, `else`, labels, classes, chains of properties). Each counts at least
//! as much as it nests, so that a text below the bound is safe on a stack of known size. It refuses a text that it cannot
//! take apart as the parser does.
//!
//! A level that costs the parser many calls weighs [`HEAVY`], one that only deepens the tree to the left (`a + b + c`,
//! `a.b.c`) weighs one: programs have thousands of these in a row, and rarely more than a hundred of the others.

/// The deepest tree. Of the files in the packages that people install most, the deepest comes to a tenth of it; a thread
/// of [`crate::STACK`] bytes holds several times as much in a build without optimisation.
pub(crate) const MAX_DEPTH: u32 = 24_000;
/// Brackets, prefixes, conditions, assignments, arrows, statements within statements.
const HEAVY: u32 = 12;
/// The longest decimal `BigInt`: its value is worked out digit by digit.
const MAX_BIGINT_DIGITS: usize = 10_000;

/// Why a text gets no tree, and at which byte that is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    TooDeep(usize),
    /// A `/` of which the parser may think otherwise, or a number that takes long to read.
    Unclear(usize),
}

/// What the token before means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// An operand follows.
    Operator,
    /// An operand has ended.
    Value,
    /// A statement, or a member of a class, begins.
    Statement,
    /// A block must follow, and this is what its end means.
    Body(End),
    Arrow,
    /// `import` or `export`.
    Clause,
    /// `export default`.
    Default,
    Return,
    /// `yield`, `await`, `let`: operators or names.
    Unsure,
    /// The body of an arrow function has ended.
    ArrowEnd,
}

/// What the end of a bracket means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Value,
    Statement,
    Arrow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// The file, a function's body, a block.
    Block,
    Class,
    Object,
    Square,
    Template,
    /// A call, or an expression.
    Round,
    /// Of `if`, `for`, `while`, `with`.
    Head,
    /// Of `switch`, `catch`.
    BlockHead,
    Parameters(End),
}

/// An open bracket.
struct Frame {
    bracket: Bracket,
    end: End,
    /// What is around it.
    around: u32,
    /// Statements that the present one is nested in, without brackets.
    statements: u32,
    /// Operators of the present expression.
    operators: u32,
    /// The highest of the brackets in the present expression that are closed.
    inner: u32,
    /// The highest that has ended here.
    height: u32,
    questions: u32,
    /// A `do` waits for its `while`.
    has_do: bool,
    /// A statement has ended, unless `else` or the like follows.
    has_ended: bool,
    is_case: bool,
    /// In an object or a class: past the name of a member.
    is_value: bool,
    /// A function's parameters are to come.
    function: Option<End>,
    /// Bodies of classes that are to come.
    classes: Vec<End>,
}

impl Frame {
    fn new(bracket: Bracket, end: End, around: u32) -> Self {
        Self {
            bracket,
            end,
            around,
            statements: 0,
            operators: 0,
            inner: 0,
            height: 0,
            questions: 0,
            has_do: false,
            has_ended: false,
            is_case: false,
            is_value: false,
            function: None,
            classes: Vec::new(),
        }
    }

    fn present(&self) -> u32 {
        self.statements + self.operators + self.inner
    }

    /// An operand ends here that no later operator is about.
    fn end_expression(&mut self) {
        self.height = self.height.max(self.present());
        (self.operators, self.inner, self.questions) = (0, 0, 0);
        self.function = None;
        self.classes.clear();
    }

    fn end_statement(&mut self) {
        self.end_expression();
        (self.statements, self.has_do, self.has_ended, self.is_value) = (0, false, false, false);
    }

    /// Statements, or members of a class, stand in it.
    fn holds_statements(&self) -> bool {
        matches!(self.bracket, Bracket::Block | Bracket::Class)
    }

    /// A word here is a member's name, whatever it is elsewhere.
    fn expects_name(&self) -> bool {
        matches!(self.bracket, Bracket::Object | Bracket::Class) && !self.is_value
    }
}

struct Depth<'t> {
    text: &'t [u8],
    at: usize,
    before: Before,
    /// A line ended since the last token.
    newline: bool,
    /// The last token is a word at the beginning of a statement.
    may_be_label: bool,
    /// The last token is `.` or `?.`.
    is_property: bool,
    /// The last word is this one.
    last: &'t [u8],
    /// It was `async` at the beginning of a statement.
    is_async: bool,
    /// Comments in a row that the parser reads one inside the other.
    html_comments: u32,
    frames: Vec<Frame>,
}

/// Fails for a text whose tree may be deeper than [`MAX_DEPTH`].
pub(super) fn check(text: &str) -> Result<(), Fault> {
    measure(text).map(|_| ())
}

/// How deep the tree may be.
pub(super) fn measure(text: &str) -> Result<u32, Fault> {
    let mut depth = Depth {
        text: text.as_bytes(),
        at: 0,
        before: Before::Statement,
        newline: true,
        may_be_label: false,
        is_property: false,
        last: b"",
        is_async: false,
        html_comments: 0,
        frames: vec![Frame::new(Bracket::Block, End::Statement, 0)],
    };
    depth.run()
}

/// The parser stops here, so that nothing behind matters.
struct Stop;

enum Halt {
    Stop,
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Stop> for Halt {
    fn from(_: Stop) -> Self {
        Self::Stop
    }
}

impl<'t> Depth<'t> {
    fn run(&mut self) -> Result<u32, Fault> {
        let first = self.text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(self.text);
        self.at = self.text.len() - first.len();
        if first.starts_with(b"#!") {
            self.skip_line();
        }
        while self.at < self.text.len() {
            match self.token() {
                Ok(()) => {}
                Err(Halt::Stop) => break,
                Err(Halt::Fault(fault)) => return Err(fault),
            }
        }
        // Brackets that are never closed have no tree, and the parser was in all of them.
        let mut whole = 0;
        while let Some(frame) = self.frames.pop() {
            whole = frame.height.max(frame.present()).max(frame.statements + frame.operators + whole);
            whole += HEAVY;
        }
        Ok(whole)
    }

    fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the file's own frame is never closed")
    }

    fn fits(&mut self) -> Result<(), Halt> {
        let at = self.at;
        let frame = self.top();
        let depth = frame.around + frame.height.max(frame.present());
        if depth > MAX_DEPTH { Err(Fault::TooDeep(at).into()) } else { Ok(()) }
    }

    fn count(&mut self, weight: u32) -> Result<(), Halt> {
        self.top().operators += weight;
        self.fits()
    }

    fn count_statement(&mut self) -> Result<(), Halt> {
        self.top().statements += HEAVY;
        self.fits()
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    fn skip_line(&mut self) {
        let mut at = self.at;
        while at < self.text.len() && line_end(&self.text[at..]).is_none() {
            at += 1;
        }
        self.at = at;
    }

    /// The line from here on.
    fn line(&self) -> &'t [u8] {
        let rest = self.rest();
        let length = (0..rest.len()).find(|at| line_end(&rest[*at..]).is_some()).unwrap_or(rest.len());
        &rest[..length]
    }

    fn token(&mut self) -> Result<(), Halt> {
        if let Some(length) = line_end(self.rest()) {
            self.newline = true;
            self.at += length;
            return Ok(());
        }
        if let Some(length) = blank(self.rest()) {
            self.at += length;
            return Ok(());
        }
        match (self.byte(0), self.byte(1)) {
            (b'/', b'/') => {
                self.skip_line();
                return Ok(());
            }
            (b'/', b'*') => return self.block_comment(),
            (b'<', b'!') if self.rest().starts_with(b"<!--") => return self.html_comment(),
            (b'-', b'-') if self.newline && self.byte(2) == b'>' => return self.html_comment(),
            (b'<' | b'=' | b'>', _) if self.newline && self.is_conflict_marker() => {
                return self.html_comment();
            }
            _ => {}
        }
        self.html_comments = 0;
        let is_word = is_name_byte(self.byte(0)) && !self.byte(0).is_ascii_digit();
        self.settle(is_word);
        if is_word {
            return self.word();
        }
        let may_be_label = std::mem::take(&mut self.may_be_label);
        self.is_property = false;
        match self.byte(0) {
            b'0'..=b'9' => self.number()?,
            b'.' if self.byte(1).is_ascii_digit() => self.number()?,
            quote @ (b'"' | b'\'') => self.string(quote)?,
            b'`' => {
                if self.before == Before::Value {
                    self.count(1)?;
                }
                self.at += 1;
                self.template()?;
            }
            open @ (b'(' | b'[' | b'{') => self.open(open)?,
            close @ (b')' | b']' | b'}') => self.close(close)?,
            b';' => {
                self.at += 1;
                let frame = self.top();
                frame.end_expression();
                frame.has_ended = frame.holds_statements();
                self.before =
                    if self.top().holds_statements() { Before::Statement } else { Before::Operator };
            }
            b',' => {
                self.at += 1;
                let frame = self.top();
                frame.end_expression();
                frame.is_value = false;
                self.before = Before::Operator;
            }
            b':' => self.colon(may_be_label)?,
            b'/' => self.slash()?,
            b'#' => {
                self.at += 1;
                self.is_property = true;
                self.newline = false;
                return Ok(());
            }
            b'@' => self.at += 1,
            _ => self.operator()?,
        }
        self.newline = false;
        self.last = b"";
        Ok(())
    }

    /// Decides whether a statement has ended before the token that begins here.
    fn settle(&mut self, is_word: bool) {
        let word = if is_word { self.peek_word() } else { &[] };
        let (newline, before, is_property) = (self.newline, self.before, self.is_property);
        let goes_on = matches!(word, b"in" | b"instanceof" | b"of" | b"extends" | b"as");
        let begins = is_word && !goes_on || matches!(self.byte(0), b'"' | b'\'' | b'0'..=b'9' | b'#');
        let frame = self.frames.last_mut().expect("the file's own frame is never closed");
        if std::mem::take(&mut frame.has_ended) {
            let is_kept =
                word == b"else" || word == b"catch" || word == b"finally" || word == b"while" && frame.has_do;
            if is_kept {
                frame.end_expression();
            } else {
                frame.end_statement();
                self.before = Before::Statement;
            }
            return;
        }
        if !frame.holds_statements() || frame.function.is_some() || !frame.classes.is_empty() || is_property {
            return;
        }
        match before {
            Before::Value | Before::ArrowEnd if newline && begins => {
                if word == b"else" || word == b"while" && frame.has_do {
                    frame.end_expression();
                } else {
                    frame.end_statement();
                }
                self.before = Before::Statement;
            }
            // No operator goes on after it.
            Before::ArrowEnd if newline && matches!(self.text[self.at], b'/' | b'{') => {
                frame.end_statement();
                self.before = Before::Statement;
            }
            Before::Value if newline && self.text[self.at] == b'{' => self.before = Before::Statement,
            Before::Return if newline => self.before = Before::Statement,
            Before::Return => self.before = Before::Operator,
            _ => {}
        }
    }

    fn peek_word(&self) -> &'t [u8] {
        let rest = self.rest();
        let length = rest.iter().take_while(|byte| is_name_byte(**byte)).count();
        &rest[..length]
    }

    fn block_comment(&mut self) -> Result<(), Halt> {
        let body = &self.text[self.at + 2..];
        let end = memchr::memmem::find(body, b"*/").ok_or(Stop)?;
        self.newline |= (0..end).any(|at| line_end(&body[at..]).is_some());
        self.at += end + 4;
        Ok(())
    }

    /// `<!-- …`, and what the parser takes for it.
    fn html_comment(&mut self) -> Result<(), Halt> {
        self.html_comments += HEAVY;
        if self.html_comments > MAX_DEPTH {
            return Err(Fault::TooDeep(self.at).into());
        }
        self.skip_line();
        Ok(())
    }

    /// Of a version control system's, which the parser skips.
    fn is_conflict_marker(&self) -> bool {
        let byte = self.byte(0);
        self.rest().len() >= 7 && self.rest()[..7].iter().all(|other| *other == byte)
    }

    fn string(&mut self, quote: u8) -> Result<(), Halt> {
        let mut at = self.at + 1;
        loop {
            at += memchr::memchr3(quote, b'\\', b'\n', self.text.get(at..).ok_or(Stop)?).ok_or(Stop)?;
            match self.text[at] {
                b'\\' if self.text[at..].starts_with(b"\\\r\n") => at += 3,
                b'\\' => at += 2,
                b'\n' => return Err(Halt::Stop),
                _ => break,
            }
        }
        // A carriage return ends a line, too.
        if let Some(end) = memchr::memchr(b'\r', &self.text[self.at..at])
            && self.text[self.at + end - 1] != b'\\'
        {
            return Err(Halt::Stop);
        }
        self.at = at + 1;
        self.before = Before::Value;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Halt> {
        let start = self.at;
        let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
        if self.byte(0) == b'0' && matches!(self.byte(1) | 0x20, b'x' | b'o' | b'b') {
            self.at += 2;
            while crate::words::is_part(&self.byte(0)) {
                self.at += 1;
            }
        } else {
            while is_digit(self.byte(0)) {
                self.at += 1;
            }
            if self.byte(0) == b'.' {
                self.at += 1;
                while is_digit(self.byte(0)) {
                    self.at += 1;
                }
            }
            let sign = usize::from(matches!(self.byte(1), b'+' | b'-'));
            if self.byte(0) | 0x20 == b'e' && self.byte(1 + sign).is_ascii_digit() {
                self.at += 1 + sign;
                while is_digit(self.byte(0)) {
                    self.at += 1;
                }
            }
            if self.byte(0) == b'n' {
                self.at += 1;
                if self.at - start > MAX_BIGINT_DIGITS {
                    return Err(Fault::Unclear(start).into());
                }
            }
        }
        self.before = Before::Value;
        Ok(())
    }

    /// The text of a template, from behind its backtick or a `}`.
    fn template(&mut self) -> Result<(), Halt> {
        loop {
            let rest = self.text.get(self.at..).ok_or(Stop)?;
            self.at += memchr::memchr3(b'`', b'\\', b'$', rest).ok_or(Stop)?;
            match (self.byte(0), self.byte(1)) {
                (b'`', _) => {
                    self.at += 1;
                    self.before = Before::Value;
                    return Ok(());
                }
                (b'$', b'{') => {
                    self.at += 2;
                    self.push(Bracket::Template, End::Value)?;
                    self.before = Before::Operator;
                    return Ok(());
                }
                (b'\\', _) => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    fn push(&mut self, bracket: Bracket, end: End) -> Result<(), Halt> {
        let frame = self.top();
        let around = frame.around + frame.statements + frame.operators + HEAVY;
        self.frames.push(Frame::new(bracket, end, around));
        self.fits()
    }

    fn open(&mut self, byte: u8) -> Result<(), Halt> {
        let before = self.before;
        self.at += 1;
        match byte {
            b'(' => {
                let last = std::mem::take(&mut self.last);
                let frame = self.top();
                let expects_name = frame.expects_name();
                let bracket = if let Some(end) = frame.function.take() {
                    Bracket::Parameters(end)
                } else if expects_name {
                    Bracket::Parameters(if frame.bracket == Bracket::Class {
                        End::Statement
                    } else {
                        End::Value
                    })
                } else {
                    match last {
                        b"if" | b"for" | b"while" | b"with" => Bracket::Head,
                        b"await" if before == Before::Statement => Bracket::Head,
                        b"switch" | b"catch" => Bracket::BlockHead,
                        _ => Bracket::Round,
                    }
                };
                if before == Before::Value {
                    self.count(1)?;
                }
                self.push(bracket, End::Value)?;
                self.before = Before::Operator;
            }
            b'[' => {
                if before == Before::Value {
                    self.count(1)?;
                }
                self.push(Bracket::Square, End::Value)?;
                self.before = Before::Operator;
            }
            _ => self.brace(before)?,
        }
        Ok(())
    }

    fn brace(&mut self, before: Before) -> Result<(), Halt> {
        let last = self.last;
        let frame = self.top();
        let class = if before == Before::Value { frame.classes.pop() } else { None };
        let (bracket, end) = match before {
            _ if class.is_some() => (Bracket::Class, class.unwrap_or(End::Value)),
            Before::Arrow => (Bracket::Block, End::Arrow),
            Before::Body(end) => (Bracket::Block, end),
            _ if frame.bracket == Bracket::Class && !frame.is_value && last == b"static" => {
                (Bracket::Block, End::Statement)
            }
            Before::Statement | Before::Value | Before::ArrowEnd => (Bracket::Block, End::Statement),
            Before::Clause => (Bracket::Object, End::Statement),
            Before::Operator | Before::Default | Before::Return | Before::Unsure => {
                (Bracket::Object, End::Value)
            }
        };
        self.push(bracket, end)?;
        self.before = if bracket == Bracket::Object { Before::Operator } else { Before::Statement };
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<(), Halt> {
        let fits = match self.top().bracket {
            Bracket::Block | Bracket::Class | Bracket::Object | Bracket::Template => byte == b'}',
            Bracket::Square => byte == b']',
            Bracket::Round | Bracket::Head | Bracket::BlockHead | Bracket::Parameters(_) => byte == b')',
        };
        if !fits || self.frames.len() == 1 {
            return Err(Halt::Stop);
        }
        let Some(mut closed) = self.frames.pop() else { return Err(Halt::Stop) };
        closed.end_expression();
        self.at += 1;
        let frame = self.top();
        frame.inner = frame.inner.max(closed.height + HEAVY);
        self.fits()?;
        let frame = self.top();
        match closed.bracket {
            Bracket::Template => return self.template(),
            Bracket::Round | Bracket::Square => self.before = Before::Value,
            Bracket::Head => self.before = Before::Statement,
            Bracket::BlockHead => self.before = Before::Body(End::Statement),
            Bracket::Parameters(end) => self.before = Before::Body(end),
            Bracket::Block | Bracket::Class | Bracket::Object => match closed.end {
                End::Value => self.before = Before::Value,
                End::Arrow => self.before = Before::ArrowEnd,
                End::Statement => {
                    frame.has_ended = frame.holds_statements();
                    self.before = Before::Statement;
                }
            },
        }
        Ok(())
    }

    fn colon(&mut self, may_be_label: bool) -> Result<(), Halt> {
        self.at += 1;
        self.before = Before::Operator;
        let frame = self.top();
        if frame.questions > 0 {
            frame.questions -= 1;
        } else if frame.bracket == Bracket::Object {
            frame.is_value = true;
        } else if std::mem::take(&mut frame.is_case) {
            frame.end_statement();
            self.before = Before::Statement;
        } else if may_be_label {
            self.before = Before::Statement;
            return self.count_statement();
        }
        Ok(())
    }

    fn slash(&mut self) -> Result<(), Halt> {
        match self.before {
            Before::Value => {
                self.at += 1 + usize::from(self.byte(1) == b'=');
                self.before = Before::Operator;
                self.count(HEAVY)
            }
            Before::Unsure | Before::ArrowEnd => {
                let line = &self.line()[1..];
                let hides =
                    |byte: &u8| matches!(byte, b'"' | b'\'' | b'`' | b'(' | b'[' | b'{' | b')' | b']' | b'}');
                if line.contains(&b'/') && line.iter().any(hides) {
                    return Err(Fault::Unclear(self.at).into());
                }
                self.at += 1;
                self.before = Before::Operator;
                self.count(HEAVY)
            }
            _ => self.regex(),
        }
    }

    fn regex(&mut self) -> Result<(), Halt> {
        let (mut at, mut in_class) = (self.at + 1, false);
        loop {
            let rest = self.text.get(at..).filter(|rest| !rest.is_empty()).ok_or(Stop)?;
            if line_end(rest).is_some() {
                return Err(Halt::Stop);
            }
            match rest[0] {
                b'\\' => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => break,
                _ => {}
            }
            at += 1;
        }
        at += 1;
        self.at = at + self.text[at..].iter().take_while(|byte| is_name_byte(**byte)).count();
        self.before = Before::Value;
        Ok(())
    }

    fn operator(&mut self) -> Result<(), Halt> {
        let is_binary = self.before == Before::Value;
        let rest = self.rest();
        let starts = |sign: &[u8]| rest.starts_with(sign);
        let is_digit = rest.get(2).is_some_and(u8::is_ascii_digit);
        if starts(b"=>") {
            self.at += 2;
            self.before = Before::Arrow;
            return self.count(HEAVY);
        }
        if starts(b"...") {
            self.at += 3;
            self.top().is_value = true;
            self.before = Before::Operator;
            return self.count(HEAVY);
        }
        if starts(b"?.") && !is_digit || starts(b".") {
            self.at += 1 + usize::from(starts(b"?."));
            self.is_property = true;
            self.before = if starts(b"?.") { Before::Value } else { Before::Operator };
            return self.count(1);
        }
        if starts(b"++") || starts(b"--") {
            self.at += 2;
            if is_binary && !self.newline {
                return self.count(1);
            }
            self.before = Before::Operator;
            return self.count(HEAVY);
        }
        let length = match rest {
            [b'>', b'>', b'>', b'=', ..] => 4,
            [b'>', b'>', b'>', ..]
            | [b'*', b'*', b'=', ..]
            | [b'<', b'<', b'=', ..]
            | [b'>', b'>', b'=', ..]
            | [b'&', b'&', b'=', ..]
            | [b'|', b'|', b'=', ..]
            | [b'?', b'?', b'=', ..]
            | [b'=', b'=', b'=', ..]
            | [b'!', b'=', b'=', ..] => 3,
            [b'*', b'*', ..]
            | [b'<', b'<', ..]
            | [b'>', b'>', ..]
            | [b'&', b'&', ..]
            | [b'|', b'|', ..]
            | [b'?', b'?', ..] => 2,
            [b'=' | b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'%' | b'&' | b'|' | b'^', b'=', ..] => 2,
            _ => 1,
        };
        let sign = &rest[..length];
        self.at += length;
        let is_comparison = matches!(sign, b"==" | b"===" | b"!=" | b"!==" | b"<=" | b">=");
        let assigns = sign.ends_with(b"=") && !is_comparison;
        if sign == b"?" {
            self.top().questions += 1;
        }
        if assigns {
            self.top().is_value = true;
        }
        let is_light = is_binary && !assigns && sign != b"?" && sign != b"**";
        self.before = Before::Operator;
        self.count(if is_light { 1 } else { HEAVY })
    }

    fn word(&mut self) -> Result<(), Halt> {
        let start = self.at;
        let (mut escaped, mut before) = (false, self.before);
        while is_name_byte(self.byte(0)) {
            if blank(self.rest()).is_some() || line_end(self.rest()).is_some() {
                break;
            }
            if self.byte(0) == b'\\' {
                escaped = true;
                self.at += 1;
                if self.rest().starts_with(b"u{") {
                    self.at += memchr::memchr(b'}', self.rest()).ok_or(Stop)?;
                    self.at += 1;
                }
            } else {
                self.at += 1;
            }
        }
        let mut word = &self.text[start..self.at];
        if escaped {
            // What the parser makes of a keyword with an escape in it is an error, but not at once.
            if is_hidden_keyword(word) {
                return Err(Fault::Unclear(start).into());
            }
            word = b"name";
        }
        let newline = std::mem::take(&mut self.newline);
        let is_property = std::mem::take(&mut self.is_property);
        let (last, is_async) = (self.last, self.is_async);
        self.last = word;
        self.is_async =
            word == b"async" && matches!(before, Before::Statement | Before::Clause | Before::Default);
        self.may_be_label = false;
        let frame = self.top();
        if is_property || frame.expects_name() || frame.function.is_some() {
            if is_property {
                self.last = b"";
            }
            if self.top().function.is_none() {
                self.before = Before::Value;
            }
            return Ok(());
        }
        if last == b"break" || last == b"continue" {
            if !newline {
                self.before = Before::Statement;
                return Ok(());
            }
            before = Before::Statement;
        }
        let begins = matches!(before, Before::Statement | Before::Clause | Before::Default);
        let is_declared = begins || is_async && !newline;
        let end = if is_declared { End::Statement } else { End::Value };
        let holds_statements = frame.holds_statements();
        match word {
            b"if" | b"for" | b"while" | b"with" => {
                self.before = Before::Operator;
                if before == Before::Value {
                    // Attributes of an import.
                    self.last = b"";
                } else {
                    return self.count_statement();
                }
            }
            b"else" => {
                self.before = Before::Statement;
                return self.count_statement();
            }
            b"do" => {
                frame.has_do = true;
                self.before = Before::Statement;
                return self.count_statement();
            }
            b"try" | b"finally" | b"catch" => self.before = Before::Body(End::Statement),
            b"switch" => self.before = Before::Operator,
            b"function" => {
                frame.function = Some(end);
                self.before = Before::Operator;
                return self.count(1);
            }
            b"class" => {
                frame.classes.push(end);
                self.before = Before::Value;
                return self.count(HEAVY);
            }
            b"extends" => {
                self.before = Before::Operator;
                return self.count(HEAVY);
            }
            b"new" | b"typeof" | b"void" | b"delete" => {
                self.before = Before::Operator;
                return self.count(HEAVY);
            }
            b"await" if last == b"for" => {
                // `for await (`
                self.last = b"for";
                self.before = Before::Operator;
            }
            b"await" | b"yield" => {
                self.before = Before::Unsure;
                return self.count(HEAVY);
            }
            b"in" | b"instanceof" => {
                self.before = Before::Operator;
                return self.count(1);
            }
            b"of" if before == Before::Value && !holds_statements => {
                self.before = Before::Operator;
                return self.count(1);
            }
            b"return" => self.before = Before::Return,
            b"throw" | b"var" | b"const" => self.before = Before::Operator,
            b"let" => self.before = Before::Unsure,
            b"case" => {
                if before == Before::Statement {
                    frame.end_statement();
                }
                frame.is_case = true;
                self.before = Before::Operator;
            }
            b"default" if before == Before::Clause => self.before = Before::Default,
            b"default" if before == Before::Statement => {
                frame.end_statement();
                frame.is_case = true;
                self.before = Before::Operator;
            }
            b"break" | b"continue" | b"debugger" => self.before = Before::Statement,
            b"import" | b"export" if before == Before::Statement => self.before = Before::Clause,
            _ => {
                self.may_be_label = before == Before::Statement;
                self.before = Before::Value;
            }
        }
        Ok(())
    }
}

/// Words that mean something to the parser, of which a name with escapes could be one.
const KEYWORDS: [&str; 36] = [
    "async",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "default",
    "delete",
    "do",
    "else",
    "export",
    "extends",
    "finally",
    "for",
    "function",
    "if",
    "import",
    "in",
    "instanceof",
    "let",
    "new",
    "of",
    "return",
    "static",
    "switch",
    "throw",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "debugger",
];

/// Whether a word is a keyword once its escapes are undone.
fn is_hidden_keyword(word: &[u8]) -> bool {
    crate::unescape::once(word)
        .is_some_and(|plain| KEYWORDS.iter().any(|keyword| keyword.as_bytes() == plain.as_slice()))
}

/// The length of what ends a line here.
fn line_end(text: &[u8]) -> Option<usize> {
    match text {
        [b'\n' | b'\r', ..] => Some(1),
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => Some(3),
        _ => None,
    }
}

/// The length of a blank.
fn blank(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b' ' | b'\t' | 0x0b | 0x0c => Some(1),
        0..0x80 => None,
        _ => {
            let length = text.len().min(4);
            let letter = text[..length].utf8_chunks().next()?.valid().chars().next()?;
            (letter.is_whitespace() || letter == '\u{feff}').then_some(letter.len_utf8())
        }
    }
}

/// A byte of a name, or of an escape in one.
fn is_name_byte(byte: u8) -> bool {
    crate::words::is_part(&byte) || matches!(byte, b'\\' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than anybody writes, far less than the bound.
    const MANY: usize = 300;

    #[test]
    fn what_nests_counts_and_what_stands_in_a_row_does_not() {
        let nests: &[(&str, &str, &str)] = &[
            ("[", "", "]"),
            ("(", "a", ")"),
            ("{", "", "}"),
            ("({a:", "1", "})"),
            ("`${", "a", "}`"),
            ("f(", "", ")"),
            ("a[", "b", "]"),
            ("a?", "b", ":c"),
            ("a?b:", "c", ""),
            ("a=>", "b", ""),
            ("async a=>", "b", ""),
            ("(a)=>", "b", ""),
            ("()=>{", "", "}"),
            ("!", "a", ""),
            ("- ", "a", ""),
            ("typeof ", "a", ""),
            ("new ", "a", ""),
            ("await ", "a", ""),
            ("a=", "b", ""),
            ("a**", "b", ""),
            ("if(a)", "b", ""),
            ("if(a);else ", "b", ""),
            ("if(a){}else ", "b", ""),
            ("if(a)b\nelse ", "b", ""),
            ("for(;;)", "b", ""),
            ("while(a)", "b", ""),
            ("do ", "b", ";while(a);"),
            ("with(a)", "b", ""),
            ("a:", "b", ""),
            ("function f(){", "", "}"),
            ("x=function(){", "", "}"),
            ("class a extends class{}{constructor(){", "", "}}"),
            ("x=class extends ", "a", "{}"),
            ("{let a0=e;", "", "}"),
            ("try{", "", "}catch{}"),
            ("switch(a){case 1:", "", "}"),
            ("[...", "a", "]"),
            ("/a/.test(", "a", ")"),
            ("a\n/b/c.d(", "a", ")"),
            ("(", "a", ")+b"),
            ("({a(){", "", "}})"),
            ("function*f(){yield ", "", "}"),
        ];
        for (open, middle, close) in nests {
            let text = format!("{}{middle}{}", open.repeat(MANY), close.repeat(MANY));
            let depth = measure(&text).unwrap();
            assert!(depth as usize >= MANY * HEAVY as usize, "{open}{middle}{close}: {depth}");
            let deep = open.repeat(MAX_DEPTH as usize / HEAVY as usize + 1);
            assert!(matches!(check(&deep), Err(Fault::TooDeep(_))), "{open}");
        }
        for (open, after) in
            [("(", ")+a+a"), ("(", ").a.a"), ("(", ")`a``b`"), ("[", "][0][0]"), ("(", ")()()")]
        {
            let text = format!("{}x{}", open.repeat(MANY), after.repeat(MANY));
            assert!(measure(&text).unwrap() as usize >= MANY * (HEAVY as usize + 2), "{after}");
        }
        for row in [
            "a;",
            "a\n",
            "a()\n",
            "a.b.c()\nd=e?f:g\n",
            "if(a)b;",
            "if(a){b}else{c}",
            "if(a)b;else c;",
            "while(a){b}",
            "while(a)b;",
            "do{a}while(b);",
            "function f(a){return a}",
            "var a=1,b=a?2:3;",
            "a: b;",
            "a=function(){}\n",
            "a=>b;",
            "!function(){}();",
            "switch(a){case 1:case 2:b;default:c}",
            "class A{a(){}b=1;static{}\nc=2\nd(){}}",
            "import{a}from'b';export{a};",
            "export default{a:1,b:2};",
            "export{a}from'b'\n",
            "try{a}catch(b){c}finally{d}",
            "(a,b,c);",
            "x={a:1,b(){},get c(){},'d':2,[e]:3,...f};",
            "for(const{a}of b)c;",
            "return\n",
            "/a/.b;",
            "<!-- a\nb;",
        ] {
            let text = row.repeat(MANY);
            let (many, one) = (measure(&text).unwrap(), measure(row).unwrap());
            assert!(many <= one + 4 * HEAVY, "{row}: {one}, {many} for {MANY}");
        }
    }

    #[test]
    fn brackets_in_texts_and_in_regular_expressions_are_none() {
        for text in [
            r#""(((""#,
            "'[[['",
            "`{{{`",
            "// (((\na",
            "/* ((( */ a",
            "x = /[(/]((/.test(a)",
            "if (a) /((/.test(a)",
            "a\n{}\n/((/.b",
            "function f(){}/((/.b",
            "x = {}\n/ 2; y = '(('",
            "return /((/",
            "a => {}\n/((/.b",
            "case /((/:",
            "x++ / 2; '(('",
            "a = b ? /((/ : c",
            "`${a}((`",
            "`${/((/}`",
            "x = a / '((' / b",
            "class A { static { } }\n/((/.b",
        ] {
            let depth = measure(text).unwrap();
            assert!(depth <= 5 * HEAVY, "{text}: {depth}");
        }
        assert_eq!(check("yield /'(/ + a"), Err(Fault::Unclear(6)));
        assert!(check(&format!("{}n", "1".repeat(MAX_BIGINT_DIGITS + 1))).is_err());
    }
}
