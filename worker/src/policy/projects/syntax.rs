//! Syntax checks for the settings of a project. Some settings are passed on git's and the container
//! engine's command lines: none of these may begin with `-`, and no address may name another
//! transport or have a password.

use capy_protocol::terminal_text::is_terminal_control;

use super::{KEY_MAX, NAME_MAX, SETTING_MAX};
use crate::address::{self, host_of};

pub(super) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_MAX).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.bytes().all(allowed)
}

/// Whether the text is a name of an environment variable that shells and container engines accept.
pub(super) fn is_variable(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=KEY_MAX).contains(&text.len()) && !text.as_bytes()[0].is_ascii_digit() && text.bytes().all(allowed)
}

/// Whether the text is one line of shell.
pub(super) fn is_command(text: &str) -> bool {
    text.len() <= SETTING_MAX && !text.trim().is_empty() && !text.chars().any(is_terminal_control)
}

/// Whether the text is `https://host/path`, `ssh://[user@]host/path` or `user@host:path`.
pub(super) fn is_repository(text: &str) -> bool {
    if text.len() > SETTING_MAX {
        return false;
    }
    if let Some(rest) = text.strip_prefix("https://") {
        return rest.split_once('/').is_some_and(|(host, path)| is_authority(host) && is_path(path));
    }
    if let Some(rest) = text.strip_prefix("ssh://") {
        let Some((authority, path)) = rest.split_once('/') else { return false };
        let (user, host) = authority.split_once('@').unwrap_or(("git", authority));
        return is_user(user) && is_authority(host) && is_path(path);
    }
    let Some((user, rest)) = text.split_once('@') else { return false };
    rest.split_once(':').is_some_and(|(host, path)| is_user(user) && address::is_name(host) && is_path(path))
}

/// Whether the text is an absolute path on the service's own machine.
pub(super) fn is_local(text: &str) -> bool {
    text.starts_with('/') && text.len() <= SETTING_MAX && !text.chars().any(is_terminal_control)
}

fn is_user(text: &str) -> bool {
    is_name(text)
}

fn is_authority(text: &str) -> bool {
    host_of(text).is_some()
}

fn is_path(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~%+/@:,=-".contains(&byte);
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(allowed)
}

/// Whether git accepts the branch name: `git check-ref-format --branch`, without its shorthands
/// such as `@{-1}`.
pub(super) fn is_branch(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let forbidden = |c: char| c.is_control() || is_terminal_control(c) || " ~^:?*[\\".contains(c);
    text.len() <= 255
        && !["@", "HEAD"].contains(&text)
        && !text.starts_with('-')
        && !text.ends_with('.')
        && !has_pair(text, "..")
        && !has_pair(text, "@{")
        && text.split('/').all(is_part)
        && !text.chars().any(forbidden)
}

/// Whether two ASCII characters occur next to each other.
fn has_pair(text: &str, pair: &str) -> bool {
    text.as_bytes().windows(2).any(|two| two == pair.as_bytes())
}

/// Whether the text is a relative path inside the source; `.` is the whole source.
pub(super) fn is_output_directory(text: &str) -> bool {
    let is_part = |part: &str| !["", ".", ".."].contains(&part);
    let inside = text == "." || text.strip_suffix('/').unwrap_or(text).split('/').all(is_part);
    inside && text.len() <= 255 && !text.chars().any(|c| is_terminal_control(c) || c == '\\')
}

/// Whether the text is a container image: `[registry/]path[:tag][@digest]`.
pub(super) fn is_image(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:@-".contains(&byte);
    text.len() <= 255
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && text.as_bytes().last().is_some_and(u8::is_ascii_alphanumeric)
        && !has_pair(text, "//")
        && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(is_fit: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(is_fit(text), "{text:?}");
        }
        for text in bad {
            assert!(!is_fit(text), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_a_part_of_a_path_and_no_path() {
        let longest = "a".repeat(NAME_MAX);
        check(
            is_name,
            &["a", "shop-2.web_1", &longest],
            &[
                "",
                ".",
                "..",
                "../../etc",
                "/etc",
                "-rf",
                ".git",
                "a/b",
                "a b",
                "é",
                "a\n",
                "a\0",
                &format!("{longest}a"),
            ],
        );
    }

    #[test]
    fn a_variable_is_what_a_shell_takes() {
        check(
            is_variable,
            &["A", "_", "database_URL_2", &"A".repeat(KEY_MAX)],
            &["", &"A".repeat(KEY_MAX + 1), "2A", "A-B", "A=B", "A B", "É", "A\n", "A\0"],
        );
    }

    #[test]
    fn a_repository_is_reached_by_https_or_ssh_and_its_address_holds_no_secret() {
        check(
            is_repository,
            &[
                "https://github.com/o/r.git",
                "https://git.example:8443/o/r",
                "ssh://git@github.com/o/r.git",
                "ssh://github.com:22/o/r",
                "git@github.com:o/r.git",
                "deploy@10.0.0.1:~/r",
                "https://[::1]:8443/o/r",
                "ssh://git@[2001:db8::1]/r",
            ],
            &[
                "",
                "https://",
                "https://github.com",
                "https://github.com/",
                "https://token@github.com/o/r",
                "https://user:password@github.com/o/r",
                "https://-oProxyCommand=x/o/r",
                "ssh://-oProxyCommand=x/o/r",
                "ssh://git@-oProxyCommand=x/o",
                "ssh://-l@host/o",
                "-oProxyCommand=x@host:o",
                "git@-oProxyCommand=x:o",
                "git@github.com:-x",
                "git@github.com:",
                "http://github.com/o/r",
                "git://github.com/o/r",
                "ext::sh -c x",
                "file:///etc",
                "/srv/r",
                "../r",
                "https://github.com/o/r?token=1",
                "https://github.com/o/r#x",
                "https://github.com/o/r\n",
                "https://github.com/$(x)",
                "https://github.com:0/o",
                "https://github.com:99999/o",
                "https://git..com/o",
                "https://é.example/o",
                "https://[::1/o",
                "https://[::1]x/o",
                "https://github.com:+22/o",
                "https://127.1/o",
                "git@127.1:o",
            ],
        );
        check(is_local, &["/srv/r.git", "/srv/a b"], &["", "srv", "../r", "/a\n", "/a\u{1b}[2J"]);
    }

    /// Each case was also checked with git 2.47.
    #[test]
    fn a_branch_is_what_git_takes() {
        check(
            is_branch,
            &["main", "feature/a-b", "v1.2", "é", "a@b", "@/a", "a{b", "refs/heads/x", "a.lockx"],
            &[
                "", "-a", "a..b", "a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "/a", "a/",
                "a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "@", "a@{b", "HEAD", "a\u{7f}", "a\nb",
            ],
        );
    }

    #[test]
    fn an_output_directory_lies_inside_the_source() {
        check(
            is_output_directory,
            &[".", "dist", "dist/", ".next", "apps/web/dist", "a b", "..a"],
            &[
                "",
                "/",
                "/dist",
                "..",
                "../x",
                "a/../../x",
                "a/..",
                "./a",
                "a/./b",
                "a//b",
                "a\\..\\b",
                "a\nb",
                "a\0",
            ],
        );
    }

    #[test]
    fn an_image_is_no_option() {
        check(
            is_image,
            &[
                "node",
                "node:22",
                "docker.io/library/node:22-slim",
                "localhost:5000/a@sha256:0123",
                "Registry.example/a",
            ],
            &["", "-v", "--privileged", "node 22", "node:", "/node", "a//b", "a\n", "$(x)", "é"],
        );
    }

    #[test]
    fn a_command_is_one_line() {
        let long = "a".repeat(SETTING_MAX + 1);
        check(
            is_command,
            &["npm ci && npm run build", "make 'é 🦫'"],
            &["", " ", "a\nb", "a\tb", "a\u{202e}b", &long],
        );
    }
}
