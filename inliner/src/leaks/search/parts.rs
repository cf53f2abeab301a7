//! Parts of a value that are secrets of their own.
//!
//! Extracts the lines of a key, a URL's password, the strings of a JSON document and the fields of
//! a connection string, also where the value is base64 of one of these. Skips what is shared or
//! public: a key's first and last line, hosts, ids, names, words. A part is labelled with its path,
//! never with its text.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use zeroize::Zeroizing;

use super::MIN_LENGTH;
use super::forms::is_common;

/// Shorter lines occur in many texts.
const MIN_LINE_LENGTH: usize = 20;
/// Shorter strings of a document occur in many texts, too.
const MIN_STRING_LENGTH: usize = 8;
/// Depth of nesting, for example a URL in a base64 document inside another document.
const MAX_DEPTH: usize = 4;
/// Limit of parts; no real credential has more, and the whole value is searched in any case.
const MAX_PARTS: usize = 512;
/// Length of the lines of a PEM body (RFC 7468).
const PEM_LINE_LENGTH: usize = 64;

/// A part and its label.
pub(crate) struct Part {
    pub(crate) label: String,
    pub(crate) text: Zeroizing<String>,
}

/// All parts of `value` that are worth searching for, without duplicates.
pub(crate) fn parts(value: &str) -> Vec<Part> {
    let mut found = Collector { whole: value.trim(), known: BTreeSet::new(), parts: Vec::new() };
    found.of_text(value, "", MAX_DEPTH);
    found.parts
}

struct Collector<'v> {
    whole: &'v str,
    known: BTreeSet<String>,
    parts: Vec<Part>,
}

impl Collector<'_> {
    fn add(&mut self, path: &str, what: &str, text: &str) {
        let text = text.trim();
        let is_new = text.len() >= MIN_LENGTH && text != self.whole && !is_common(text.as_bytes());
        if is_new && self.parts.len() < MAX_PARTS && self.known.insert(text.to_owned()) {
            let label = match (path, what) {
                ("", what) => what.to_owned(),
                (path, "") => path.to_owned(),
                (path, what) => format!("{path}, {what}"),
            };
            self.parts.push(Part { label, text: Zeroizing::new(text.to_owned()) });
        }
    }

    fn of_text(&mut self, text: &str, path: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        if let Some(document) = document(text) {
            return self.of_document(&document, path, "", depth);
        }
        if let Some(plain) = base64_text(text) {
            return self.of_text(&plain, path, depth);
        }
        self.of_addresses(text, path);
        self.of_fields(text, path);
        self.of_lines(text, path);
    }

    fn of_document(&mut self, value: &Value, path: &str, key: &str, depth: usize) {
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value {
            Value::Object(members) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    // A key that looks like a secret may be one, so the label uses its index
                    // instead.
                    let is_name = name.len() <= 40
                        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.$".contains(&byte))
                        && !is_random(name);
                    let path = if is_name { below(name) } else { format!("{path}[{index}]") };
                    if !is_name && is_random(name) {
                        self.add(&path, "", name);
                    }
                    self.of_document(value, &path, name, depth);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    self.of_document(value, &format!("{path}[{index}]"), key, depth);
                }
            }
            Value::String(text) => {
                if is_secret(key, text) {
                    self.add(path, "", text);
                }
                self.of_text(text, path, depth);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// `scheme://user:password@host/path?key=…`, both raw and percent-decoded.
    fn of_addresses(&mut self, text: &str, path: &str) {
        for (at, sign) in text.match_indices("://") {
            let rest = &text[at + sign.len()..];
            let rest = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
            let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
            // A password that is not encoded may contain `/`, `?` or `#`; the last `@` then ends
            // it.
            let user = authority.rsplit_once('@').or_else(|| rest.rsplit_once('@')).map(|(user, _)| user);
            if let Some((_, password)) = user.and_then(|user| user.split_once(':')) {
                self.add_encoded(path, "password", password);
            }
            let query = rest.split_once('?').map_or("", |(_, query)| query);
            let query = query.split('#').next().unwrap_or_default();
            for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                let is_sure = matches!(name, "sig" | "code" | "auth" | "access" | "hmac");
                if value.len() >= MIN_STRING_LENGTH && (is_sure || sounds_secret(name) && !describes(name)) {
                    self.add_encoded(path, &format!("query `{}`", called(name)), value);
                }
            }
        }
    }

    fn add_encoded(&mut self, path: &str, what: &str, text: &str) {
        self.add(path, what, text);
        if let Ok(plain) = percent_decode_str(text).decode_utf8() {
            self.add(path, what, &plain);
        }
    }

    /// `Server=…;Password=…`, `host=… password=…`.
    fn of_fields(&mut self, text: &str, path: &str) {
        let fields = text.split(|letter: char| letter == ';' || letter.is_whitespace());
        for (name, value) in fields.filter_map(|field| field.split_once('=')) {
            let is_field =
                name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_field && sounds_secret(name) && !describes(name) {
                let value = value.trim_matches(['"', '\'']);
                self.add(path, &called(name), value);
            }
        }
    }

    /// The lines of a multi-line text, also where line ends are escaped, and the joined base64 of a
    /// key.
    fn of_lines(&mut self, text: &str, path: &str) {
        let plain = text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\\r", "\n");
        let is_key = plain.contains("-----BEGIN ");
        // For a key on one line, this splits its header and footer from the body.
        let plain = if is_key { plain.replace("-----", "\n-----\n") } else { plain };
        let lines: Vec<&str> = plain.split(['\n', '\r']).map(str::trim).collect();
        if lines.iter().filter(|line| !line.is_empty()).count() < 2 {
            return;
        }
        let is_header = |line: &str| {
            ["Proc-Type:", "DEK-Info:", "Version:", "Comment:", "BEGIN ", "END "]
                .iter()
                .any(|header| line.starts_with(header))
        };
        let mut letters = Zeroizing::new(String::new());
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| !is_header(line)) {
            let is_base64 = line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
            if is_key && is_base64 && !line.starts_with('-') {
                letters.push_str(line);
            }
            if line.len() >= MIN_LINE_LENGTH && !line.starts_with("-----") {
                let number = if is_key { String::new() } else { format!(" {}", index + 1) };
                self.add(path, &format!("line{number}"), line);
            }
        }
        if letters.len() > PEM_LINE_LENGTH {
            for line in
                letters.as_bytes().chunks(PEM_LINE_LENGTH).filter(|line| line.len() >= MIN_LINE_LENGTH)
            {
                let line = std::str::from_utf8(line).unwrap_or_default();
                self.add(path, "line", line);
            }
            self.add(path, "key", letters.trim_end_matches('='));
        }
    }
}

fn document(text: &str) -> Option<Value> {
    let text = text.trim();
    let is_one = text.starts_with(['{', '[']) || text.starts_with("\"{") || text.starts_with("\"[");
    is_one.then(|| serde_json::from_str(text).ok()).flatten()
}

/// The decoded text of base64, if that text has parts.
fn base64_text(text: &str) -> Option<Zeroizing<String>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let letters: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect());
    if letters.len() < MIN_LINE_LENGTH || letters.contains("://") {
        return None;
    }
    let decode = |alphabet| GeneralPurpose::new(alphabet, lenient).decode(letters.as_bytes()).ok();
    let plain = decode(&STANDARD).or_else(|| decode(&URL_SAFE))?;
    let plain = Zeroizing::new(String::from_utf8(plain).ok()?);
    let has_parts = plain.trim().starts_with(['{', '[']) || plain.contains('\n') || plain.contains("://");
    has_parts.then_some(plain)
}

/// Whether a document's string is worth searching for.
fn is_secret(key: &str, text: &str) -> bool {
    text.len() >= MIN_STRING_LENGTH && !describes(key) && (sounds_secret(key) || is_random(text))
}

/// Names of fields that are public or shared by many: ids, hosts, kinds.
fn describes(name: &str) -> bool {
    const ENDS: [&str; 27] = [
        "id",
        "ids",
        "type",
        "name",
        "region",
        "zone",
        "host",
        "hostname",
        "domain",
        "url",
        "uri",
        "email",
        "user",
        "username",
        "version",
        "kind",
        "scope",
        "scopes",
        "issuer",
        "audience",
        "env",
        "environment",
        "alg",
        "algorithm",
        "bucket",
        "endpoint",
        "path",
    ];
    let name = name.to_ascii_lowercase();
    // Matches by suffix, so that `clientid` counts as an id.
    ENDS.iter().any(|end| name.ends_with(end))
        && !["secret", "password"].iter().any(|word| name.ends_with(word))
}

fn sounds_secret(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "secret",
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "token",
        "key",
        "credential",
        "private",
        "signature",
        "salt",
        "webhook",
    ];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word)) || name == "pass"
}

/// Whether letters and digits are mixed as in a key, in a run of at least eight; words, hosts,
/// versions and regions do not match.
fn is_random(text: &str) -> bool {
    let mixed = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        word.len() >= MIN_STRING_LENGTH && digits > 0 && digits < word.len() && !is_numbered(word)
    };
    text.is_ascii()
        && !text.contains(char::is_whitespace)
        && !text.contains("://")
        && text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(mixed)
}

/// A word followed by a number.
fn is_numbered(word: &str) -> bool {
    let letters = word.trim_end_matches(|letter: char| letter.is_ascii_digit());
    letters.bytes().all(|byte| byte.is_ascii_lowercase()) && word.len() - letters.len() <= 4
}

/// A field's name for the report; a name that may be a secret itself is not printed.
fn called(name: &str) -> String {
    let is_name =
        name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if is_name && !is_random(name) { name.to_owned() } else { "field".to_owned() }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;

    fn found(value: &str) -> Vec<(String, String)> {
        parts(value).into_iter().map(|part| (part.label, part.text.to_string())).collect()
    }

    fn pair(label: &str, text: &str) -> (String, String) {
        (label.to_owned(), text.to_owned())
    }

    #[test]
    fn an_addresses_password_and_secret_queries_are_parts() {
        assert_eq!(found("postgres://app:pw_5Ge2@db.test/app"), [pair("password", "pw_5Ge2")]);
        assert_eq!(
            found("postgres://app:p%40ss%2Fw0rd@db.test/app?sslmode=require"),
            [pair("password", "p%40ss%2Fw0rd"), pair("password", "p@ss/w0rd")]
        );
        assert_eq!(found("postgres://app:p#ss/w0rd@db.test/app"), [pair("password", "p#ss/w0rd")]);
        assert_eq!(
            found("https://x.blob.test/c?sv=2024-01-01&sig=a1B2c3D4e5%3D&client_id=abcdefgh12345"),
            [pair("query `sig`", "a1B2c3D4e5%3D"), pair("query `sig`", "a1B2c3D4e5=")]
        );
        assert_eq!(
            found("Server=tcp:db.test;User ID=app;Password=Xy7-pw9;Encrypt=true"),
            [pair("Password", "Xy7-pw9")]
        );
        for value in [
            "https://shop.example/a?page=12345678",
            "redis://db.test:6379",
            "postgres://app@db.test",
            "a=b;c",
        ] {
            assert_eq!(found(value), [], "{value}");
        }
    }

    #[test]
    fn each_long_line_of_a_key_is_a_part_and_its_first_and_last_are_not() {
        let (one, two) = (
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
            "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6d",
        );
        for end in ["\n", "\r\n", "\\n", "\n  "] {
            let key =
                format!("-----BEGIN PRIVATE KEY-----{end}{one}{end}{two}{end}-----END PRIVATE KEY-----{end}");
            let texts: Vec<String> = found(&key).into_iter().map(|(_, text)| text).collect();
            assert_eq!(texts, [one.to_owned(), two.to_owned(), format!("{one}{two}")], "{end:?}");
        }
        let joined = format!("-----BEGIN PRIVATE KEY-----{one}{two}-----END PRIVATE KEY-----");
        assert!(found(&joined).contains(&pair("line", one)), "{:?}", found(&joined));
        assert_eq!(
            found("short\na line of more than twenty characters\n"),
            [pair("line 2", "a line of more than twenty characters")]
        );
    }

    #[test]
    fn a_documents_secrets_are_parts_and_its_public_strings_are_not() {
        let document = r#"{"type": "service_account", "project_id": "shop-production-12345",
            "private_key_id": "0123456789abcdef0123456789abcdef01234567",
            "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n",
            "client_email": "app@shop-production-12345.iam.gserviceaccount.com", "client_id": "123456789012345678901",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "universe_domain": "googleapis.com",
            "region": "europe-west1", "mode": "production", "db": "postgres://app:pw_5Ge2@db.test/app",
            "nested": [{"webhook": "whsec_9aB8c7D6"}], "other": "q8Zt4LmR2xVb"}"#;
        let expected = [
            pair("db, password", "pw_5Ge2"),
            pair("nested[0].webhook", "whsec_9aB8c7D6"),
            pair("other", "q8Zt4LmR2xVb"),
            pair(
                "private_key",
                "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----",
            ),
            pair("private_key, line", "MIIEvQIBADANBgkqhkiG9w0BAQEF"),
        ];
        for value in [document.to_owned(), BASE64.encode(document)] {
            let mut parts = found(&value);
            parts.sort();
            assert_eq!(parts, expected);
        }
    }

    #[test]
    fn no_part_is_called_by_a_secret() {
        let document = r#"{"sk_live_9aB8c7D6e5F4": {"token": "tok_1q2w3e4r5t"}, "https://x.test/?k9aB8c7D6=a1b2c3d4e5key": 1}"#;
        for (label, text) in found(document) {
            assert!(!label.contains("9aB8c7D6"), "{label}: {text}");
        }
        assert!(found(document).iter().any(|(_, text)| text == "sk_live_9aB8c7D6e5F4"));
    }
}
