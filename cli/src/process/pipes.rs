//! A program's standard input and outputs, written and read in threads: a program that neither
//! reads nor writes holds nobody up.

use std::io::{Read, Write};
use std::process::ChildStdin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

/// How often a thread looks again, where nothing wakes it.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Writes a text as a program's whole input. The text is wiped once it is written.
pub(super) fn write_input(stdin: Option<ChildStdin>, text: Zeroizing<String>) {
    thread::spawn(move || {
        // A program that ends or closes its input without reading it reports by its exit status
        // what is wrong.
        let _ = stdin.map(|mut stdin| stdin.write_all(text.as_bytes()));
    });
}

/// The bytes that a program writes to an output.
pub(crate) struct CollectedOutput {
    bytes: Arc<Mutex<Zeroizing<Vec<u8>>>>,
    reader: JoinHandle<()>,
}

impl CollectedOutput {
    /// Begins to read an output to its end. Keeps about the first `max_bytes`, and drops the rest.
    pub(crate) fn begin(output: Option<impl Read + Send + 'static>, max_bytes: usize) -> Self {
        let bytes = Arc::new(Mutex::new(Zeroizing::new(Vec::new())));
        let shared = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let Some(mut output) = output else { return };
            let mut chunk = Zeroizing::new([0; 4096]);
            while let Ok(count @ 1..) = output.read(chunk.as_mut()) {
                let mut bytes = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if bytes.len() < max_bytes {
                    bytes.extend_from_slice(&chunk[..count]);
                }
            }
        });
        Self { bytes, reader }
    }

    /// Waits for the end of the output, and returns its bytes.
    #[cfg(unix)]
    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        let Self { bytes, reader } = self;
        let _ = reader.join();
        take(&bytes)
    }

    /// Waits for the end of the output until a deadline, and returns the bytes that came until
    /// then.
    pub(super) fn finish_by(self, deadline: Instant) -> Zeroizing<Vec<u8>> {
        while !self.reader.is_finished() && Instant::now() < deadline {
            thread::sleep(POLL_INTERVAL);
        }
        take(&self.bytes)
    }
}

fn take(bytes: &Mutex<Zeroizing<Vec<u8>>>) -> Zeroizing<Vec<u8>> {
    std::mem::take(&mut *bytes.lock().unwrap_or_else(PoisonError::into_inner))
}
