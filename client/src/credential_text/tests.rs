//! Which changes to a credential's text are undone, which are not, and a fuzz test over thousands
//! of damaged texts.

use capy_protocol::blob::SecretsBlob;
use capy_protocol::text::serialize_base64;

use super::*;
use crate::credential_names::Names;
use crate::credentials::{parse_blob, parse_key};

#[path = "../../tests/support/carried.rs"]
mod carried;

use carried::{PUT_IN, WAYS, folded};

const VARIABLE: &str = "SECRETS_BLOB";

/// A small random generator. Its seeds are in the tests, so that failures reproduce.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.next(256)).unwrap()).collect()
    }
}

/// A blob with a valid layout and random content, which cannot be decrypted.
fn blob(random: &mut Random) -> String {
    let outer = random.next(100) + 60;
    let sealed = random.next(200) + 64;
    let mut bytes = b"capy\x01".to_vec();
    bytes.extend(random.bytes(32));
    bytes.extend(u32::try_from(outer).unwrap().to_be_bytes());
    bytes.extend(random.bytes(outer + 32 + sealed));
    serialize_base64(&bytes)
}

#[test]
fn a_blob_is_read_however_it_was_carried_while_nothing_is_lost() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..100 {
        let whole = blob(&mut random);
        for (number, way) in WAYS.iter().enumerate() {
            let text = way(&whole);
            let read = parse_blob(VARIABLE, VARIABLE, &text);
            assert_eq!(
                read.unwrap_or_else(|error| panic!("{number}: {error}: {text}")).serialize(),
                whole,
                "{number}"
            );
        }
    }
}

#[test]
fn a_key_is_read_however_it_was_carried_while_nothing_is_lost() {
    let key = "5a0f".repeat(16);
    for text in [
        key.clone(),
        key.to_uppercase(),
        format!("PROJECT_KEY={key}\r\n"),
        format!("PROJECT_KEY: '{key}'"),
        format!("\u{feff}{key}"),
        folded(&key, 32, "\n"),
        folded(&key, 32, "=\r\n"),
        folded(&key, 10, "\u{200b}"),
        format!("|\n  {key}"),
        format!("\"{key}\","),
    ] {
        assert_eq!(*parse_key(Names::PROJECT_KEY, &text).unwrap().serialize(), key, "{text:?}");
    }
}

#[test]
fn what_lost_something_is_not_read_and_says_what_it_looks_like() {
    let mut random = Random(77);
    let whole =
        std::iter::repeat_with(|| blob(&mut random)).find(|text| text.matches('+').count() > 2).unwrap();
    let key = "5a".repeat(32);
    for (text, says) in [
        (whole.replace('+', " "), "perhaps in place of `+`"),
        (key.clone(), "swapped"),
        (format!("{}...", &whole[..90]), "shortened"),
        (format!("PROJECT_KEY={key}"), "name of a variable"),
        (format!("SECRETS_BLOB={whole} PROJECT_KEY={key}"), "name of a variable"),
        (format!("_CAPY_SECRETS_BLOB=\n{}", whole.replace('+', "-").replace('/', "_")), "name of a variable"),
        (
            whole.replacen('+', "-SECRETS_BLOB=\n", 1).replace('+', "-").replace('/', "_"),
            "name of a variable",
        ),
        ("capy.blob".into(), "file's name"),
        (whole[..81].into(), "cut off"),
        ("'\"AQI=\"'".into(), "is damaged"),
    ] {
        let error = parse_blob(VARIABLE, VARIABLE, &text).unwrap_err();
        assert_eq!(error.code(), "BLOB_MALFORMED");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains(&whole[..20]) && !error.to_string().contains(&key), "{error}");
    }
    for (text, says) in [
        (whole.as_str(), "swapped"),
        (&key[2..], "digits are missing"),
        (&format!("{key}00"), "too many digits"),
        ("b0b1b2b3b4b5b6b7b8b9c0c1c2c3c4c5c6c7c8c9-_-=", "base64"),
    ] {
        let error = parse_key(Names::PROJECT_KEY, text).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn what_a_platform_shows_in_place_of_a_value_is_told_as_that() {
    for text in [
        "[SENSITIVE]",
        "********",
        "<encrypted>",
        "(hidden)",
        "sensitive",
        "Encrypted",
        "[REDACTED]",
        "\u{2022}\u{2022}\u{2022}\u{2022}",
        "***",
        "(sensitive value)",
        "secret_text",
        "xxxxxxxx",
        "\"*****\"",
        "**REDACTED**",
    ] {
        assert_eq!(find_placeholder(text), Some(Placeholder::Hidden), "{text}");
        assert_eq!(parse_blob(VARIABLE, VARIABLE, text).unwrap_err().code(), "VALUE_HIDDEN", "{text}");
        assert_eq!(parse_key(Names::PROJECT_KEY, text).unwrap_err().code(), "VALUE_HIDDEN", "{text}");
    }
    for text in [
        "${{ secrets.SECRETS_BLOB }}",
        "$SECRETS_BLOB",
        "${SECRETS_BLOB}",
        "@secrets_blob",
        "op://a/b/c",
        "{{ x }}",
    ] {
        assert_eq!(find_placeholder(text), Some(Placeholder::Reference), "{text}");
        assert_eq!(parse_blob(VARIABLE, VARIABLE, text).unwrap_err().code(), "VALUE_NOT_REPLACED", "{text}");
    }
    for text in ["", "x", "AQI=", "5a5a", "canary"] {
        assert_eq!(find_placeholder(text), None, "{text}");
    }
}

/// Text that is accepted after any changes decodes to exactly the deployed bytes, unless a
/// character of the text itself was replaced.
#[test]
fn no_text_panics_and_what_is_accepted_has_the_same_bytes() {
    let mut random = Random(0x5eed);
    let mut accepted = 0;
    for _ in 0..6_000 {
        let whole = blob(&mut random);
        let mut text = whole.clone();
        for _ in 0..random.next(4) {
            text = match random.next(3) {
                0 => WAYS[random.next(WAYS.len())](&text),
                _ => {
                    let at =
                        text.char_indices().nth(random.next(text.chars().count())).map_or(0, |(at, _)| at);
                    format!("{}{}{}", &text[..at], PUT_IN[random.next(PUT_IN.len())], &text[at..])
                }
            };
        }
        if let Ok(read) = parse_blob(VARIABLE, VARIABLE, &text) {
            accepted += 1;
            assert_eq!(read.serialize(), whole, "{text:?}");
        }
        let _ = parse_key(Names::PROJECT_KEY, &text);
    }
    assert!(accepted > 1500, "{accepted}");
    for _ in 0..20_000 {
        let length = random.next(60);
        let noise = String::from_utf8_lossy(&random.bytes(length)).into_owned();
        let _ = (parse_blob(VARIABLE, VARIABLE, &noise), parse_key(Names::DEPLOY_KEY, &noise));
        let _ = SecretsBlob::parse(&standard_base64(&noise));
    }
}
