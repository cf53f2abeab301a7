//! Prompt for one line at the terminal on Unix, without echo.
//!
//! The terminal's own line mode (canonical mode) is not used: it cuts a line at 4,095 bytes, and
//! keys are longer. So this module handles the few keys that edit a line, and resets the terminal
//! before a signal ends the program. A paste of several lines is refused: the lines after the first
//! would land in the shell.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use capy_client::signals;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};
use signal_hook::consts::{SIGINT, SIGQUIT};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::exec_limits::MAX_ARG_STRLEN;
use crate::printer;

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const CTRL_BACKSLASH: u8 = 0x1c;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;
/// How long to wait for more input after a line end: a paste goes on sooner, a person does not.
const PASTE_GAP: Timespec = Timespec { tv_sec: 0, tv_nsec: 40_000_000 };

/// Shows a prompt, and reads one line without echo.
pub(crate) fn read_hidden(prompt: &str) -> Result<Zeroizing<String>> {
    let terminal = File::open("/dev/tty").map_err(Error::Input)?;
    let echo_off = EchoOff::begin(&terminal).map_err(Error::Input)?;
    printer::prompt(prompt);
    let line = read_line(&terminal);
    drop(echo_off);
    printer::prompt("\n");
    match line? {
        Line::Typed(bytes) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| Error::ValueNotUnicode)?;
            Ok(Zeroizing::new(text.to_owned()))
        }
        Line::Interrupted(signal) => {
            let _ = emulate_default_handler(signal);
            Err(Error::NothingTyped)
        }
    }
}

/// Discards input that was typed and not read: it would land in the shell and in its history.
pub(crate) fn discard_typed() {
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
}

/// While this value lives, the terminal does not echo keys, and does not turn them into lines and
/// signals.
struct EchoOff {
    reset: Arc<TerminalReset>,
    signals: Handle,
    watch: Option<JoinHandle<()>>,
}

/// What resets the terminal, at the end of the prompt or before a signal ends the program.
struct TerminalReset {
    terminal: File,
    before: Termios,
    /// Held while the terminal is set, so that a signal does not reset it too early.
    setting: Mutex<()>,
    /// Set once the prompt is over: from then on signals end the program by themselves.
    is_over: Arc<AtomicBool>,
}

impl EchoOff {
    fn begin(terminal: &File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        let reset = TerminalReset {
            terminal: terminal.try_clone()?,
            before,
            setting: Mutex::new(()),
            is_over: Arc::new(AtomicBool::new(false)),
        };
        let this = Self::watch(Arc::new(reset))?;
        {
            let _setting = this.reset.lock();
            // `Flush` discards what was typed before the prompt was shown, which is not meant for
            // it.
            tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        }
        Ok(this)
    }

    /// Starts the thread that resets the terminal before a signal ends the program: a shell without
    /// echo is hard to leave.
    fn watch(reset: Arc<TerminalReset>) -> io::Result<Self> {
        let caught = signals::to_catch();
        for number in &caught {
            register_conditional_default(*number, Arc::clone(&reset.is_over))?;
        }
        let mut arriving = Signals::new(caught)?;
        let signals = arriving.handle();
        let shared = Arc::clone(&reset);
        let watch = std::thread::Builder::new().name("prompt".into()).spawn(move || {
            for number in arriving.forever() {
                let _setting = shared.lock();
                shared.apply();
                let _ = emulate_default_handler(number);
            }
            // Signals that came just before the iterator was closed.
            for number in arriving.pending() {
                let _ = emulate_default_handler(number);
            }
        })?;
        Ok(Self { reset, signals, watch: Some(watch) })
    }
}

impl TerminalReset {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.setting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self) {
        // `Flush` keeps the rest of a paste out of the shell.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        {
            let _setting = self.reset.lock();
            self.reset.apply();
            self.reset.is_over.store(true, Ordering::SeqCst);
        }
        self.signals.close();
        let _ = self.watch.take().map(JoinHandle::join);
    }
}

enum Line {
    Typed(Zeroizing<Vec<u8>>),
    Interrupted(i32),
}

fn read_line(terminal: &File) -> Result<Line> {
    // Allocates everything at once: a buffer that grows leaves copies behind that are not wiped.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_ARG_STRLEN));
    loop {
        match read_key(terminal)? {
            b'\r' | b'\n' if is_last_line(terminal)? => return Ok(Line::Typed(line)),
            b'\r' | b'\n' => return Err(Error::SeveralLines),
            CTRL_C => return Ok(Line::Interrupted(SIGINT)),
            CTRL_BACKSLASH => return Ok(Line::Interrupted(SIGQUIT)),
            CTRL_D if line.is_empty() => return Err(Error::NothingTyped),
            CTRL_U => line.clear(),
            BACKSPACE | DELETE => remove_last_char(&mut line),
            ESCAPE => skip_sequence(terminal)?,
            b'\t' | b' '.. if line.len() == MAX_ARG_STRLEN => return Err(Error::ValueTooLong),
            key @ (b'\t' | b' '..) => line.push(key),
            _ => {}
        }
    }
}

fn read_key(mut terminal: &File) -> Result<u8> {
    let mut key = [0];
    terminal.read_exact(&mut key).map_err(Error::Input)?;
    Ok(key[0])
}

/// Whether nothing follows the end of a line, except for the second half of a line end that was
/// pasted from Windows.
fn is_last_line(terminal: &File) -> Result<bool> {
    if !is_more_coming(terminal) {
        return Ok(true);
    }
    Ok(matches!(read_key(terminal)?, b'\r' | b'\n') && !is_more_coming(terminal))
}

fn is_more_coming(terminal: &File) -> bool {
    let mut waiting = [PollFd::new(terminal, PollFlags::IN)];
    poll(&mut waiting, Some(&PASTE_GAP)).is_ok_and(|ready| ready > 0)
}

/// Removes the last UTF-8 character with all of its bytes.
fn remove_last_char(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

/// Skips the escape sequence of an arrow key or a similar one: `ESC [ … letter`, `ESC O letter`.
fn skip_sequence(terminal: &File) -> Result<()> {
    if !matches!(read_key(terminal)?, b'[' | b'O') {
        return Ok(());
    }
    while !matches!(read_key(terminal)?, 0x40..=0x7e) {}
    Ok(())
}
