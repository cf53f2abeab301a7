//! Reading secrets from the terminal, without echo, or from standard input; never from an argument.
//! The words of a recovery phrase are echoed.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io::{self, IsTerminal, Read};

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::exec_limits::MAX_ARG_STRLEN;
use crate::printer;
#[cfg(unix)]
use unix as terminal;
#[cfg(windows)]
use windows as terminal;

/// Reads one secret: typed without echo at a terminal, else the whole of stdin without one newline
/// at its end.
pub(crate) fn secret(prompt: &str) -> Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return piped();
    }
    terminal::read_hidden(prompt)
}

/// Reads words: at a terminal, lines until there are `count` words, not counting numbers; else the
/// whole of stdin.
///
/// The words are echoed: two dozen words cannot be typed blind, and they were shown on a screen
/// before. Text that was pasted after the words is dropped, because it would land in the shell and
/// in its history.
pub(crate) fn words(prompt: &str, count: usize) -> Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        return piped();
    }
    printer::prompt(prompt);
    let read = read_words(count);
    terminal::discard_typed();
    read.map_err(Error::Input)
}

fn read_words(count: usize) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    while unnumbered(&text).count() < count {
        if io::stdin().read_line(&mut text)? == 0 {
            break;
        }
    }
    Ok(text)
}

/// The words of a text without the numbers that `capy init` prints in front of them.
pub(crate) fn unnumbered(text: &str) -> impl Iterator<Item = &str> {
    let is_number = |word: &str| word.trim_end_matches('.').bytes().all(|byte| byte.is_ascii_digit());
    text.split_whitespace().filter(move |word| !is_number(word))
}

/// Asks a question that has to be answered with yes. If stdin is not a terminal, `--yes` (`yes`) is
/// needed.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Error::NotConfirmed);
    }
    printer::prompt(&format!("{question} [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Error::Input)?;
    let agreed = ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str());
    if agreed { Ok(()) } else { Err(Error::NotConfirmed) }
}

/// Checks that an environment can carry the value under its name: no zero byte, and not too long.
pub(crate) fn check_value(name: &str, value: &str) -> Result<()> {
    if value.contains('\0') {
        return Err(Error::ValueUnusable);
    }
    if name.len() + value.len() + "=\0".len() > MAX_ARG_STRLEN {
        return Err(Error::ValueTooLong);
    }
    Ok(())
}

fn piped() -> Result<Zeroizing<String>> {
    // Allocates everything at once: a buffer that grows leaves copies behind that are not wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_ARG_STRLEN + 2));
    let mut stdin = io::stdin().lock().take(MAX_ARG_STRLEN as u64 + 1);
    stdin.read_to_end(&mut bytes).map_err(Error::Input)?;
    if bytes.len() > MAX_ARG_STRLEN {
        return Err(Error::ValueTooLong);
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::ValueNotUnicode)?;
    let text = text.strip_suffix('\n').map_or(text, |rest| rest.strip_suffix('\r').unwrap_or(rest));
    Ok(Zeroizing::new(text.to_owned()))
}
