//! Prompt for one line at the console on Windows, without echo.
//!
//! Each key is an event, with its letter in Unicode. This module handles the few keys that edit a
//! line. A paste of several lines is refused: the lines after the first would land in the shell.

use std::io::{self, IsTerminal};
use std::time::Duration;

use capy_client::signals::INTERRUPTED;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::exec_limits::MAX_ARG_STRLEN;
use crate::printer;

/// How long to wait for more input after a line end: a paste goes on sooner, a person does not.
const PASTE_GAP: Duration = Duration::from_millis(40);

/// Shows a prompt, and reads one line without echo.
pub(crate) fn read_hidden(prompt: &str) -> Result<Zeroizing<String>> {
    let echo_off = EchoOff::begin().map_err(Error::Input)?;
    printer::prompt(prompt);
    let line = read_line();
    discard_typed();
    drop(echo_off);
    printer::prompt("\n");
    match line? {
        Line::Typed(text) => Ok(text),
        Line::Interrupted => std::process::exit(INTERRUPTED),
    }
}

/// Discards input that was typed and not read: it would land in the shell and in its history.
pub(crate) fn discard_typed() {
    while io::stdin().is_terminal() && poll(Duration::ZERO).unwrap_or(false) {
        if read().is_err() {
            return;
        }
    }
}

/// While this value lives, the console does not echo keys, and does not turn them into lines and
/// signals.
struct EchoOff;

impl EchoOff {
    fn begin() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}

enum Line {
    Typed(Zeroizing<String>),
    Interrupted,
}

fn read_line() -> Result<Line> {
    // Allocates everything at once: a buffer that grows leaves copies behind that are not wiped.
    let mut line = Zeroizing::new(String::with_capacity(MAX_ARG_STRLEN));
    loop {
        let key = read_key()?;
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL)
            // AltGr, which types letters, is Ctrl and Alt together.
            && !key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Enter if is_last_line()? => return Ok(Line::Typed(line)),
            KeyCode::Enter => return Err(Error::SeveralLines),
            KeyCode::Char('c') if with_control => return Ok(Line::Interrupted),
            KeyCode::Char('d' | 'z') if with_control && line.is_empty() => return Err(Error::NothingTyped),
            KeyCode::Char('u') if with_control => line.clear(),
            // Some terminals send these for the Enter key.
            KeyCode::Char('j' | 'm') if with_control => {
                return if is_last_line()? { Ok(Line::Typed(line)) } else { Err(Error::SeveralLines) };
            }
            KeyCode::Esc if key.modifiers.is_empty() => line.clear(),
            KeyCode::Backspace => drop(line.pop()),
            KeyCode::Char(_) if with_control => {}
            KeyCode::Tab => push(&mut line, '\t')?,
            KeyCode::Char(letter) => push(&mut line, letter)?,
            _ => {}
        }
    }
}

fn push(line: &mut String, letter: char) -> Result<()> {
    if line.len() + letter.len_utf8() > MAX_ARG_STRLEN {
        return Err(Error::ValueTooLong);
    }
    line.push(letter);
    Ok(())
}

/// The next key that is pressed.
fn read_key() -> Result<KeyEvent> {
    loop {
        match read().map_err(Error::Input)? {
            Event::Key(key) if key.kind != KeyEventKind::Release => return Ok(key),
            _ => {}
        }
    }
}

/// Whether no key follows the end of a line, except for the second half of a pasted line end.
fn is_last_line() -> Result<bool> {
    match next_soon()? {
        None => Ok(true),
        Some(key) if is_line_end(&key) => Ok(next_soon()?.is_none()),
        Some(_) => Ok(false),
    }
}

fn is_line_end(key: &KeyEvent) -> bool {
    key.code == KeyCode::Enter || key.code == KeyCode::Char('j') && key.modifiers == KeyModifiers::CONTROL
}

fn next_soon() -> Result<Option<KeyEvent>> {
    while poll(PASTE_GAP).map_err(Error::Input)? {
        match read().map_err(Error::Input)? {
            Event::Key(key) if key.kind != KeyEventKind::Release => return Ok(Some(key)),
            _ => {}
        }
    }
    Ok(None)
}
