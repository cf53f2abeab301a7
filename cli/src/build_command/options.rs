//! Splits flags and their values from other words.
//!
//! No program's flags are known here: callers name those that take the next word as their value.

/// A flag that takes a value, and the value.
pub(super) type Flag<'b> = (&'b str, &'b str);

/// Splits off the flags in front. Returns those of `valued` with their values, and the words after
/// all flags. `--` ends the flags.
pub(super) fn split<'a, 'b>(mut words: &'a [&'b str], valued: &[&'b str]) -> (Vec<Flag<'b>>, &'a [&'b str]) {
    let mut flags = Vec::new();
    while let Some((word, rest)) = words.split_first() {
        if *word == "--" {
            return (flags, rest);
        }
        if !word.starts_with('-') || *word == "-" {
            break;
        }
        words = rest;
        match word.split_once('=') {
            Some((flag, value)) if valued.contains(&flag) => flags.push((flag, value)),
            _ => {
                if let Some(flag) = valued.iter().find(|flag| **flag == *word || ends_with(word, flag)) {
                    let Some((value, rest)) = rest.split_first() else { break };
                    flags.push((flag, value));
                    words = rest;
                }
            }
        }
    }
    (flags, words)
}

/// Like `split`, for flags between words, up to `--`. Returns the flags and the other words.
pub(super) fn everywhere<'b>(words: &[&'b str], valued: &[&'b str]) -> (Vec<Flag<'b>>, Vec<&'b str>) {
    let mut words = words.split(|word| *word == "--").next().unwrap_or_default();
    let (mut flags, mut plain) = (Vec::new(), Vec::new());
    while !words.is_empty() {
        let (given, rest) = split(words, valued);
        flags.extend(given);
        plain.extend(rest.first());
        words = rest.get(1..).unwrap_or_default();
    }
    (flags, plain)
}

/// Whether several short flags in one word end with this one: `-qec`.
fn ends_with(word: &str, flag: &str) -> bool {
    let letters = word.strip_prefix('-').filter(|letters| letters.len() > 1);
    let is_short = |letters: &&str| letters.bytes().all(|byte| byte.is_ascii_alphabetic());
    flag.len() == 2 && letters.filter(is_short).is_some_and(|letters| letters.ends_with(&flag[1..]))
}

/// The last value of any of these flags.
pub(super) fn value<'b>(flags: &[Flag<'b>], names: &[&str]) -> Option<&'b str> {
    flags.iter().rfind(|(name, _)| names.contains(name)).map(|(_, value)| *value)
}

/// What follows the first `--`: a wrapped command, or a command's own arguments.
pub(super) fn after_dashes<'a, 'b>(words: &'a [&'b str]) -> Option<&'a [&'b str]> {
    let at = words.iter().position(|word| *word == "--")?;
    Some(&words[at + 1..])
}
