//! JSON writer: compact, fields in the given order, escaped as `serde_json` does. Seals cover this
//! output, so that no byte of it may change.

use alloc::string::String;
use core::fmt::{self, Write};

/// A type that can be written as JSON.
pub trait ToJson {
    /// Appends this value to the output.
    fn write(&self, to: &mut Writer);

    /// Whether the value is `None`: an optional field is then left out.
    fn is_none(&self) -> bool {
        false
    }
}

/// How an object's field is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldRule {
    /// Always; `null` for `None`.
    Always,
    /// Left out for `None`.
    Optional,
    /// Not as an object of its own: the value's fields become fields of the outer object. Left out
    /// for `None`.
    Flat,
}

/// JSON output under construction.
#[derive(Default)]
pub struct Writer {
    text: String,
    /// Whether the next object is written without braces.
    flat: bool,
}

impl Writer {
    pub(super) fn finish(self) -> String {
        self.text
    }

    /// Writes a keyword or a number.
    pub(super) fn unquoted(&mut self, value: &dyn fmt::Display) {
        // Writing to a `String` never fails.
        let _ = write!(self.text, "{value}");
    }

    /// Writes a string.
    pub fn text(&mut self, text: &str) {
        self.display(&text);
    }

    /// Writes the value's `Display` output as a string.
    pub fn display(&mut self, value: &dyn fmt::Display) {
        self.text.push('"');
        let _ = write!(Escaped(&mut self.text), "{value}");
        self.text.push('"');
    }

    /// Writes an array.
    pub fn list<T: ToJson>(&mut self, items: &[T]) {
        self.text.push('[');
        for item in items {
            self.separate();
            item.write(self);
        }
        self.text.push(']');
    }

    /// Writes an object: `names` and as many `values`. The names are a constant of each type, so
    /// that they add no code.
    pub fn record(&mut self, names: &'static [(&'static str, FieldRule)], values: &[&dyn ToJson]) {
        let flat = core::mem::take(&mut self.flat);
        if !flat {
            self.text.push('{');
        }
        for ((name, rule), value) in names.iter().zip(values) {
            if *rule != FieldRule::Always && value.is_none() {
                continue;
            }
            self.flat = *rule == FieldRule::Flat;
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

    /// Writes a comma, except directly behind `[` or `{`. A bracket inside a string cannot be
    /// mistaken for one of these, because the string ends with its quote.
    fn separate(&mut self) {
        if !matches!(self.text.as_bytes().last(), Some(b'[' | b'{')) {
            self.text.push(',');
        }
    }
}

/// A writer that escapes for a JSON string.
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

/// Implements [`ToJson`](crate::json::ToJson) for a struct. Each field is written always, or by its
/// [`FieldRule`](crate::json::FieldRule) `optional` or `flat`; `as "ref"` gives a field another
/// name.
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
    (@rule) => { $crate::json::FieldRule::Always };
    (@rule optional) => { $crate::json::FieldRule::Optional };
    (@rule flat) => { $crate::json::FieldRule::Flat };
    ($type:ty { $($field:ident $(as $name:literal)? $(: $rule:ident)?),* $(,)? }) => {
        impl $crate::json::ToJson for $type {
            fn write(&self, to: &mut $crate::json::Writer) {
                // A full pattern, so that a missing field does not compile.
                let Self { $($field),* } = self;
                to.record(
                    &[$(($crate::to_json!(@name $field $($name)?), $crate::to_json!(@rule $($rule)?))),*],
                    &[$($field),*],
                );
            }
        }
    };
}
