//! A server as a child process, in a process group that ends when this process does, however that
//! ends. Secrets are passed in the server's environment. Nothing is printed here: errors contain
//! what the server printed.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

const START_DEADLINE: Duration = Duration::from_secs(60);
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Shell script that starts `"$@"`, and ends its process group when standard input ends: by `Drop`,
/// or because the caller died. A signal to wrangler alone would leave its children. The group has
/// five seconds to end by itself.
const GUARD: &str = r#"
trap : TERM
"$@" </dev/null & child=$!
exec >/dev/null 2>&1
cat
kill -TERM 0
(sleep 5; kill -KILL 0) &
while kill -0 $child; do wait $child; done
kill -KILL 0
"#;

/// A running server. Stopped on drop.
#[derive(Debug)]
pub struct ServerProcess {
    url: String,
    guard: Child,
    output: Output,
}

impl ServerProcess {
    /// Starts a command in a folder, and waits until it prints a line with `ready` and its address.
    ///
    /// # Errors
    /// If the server ends, or is not ready after a minute: then with the server's output.
    pub fn spawn(command: &Command, folder: &Path, ready: &'static str) -> Result<Self> {
        let mut guard = guarded_command(command, folder).spawn().context("sh could not be started")?;
        let output = Output::default();
        let address = output.follow(&mut guard, ready);
        let mut server = Self { url: String::new(), guard, output };
        server.url = match address.recv_timeout(START_DEADLINE) {
            Ok(url) => url,
            Err(RecvTimeoutError::Timeout) => {
                bail!("the server did not start in a minute:\n{}", server.log())
            }
            Err(RecvTimeoutError::Disconnected) => bail!("the server ended at once:\n{}", server.log()),
        };
        Ok(server)
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The CPU time, in user and kernel mode, of all processes of the group that run now.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn cpu_time(&self) -> Result<Duration> {
        let ticks: u64 = self.processes()?.iter().map(|process| process.ticks).sum();
        Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
    }

    /// The resident memory of the group's processes in bytes. Pages that they share count for each.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn resident(&self) -> Result<u64> {
        let pages: u64 = self.processes()?.iter().map(|process| process.pages).sum();
        Ok(pages * rustix::param::page_size() as u64)
    }

    /// The resident memory of the group's processes with the name `program`, in bytes.
    ///
    /// # Errors
    /// If there is no such process, or `/proc` cannot be read.
    pub fn resident_of(&self, program: &str) -> Result<u64> {
        let all = self.processes()?;
        let pages: u64 =
            all.iter().filter(|process| process.name == program).map(|process| process.pages).sum();
        ensure!(pages > 0, "{program} does not run:\n{}", self.log());
        Ok(pages * rustix::param::page_size() as u64)
    }

    /// Ends all processes of the group by SIGKILL, and waits until they are gone.
    ///
    /// # Errors
    /// If the processes cannot be ended.
    pub fn kill(self) -> Result<()> {
        let group = rustix::process::Pid::from_child(&self.guard);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).context("SIGKILL")?;
        let deadline = Instant::now() + STOP_DEADLINE;
        while self.processes()?.iter().any(|process| !process.is_over) {
            ensure!(Instant::now() < deadline, "the server outlives SIGKILL");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn processes(&self) -> Result<Vec<Process>> {
        let mut processes = Vec::new();
        for process in fs::read_dir("/proc").context("/proc")? {
            // Other processes may end meanwhile.
            let stat = fs::read_to_string(process?.path().join("stat")).unwrap_or_default();
            processes.extend(Process::parse(&stat).filter(|process| process.group == self.guard.id()));
        }
        ensure!(!processes.is_empty(), "/proc does not know the server");
        Ok(processes)
    }

    /// What the server printed so far.
    pub fn log(&self) -> String {
        self.output.text()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let deadline = Instant::now() + STOP_DEADLINE;
        while matches!(self.guard.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        // The guard is still there only if it was stopped itself. Then it can no longer end its
        // group.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// The lines of standard output and standard error, in the order in which they come.
#[derive(Clone, Default, Debug)]
struct Output(Arc<Mutex<String>>);

impl Output {
    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Collects lines until the processes end. The receiver gets the address, or is disconnected if
    /// none is printed.
    fn follow(&self, child: &mut Child, ready: &'static str) -> mpsc::Receiver<String> {
        let (found, address) = mpsc::channel();
        self.collect(child.stdout.take(), ready, found.clone());
        self.collect(child.stderr.take(), ready, found);
        address
    }

    fn collect(&self, pipe: Option<impl Read + Send + 'static>, ready: &'static str, found: Sender<String>) {
        let (all, Some(pipe)) = (self.clone(), pipe) else {
            return;
        };
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                if let Some(url) = parse_ready(&line, ready) {
                    let _ = found.send(url);
                }
                let mut text = all.0.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
            }
        });
    }
}

/// A line of `/proc/PID/stat` (`proc_pid_stat(5)`).
#[derive(Debug, PartialEq, Eq)]
struct Process {
    name: String,
    group: u32,
    /// A zombie: it ended, and its parent has not waited for it.
    is_over: bool,
    /// CPU time in user and kernel mode, in clock ticks.
    ticks: u64,
    /// Resident memory, in pages.
    pages: u64,
}

impl Process {
    fn parse(line: &str) -> Option<Self> {
        // The name may contain any character, and ends with the last parenthesis. The next field is
        // the state of the process.
        let (head, fields) = line.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
        let group = u32::try_from(number(2)?).ok()?;
        let (ticks, pages) = (number(11)? + number(12)?, number(21)?);
        Some(Self { name: name.to_owned(), group, is_over: fields[0] == "Z", ticks, pages })
    }
}

fn parse_ready(line: &str, ready: &str) -> Option<String> {
    let (_, url) = line.split_once(ready)?;
    Some(url.trim().trim_end_matches('/').to_owned())
}

/// Wraps a command in the guard script, in a process group of its own.
fn guarded_command(command: &Command, folder: &Path) -> Command {
    let mut guard = Command::new("sh");
    guard.args(["-c", GUARD, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guard.env(name, value),
            None => guard.env_remove(name),
        };
    }
    guard.current_dir(folder).process_group(0);
    guard.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    guard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_time_and_memory_are_read_after_any_name() {
        let line = "77 (a) b (c)) S 1 4711 77 0 -1 4194560 3 0 0 0 250 17 9 9 20 0 1 0 5 6 70 8";
        let expected =
            Process { name: "a) b (c)".to_owned(), group: 4711, is_over: false, ticks: 267, pages: 70 };
        assert_eq!(Process::parse(line), Some(expected));
        assert!(Process::parse(&line.replace(" S ", " Z ")).unwrap().is_over);
        assert_eq!(Process::parse("77 (a) S 1 4711"), None);
        assert_eq!(Process::parse(""), None);
    }

    #[test]
    fn the_ready_line_is_read() {
        let url = Some("http://127.0.0.1:4711".to_owned());
        assert_eq!(parse_ready("[wrangler:info] Ready on http://127.0.0.1:4711", "Ready on "), url);
        assert_eq!(parse_ready("Ready on http://127.0.0.1:4711/\r", "Ready on "), url);
        assert_eq!(parse_ready("Not yet", "Ready on "), None);
    }
}
