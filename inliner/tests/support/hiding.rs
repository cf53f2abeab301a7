//! Ways to write a value into a file, for tests and the fuzzer. The same choices make the same
//! file.

use std::io::Write as _;

/// A number below the one that it is given.
pub(crate) type Choose<'c> = &'c mut dyn FnMut(usize) -> usize;

/// A value, written somehow.
pub(crate) struct Hidden {
    pub(crate) value: String,
    pub(crate) file: Vec<u8>,
    /// What was done to it, in order.
    pub(crate) how: Vec<&'static str>,
}

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn letters(choose: Choose<'_>, length: usize, among: &[u8]) -> String {
    (0..length).map(|_| char::from(among[choose(among.len())])).collect()
}

/// A value of ten letters at least, and what of it may be written in its place.
fn value(choose: Choose<'_>) -> (String, String, &'static str) {
    let length = 10 + choose(30);
    let random = letters(choose, length, LETTERS);
    match choose(6) {
        0 => {
            let value: String = random
                .chars()
                .flat_map(|letter| {
                    [letter, ['"', '\\', '<', '&', '%', '+', '/', '\'', ' ', 'ü', '😀'][choose(11)]]
                })
                .collect();
            let value = format!("v{value}v");
            (value.clone(), value, "symbols")
        }
        1 => {
            let value = format!("postgres://app:{random}@db.test/app");
            (value, random, "password of an address")
        }
        2 => {
            let lines: Vec<String> = (0..4).map(|_| letters(choose, 64, LETTERS)).collect();
            let value =
                format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
            let line = lines[choose(4)].clone();
            (value, line, "line of a key")
        }
        3 => {
            let value = format!("{{\"type\":\"service_account\",\"private_token\":\"{random}\"}}");
            (value, random, "string of a document")
        }
        _ => (random.clone(), random, "letters and digits"),
    }
}

fn base64(bytes: &[u8], url: bool) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    if url { URL_SAFE_NO_PAD.encode(bytes) } else { STANDARD.encode(bytes) }
}

fn each_letter(text: &str, write: impl Fn(char) -> String) -> String {
    text.chars().map(write).collect()
}

fn each_byte(text: &str, between: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect::<Vec<_>>().join(between)
}

fn in_lines(text: &str, length: usize, end: &str) -> String {
    let lines: Vec<&str> =
        text.as_bytes().chunks(length).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(end)
}

fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

/// What is not told from code around it once it is written so may be written in one more way.
fn inner(choose: Choose<'_>, text: &str) -> (String, &'static str, bool) {
    let lengths = [choose(40), choose(40)];
    let around = lengths.map(|length| letters(choose, length, LETTERS));
    let framed = format!("{}{text}{}", around[0], around[1]);
    let end = ["\n", "\r\n", "\\n", "\n    "][choose(4)];
    let between = [",", ", ", ",\n  "][choose(3)];
    match choose(24) {
        0 => (json(text), "json", true),
        1 => (json(&json(text)), "json in json", true),
        2 => (
            each_letter(text, |letter| {
                letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
            }),
            "\\u",
            true,
        ),
        3 => (each_letter(text, |letter| format!("\\u{{{:x}}}", u32::from(letter))), "\\u{}", true),
        4 if text.is_ascii() => (each_byte(text, "", |byte| format!("\\x{byte:02X}")), "\\x", true),
        5 if text.is_ascii() => (each_byte(text, "", |byte| format!("\\{byte:03o}")), "octal", true),
        6 => (each_byte(text, "", |byte| format!("%{byte:02X}")), "percent", true),
        7 => (each_byte(text, "", |byte| format!("%25{byte:02x}")), "percent of percent", true),
        8 => (each_letter(text, |letter| format!("&#{};", u32::from(letter))), "html, decimal", true),
        9 => (each_letter(text, |letter| format!("&#x{:X};", u32::from(letter))), "html, hexadecimal", true),
        10 => (base64(framed.as_bytes(), false), "base64", true),
        11 => (base64(framed.as_bytes(), true), "base64url", true),
        12 => (
            in_lines(&base64(framed.as_bytes(), false), [16, 64, 76][choose(3)], end),
            "base64 in lines",
            false,
        ),
        13 => {
            let quote = ["\"", "'"][choose(2)];
            let plus = ["+", " + ", " +\n  "][choose(3)];
            let lines =
                in_lines(&base64(framed.as_bytes(), false), 8 + choose(40), &format!("{quote}{plus}{quote}"));
            (format!("{quote}{lines}{quote}"), "base64, joined", false)
        }
        14 => (base64(base64(text.as_bytes(), false).as_bytes(), false), "base64 of base64", true),
        15 => (each_byte(text, "", |byte| format!("{byte:02x}")), "hexadecimal", true),
        16 => (each_byte(text, "", |byte| format!("{byte:02X}")), "hexadecimal, upper", true),
        17 => (
            each_byte(text, [" ", ":", "-"][choose(3)], |byte| format!("{byte:02x}")),
            "hexadecimal, apart",
            true,
        ),
        18 => (format!("[{}]", each_byte(text, between, |byte| byte.to_string())), "bytes", false),
        19 => (
            format!("{{{}}}", each_byte(text, between, |byte| format!("0x{byte:02x}"))),
            "bytes, hexadecimal",
            false,
        ),
        20 => {
            let numbers: Vec<String> = text.chars().map(|letter| u32::from(letter).to_string()).collect();
            (format!("String.fromCodePoint({})", numbers.join(between)), "code points", false)
        }
        21 if text.is_ascii() && !text.contains(['"', '\\']) => {
            let at = 1 + choose(text.len() - 1);
            (
                format!("\"{}\"{}\"{}\"", &text[..at], [" + ", "+", "+\n"][choose(3)], &text[at..]),
                "literals, joined",
                false,
            )
        }
        22 => {
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            (base64(&wide, false), "base64 of utf-16", true)
        }
        _ => (text.to_owned(), "plain", true),
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn outer(choose: Choose<'_>, text: &str, may_escape: bool) -> (Vec<u8>, &'static str) {
    let utf16 =
        |order: fn(u16) -> [u8; 2]| format!("\u{feff}{text}").encode_utf16().flat_map(order).collect();
    let utf32 = |order: fn(u32) -> [u8; 4]| {
        format!("\u{feff}ab {text}").chars().map(u32::from).flat_map(order).collect()
    };
    match choose(16) {
        0 if may_escape => (json(text).into_bytes(), "json"),
        1 if may_escape => (
            each_byte(text, "", |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .into_bytes(),
            "percent",
        ),
        2 if may_escape => {
            (text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").into_bytes(), "html")
        }
        3 => (gzip(text.as_bytes()), "gzip"),
        4 => (gzip(&gzip(text.as_bytes())), "gzip in gzip"),
        5 => (utf16(u16::to_le_bytes), "utf-16"),
        6 => (utf16(u16::to_be_bytes), "utf-16, big"),
        7 => (utf32(u32::to_le_bytes), "utf-32"),
        8 => (utf32(u32::to_be_bytes), "utf-32, big"),
        _ => (text.as_bytes().to_vec(), "as it is"),
    }
}

/// A value in a file.
pub(crate) fn hidden(choose: Choose<'_>) -> Hidden {
    let (value, written, what) = value(choose);
    let (text, one, may_escape) = inner(choose, &written);
    let (before, after) =
        (["", "x = ", "<p a=\"", "// ", "key: "][choose(5)], ["", "\n", ";", "\"></p>", ")"][choose(5)]);
    let (file, two) = outer(choose, &format!("{before}{text}{after}"), may_escape);
    Hidden { value, file, how: vec![what, one, two] }
}
