//! Reports long waits for the key service. This module does not print: the program sets where
//! reports go.

use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::ServiceUrl;

/// How long a call may take before it is reported.
const REPORT_AFTER: Duration = Duration::from_secs(3);

static REPORT: OnceLock<fn(&str)> = OnceLock::new();

/// Registers `report`, which gets one line for each call to the key service that takes longer than
/// three seconds. Only the first registration counts.
pub fn report_to(report: fn(&str)) {
    let _ = REPORT.set(report);
}

/// A guard for one call to the key service: the call ends when the guard is dropped.
#[derive(Debug)]
pub(crate) struct CallGuard {
    /// Dropping this sender ends the watching thread.
    _call: Option<Sender<()>>,
}

impl CallGuard {
    /// Begins a call to the service at `url`.
    pub(crate) fn begin(url: &ServiceUrl) -> Self {
        Self { _call: REPORT.get().and_then(|report| watch(*report, url)) }
    }
}

/// Waits in a thread, because the caller is blocked in the call. If no thread can be started, only
/// the report is missing.
fn watch(report: fn(&str), url: &ServiceUrl) -> Option<Sender<()>> {
    let (call, ended) = channel();
    let line = format!("waiting for the key service at {url}");
    let wait = move || {
        if ended.recv_timeout(REPORT_AFTER) == Err(RecvTimeoutError::Timeout) {
            report(&line);
        }
    };
    thread::Builder::new().name("slow-calls".into()).spawn(wait).ok().map(|_| call)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use crate::service_url::PlainHttp;

    use super::*;

    static REPORTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[test]
    fn a_long_call_is_reported_once_and_a_short_one_never() {
        report_to(|line| REPORTED.lock().unwrap().push(line.to_owned()));
        let [short, long] = ["https://short.example", "https://long.example"]
            .map(|url| ServiceUrl::parse(url, "a test", PlainHttp::Loopback).unwrap());
        drop(CallGuard::begin(&short));
        let guard = CallGuard::begin(&long);
        thread::sleep(REPORT_AFTER * 2 + Duration::from_millis(500));
        drop(guard);
        let reported = REPORTED.lock().unwrap().clone();
        assert_eq!(reported, ["waiting for the key service at https://long.example"]);
    }
}
