//! Values to text: compact, in the order that is given, escaped as `serde_json` does. Seals are over such texts, so that
//! not one byte of it may change.

use alloc::string::String;
use core::fmt::{self, Write};

/// Writes a type as JSON.
pub trait ToJson {
    /// Appends it.
    fn write(&self, to: &mut Writer);

    /// Whether there is nothing to tell: an optional field is then left out.
    fn is_none(&self) -> bool {
        false
    }
}

/// How a field is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Always: as `null` where there is none.
    Always,
    /// Left out where there is none.
    Optional,
    /// A record whose fields stand among the others, without a name of its own; left out where there is none.
    Flat,
}

/// A text that is being written.
#[derive(Default)]
pub struct Writer {
    text: String,
    /// Whether the next record has no braces of its own.
    flat: bool,
}

impl Writer {
    pub(super) fn finish(self) -> String {
        self.text
    }

    /// A word or a number.
    pub(super) fn bare(&mut self, value: &dyn fmt::Display) {
        // A text takes all that is written to it.
        let _ = write!(self.text, "{value}");
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.display(&text);
    }

    /// What it prints, as a text.
    pub fn display(&mut self, value: &dyn fmt::Display) {
        self.text.push('"');
        let _ = write!(Escaped(&mut self.text), "{value}");
        self.text.push('"');
    }

    /// A list.
    pub fn list<T: ToJson>(&mut self, items: &[T]) {
        self.text.push('[');
        for item in items {
            self.separate();
            item.write(self);
        }
        self.text.push(']');
    }

    /// A record: names, which are the same for all of a type and so cost no code, and as many values.
    pub fn record(&mut self, names: &'static [(&'static str, Rule)], values: &[&dyn ToJson]) {
        let flat = core::mem::take(&mut self.flat);
        if !flat {
            self.text.push('{');
        }
        for ((name, rule), value) in names.iter().zip(values) {
            if *rule != Rule::Always && value.is_none() {
                continue;
            }
            self.flat = *rule == Rule::Flat;
            if !self.flat {
                self.separate();
                self.text(name);
                self.text.push(':');
            }
            value.write(self);
        }
        if !flat {
            self.text.push('}');
        }
    }

    /// A comma, but after the beginning of a list or record. A text ends with its quote: it is never mistaken for one.
    fn separate(&mut self) {
        if !matches!(self.text.as_bytes().last(), Some(b'[' | b'{')) {
            self.text.push(',');
        }
    }
}

/// What is printed here is escaped.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_escaped = |letter: char| matches!(letter, '"' | '\\' | '\0'..='\u{1f}');
        for piece in text.split_inclusive(is_escaped) {
            let mut letters = piece.chars();
            let Some(letter) = letters.next_back().filter(|last| is_escaped(*last)) else {
                self.0.push_str(piece);
                continue;
            };
            self.0.push_str(letters.as_str());
            let short = match letter {
                '\u{8}' => 'b',
                '\t' => 't',
                '\n' => 'n',
                '\u{c}' => 'f',
                '\r' => 'r',
                '"' | '\\' => letter,
                _ => {
                    write!(self.0, "\\u{:04x}", u32::from(letter))?;
                    continue;
                }
            };
            self.0.extend(['\\', short]);
        }
        Ok(())
    }
}

/// Writes a type as a record: each field always, or as [`Rule`] says: `optional` or `flat`; by another name with
/// `as "ref"`.
///
/// ```
/// struct Place { row: u64, note: Option<String>, kind: Option<u64> }
/// capy_protocol::to_json!(Place { row, note as "ref", kind: optional });
/// let place = Place { row: 1, note: None, kind: None };
/// assert_eq!(capy_protocol::json::write(&place), r#"{"row":1,"ref":null}"#);
/// ```
#[macro_export]
macro_rules! to_json {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (@rule) => { $crate::json::Rule::Always };
    (@rule optional) => { $crate::json::Rule::Optional };
    (@rule flat) => { $crate::json::Rule::Flat };
    ($type:ty { $($field:ident $(as $name:literal)? $(: $rule:ident)?),* $(,)? }) => {
        impl $crate::json::ToJson for $type {
            fn write(&self, to: &mut $crate::json::Writer) {
                // By this pattern, so that no field is forgotten.
                let Self { $($field),* } = self;
                to.record(
                    &[$(($crate::to_json!(@name $field $($name)?), $crate::to_json!(@rule $($rule)?))),*],
                    &[$($field),*],
                );
            }
        }
    };
}
