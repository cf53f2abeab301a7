//! A build's output: shown live, kept as a log (mode 0600), and masked before either.
//!
//! Both outputs of the container go to stderr and into one file, in the order in which they arrive.
//! Values are masked in every form in which programs print them, and characters that control a
//! terminal become blanks. What no stream can reveal, such as base64 over several lines, is
//! searched for when the build has ended, and removed from the log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{str, thread};

use capy_inliner::{Encoding, Redactor, Request, Within};
use capy_protocol::env_map::EnvMap;
use capy_protocol::terminal_text::clean_lines;

use crate::error::BuildFault as Fault;
use crate::local::private_file;
use crate::printer;
use crate::process::cancellation::{Cancellation, Completion};

/// The most bytes of build output in a log, 64 MiB: more would fill the disk, and could not be
/// searched at the end. Messages of capy itself come on top.
const MAX_LOG_BYTES: u64 = 64 << 20;

/// Where a build's output goes: to stderr and into the log.
pub(super) struct Output {
    redactor: Mutex<Arc<Redactor>>,
    log: Mutex<Log>,
}

struct Log {
    path: PathBuf,
    file: File,
    /// Bytes that the build wrote, those beyond the limit included.
    written: u64,
    is_full: bool,
    fault: Option<io::Error>,
}

impl Log {
    /// Appends what a build wrote, as long as there is room.
    fn append_build_output(&mut self, text: &str) {
        let room = MAX_LOG_BYTES.saturating_sub(self.written);
        self.written = self.written.saturating_add(text.len() as u64);
        if text.len() as u64 <= room {
            return self.write(text);
        }
        if !std::mem::replace(&mut self.is_full, true) {
            self.write("[the log ends here: the build wrote more than 64 MiB]\n");
        }
    }

    fn write(&mut self, text: &str) {
        if self.fault.is_none() {
            self.fault = self.file.write_all(text.as_bytes()).err();
        }
    }
}

impl Output {
    /// Creates a new log.
    pub(super) fn begin(path: &Path) -> Result<Self, Fault> {
        let open = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
        let file = open.map_err(Fault::file("create", path))?;
        let log = Log { path: path.into(), file, written: 0, is_full: false, fault: None };
        let redactor = Mutex::new(Arc::new(Redactor::new(&EnvMap::new())));
        Ok(Self { redactor, log: Mutex::new(log) })
    }

    /// Masks these values from now on.
    pub(super) fn mask(&self, values: &EnvMap) {
        *self.redactor.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Redactor::new(values));
    }

    /// Variables whose values are too short or too common to be masked.
    pub(super) fn not_masked(&self) -> Vec<String> {
        self.current_redactor().not_redacted().to_vec()
    }

    fn current_redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.redactor.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Prints a message of capy itself, and logs it.
    pub(super) fn say(&self, text: &str) {
        let redacted = self.current_redactor().redact(format!("{text}\n").as_bytes());
        self.write(&String::from_utf8_lossy(&redacted), Log::write);
    }

    /// Passes on, in a thread of its own, what a program writes until it closes its output.
    pub(super) fn pump(
        output: &Arc<Self>,
        from: Option<impl Read + Send + 'static>,
        cancellation: &Cancellation,
    ) -> Completion {
        let done = cancellation.completion();
        let (ended, output) = (done.clone(), Arc::clone(output));
        thread::spawn(move || {
            if let Some(from) = from {
                output.pass_on(from);
            }
            ended.complete();
        });
        done
    }

    fn pass_on(&self, mut from: impl Read) {
        let redactor = self.current_redactor();
        let mut stream = redactor.stream();
        let (mut buffer, mut redacted) = ([0; 8192], Vec::new());
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => stream.push(&buffer[..count], &mut redacted),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
            self.write_whole_characters(&mut redacted);
        }
        stream.finish(&mut redacted);
        self.write(&String::from_utf8_lossy(&redacted), Log::append_build_output);
    }

    /// Writes all but an incomplete UTF-8 character at the end, whose rest is still to come.
    fn write_whole_characters(&self, masked: &mut Vec<u8>) {
        let end = match str::from_utf8(masked) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => masked.len(),
        };
        self.write(&String::from_utf8_lossy(&masked[..end]), Log::append_build_output);
        masked.drain(..end);
    }

    fn write(&self, text: &str, into_log: fn(&mut Log, &str)) {
        // Some programs end lines with a carriage return, which is harmless as a line feed.
        let text = clean_lines(&text.replace("\r\n", "\n").replace('\r', "\n"));
        let mut log = self.lock();
        printer::prompt(&text);
        into_log(&mut log, &text);
    }

    /// Fails if the log is incomplete, and removes what only a search of the whole log can find.
    pub(super) fn finish(&self, values: &EnvMap) -> Result<(), Fault> {
        let mut log = self.lock();
        if let Some(source) = log.fault.take() {
            return Err(Fault::File { doing: "write", path: log.path.clone(), source });
        }
        if redact_log(&log.path, values)? {
            log.file = append(&log.path)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append(path: &Path) -> Result<File, Fault> {
    OpenOptions::new().append(true).open(path).map_err(Fault::file("open", path))
}

/// Searches the log for values. Replaces each line that holds one, or the whole log where a value
/// may extend over several lines. Returns whether it replaced anything.
fn redact_log(path: &Path, values: &EnvMap) -> Result<bool, Fault> {
    let mut request = Request::new(values);
    request.public.push(path.to_owned());
    request.within = Within::Named;
    // Without a size limit: values in a part that is not searched would stay.
    (request.limits.one_file, request.limits.all_files) = (u64::MAX, u64::MAX);
    let leaks = capy_inliner::inline(&request).map_err(|_| Fault::NotSearched { path: path.into() })?.leaks;
    if leaks.is_empty() {
        return Ok(false);
    }
    let text = fs::read_to_string(path).map_err(Fault::file("read", path))?;
    let is_long = leaks.iter().any(|leak| {
        !matches!(leak.encoding, Encoding::Plain | Encoding::Json | Encoding::Url | Encoding::Html)
    });
    let text = if is_long {
        "[the log is withheld: it contained an encoded secret]\n".to_owned()
    } else {
        let withheld = |at: usize| leaks.iter().find(|leak| leak.line == at + 1);
        let line = |(at, line): (usize, &str)| match withheld(at) {
            Some(leak) => format!("[this line is withheld: it contained {}]\n", leak.name),
            None => format!("{line}\n"),
        };
        text.lines().enumerate().map(line).collect()
    };
    printer::note(
        "warning: the build printed a secret in a form that is not masked: the log has it no more, the terminal may",
    );
    private_file::replace_private(path, text.as_bytes()).map_err(Fault::file("write", path))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_an_end_and_what_capy_says_comes_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let output = Output::begin(&path).unwrap();
        let mut log = output.lock();
        log.written = MAX_LOG_BYTES - 10;
        log.append_build_output("12345\n");
        log.append_build_output("123456789\n");
        log.append_build_output("more\n");
        log.write("error: x\n");
        drop(log);
        let expected = "12345\n[the log ends here: the build wrote more than 64 MiB]\nerror: x\n";
        assert_eq!(fs::read_to_string(path).unwrap(), expected);
    }
}
