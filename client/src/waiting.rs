//! Telling whoever waits for what. This crate prints nothing: a program says where to.

use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use crate::ServiceUrl;

/// A wait that is shorter is not worth a line.
const PATIENCE: Duration = Duration::from_secs(3);

static TELL: OnceLock<fn(&str)> = OnceLock::new();

/// From now on, `tell` gets a line when a call to the key service takes seconds. The first one that asks for it stays.
pub fn report_to(tell: fn(&str)) {
    let _ = TELL.set(tell);
}

/// A call to the key service, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Its end is what the thread waits for.
    _call: Option<Sender<()>>,
}

impl Waiting {
    /// Begins to wait for the service at `url`.
    pub(crate) fn begin(url: &ServiceUrl) -> Self {
        Self { _call: TELL.get().and_then(|tell| watch(*tell, url)) }
    }
}

/// A thread of its own: whoever asks is blocked in the call. Without one there is no line, and nothing else is missing.
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
