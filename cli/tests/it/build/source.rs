//! Where a source comes from, and which are refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::build::bench::Bench;

fn git(bench: &Bench, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"];
    let output = Command::new("/usr/bin/env")
        .arg("git")
        .args(identity)
        .args(arguments)
        .current_dir(bench.path("repository"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with two branches and a hook that would be seen.
fn repository(bench: &mut Bench) -> String {
    fs::create_dir(bench.path("repository")).unwrap();
    git(bench, &["init", "--quiet"]);
    for (branch, text) in [("main", "of main"), ("next", "of next")] {
        git(bench, &["checkout", "--quiet", "-B", branch]);
        fs::write(bench.path("repository/branch"), text).unwrap();
        git(bench, &["add", "."]);
        git(bench, &["commit", "--quiet", "-m", branch]);
    }
    git(bench, &["checkout", "--quiet", "main"]);
    bench.set("repository_url", bench.path("repository").display().to_string());
    bench.set("build_command", "mkdir dist; cp branch dist/; ls -a > dist/files; echo 1 > dist/server.js");
    git(bench, &["rev-parse", "next"])
}

#[test]
fn a_branch_a_commit_and_the_repositorys_own_are_cloned_without_gits_folder() {
    let Some(mut bench) = Bench::new() else { return };
    let next = repository(&mut bench);
    for (arguments, branch, expected) in [
        (vec!["--ref", "next"], None, "of next"),
        (vec!["--ref", &next], None, "of next"),
        (vec!["--ref"], None, "of main"),
        (vec!["--ref"], Some("next"), "of next"),
    ] {
        bench.set("branch", branch.map(str::to_owned));
        bench.build(&arguments).passes();
        assert_eq!(bench.artifact("branch"), expected, "{arguments:?}");
        assert!(!bench.artifact("files").contains(".git\n"));
        assert_eq!(bench.record()["commit"].as_str().unwrap().len(), 40);
        fs::remove_dir_all(bench.path("out")).unwrap();
    }
    assert_eq!(bench.record()["commit"], next);
    bench.is_clean();
}

#[test]
fn a_clone_that_fails_leaves_nothing_and_no_password_is_told() {
    let Some(mut bench) = Bench::new() else { return };
    repository(&mut bench);
    bench.build(&["--ref", "none"]).fails(64, "CLONE_FAILED");
    bench.set("repository_url", "https://me:canary.PASSWORD.x9@127.0.0.1:1/a.git");
    let outcome = bench.build(&["--allow-host", "127.0.0.1:1", "--ref"]).fails(64, "CLONE_FAILED");
    assert!(outcome.stderr.contains("https://127.0.0.1:1/a.git"), "{}", outcome.stderr);
    assert_eq!(bench.record()["status"], "failed");
    bench.is_clean();
}

#[test]
fn an_address_that_would_run_a_program_is_refused_before_git_sees_it() {
    let Some(mut bench) = Bench::new() else { return };
    bench.program("git", &format!("#!/bin/sh\ntouch '{}'\n", bench.path("git was run").display()));
    for url in ["ext::sh -c id", "--upload-pack=id", "fd::3", "http://127.0.0.1/a", "../a"] {
        bench.set("repository_url", url);
        bench.build(&["--ref"]).fails(2, "SETTING_UNUSABLE");
    }
    bench.set("repository_url", "https://1.1.1.1/a");
    for reference in ["--upload-pack=id", "a:b", "+a", "a b"] {
        assert_eq!(bench.build(&["--ref", reference]).code, 2, "{reference}");
        assert!(!bench.path("git was run").exists(), "{reference}");
    }
    bench.set("repository_url", None::<String>);
    bench.build(&["--ref"]).fails(2, "NO_SOURCE");
    bench.is_clean();
}

#[test]
fn a_link_that_leads_out_of_the_source_is_refused_from_a_folder_and_a_clone() {
    let Some(mut bench) = Bench::new() else { return };
    repository(&mut bench);
    for folder in ["source", "repository"] {
        symlink("/etc", bench.path(folder).join("out")).unwrap();
    }
    git(&bench, &["add", "."]);
    git(&bench, &["commit", "--quiet", "-m", "link"]);
    bench.build(&[]).fails(64, "LINK_LEAVES_TREE");
    bench.build(&["--ref"]).fails(64, "LINK_LEAVES_TREE");
    bench.is_clean();
}

#[test]
fn a_committed_env_that_is_a_link_is_set_aside_and_what_it_leads_to_stays() {
    let Some(mut bench) = Bench::new() else { return };
    repository(&mut bench);
    fs::write(bench.path("repository/real"), "kept").unwrap();
    symlink("real", bench.path("repository/.env")).unwrap();
    git(&bench, &["add", "-f", "."]);
    git(&bench, &["commit", "--quiet", "-m", "link"]);
    bench.set("build_command", "mkdir dist; cp real dist/; echo 1 > dist/server.js; test ! -L .env");
    let outcome = bench.build(&["--ref"]).passes();
    assert!(outcome.stderr.contains(".env is set aside"), "{}", outcome.stderr);
    assert_eq!(bench.artifact("real"), "kept");
    bench.is_clean();
}

#[test]
fn a_project_name_that_leads_elsewhere_makes_no_folder() {
    let Some(mut bench) = Bench::new() else { return };
    for name in ["../../etc", "..", "a/b", "/etc", ".hidden"] {
        bench.set("name", name);
        let (source, out) = (bench.path("source"), bench.path("out"));
        let arguments =
            ["build", crate::build::bench::PROJECT, "--source", source.to_str().unwrap(), "--artifacts"];
        let outcome = bench.capy(&[&arguments[..], &[out.to_str().unwrap()]].concat());
        outcome.fails(1, "PROJECT_NAME_UNFIT");
    }
    bench.is_clean();
}

/// A `git` that notes how it is called, and does nothing.
fn noting_git(bench: &Bench) {
    let calls = bench.path("home/git-calls");
    let script = format!("#!/bin/sh\n(printf '%s ' \"$@\"; echo; env) >> '{}'\nexit 1\n", calls.display());
    bench.program("git", &script);
}

#[test]
fn a_host_that_the_build_host_does_not_allow_is_never_asked() {
    let Some(mut bench) = Bench::new() else { return };
    noting_git(&bench);
    for url in [
        "git@evil.example:a/b.git",
        "ssh://git@evil.example/a",
        "https://127.0.0.1/a",
        "https://localhost/a",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]:8443/a",
        "https://10.0.0.7/a",
    ] {
        bench.set("repository_url", url);
        let outcome = bench.build(&["--ref"]).fails(64, "HOST_NOT_ALLOWED");
        assert!(
            outcome.stderr.contains("hint: ") && outcome.stderr.contains("--allow-host "),
            "{}",
            outcome.stderr
        );
        // With a list, no other host at all.
        bench.build(&["--allow-host", "git.example", "--ref"]).fails(64, "HOST_NOT_ALLOWED");
    }
    bench.set("repository_url", "https://public.example/a");
    bench.env.insert("CAPY_BUILD_HOSTS".into(), "git.example, other.example:8443".into());
    let outcome = bench.build(&["--ref"]).fails(64, "HOST_NOT_ALLOWED");
    assert!(outcome.stderr.contains("--allow-host public.example,"), "{}", outcome.stderr);
    bench.env.insert("CAPY_BUILD_HOSTS".into(), "https://git.example".into());
    bench.build(&["--ref"]).fails(2, "SETTING_UNUSABLE");
    assert!(!bench.path("home/git-calls").exists());
    bench.is_clean();
}

#[test]
fn a_host_that_is_allowed_is_asked_as_this_user_and_leads_nowhere_else() {
    let Some(mut bench) = Bench::new() else { return };
    noting_git(&bench);
    bench.env.insert("SSH_AUTH_SOCK".into(), "/agent".into());
    for url in ["git@GIT.example:a/b.git", "ssh://git@git.example/a", "https://git.example./a"] {
        bench.set("repository_url", url);
        bench.build(&["--allow-host", "git.example", "--ref"]).fails(64, "CLONE_FAILED");
        let calls = fs::read_to_string(bench.path("home/git-calls")).unwrap();
        assert!(calls.contains("SSH_AUTH_SOCK=/agent") && calls.contains("HOME=/"), "{calls}");
        assert!(
            calls.contains("http.followRedirects=false") && calls.contains("filter.lfs.smudge= "),
            "{calls}"
        );
        fs::remove_file(bench.path("home/git-calls")).unwrap();
    }
    bench.is_clean();
}

#[test]
fn a_public_host_is_asked_without_keys_passwords_and_configuration() {
    let Some(mut bench) = Bench::new() else { return };
    noting_git(&bench);
    bench.env.extend(
        [("SSH_AUTH_SOCK", "/agent"), ("GIT_CONFIG_COUNT", "1"), ("XDG_CONFIG_HOME", "/xdg")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    bench.set("repository_url", "https://1.1.1.1/a");
    bench.build(&["--ref"]).fails(64, "CLONE_FAILED");
    let calls = fs::read_to_string(bench.path("home/git-calls")).unwrap();
    for given in [
        "http.curloptResolve=1.1.1.1:443:1.1.1.1 ",
        "http.followRedirects=false",
        "HOME=/dev/null\n",
        "GIT_CONFIG_GLOBAL=/dev/null\n",
        "GIT_CONFIG_NOSYSTEM=1\n",
        "GIT_ALLOW_PROTOCOL=https\n",
        "GIT_TERMINAL_PROMPT=0\n",
    ] {
        assert!(calls.contains(given), "{given}: {calls}");
    }
    for kept in ["SSH_AUTH_SOCK", "GIT_CONFIG_COUNT", "/xdg", "ENCRYPTION_KEY", "CAPY_TOKEN"] {
        assert!(!calls.contains(kept), "{kept}: {calls}");
    }
    bench.is_clean();
}
