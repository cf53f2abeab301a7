//! The user's entry in the container's `/etc/passwd`.
//!
//! A container runs with this user's uid, which its image may not know. Programs that ask for the
//! user's name then fail (`os.userInfo()` of Node, `getpass.getuser()` of Python, ssh). So the
//! image's own file, with one more line, is mounted over `/etc/passwd`, but only if the image's
//! file lacks the uid: podman adds a line by itself, unless the image has no such file, and docker
//! never does.

use rustix::process::{getegid, geteuid};

/// Name and home folder of a user whom the image does not know. Every image has `/tmp`, and
/// everybody may write there.
const NAME: &str = "builder";
const HOME: &str = "/tmp";

/// The command that prints the image's file, if it has one.
pub(super) const READ: &str = "cat /etc/passwd";

/// The image's own text with a line for this user; none if it has such a line already.
pub(super) fn with_this_user(own: &[u8]) -> Option<String> {
    with_user(&String::from_utf8_lossy(own), geteuid().as_raw(), getegid().as_raw())
}

fn with_user(own: &str, uid: u32, gid: u32) -> Option<String> {
    let number = uid.to_string();
    if own.lines().any(|line| line.split(':').nth(2) == Some(&number)) {
        return None;
    }
    let is_taken = own.lines().any(|line| line.split(':').next() == Some(NAME));
    let name = if is_taken { format!("{NAME}-{uid}") } else { NAME.to_owned() };
    let end = if own.is_empty() || own.ends_with('\n') { "" } else { "\n" };
    Some(format!("{own}{end}{name}:x:{uid}:{gid}::{HOME}:/bin/sh\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_whom_the_image_does_not_know_is_added_once() {
        let own = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh";
        assert_eq!(with_user(own, 0, 0), None);
        assert_eq!(with_user(own, 1000, 5), None);
        let more = with_user(own, 1001, 1002).unwrap();
        assert_eq!(more, format!("{own}\nbuilder:x:1001:1002::/tmp:/bin/sh\n"));
        assert_eq!(with_user(&more, 1001, 1002), None);
        assert!(with_user(&more, 7, 7).unwrap().ends_with("builder-7:x:7:7::/tmp:/bin/sh\n"));
        assert_eq!(with_user("", 7, 8).unwrap(), "builder:x:7:8::/tmp:/bin/sh\n");
        // Another uid that begins with the same digit, and the same number as a gid.
        assert!(with_user("a:x:70:7::/:/bin/sh\n", 7, 7).is_some());
    }
}
