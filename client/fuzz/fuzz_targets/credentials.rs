//! Credentials as they arrive from platforms: no panic, no error that holds what was set, and what is accepted has the
//! very bytes that were deployed.
#![no_main]

use std::collections::BTreeMap;
use std::ffi::OsString;

use capy_client::Credentials;
use capy_protocol::text::serialize_base64;
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/carried.rs"]
mod carried;

/// The pairs, with the file in place of the first and the parts of the blob.
const NAMES: [&str; 12] = [
    "SECRETS_BLOB",
    "PROJECT_KEY",
    "SECRETS_BLOB_2",
    "SECRETS_BLOB_3",
    "SECRETS_BLOB_16",
    "_CAPY_SECRETS_BLOB",
    "_CAPY_DEPLOY_KEY",
    "_CAPY_SECRETS_BLOB_2",
    "_CAPY_SECRETS_BLOB_3",
    "_CAPY_SECRETS_BLOB_16",
    "SECRETS_BLOB_FILE",
    "_CAPY_SECRETS_BLOB_FILE",
];

/// The longest piece of a secret that an error may hold by chance.
const PIECE: usize = 12;

/// Choices from the fuzzer's bytes, and when they are used up from what the first of them say (xorshift64*).
struct Choices<'b> {
    left: std::slice::Iter<'b, u8>,
    state: u64,
}

impl<'b> Choices<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        let state = bytes.iter().take(8).fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { left: bytes.iter(), state: state | 1 }
    }

    fn below(&mut self, sides: usize) -> usize {
        match self.left.next() {
            Some(byte) if sides <= 256 => usize::from(*byte) % sides,
            _ => self.random() as usize % sides,
        }
    }

    fn random(&mut self) -> u32 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.random() as u8).collect()
    }

    /// A blob of the right form; nothing in it opens.
    fn blob(&mut self) -> String {
        let (outer, sealed) = (60 + self.below(100), 64 + self.below(200));
        let mut bytes = b"capy\x01".to_vec();
        bytes.extend(self.bytes(32));
        bytes.extend((outer as u32).to_be_bytes());
        bytes.extend(self.bytes(outer + 32 + sealed));
        serialize_base64(&bytes)
    }

    fn key(&mut self) -> String {
        self.bytes(32).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The text after up to three accidents, and whether one way alone brought it.
    fn carried(&mut self, whole: &str) -> (String, bool) {
        let mut text = whole.to_owned();
        let accidents = self.below(4);
        let mut ways = 0;
        for _ in 0..accidents {
            text = if self.below(3) == 0 {
                ways += 1;
                carried::WAYS[self.below(carried::WAYS.len())](&text)
            } else {
                let at = self.below(text.chars().count().max(1));
                let at = text.char_indices().nth(at).map_or(0, |(at, _)| at);
                format!(
                    "{}{}{}",
                    &text[..at],
                    carried::PUT_IN[self.below(carried::PUT_IN.len())],
                    &text[at..]
                )
            };
        }
        (text, accidents == 0 || (accidents == 1 && ways == 1))
    }
}

fn read(environment: &BTreeMap<&str, String>) -> capy_client::Result<Option<Credentials>> {
    Credentials::from_env(|name| environment.get(name).map(OsString::from))
}

/// No error holds a piece of a secret.
fn check_error(error: &capy_client::Error, secrets: &[&str]) {
    let text = format!("{error} {error:?}");
    for secret in secrets.iter().filter(|secret| secret.is_ascii()) {
        let pieces = (0..secret.len().saturating_sub(PIECE)).map(|at| &secret[at..at + PIECE]);
        if let Some(piece) = pieces.filter(|piece| !piece.contains('\0')).find(|piece| text.contains(piece)) {
            panic!("{piece:?} stands in {text:?}");
        }
    }
}

/// Whether something stands between the backslash and the letter of a line end that is written out. That letter is one
/// more of the text, whoever reads it.
fn has_cut_escape(text: &str) -> bool {
    text.match_indices('\\').any(|(at, _)| {
        let mut rest = &text[at + 1..];
        let whole = rest.len();
        while let Some(after) = ["\\n", "\\r", "\\t", "\n", "\r", "\t", " ", "=", "\\\n", "\\\r"]
            .iter()
            .find_map(|between| rest.strip_prefix(between))
        {
            rest = after;
        }
        rest.len() < whole && rest.starts_with(['n', 'r', 't'])
    })
}

/// A deployment's own credentials, carried somehow and perhaps in parts.
fn deployed(choices: &mut Choices<'_>) {
    let (whole, key) = (choices.blob(), choices.key());
    let is_default = choices.below(2) == 0;
    let (blob_names, key_name) =
        if is_default { (&NAMES[0..1], "PROJECT_KEY") } else { (&NAMES[5..6], "_CAPY_DEPLOY_KEY") };
    let mut environment = BTreeMap::new();
    let parts = choices.below(4);
    let is_certain = match parts {
        // In three parts, each of which travels by itself.
        3 => {
            let more = if is_default { &NAMES[2..4] } else { &NAMES[7..9] };
            let (first, rest) = whole.split_at(1 + choices.below(whole.len() - 2));
            let (second, third) = rest.split_at(1 + choices.below(rest.len() - 1));
            for (name, part) in blob_names.iter().chain(more).zip([first, second, third]) {
                environment.insert(*name, choices.carried(part).0);
            }
            false
        }
        _ => {
            let (text, is_certain) = choices.carried(&whole);
            environment.insert(blob_names[0], text);
            // The names that are put in front are the default pair's.
            is_certain && is_default
        }
    };
    environment.insert(key_name, key.clone());
    match read(&environment) {
        Ok(_) if environment.values().any(|text| has_cut_escape(text)) => {}
        Ok(read) => {
            let read = read.expect("both variables are set");
            assert_eq!(read.blob().serialize(), whole, "{environment:?}");
            assert_eq!(*read.serialize_key(), key, "{environment:?}");
        }
        Err(error) => {
            assert!(!is_certain, "{error}: {environment:?}");
            check_error(&error, &[&whole, &key]);
        }
    }
}

/// Anything in any of the variables.
fn anything(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut environment = BTreeMap::new();
    for part in text.split('\u{1}') {
        let mut letters = part.chars();
        let Some(name) = letters.next() else { continue };
        // A file would be read from this machine: the last two are left out.
        environment.insert(NAMES[name as usize % 10], letters.as_str().to_owned());
    }
    if let Ok(Some(read)) = read(&environment) {
        let again = BTreeMap::from([
            ("SECRETS_BLOB", read.blob().serialize()),
            ("PROJECT_KEY", read.serialize_key().to_string()),
        ]);
        let again = self::read(&again).expect("its own text is read").expect("both are set");
        assert_eq!(again.blob(), read.blob());
    }
}

fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((0..=63, rest)) => anything(rest),
        Some((_, rest)) => deployed(&mut Choices::new(rest)),
        None => {}
    }
});
