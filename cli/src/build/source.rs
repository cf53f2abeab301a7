//! Fetches the source of a build: clones a repository, or copies a folder.
//!
//! Some files of a folder are left out: `.git`, which holds addresses with passwords in them,
//! `node_modules`, which was installed for another machine, and `.env.local` and the like, which
//! belong to one developer. A `.env` at the top of the source is never merged with the project's
//! secrets: it is set aside, with a note. Links that lead out and addresses that run programs are
//! refused, and git may not ask for a password.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::hosts::{self, Access};
use super::tree;
use crate::error::BuildFault as Fault;
use crate::names;
use crate::process::cancellation::{Cancellation, IgnoredSignals};
use crate::process::{remove_variables, running};

/// Where the source comes from.
pub(super) enum Source {
    Folder(PathBuf),
    Repository { url: String, reference: Option<String>, access: Access, local_is_allowed: bool },
}

/// The result of fetching a source.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) commit: Option<String>,
    /// Files that were left out, and that somebody may miss.
    pub(super) set_aside: Vec<PathBuf>,
}

/// Names that are not copied from a folder, at any depth.
const LEFT_OUT: [&str; 2] = [".git", "node_modules"];

/// Variables through which git's caller would point it at another repository.
const GIT_LOCAL: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_CONFIG_PARAMETERS",
];

impl Source {
    /// Refuses, before anything is created, what cannot be a source.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Folder(path) => match fs::metadata(path) {
                Ok(data) if data.is_dir() => Ok(()),
                Ok(_) => Err(Fault::file("read", path)(io::ErrorKind::NotADirectory.into())),
                Err(error) => Err(Fault::file("read", path)(error)),
            },
            Self::Repository { reference, .. } => reference.as_deref().map_or(Ok(()), check_reference),
        }
    }

    /// The origin of the source, for the record; without a password.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Folder(path) => {
                std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
            }
            Self::Repository { url, .. } => without_password(url),
        }
    }

    /// The branch, tag or commit; none for the repository's default branch, or a folder.
    pub(super) fn reference(&self) -> Option<&str> {
        match self {
            Self::Folder(_) => None,
            Self::Repository { reference, .. } => reference.as_deref(),
        }
    }

    /// Fetches the source into an empty folder, and removes what must not be in it.
    pub(super) fn fetch(
        &self,
        to: &Path,
        cancellation: &Cancellation,
        until: Instant,
    ) -> Result<Fetched, Fault> {
        let mut fetched = match self {
            Self::Folder(from) => copy(from, to, cancellation)?,
            Self::Repository { url, reference, access, local_is_allowed } => {
                let protocols = match access {
                    Access::Public { .. } => "https",
                    Access::AsThisUser if *local_is_allowed => "https:ssh:file",
                    Access::AsThisUser => "https:ssh",
                };
                let route = Route::of(access, cancellation, until)?;
                let git = Git { folder: to, protocols, route, cancellation, until };
                let commit = Some(git.clone(url, reference.as_deref())?);
                tree::check_links(to, cancellation)?;
                Fetched { commit, ..Fetched::default() }
            }
        };
        let env = to.join(".env");
        if remove_any(&env).map_err(Fault::file("remove", &env))? {
            fetched.set_aside.push(".env".into());
        }
        Ok(fetched)
    }
}

fn copy(from: &Path, to: &Path, cancellation: &Cancellation) -> Result<Fetched, Fault> {
    let from = from.canonicalize().map_err(Fault::file("find", from))?;
    if to.starts_with(&from) {
        return Err(Fault::InsideSource { path: to.into() });
    }
    let mut fetched = Fetched::default();
    tree::copy(&from, to, cancellation, |inside| {
        let name = inside.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_env = inside == Path::new(".env") || name.starts_with(".env") && name.ends_with(".local");
        if is_env {
            fetched.set_aside.push(inside.to_owned());
        }
        !is_env && !LEFT_OUT.contains(&name)
    })?;
    Ok(fetched)
}

/// Removes whatever is at a path, and returns whether there was something. A link is removed, and
/// not what it leads to.
fn remove_any(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(data) if data.is_dir() => tree::remove(path).map(|()| true),
        Ok(_) => fs::remove_file(path).map(|()| true),
    }
}

/// Checks a branch, a tag or a commit by the rules of git-check-ref-format(1).
fn check_reference(reference: &str) -> Result<(), Fault> {
    let bad = |letter: char| letter.is_control() || " ~^:?*[\\+".contains(letter);
    let is_bad = reference.is_empty()
        || reference.starts_with(['-', '/', '.'])
        || reference.ends_with(['/', '.'])
        || reference.ends_with(".lock")
        || reference.chars().any(bad)
        || ["..", "//", "@{", "/."].iter().any(|part| reference.contains(part));
    if is_bad {
        Err(Fault::SettingUnusable { what: "the branch or --ref", reason: "git does not accept this name" })
    } else {
        Ok(())
    }
}

/// How git reaches a host.
enum Route {
    /// With this user's own git configuration and credentials.
    AsThisUser,
    /// Without keys, passwords or configuration.
    Public {
        /// The host's addresses in curl's syntax, so that git does not ask the resolver again,
        /// which could answer differently the second time. Empty where only a proxy can resolve the
        /// host.
        pinned: Vec<String>,
    },
}

impl Route {
    fn of(access: &Access, cancellation: &Cancellation, until: Instant) -> Result<Self, Fault> {
        let Access::Public { host, port } = access else { return Ok(Self::AsThisUser) };
        let (name, number) = (host.clone(), *port);
        let found =
            cancellation.run(until, IgnoredSignals::None, move || hosts::public_addresses(&name, number))?;
        match found {
            // Behind a proxy, the resolver here need not know the host: the proxy resolves it.
            Err(Fault::Clone { .. }) if has_proxy() => Ok(Self::Public { pinned: Vec::new() }),
            Err(fault) => Err(fault),
            Ok(found) => {
                let list = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                // The repository's address may spell the host with DNS's trailing dot.
                Ok(Self::Public { pinned: ["", "."].map(|dot| format!("{host}{dot}:{port}:{list}")).into() })
            }
        }
    }
}

const PROXIES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

fn has_proxy() -> bool {
    PROXIES.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

struct Git<'a> {
    folder: &'a Path,
    protocols: &'a str,
    route: Route,
    cancellation: &'a Cancellation,
    until: Instant,
}

impl Git<'_> {
    /// Fetches one commit without its history. `.git` is removed, as the address in it may hold a
    /// password.
    fn clone(&self, url: &str, reference: Option<&str>) -> Result<String, Fault> {
        self.run(&["init", "--quiet", "--template="], url)?;
        let fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--"];
        self.run(&[&fetch[..], &[url, reference.unwrap_or("HEAD")]].concat(), url)?;
        self.run(&["checkout", "--quiet", "--detach", "FETCH_HEAD"], url)?;
        let commit = self.run(&["rev-parse", "--verify", "HEAD"], url)?;
        let own = self.folder.join(".git");
        remove_any(&own).map_err(Fault::file("remove", &own))?;
        Ok(commit.trim().to_owned())
    }

    fn run(&self, arguments: &[&str], url: &str) -> Result<String, Fault> {
        let mut command = Command::new("git");
        command.current_dir(self.folder).args(["-c", "core.hooksPath=/dev/null", "-c", "core.askPass="]);
        command.args(["-c", "protocol.ext.allow=never", "-c", "gc.auto=0", "-c", "submodule.recurse=false"]);
        // Redirects and Git LFS may lead to another host than the one that was checked.
        command.args(["-c", "http.followRedirects=false"]);
        command.args([
            "-c",
            "filter.lfs.smudge=",
            "-c",
            "filter.lfs.process=",
            "-c",
            "filter.lfs.required=false",
        ]);
        scrub(&mut command);
        for name in GIT_LOCAL {
            command.env_remove(name);
        }
        if let Route::Public { pinned } = &self.route {
            without_credentials(&mut command, pinned);
        }
        command.args(arguments);
        command
            .env("GIT_ALLOW_PROTOCOL", self.protocols)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("LC_ALL", "C");
        if std::env::var_os("GIT_SSH_COMMAND").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        let output = running::output(&mut command, self.cancellation, Some(self.until), IgnoredSignals::None)
            .map_err(|source| Fault::Start { program: "git", source })?;
        match output {
            Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(output) => Err(Fault::Clone { text: complaint(&output.stderr, url) }),
            Err(cancelled) => Err(cancelled.into()),
        }
    }
}

/// Takes from git everything that may hold a key or a password, or send it elsewhere: its
/// configuration, `.netrc` and the ssh agent.
fn without_credentials(command: &mut Command, pinned: &[String]) {
    for place in pinned {
        command.args(["-c", &format!("http.curloptResolve={place}")]);
    }
    if pinned.is_empty() {
        // Only the proxy can resolve the host, so no host may bypass the proxy.
        command.env_remove("no_proxy").env_remove("NO_PROXY");
    }
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_none_or(|name| name.starts_with("GIT_CONFIG") || name.starts_with("SSH_")) {
            command.env_remove(name);
        }
    }
    command
        .env_remove("XDG_CONFIG_HOME")
        .env("HOME", "/dev/null")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
}

/// Removes capy's own settings and the store's key from a program's environment.
pub(super) fn scrub(command: &mut Command) {
    remove_variables(command, |name| names::is_reserved(name) || super::secrets::is_key(name));
}

/// The first line of git's output that names an error, else its last line. The address is left out,
/// as it may hold a password.
fn complaint(stderr: &[u8], url: &str) -> String {
    let text = String::from_utf8_lossy(stderr).replace(url, "the repository");
    let matters = |line: &&str| {
        ["fatal:", "error:", "ERROR:", "Permission denied", "Host key"].iter().any(|word| line.contains(word))
    };
    let line = text.lines().find(matters).or(text.lines().last()).unwrap_or("it said nothing");
    line.trim().split(' ').map(without_password).collect::<Vec<_>>().join(" ")
}

/// An address without the user and the password.
fn without_password(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        Some((scheme, rest)) => format!("{scheme}://{rest}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_name_and_nothing_more() {
        for good in ["main", "feature/a-b", "v1.2.3", "refs/heads/main", &"5a".repeat(20)] {
            assert!(check_reference(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "--upload-pack=x",
            "a:b",
            "+a",
            "a..b",
            "a b",
            "a^",
            "a/",
            ".a",
            "a.lock",
            "a\n",
            "@{-1}",
        ] {
            assert!(check_reference(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_git_says_is_told_without_a_password() {
        let url = "https://user:canary.PW.x9@example.com/a.git";
        let said = format!("Cloning\nfatal: unable to access '{url}/': no\nhint: x\n");
        assert_eq!(complaint(said.as_bytes(), url), "fatal: unable to access 'the repository/': no");
        let other = "remote: x\nfatal: could not read https://u:canary.PW.x9@example.com/other\n";
        assert!(!complaint(other.as_bytes(), url).contains("canary"));
        assert_eq!(complaint(b"", url), "it said nothing");
    }

    #[test]
    fn a_folder_comes_without_what_is_the_developers_own() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for file in [
            ".env",
            ".env.local",
            ".env.production",
            ".env.production.local",
            "a.js",
            "b/.env",
            ".git/config",
            "node_modules/x/y.js",
            "b/node_modules/z.js",
        ] {
            fs::create_dir_all(from.path().join(file).parent().unwrap()).unwrap();
            fs::write(from.path().join(file), "1").unwrap();
        }
        let source = Source::Folder(from.path().into());
        let mut fetched = source.fetch(to.path(), &Cancellation::default(), Instant::now()).unwrap();
        fetched.set_aside.sort();
        assert_eq!(fetched.set_aside, [".env", ".env.local", ".env.production.local"].map(PathBuf::from));
        let there = |file: &str| to.path().join(file).exists();
        assert!(there("a.js") && there(".env.production") && there("b/.env"));
        assert!(
            !there(".env")
                && !there(".env.local")
                && !there(".git")
                && !there("node_modules")
                && !there("b/node_modules")
        );
    }
}
