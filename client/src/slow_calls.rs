//! Reports long waits for the key service. This module does not print: the program sets where
//! reports go.

use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::ServiceUrl;

/// How long a call may take before it is reported.
const PATIENCE: Duration = Duration::from_secs(3);

static TELL: OnceLock<fn(&str)> = OnceLock::new();

/// Registers `tell`, which gets one line for each call to the key service that takes longer than
/// three seconds. Only the first registration counts.
pub fn report_to(tell: fn(&str)) {
    let _ = TELL.set(tell);
}

/// A guard for one call to the key service: the call ends when the guard is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Dropping this sender ends the watching thread.
    _call: Option<Sender<()>>,
}

impl Waiting {
    /// Begins a call to the service at `url`.
    pub(crate) fn begin(url: &ServiceUrl) -> Self {
        Self { _call: TELL.get().and_then(|tell| watch(*tell, url)) }
    }
}

/// Waits in a thread, because the caller is blocked in the call. If no thread can be started, only
/// the report is missing.
fn watch(tell: fn(&str), url: &ServiceUrl) -> Option<Sender<()>> {
    let (call, ended) = channel();
    let line = format!("waiting for the key service at {url}");
    let wait = move || {
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tell(&line);
        }
    };
    thread::Builder::new().name("waiting".into()).spawn(wait).ok().map(|_| call)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use crate::service_url::PlainHttp;

    use super::*;

    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[test]
    fn a_long_call_is_told_of_once_and_a_short_one_never() {
        report_to(|line| TOLD.lock().unwrap().push(line.to_owned()));
        let [short, long] = ["https://short.example", "https://long.example"]
            .map(|url| ServiceUrl::parse(url, "a test", PlainHttp::Loopback).unwrap());
        drop(Waiting::begin(&short));
        let waiting = Waiting::begin(&long);
        thread::sleep(PATIENCE * 2 + Duration::from_millis(500));
        drop(waiting);
        let told = TOLD.lock().unwrap().clone();
        assert_eq!(told, ["waiting for the key service at https://long.example"]);
    }
}
