//! Progress bar on stderr for long tasks.
//!
//! The bar appears after half a second and is erased at the end. It is never drawn without a
//! terminal that can erase a line.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

const SHOW_AFTER: Duration = Duration::from_millis(500);
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);
const WIDTH: usize = 24;

/// The progress of a task: the name of the current step, and how much of it is done.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub what: &'static str,
    pub done: usize,
    /// Zero while the total is not known.
    pub all: usize,
}

/// Runs the task and meanwhile shows its progress on stderr, if stderr is a terminal that can erase
/// a line.
pub fn during<T>(step: impl Fn() -> Step + Sync, task: impl FnOnce() -> T) -> T {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let out = (io::stderr().is_terminal() && !is_dumb).then(io::stderr);
    shown_on(out, SHOW_AFTER, step, task)
}

fn shown_on<T>(
    out: Option<impl Write + Send>,
    show_after: Duration,
    step: impl Fn() -> Step + Sync,
    task: impl FnOnce() -> T,
) -> T {
    let Some(mut out) = out else { return task() };
    let (working, done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        // A failure to draw the bar does not fail the task.
        let step = &step;
        let draw = move || draw(&mut out, &done, show_after, step);
        let _ = thread::Builder::new().name("progress-bar".into()).spawn_scoped(scope, draw);
        // Also dropped when the task panics, which ends the drawing thread.
        let _working = working;
        task()
    })
}

fn draw(
    out: &mut impl Write,
    done: &Receiver<()>,
    show_after: Duration,
    step: &impl Fn() -> Step,
) -> io::Result<()> {
    let mut wait = show_after;
    while done.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        write!(out, "\r{}\u{1b}[K", line(step()))?;
        out.flush()?;
        wait = REDRAW_INTERVAL;
    }
    if wait == REDRAW_INTERVAL {
        write!(out, "\r\u{1b}[K")?;
        out.flush()?;
    }
    Ok(())
}

fn line(Step { what, done, all }: Step) -> String {
    let full = (done.min(all) * WIDTH).checked_div(all);
    match full {
        Some(full) => format!("{what:6} [{:WIDTH$}] {done}/{all}", "#".repeat(full)),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(show_after: Duration, task: impl FnOnce()) -> String {
        let mut out = Vec::new();
        shown_on(Some(&mut out), show_after, || Step { what: "scan", done: 6, all: 12 }, task);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_long_task_is_shown_and_then_erased() {
        let text = drawn(Duration::ZERO, || thread::sleep(REDRAW_INTERVAL * 2));
        assert!(text.starts_with("\rscan   [############            ] 6/12\u{1b}[K"), "{text:?}");
        assert!(text.ends_with("\r\u{1b}[K"), "{text:?}");
    }

    #[test]
    fn a_short_task_and_one_without_a_terminal_are_not_shown() {
        assert_eq!(drawn(Duration::MAX, || ()), "");
        let nowhere: Option<Vec<u8>> = None;
        let never = || -> Step { unreachable!("nobody looks") };
        assert_eq!(shown_on(nowhere, Duration::ZERO, never, || 7), 7);
    }

    #[test]
    fn the_bar_ends_with_a_task_that_panics() {
        let result = std::panic::catch_unwind(|| drawn(Duration::MAX, || panic!("as tested")));
        assert!(result.is_err());
    }

    #[test]
    fn what_has_no_number_yet_has_no_bar() {
        assert_eq!(line(Step { what: "list", done: 0, all: 0 }), "list");
        assert_eq!(
            line(Step { what: "edit", done: 3, all: 2 }),
            format!("edit   [{}] 3/2", "#".repeat(WIDTH))
        );
    }
}
