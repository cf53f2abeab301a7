//! `capy deploy` at a terminal, where no browser can be.

use crate::cli::terminal::Terminal;
use crate::sandbox::{CANARY, Sandbox};

#[test]
fn where_no_browser_can_be_the_steps_are_asked_at_the_terminal() {
    let sandbox = Sandbox::project();
    for name in ["A", "B"] {
        sandbox.capy_with(&["set", name], &format!("canary.{name}.x9")).succeeds();
    }
    sandbox.write("fly.toml", "");
    let mut terminal = Terminal::start(&sandbox, &["deploy"]);
    for (question, answer) in [
        ("platform [fly]: ", "cloud"),
        ("did you mean ", "nope"),
        ("none of these", "vercel"),
        ("environment: production, preview, development [production]: ", "preview"),
        ("variables: A, B", "NOPE"),
        ("NOPE is not one of them", "B"),
        ("a label for `capy deploy list` [the environment, if any]: ", ""),
        ("such as 90d [never]: ", "soon"),
        ("invalid time", "90d"),
        ("may open it? [any number]: ", "0"),
        ("any number]: 0", "3"),
        ("is it for another client than capy? [y/N] ", "y"),
        ("beside the blob: project-key or deploy-key? [project-key]: ", "key"),
        ("none of these", "deploy-key"),
        ("format: v1 or v0? [v1]: ", ""),
        ("make a deployment for Vercel; its variables: (w)ritten to capy.env, or (p)rinted here? ", "p"),
    ] {
        terminal.wait_for(question);
        terminal.type_keys(&format!("{answer}\n"));
    }
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("_CAPY_SECRETS_BLOB=") && shown.contains("Build Command:"), "{shown}");
    assert!(!shown.contains(CANARY), "{shown}");
    let deploys = sandbox.service.deploys();
    assert_eq!((deploys.len(), deploys[0].label.as_deref()), (1, Some("preview")));
    assert!(deploys[0].max_uses == Some(3) && deploys[0].expires_at.is_some());
}

#[test]
fn a_no_at_the_terminal_makes_nothing() {
    let sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    let mut terminal =
        Terminal::start(&sandbox, &["deploy", "--platform", "docker", "--only", "A", "--label", "x"]);
    for _ in 0..3 {
        terminal.type_keys("\n");
    }
    terminal.wait_for("or (p)rinted here? ");
    terminal.type_keys("n\n");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(sandbox.service.deploys().is_empty());
}

#[test]
fn what_does_not_fit_is_split_at_the_terminal_and_set_by_the_platforms_own_program() {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "LONG"], &format!("canary{}", "x".repeat(9000))).succeeds();
    let script = "#!/bin/sh\ncase \"$*\" in *list*) cut -d'\"' -f2 \"$HOME/store\" | grep -E 'BLOB|KEY|URL' ;; *) tr ',' '\\n' > \"$HOME/store\" ;; esac\n";
    sandbox.write_program("wrangler", script);
    let mut terminal = Terminal::start(&sandbox, &["deploy", "--platform", "cloudflare-pages"]);
    for (question, answer) in [
        ("environment: production, preview [production]: ", ""),
        ("which of them? [all]: ", ""),
        ("[the environment, if any]: ", ""),
        ("[never]: ", ""),
        ("[any number]: ", ""),
        ("[y/N] ", ""),
        ("5120 are allowed in one variable", ""),
        ("split the blob over several variables? [Y/n] ", "y"),
        ("its variables: (s)et by wrangler, (w)ritten to capy.env, or (p)rinted here? ", "s"),
        ("project (--project-name) [this folder's]: ", "shop"),
        ("wrangler pages secret bulk --env production --project-name shop", ""),
        ("run them? [y/N] ", "y"),
    ] {
        terminal.wait_for(question);
        if question.ends_with(' ') {
            terminal.type_keys(&format!("{answer}\n"));
        }
    }
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    let all = "does not show whether the value is whole: CAPY_SERVICE_URL, PROJECT_KEY, SECRETS_BLOB, SECRETS_BLOB_2, SECRETS_BLOB_3";
    assert!(shown.contains(all) && !shown.contains(CANARY), "{shown}");
}

#[test]
fn the_variables_are_written_for_this_user_alone_and_never_over_a_file() {
    let mut sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    let arguments = [
        "deploy",
        "--platform",
        "docker",
        "--only",
        "A",
        "--label",
        "x",
        "--expires",
        "1d",
        "--max-uses",
        "9",
    ];
    for (is_there, question) in
        [(false, "(w)ritten to capy.env, "), (true, "Docker; its variables: (p)rinted here? ")]
    {
        let mut terminal = Terminal::start(&sandbox, &arguments);
        terminal.wait_for("another client");
        terminal.type_keys("\n");
        terminal.wait_for(question);
        terminal.type_keys("w\n");
        if is_there {
            terminal.wait_for("type one of the letters");
            terminal.type_keys("n\n");
        }
        let (code, shown) = terminal.end();
        assert!(code == Some(0) && !shown.contains("PROJECT_KEY="), "{shown}");
        assert!(is_there || shown.contains("the variables are in capy.env: keep it out of git"), "{shown}");
    }
    assert_eq!(crate::sandbox::mode(&sandbox.path("capy.env")), 0o600);
    assert_eq!(sandbox.service.deploys().len(), 1);
    let lines = sandbox.read("capy.env");
    sandbox.become_platform(&lines);
    assert_eq!(sandbox.capy(&["run", "--", "sh", "-c", "echo $A"]).succeeds().stdout, "canary.A.x9\n");
}

#[test]
fn a_deployment_that_nobody_holds_is_revoked_from_the_list_on_a_yes() {
    let sandbox = Sandbox::project();
    sandbox.capy_with(&["set", "A"], "canary.A.x9").succeeds();
    sandbox.capy(&["deploy", "--platform", "other", "--print"]).succeeds();
    let id = sandbox.service.deploys()[0].deploy_id;
    assert_eq!(std::fs::read_dir(sandbox.config("unclaimed")).unwrap().count(), 0, "it was printed");
    // As a page leaves it that is killed before anything was taken.
    std::fs::write(sandbox.config("unclaimed").join(id.to_string()), "").unwrap();
    for (answer, revoked) in [("n", false), ("y", true)] {
        let mut terminal = Terminal::start(&sandbox, &["deploy", "list"]);
        terminal.wait_for("nobody received the variables of");
        terminal.wait_for("revoke them? [y/N] ");
        terminal.type_keys(&format!("{answer}\n"));
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(0), "{shown}");
        assert_eq!(sandbox.service.deploys()[0].revoked_at.is_some(), revoked, "{shown}");
    }
    assert_eq!(std::fs::read_dir(sandbox.config("unclaimed")).unwrap().count(), 0);
}
