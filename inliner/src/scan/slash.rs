//! What a `/` is.
//!
//! Owns comments, and the choice between a division and a regular expression by what stands before. Where that is not
//! enough it refuses to choose.

use memchr::{memchr2, memchr3, memmem};

use super::Doubt;
use super::lexer::{Kind, Lexer};
use super::words;

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
