//! Records field by field. Refuses what a type does not have, and names the field that is wrong: by its path
//! (`claims.ref`), and never by what it holds.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use super::Json;

/// Reads a type from JSON.
pub trait FromJson: Sized {
    /// Takes a value.
    ///
    /// # Errors
    /// [`Unfit`], when it is no such thing.
    fn from_json(json: Json) -> Result<Self, Unfit>;

    /// What a field of this type has where it is left out.
    ///
    /// # Errors
    /// [`Unfit`], when it may not be.
    fn absent() -> Result<Self, Unfit> {
        Err(Unfit::default())
    }
}

/// The path of the field that is not as it should be; empty for the whole.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Unfit(String);

impl Unfit {
    /// Whether it may be told as the name of a field. Any other may be a value in the wrong place, or steer a terminal.
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

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

impl core::error::Error for Unfit {}

/// Names and values, until they are taken. No name stands twice.
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

    /// Takes a value; `None` when the name is not there.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        Some(self.0.swap_remove(self.place(name)?).1)
    }

    /// Takes a field.
    ///
    /// # Errors
    /// [`Unfit`], when it is something else, or missing and has to be there.
    pub fn field<T: FromJson>(&mut self, name: &str) -> Result<T, Unfit> {
        self.take(name).map_or_else(T::absent, T::from_json).map_err(|unfit| unfit.within(name))
    }

    /// Takes a field that may be left out.
    ///
    /// # Errors
    /// [`Unfit`], when it is something else.
    pub fn field_or<T: FromJson>(&mut self, name: &str, default: T) -> Result<T, Unfit> {
        match self.take(name) {
            Some(json) => T::from_json(json).map_err(|unfit| unfit.within(name)),
            None => Ok(default),
        }
    }

    /// Refuses what is left.
    ///
    /// # Errors
    /// [`Unfit`], by its name where that is plain.
    pub fn finish(self) -> Result<(), Unfit> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) if Unfit::is_plain(name) => Err(Unfit((**name).to_owned())),
            Some(_) => Err(Unfit::default()),
        }
    }
}

impl FromJson for Record {
    fn from_json(json: Json) -> Result<Self, Unfit> {
        match json {
            Json::Record(record) => Ok(record),
            _ => Err(Unfit::default()),
        }
    }
}

/// Reads a type field by field: by another name (`as "ref"`), or with what it has where it is left out (`or 1`). Other fields
/// are refused, unless `and others` may be there.
///
/// ```
/// struct Place { row: u64, note: Option<String>, kind: u64 }
/// capy_protocol::from_json!(Place { row, note as "ref", kind or 7 });
/// let place: Place = capy_protocol::json::read(br#"{"ref":"a","row":1}"#)?;
/// assert_eq!((place.row, place.note.as_deref(), place.kind), (1, Some("a"), 7));
/// # Ok::<(), capy_protocol::json::Fault>(())
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
            fn from_json(json: $crate::json::Json) -> ::core::result::Result<Self, $crate::json::Unfit> {
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
    use crate::json::{Fault, read};

    fn path<T: FromJson>(body: &str) -> String {
        match read::<T>(body.as_bytes()) {
            Err(Fault::Unfit(unfit)) => unfit.to_string(),
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
