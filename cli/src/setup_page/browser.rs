//! Opens the setup page in a browser, or prints its address.
//!
//! The address is never an argument of a program: every user of the machine can see arguments, and
//! whoever comes first is let in. The browser gets a private file that redirects to the address.
//! Over SSH the browser is on another machine, and nothing is opened.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::NamedTempFile;

use crate::printer;
use crate::process::find_on_path;

/// How the user gets to the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OpenMethod {
    /// A command opens a file in a browser. The file replaces `%s`, else it becomes the last word.
    Open(Vec<String>),
    /// The user opens the printed address.
    Print,
    /// The user opens the printed address on another machine, through a forwarded port.
    Ssh { host: String },
}

/// The file that redirects a browser to the page. It is removed on drop.
pub(crate) struct Redirect {
    _file: Option<NamedTempFile>,
}

impl OpenMethod {
    /// Chooses the method for this machine; `None` where no browser can be opened.
    pub(crate) fn find(no_open: bool) -> Option<Self> {
        Self::choose(no_open, |name| env::var_os(name), is_on_path)
    }

    fn choose(
        no_open: bool,
        lookup: impl Fn(&str) -> Option<OsString>,
        exists: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        let set = |name| lookup(name).filter(|value| !value.is_empty());
        if let Some(connection) = set("SSH_CONNECTION") {
            return Some(Self::Ssh { host: ssh_host(&connection.to_string_lossy(), set("USER")) });
        }
        if no_open {
            return Some(Self::Print);
        }
        if cfg!(windows) {
            // Explorer opens a page in the user's chosen browser.
            return Some(Self::Open(vec!["explorer.exe".into()]));
        }
        if let Some(list) = set("BROWSER") {
            return Some(Self::Open(first_browser(&list.to_string_lossy(), &exists)));
        }
        if cfg!(target_os = "macos") {
            return Some(Self::Open(vec!["open".into()]));
        }
        let has_screen = set("DISPLAY").is_some() || set("WAYLAND_DISPLAY").is_some();
        let opener = ["xdg-open", "wslview"].into_iter().find(|opener| exists(opener));
        opener
            .filter(|opener| has_screen || *opener == "wslview")
            .map(|opener| Self::Open(vec![opener.into()]))
    }

    /// Prints the page's address, and opens the page.
    pub(crate) fn open(&self, url: &str, port: u16) -> Redirect {
        let mut file = None;
        match self {
            Self::Open(command) => {
                file = open_browser(command, url);
                let how = if file.is_some() { "opening a browser; if none appears, open" } else { "open" };
                printer::note(&format!("{how} {url}"));
            }
            Self::Print => printer::note(&format!("open {url}")),
            Self::Ssh { host } => printer::note(&format!(
                "on your own machine, forward the page's port:\n  ssh -N -L {port}:127.0.0.1:{port} {host}\nthen open {url}"
            )),
        }
        Redirect { _file: file }
    }
}

/// Host and options for `ssh`. `SSH_CONNECTION` is client address, client port, server address,
/// server port.
fn ssh_host(connection: &str, user: Option<OsString>) -> String {
    let mut words = connection.split(' ').skip(2);
    let (host, port) = (words.next().unwrap_or("HOST"), words.next().unwrap_or("22"));
    let user = user.map(|user| format!("{}@", user.to_string_lossy())).unwrap_or_default();
    let port = if port == "22" { String::new() } else { format!("-p {port} ") };
    format!("{port}{user}{host}")
}

/// The command to take from `BROWSER`, a list with colons between commands: the first whose program
/// exists, else the first.
fn first_browser(list: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let commands = || list.split(':').filter_map(|command| shell_words::split(command).ok());
    let found = commands().find(|words| words.first().is_some_and(|program| exists(program)));
    found.or_else(|| commands().next()).unwrap_or_default()
}

/// Starts a program with a new redirect file. Returns the file if the program was started.
fn open_browser(command: &[String], url: &str) -> Option<NamedTempFile> {
    let has_snaps = ["/snap/bin", "/var/lib/snapd"].iter().any(|folder| Path::new(folder).exists());
    let folder = redirect_folder(has_snaps, env::var_os("HOME"), env::temp_dir());
    let mut file = tempfile::Builder::new().prefix("capy-").suffix(".html").tempfile_in(folder).ok()?;
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0;url={url}\"><title>capy</title><a href=\"{url}\">capy deploy</a>\n"
    );
    file.write_all(page.as_bytes()).ok()?;
    let path = file.path().to_str()?;
    let (program, words) = command.split_first()?;
    let mut words: Vec<_> = words.iter().map(|word| word.replace("%s", path)).collect();
    if !command.iter().any(|word| word.contains("%s")) {
        words.push(path.to_owned());
    }
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    // Reaps the process when it ends.
    std::thread::spawn(move || child.wait());
    Some(file)
}

/// The folder for the redirect file. A browser that is a snap sees another `/tmp`, and nothing
/// hidden in the home folder (https://snapcraft.io/docs/home-interface).
fn redirect_folder(has_snaps: bool, home: Option<OsString>, temporary: PathBuf) -> PathBuf {
    home.filter(|home| has_snaps && !home.is_empty()).map_or(temporary, PathBuf::from)
}

/// Whether a program of this name is on PATH.
fn is_on_path(program: &str) -> bool {
    find_on_path(program, &env::var_os("PATH").unwrap_or_default()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(no_open: bool, set: &[(&str, &str)], programs: &[&str]) -> Option<OpenMethod> {
        let lookup = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        OpenMethod::choose(no_open, lookup, |program| programs.contains(&program))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_browser_is_opened_only_where_one_can_be() {
        let open =
            |words: &[&str]| Some(OpenMethod::Open(words.iter().map(|word| (*word).to_owned()).collect()));
        let xdg = open(&["xdg-open"]);
        assert_eq!(choose(false, &[("DISPLAY", ":0")], &["xdg-open"]), xdg);
        assert_eq!(choose(false, &[("WAYLAND_DISPLAY", "wayland-0")], &["xdg-open"]), xdg);
        assert_eq!(choose(true, &[("DISPLAY", ":0")], &["xdg-open"]), Some(OpenMethod::Print));
        assert_eq!(choose(false, &[("BROWSER", "firefox")], &[]), open(&["firefox"]));
        let list = [("BROWSER", "nope:'/a b/chrome' --new %s:firefox")];
        assert_eq!(choose(false, &list, &["/a b/chrome", "firefox"]), open(&["/a b/chrome", "--new", "%s"]));
        assert_eq!(choose(false, &list, &["firefox"]), open(&["firefox"]));
        assert_eq!(choose(false, &[], &["wslview"]), open(&["wslview"]));
        for nothing in [&[][..], &[("DISPLAY", "")]] {
            assert_eq!(choose(false, nothing, &["xdg-open"]), None, "{nothing:?}");
        }
        assert_eq!(choose(false, &[("DISPLAY", ":0")], &[]), None);
    }

    #[test]
    fn a_browser_that_is_a_snap_gets_a_file_that_it_can_see() {
        let folder = |has_snaps, home: &str| redirect_folder(has_snaps, Some(home.into()), "/tmp".into());
        assert_eq!(folder(true, "/home/ana"), Path::new("/home/ana"));
        assert_eq!(folder(false, "/home/ana"), Path::new("/tmp"));
        assert_eq!(folder(true, ""), Path::new("/tmp"));
    }

    #[test]
    fn over_ssh_the_port_forward_names_this_machine() {
        let set = [("SSH_CONNECTION", "10.0.0.9 51000 10.0.0.5 22"), ("USER", "ana"), ("DISPLAY", ":0")];
        let method = choose(false, &set, &["xdg-open"]);
        assert_eq!(method, Some(OpenMethod::Ssh { host: "ana@10.0.0.5".into() }));
        assert_eq!(ssh_host("10.0.0.9 51000 10.0.0.5 2222", None), "-p 2222 10.0.0.5");
    }
}
