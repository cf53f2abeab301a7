//! Parts of a value that are redacted on their own.
//!
//! A program that gets a JSON document, a URL or a connection string prints parts of it. Extracts
//! the strings of JSON, at any depth and also inside base64; passwords, keys and lines come from
//! the same function as for the search of public files (`search::parts`). That search skips a
//! document's names, hosts and kinds, because a finding stops a build; redaction includes them,
//! because a hidden word costs less than a visible secret.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::super::search::{MIN_LENGTH, forms, parts as secret_parts};

/// Depth of nesting: JSON in JSON in base64 occurs, deeper nesting does not.
const MAX_DEPTH: usize = 4;

/// All parts without duplicates, except those that are too short or too common.
pub(super) fn parts(value: &str) -> Vec<Zeroizing<String>> {
    let mut found = Vec::new();
    add_parts(value.trim(), MAX_DEPTH, &mut found);
    found.retain(|part| part.len() >= MIN_LENGTH && !forms::is_common(part.as_bytes()) && **part != *value);
    found.sort_unstable_by(|a, b| a.as_str().cmp(b));
    found.dedup();
    found
}

fn add_parts(value: &str, depth: usize, found: &mut Vec<Zeroizing<String>>) {
    if depth == 0 {
        return;
    }
    found.extend(secret_parts::parts(value).into_iter().map(|part| part.text));
    found.extend(password(value));
    let mut inside = if value.starts_with(['{', '[', '"']) { strings(value) } else { Vec::new() };
    inside.extend(decoded(value).map(Zeroizing::new));
    for part in inside {
        add_parts(&part, depth - 1, found);
        found.push(part);
    }
}

/// The strings of a JSON document; empty if the text is not one.
fn strings(text: &str) -> Vec<Zeroizing<String>> {
    let mut found = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    match Strings(&mut found).deserialize(&mut reader).and_then(|()| reader.end()) {
        Ok(()) => found,
        Err(_) => Vec::new(),
    }
}

/// Collects strings from a document without building a tree that is not zeroed on drop.
struct Strings<'f>(&'f mut Vec<Zeroizing<String>>);

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON document")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push(Zeroizing::new(text.to_owned()));
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element_seed(Strings(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<Name>()?.is_some() {
            map.next_value_seed(Strings(self.0))?;
        }
        Ok(())
    }
}

/// A field's name, which is not a secret.
struct Name;

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// The decoded text, if the value is base64 of a JSON document or a PEM file.
fn decoded(value: &str) -> Option<String> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    if value.len() < MIN_LENGTH || value.len() > 1 << 20 {
        return None;
    }
    let text: Zeroizing<String> = Zeroizing::new(value.split_ascii_whitespace().collect());
    let decode = |alphabet| GeneralPurpose::new(alphabet, CONFIG).decode(text.as_bytes()).ok();
    let bytes = decode(&alphabet::STANDARD).or_else(|| decode(&alphabet::URL_SAFE))?;
    let text = String::from_utf8(bytes).ok()?;
    text.trim_start().starts_with(['{', '[', '-']).then_some(text)
}

/// The password in `user:password@host` without a scheme, as Go drivers accept it.
fn password(value: &str) -> Option<Zeroizing<String>> {
    let (user, _) = value.rsplit_once('@').filter(|_| !value.contains("://"))?;
    let (_, password) = user.split_once(':').filter(|_| !user.contains(char::is_whitespace))?;
    Some(Zeroizing::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: &[&str]) {
        let found = parts(value);
        let found: Vec<&str> = found.iter().map(|part| part.as_str()).collect();
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn the_password_of_a_url_is_a_part_and_its_host_is_none() {
        check("postgres://app:pw_5Ge2x@db.test/app", &["pw_5Ge2x"]);
        check("postgres://app:p%40ss%2Fw0rd@db.test/app?sslmode=require", &["p%40ss%2Fw0rd", "p@ss/w0rd"]);
        check("redis://:only_pw9@db.test:6379", &["only_pw9"]);
        check("mongodb://u:un/enc@ded9@db.test/app", &["un/enc@ded9"]);
        check("app:pw_5Ge2x@tcp(db.test:3306)/app", &["pw_5Ge2x"]);
        check("https://db.test/a?user=me&access_token=tk_77aaz&x=longenough", &["tk_77aaz"]);
        check("https://acc.blob.test/c?sv=2022&sig=ab%2Bcd%2Fef%3D", &["ab%2Bcd%2Fef%3D", "ab+cd/ef="]);
        check("https://db.test/path", &[]);
        check("me@example.com", &[]);
    }

    #[test]
    fn settings_whose_names_say_it_are_parts() {
        check("Server=db;User Id=app;Password=pw_5Ge2x;Encrypt=true", &["pw_5Ge2x"]);
        check("host=db.test user=app password='pw_5Ge2x' dbname=shopshop", &["pw_5Ge2x"]);
        check("AccountName=accountname;AccountKey=q83/EjRW+w==;Suffix=core.test", &["q83/EjRW+w=="]);
        check("sorting=ascending", &[]);
    }

    #[test]
    fn strings_of_json_are_parts_at_any_depth_and_names_and_numbers_are_none() {
        let json = r#"{"client_id":"id_12345","n":[1,true,null,"in_a_list"],"deep":{"uri":"amqp://a:pw_amqp9@h"},"x":"abc"}"#;
        let expected = ["amqp://a:pw_amqp9@h", "id_12345", "in_a_list", "pw_amqp9"];
        check(json, &expected);
        check(&serde_json::to_string(json).unwrap(), &[&expected[..], &[json]].concat());
        let encoded = base64::engine::general_purpose::STANDARD.encode(json);
        assert_eq!(parts(&encoded).len(), expected.len() + 1, "and the document itself");
        check(r#"{"a":"unfinished""#, &[]);
        check(&"[".repeat(100_000), &[]);
        check(r#"{"a":"production"}"#, &[]);
    }
}
