//! Reads JSON objects field by field. Errors name the wrong or unknown field by its path
//! (`claims.ref`), never by its content.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::Json;

/// A type that can be read from JSON.
pub trait FromJson: Sized {
    /// Converts a parsed value into this type.
    ///
    /// # Errors
    /// [`InvalidField`], if the value is of another type.
    fn from_json(json: Json) -> Result<Self, InvalidField>;

    /// The value of a field of this type that is absent from the object.
    ///
    /// # Errors
    /// [`InvalidField`], if the field is required.
    fn absent() -> Result<Self, InvalidField> {
        Err(InvalidField::default())
    }
}

/// The path of the field that does not fit its type; empty for the whole document.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct InvalidField(String);

impl InvalidField {
    /// Whether an error may show this name as the name of an unknown field. Other names may be a
    /// misplaced secret value, or contain terminal control characters.
    fn is_plain(name: &str) -> bool {
        (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    }

    #[inline(never)]
    fn within(mut self, name: &str) -> Self {
        if !self.0.is_empty() {
            self.0.insert(0, '.');
        }
        self.0.insert_str(0, name);
        self
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

impl core::error::Error for InvalidField {}

/// The fields of a JSON object. Readers take them out one by one. No name occurs twice.
#[derive(Default)]
pub struct Record(Vec<(Zeroizing<String>, Json)>);

impl Record {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known.as_str() == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    pub(super) fn push(&mut self, name: Zeroizing<String>, value: Json) {
        self.0.push((name, value));
    }

    /// Takes the value of a name out of the object; `None` if the name is absent.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        Some(self.0.swap_remove(self.place(name)?).1)
    }

    /// Takes and converts a field.
    ///
    /// # Errors
    /// [`InvalidField`], if the field is of another type, or absent although required.
    pub fn field<T: FromJson>(&mut self, name: &str) -> Result<T, InvalidField> {
        self.take(name).map_or_else(T::absent, T::from_json).map_err(|invalid| invalid.within(name))
    }

    /// Takes and converts a field; `default` if it is absent.
    ///
    /// # Errors
    /// [`InvalidField`], if the field is of another type.
    pub fn field_or<T: FromJson>(&mut self, name: &str, default: T) -> Result<T, InvalidField> {
        match self.take(name) {
            Some(json) => T::from_json(json).map_err(|invalid| invalid.within(name)),
            None => Ok(default),
        }
    }

    /// Fails if any field was not taken.
    ///
    /// # Errors
    /// [`InvalidField`], which names the field if its name is short and has only lower-case letters
    /// and `_`.
    pub fn finish(self) -> Result<(), InvalidField> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) if InvalidField::is_plain(name) => Err(InvalidField((**name).to_owned())),
            Some(_) => Err(InvalidField::default()),
        }
    }
}

impl FromJson for Record {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        match json {
            Json::Record(record) => Ok(record),
            _ => Err(InvalidField::default()),
        }
    }
}

/// Implements [`FromJson`](crate::json::FromJson) for a struct, field by field. `as "ref"` gives a
/// field another name, `or 1` gives it a value for when it is absent. Unknown fields are errors
/// unless `and others` follows.
///
/// ```
/// struct Place { row: u64, note: Option<String>, kind: u64 }
/// capy_protocol::from_json!(Place { row, note as "ref", kind or 7 });
/// let place: Place = capy_protocol::json::read(br#"{"ref":"a","row":1}"#)?;
/// assert_eq!((place.row, place.note.as_deref(), place.kind), (1, Some("a"), 7));
/// # Ok::<(), capy_protocol::json::ReadError>(())
/// ```
#[macro_export]
macro_rules! from_json {
    (@read $record:ident $field:ident) => { $record.field(stringify!($field))? };
    (@read $record:ident $field:ident as $name:literal) => { $record.field($name)? };
    (@read $record:ident $field:ident or $default:expr) => { $record.field_or(stringify!($field), $default)? };
    (@end $record:ident) => { $record.finish()? };
    (@end $record:ident others) => { drop($record) };
    ($type:ty { $($field:ident $(as $name:literal)? $(or $default:expr)?),* $(,)? } $(and $others:ident)?) => {
        impl $crate::json::FromJson for $type {
            fn from_json(json: $crate::json::Json) -> ::core::result::Result<Self, $crate::json::InvalidField> {
                let mut record = $crate::json::Record::from_json(json)?;
                let read = Self {
                    $($field: $crate::from_json!(@read record $field $(as $name)? $(or $default)?)),*
                };
                $crate::from_json!(@end record $($others)?);
                Ok(read)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::api::RegisterRequest;
    use crate::api::trusts::NewTrust;
    use crate::json::{ReadError, read};

    fn path<T: FromJson>(body: &str) -> String {
        match read::<T>(body.as_bytes()) {
            Err(ReadError::InvalidField(invalid)) => invalid.to_string(),
            Err(fault) => panic!("{body}: {fault}"),
            Ok(_) => panic!("{body} fits"),
        }
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        let id = "ab".repeat(32);
        let with =
            |more: &str| alloc::format!(r#"{{"deploy_id":"{id}","project_id":"p","inner_blob":""{more}}}"#);
        for (body, expected) in [
            (r#"{"deploy_id": 1}"#, "deploy_id"),
            (r#"{"label": "a"}"#, "deploy_id"),
            (&with(r#", "max_uses": "many""#), "max_uses"),
            (&with(r#", "max_uses": -1"#), "max_uses"),
            (&with(r#", "max_uses": 1.0"#), "max_uses"),
            (&with(r#", "format": 256"#), "format"),
            (&with(r#", "format": null"#), "format"),
            (&with(r#", "credential": "key""#), "credential"),
            (&with(r#", "cidrs": ["10.0.0.0/8", "x"]"#), "cidrs"),
            (&with(r#", "more": 1"#), "more"),
            (&with(r#", "canary.VALUE.x9": 1"#), "."),
            (&with(r#", "x\u001b": 1"#), "."),
            (&with(&alloc::format!(r#", "{}": 1"#, "x".repeat(33))), "."),
            ("[]", "."),
            ("null", "."),
        ] {
            assert_eq!(path::<RegisterRequest>(body), expected, "{body}");
        }
        assert_eq!(
            path::<NewTrust>(r#"{"issuer":"","audience":"","claims":{"repository":"o/r","ref":1}}"#),
            "claims.ref"
        );
        assert_eq!(
            path::<NewTrust>(r#"{"issuer":"","audience":"","claims":{"repository":"o/r","x":1}}"#),
            "claims.x"
        );
    }
}
