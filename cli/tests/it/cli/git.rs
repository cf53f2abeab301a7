//! An archive that somebody sent, whose repository names programs by every key that can: none of them runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::sandbox::Sandbox;

/// Keys of git's configuration whose value is a command, with what makes git run it where it is more than the key.
const PROGRAMS: &[&str] = &[
    "alias.ls-files=!",
    "alias.check-ignore=!",
    "alias.rev-parse=!",
    "core.fsmonitor=",
    "core.hooksPath=hooks:",
    "core.sshCommand=",
    "core.gitProxy=",
    "core.askPass=",
    "core.pager=",
    "core.editor=",
    "core.alternateRefsCommand=",
    "credential.helper=!",
    "diff.external=",
    "diff.x.textconv=",
    "diff.x.command=",
    "filter.x.clean=",
    "filter.x.smudge=",
    "filter.x.process=",
    "gpg.program=",
    "gpg.ssh.defaultKeyCommand=",
    "interactive.diffFilter=",
    "merge.x.driver=",
    "pager.ls-files=",
    "remote.origin.uploadpack=",
    "sequence.editor=",
    "trailer.x.command=",
    "uploadpack.packObjectsHook=",
    "extensions.partialClone=origin",
    "remote.origin.promisor=true",
    "remote.origin.url=ext::",
    "protocol.ext.allow=always",
    "submodule.recurse=true",
    "core.untrackedCache=true",
];

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    assert!(command.output().unwrap().status.success(), "{arguments:?}");
}

fn write_program(path: &Path, ran: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", ran.display())).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A repository in the project's folder, every setting of which runs a program that leaves its name in `ran`.
fn hostile(sandbox: &Sandbox, ran: &Path) {
    let root = sandbox.path("");
    git(&root, &["init", "-q"]);
    sandbox.write(".env", "A=canary\n");
    git(&root, &["add", "-f", ".env"]);
    let program = sandbox.path("evil");
    write_program(&program, ran);
    for hook in ["post-index-change", "fsmonitor-watchman", "query-watchman", "pre-commit", "post-checkout"] {
        write_program(&sandbox.path("hooks").join(hook), ran);
        write_program(&sandbox.path(".git/hooks").join(hook), ran);
    }
    sandbox.write(".gitattributes", "* filter=x diff=x merge=x\n");
    sandbox.write(".git/info/attributes", "* filter=x diff=x merge=x\n");
    let included = sandbox.path(".git/more");
    git(&root, &["config", "include.path", included.to_str().unwrap()]);
    for setting in PROGRAMS {
        let (key, kind) = setting.split_once('=').unwrap();
        let value = match kind {
            "" => program.display().to_string(),
            "!" => format!("!{}", program.display()),
            "hooks:" => sandbox.path("hooks").display().to_string(),
            "ext::" => format!("ext::{} %S", program.display()),
            plain => plain.to_owned(),
        };
        git(&root, &["config", "--file", included.to_str().unwrap(), key, &value]);
        git(&root, &["config", key, &value]);
    }
}

#[test]
fn a_repositorys_configuration_runs_nothing() {
    let mut sandbox = Sandbox::logged_in();
    let ran = sandbox.config("ran");
    hostile(&sandbox, &ran);
    // That the trap is set: git itself would run it.
    let status = Command::new("git").args(["status"]).current_dir(sandbox.path("")).output().unwrap();
    assert!(ran.exists(), "{}", String::from_utf8_lossy(&status.stderr));
    fs::remove_file(&ran).unwrap();
    // Nor does any program of that name run, whatever it is told.
    write_program(&sandbox.path("bin/git"), &ran);
    let path = format!("{}:{}", sandbox.path("bin").display(), sandbox.env["PATH"]);
    sandbox.env.insert("PATH".into(), path);
    for (name, value) in [
        ("GIT_DIR", sandbox.path(".git").display().to_string()),
        ("GIT_CONFIG_COUNT", "1".into()),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor".into()),
        ("GIT_CONFIG_VALUE_0", sandbox.path("evil").display().to_string()),
        ("GIT_EXTERNAL_DIFF", sandbox.path("evil").display().to_string()),
    ] {
        sandbox.env.insert(name.into(), value);
    }
    let initialised = sandbox.capy(&["init"]).succeeds();
    assert!(initialised.stderr.contains("git tracks .env already"), "{}", initialised.stderr);
    let encrypted = sandbox.capy(&["encrypt"]).succeeds();
    assert!(encrypted.stderr.contains("git tracks this file"), "{}", encrypted.stderr);
    sandbox.capy_with(&["set", "B"], "1").succeeds();
    sandbox.capy(&["list"]).succeeds();
    sandbox.capy(&["unset", "B"]).succeeds();
    sandbox.capy(&["run", "--", "true"]).succeeds();
    sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds();
    assert!(!ran.exists(), "{}", fs::read_to_string(&ran).unwrap());
}

#[test]
fn a_git_file_that_points_elsewhere_and_a_repository_inside_of_a_tree_run_nothing() {
    let mut sandbox = Sandbox::logged_in();
    let ran = sandbox.config("ran");
    hostile(&sandbox, &ran);
    // As a bare repository that a tree carries, with a `.git` file that leads there.
    fs::rename(sandbox.path(".git"), sandbox.path("carried")).unwrap();
    let worktree = sandbox.path("").display().to_string();
    git(&sandbox.path(""), &["config", "--file", "carried/config", "core.worktree", &worktree]);
    sandbox.write(".git", "gitdir: carried\n");
    write_program(&sandbox.path("bin/git"), &ran);
    let path = format!("{}:{}", sandbox.path("bin").display(), sandbox.env["PATH"]);
    sandbox.env.insert("PATH".into(), path);
    let initialised = sandbox.capy(&["init"]).succeeds();
    assert!(initialised.stderr.contains("git tracks .env already"), "{}", initialised.stderr);
    sandbox.capy(&["encrypt"]).succeeds();
    assert!(!ran.exists(), "{}", fs::read_to_string(&ran).unwrap());
    // An index that nobody can read is said so, and holds nobody up.
    fs::remove_file(sandbox.path("carried/index")).unwrap();
    assert!(Command::new("mkfifo").arg(sandbox.path("carried/index")).status().unwrap().success());
    sandbox.write(".env", "A=canary\n");
    let encrypted = sandbox.capy(&["encrypt"]).succeeds();
    assert!(encrypted.stderr.contains("it does not know whether git tracks .env"), "{}", encrypted.stderr);
}
