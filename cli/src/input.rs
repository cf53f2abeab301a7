//! Secrets that a person types or a program pipes. Never from an argument, never echoed.

use std::io::{self, IsTerminal, Read};

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::{printer, terminal};

/// A longer value is a mistake: no environment carries it.
const MAX_BYTES: u64 = 1024 * 1024;

/// One secret: typed without echo at a terminal, else the whole of stdin without one newline at its end.
pub(crate) fn secret(prompt: &str) -> Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return piped();
    }
    terminal::read_hidden(prompt)
}

/// Words: lines at a terminal until there are `count` of them, else the whole of stdin.
///
/// Echoed: two dozen words cannot be typed blind, and they were shown on a screen before.
pub(crate) fn words(prompt: &str, count: usize) -> Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return piped();
    }
    printer::prompt(prompt);
    let mut text = Zeroizing::new(String::with_capacity(1024));
    while text.split_whitespace().count() < count {
        if io::stdin().read_line(&mut text).map_err(Error::Input)? == 0 {
            break;
        }
    }
    Ok(text)
}

fn piped() -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let mut stdin = io::stdin().lock().take(MAX_BYTES);
    stdin.read_to_end(&mut bytes).map_err(Error::Input)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::ValueNotUnicode)?;
    let text = text.strip_suffix('\n').map_or(text, |rest| rest.strip_suffix('\r').unwrap_or(rest));
    Ok(Zeroizing::new(text.to_owned()))
}
