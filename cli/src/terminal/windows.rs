//! The console of Windows: each key is an event, with its letter in Unicode. Owns the few keys that edit a line, and
//! refuses a paste of several lines: what follows the first would land in the shell.

use std::io::{self, IsTerminal};
use std::time::Duration;

use capy_client::signals::INTERRUPTED;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use zeroize::Zeroizing;

use super::MAX_BYTES;
use crate::error::{Error, Result};
use crate::printer;

/// A person does not type the next line this soon, a paste does.
const PASTE_GAP: Duration = Duration::from_millis(40);

/// Asks and reads one line that is not shown.
pub(crate) fn read_hidden(prompt: &str) -> Result<Zeroizing<String>> {
    let quiet = Quiet::begin().map_err(Error::Input)?;
    printer::prompt(prompt);
    let line = read_line();
    drop_typed();
    drop(quiet);
    printer::prompt("\n");
    match line? {
        Line::Typed(text) => Ok(text),
        Line::Interrupted => std::process::exit(INTERRUPTED),
    }
}

/// Drops what was typed and not read: it would land in the shell, and in its history.
pub(crate) fn drop_typed() {
    while io::stdin().is_terminal() && poll(Duration::ZERO).unwrap_or(false) {
        if read().is_err() {
            return;
        }
    }
}

/// Keys are neither shown nor turned into lines and signals while this lives.
struct Quiet;

impl Quiet {
    fn begin() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}

enum Line {
    Typed(Zeroizing<String>),
    Interrupted,
}

fn read_line() -> Result<Line> {
    // Room for everything at once: a buffer that grows leaves copies behind that nobody wipes.
    let mut line = Zeroizing::new(String::with_capacity(MAX_BYTES));
    loop {
        let key = read_key()?;
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL)
            // AltGr, which types letters, is both.
            && !key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Enter if is_last_line()? => return Ok(Line::Typed(line)),
            KeyCode::Enter => return Err(Error::SeveralLines),
            KeyCode::Char('c') if with_control => return Ok(Line::Interrupted),
            KeyCode::Char('d' | 'z') if with_control && line.is_empty() => return Err(Error::NothingTyped),
            KeyCode::Char('u') if with_control => line.clear(),
            // As the Enter key of another terminal.
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
    if line.len() + letter.len_utf8() > MAX_BYTES {
        return Err(Error::ValueTooLong);
    }
    line.push(letter);
    Ok(())
}

/// The next key that goes down.
fn read_key() -> Result<KeyEvent> {
    loop {
        match read().map_err(Error::Input)? {
            Event::Key(key) if key.kind != KeyEventKind::Release => return Ok(key),
            _ => {}
        }
    }
}

/// Whether no key follows a line's end but, in a paste, its second half.
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
