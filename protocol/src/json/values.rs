//! JSON conversions of strings, numbers, lists and ids.

use alloc::string::String;
use alloc::vec::Vec;

use super::{FromJson, InvalidField, Json, ToJson, Writer};
use crate::Result as Parsed;
use crate::id::{DeployId, KeyId, ProjectId};
use crate::network::Network;
use crate::scope::Scope;
use crate::token::{SecretId, TokenId, TrustId};

/// Accepts any value.
impl FromJson for Json {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        Ok(json)
    }
}

impl FromJson for String {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        match json {
            Json::Text(mut text) => Ok(core::mem::take(&mut *text)),
            _ => Err(InvalidField::default()),
        }
    }
}

impl ToJson for String {
    fn write(&self, to: &mut Writer) {
        to.text(self);
    }
}

impl ToJson for str {
    fn write(&self, to: &mut Writer) {
        to.text(self);
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn write(&self, to: &mut Writer) {
        (**self).write(to);
    }

    fn is_none(&self) -> bool {
        (**self).is_none()
    }
}

impl FromJson for bool {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        match json {
            Json::Bool(value) => Ok(value),
            _ => Err(InvalidField::default()),
        }
    }
}

impl ToJson for bool {
    fn write(&self, to: &mut Writer) {
        to.unquoted(self);
    }
}

impl FromJson for u64 {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        match json {
            Json::Integer(number) => Ok(number),
            _ => Err(InvalidField::default()),
        }
    }
}

impl ToJson for u64 {
    fn write(&self, to: &mut Writer) {
        to.unquoted(self);
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl FromJson for $integer {
            fn from_json(json: Json) -> Result<Self, InvalidField> {
                u64::from_json(json)?.try_into().map_err(|_| InvalidField::default())
            }
        }

        impl ToJson for $integer {
            fn write(&self, to: &mut Writer) {
                u64::from(*self).write(to);
            }
        }
    )*};
}
integers!(u8, u16, u32);

/// `null` and an absent field are `None`.
impl<T: FromJson> FromJson for Option<T> {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        match json {
            Json::Null => Ok(None),
            json => T::from_json(json).map(Some),
        }
    }

    fn absent() -> Result<Self, InvalidField> {
        Ok(None)
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, to: &mut Writer) {
        match self {
            Some(value) => value.write(to),
            None => to.unquoted(&"null"),
        }
    }

    fn is_none(&self) -> bool {
        self.is_none()
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        let Json::List(items) = json else { return Err(InvalidField::default()) };
        // Not `collect`: it compiles to more code for each type.
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            read.push(T::from_json(item)?);
        }
        Ok(read)
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, to: &mut Writer) {
        to.list(self);
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write(&self, to: &mut Writer) {
        to.list(self);
    }
}

impl FromJson for KeyId {
    fn from_json(json: Json) -> Result<Self, InvalidField> {
        u32::from_json(json).map(Self)
    }
}

impl ToJson for KeyId {
    fn write(&self, to: &mut Writer) {
        self.0.write(to);
    }
}

/// Parses a JSON string with `parse`.
fn text<T>(json: Json, parse: fn(&str) -> Parsed<T>) -> Result<T, InvalidField> {
    match json {
        Json::Text(text) => parse(&text).map_err(|_| InvalidField::default()),
        _ => Err(InvalidField::default()),
    }
}

macro_rules! texts {
    ($($type:ty),*) => {$(
        impl FromJson for $type {
            fn from_json(json: Json) -> Result<Self, InvalidField> {
                text(json, Self::parse)
            }
        }

        impl ToJson for $type {
            fn write(&self, to: &mut Writer) {
                to.display(self);
            }
        }
    )*};
}
texts!(DeployId, ProjectId, Scope, Network, TokenId, TrustId, SecretId);
