//! What `serde_json` makes of bytes, for comparison. Also for the fuzz target.

use std::fmt;

use capy_protocol::json::{Json, ReadError, read};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A value in which no name stands twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Strict(value))) = access.next_entry::<String, Strict>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(map.into())
    }
}

/// Both take it and make the same of it, or neither does. Limits are left out: short texts stay below them.
pub(crate) fn check(bytes: &[u8]) {
    let text = || String::from_utf8_lossy(bytes);
    match (read::<Json>(bytes), serde_json::from_slice::<Strict>(bytes)) {
        (Ok(own), Ok(Strict(theirs))) => assert!(same(own, &theirs), "{}", text()),
        (Err(ReadError::Syntax { line, column }), Err(_)) => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(&line) && (1..=bytes.len() + 1).contains(&column), "{}", text());
        }
        // Digits that no double holds: they are read as any number here.
        (Ok(_), Err(error)) if error.to_string().starts_with("number out of range") => {}
        (own, theirs) => panic!("{}: {own:?}, {:?}", text(), theirs.err()),
    }
}

fn same(own: Json, theirs: &Value) -> bool {
    match (own, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(own), Value::Bool(theirs)) => own == *theirs,
        (Json::Integer(own), Value::Number(theirs)) => theirs.as_u64() == Some(own),
        (Json::Number, Value::Number(theirs)) => theirs.as_u64().is_none(),
        (Json::Text(own), Value::String(theirs)) => *own == *theirs,
        (Json::List(own), Value::Array(theirs)) => {
            own.len() == theirs.len() && own.into_iter().zip(theirs).all(|(own, theirs)| same(own, theirs))
        }
        (Json::Record(mut own), Value::Object(theirs)) => {
            let all = theirs.iter().all(|(name, theirs)| own.take(name).is_some_and(|own| same(own, theirs)));
            all && own.finish().is_ok()
        }
        _ => false,
    }
}
