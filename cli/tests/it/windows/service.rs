//! A key service of this machine, which programs under Wine reach on loopback.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `capy serve`, ended on drop.
pub(crate) struct Service {
    child: Child,
    pub(crate) url: String,
    pub(crate) admin_token: String,
}

impl Service {
    pub(crate) fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_capy"));
        command.args(["serve", "--init", "--listen", "127.0.0.1:0", "--data"]).arg(data).env_clear();
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let url = listening(&mut child);
        let admin_token = fs::read_to_string(data.join("admin-token")).unwrap().trim().to_owned();
        Self { child, url, admin_token }
    }
}

/// Where a service listens that writes to a pipe; what it writes later is read and dropped.
pub(crate) fn listening(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = String::new();
    let url = lines.by_ref().find_map(|line| {
        let line = line.unwrap();
        told = format!("{told}{line}\n");
        line.trim().strip_prefix("listening on ").map(str::to_owned)
    });
    std::thread::spawn(move || lines.for_each(drop));
    url.unwrap_or_else(|| panic!("the service ended: {told}"))
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
