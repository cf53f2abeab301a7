//! `capy audit`, `audit verify`, `service roots`.

use std::fs;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::stand_in::Fault;

fn event(id: u64, result: &str) -> Value {
    json!({
        "id": id, "at": 1_700_000_000_000_u64, "action": "decrypt", "result": result, "subject": "ab".repeat(32),
        "actor": null, "address": "192.0.2.7", "country": "IS", "user_agent": "ca\u{1b}[2Jnary/1",
    })
}

fn audit_path(sandbox: &Sandbox) -> String {
    let text = sandbox.read("capy.toml");
    let project = text.lines().find_map(|line| line.strip_prefix("project_id = ")).unwrap().trim_matches('"');
    format!("/projects/{project}/audit")
}

fn checkpoint(id: u64, digest: &str) -> Value {
    json!({ "id": id, "upto": 10 * id, "count": 10, "digest": digest, "key_id": 7, "at": 1 })
}

/// A trail of these checkpoints, with findings under the last of them.
fn can_trail(sandbox: &Sandbox, digests: &[&str], findings: Value) {
    for (index, digest) in digests.iter().enumerate() {
        let (from, is_last) = (index as u64 + 1, index + 1 == digests.len());
        sandbox.service.can(
            &format!("/admin/audit/verify?from={from}"),
            json!({
                "checkpoint": checkpoint(from, digest),
                "findings": if is_last { findings.clone() } else { json!([]) },
                "next": if is_last { Value::Null } else { json!(from + 1) },
            }),
        );
    }
}

#[test]
fn the_trail_is_a_table_or_json_and_steers_no_terminal() {
    let sandbox = Sandbox::project();
    let path = audit_path(&sandbox);
    sandbox
        .service
        .can(&path, json!({ "events": [event(3, "ok"), event(2, "DEPLOY_REVOKED")], "next": "2" }));
    sandbox.service.can(&format!("{path}?cursor=2"), json!({ "events": [event(1, "ok")], "next": null }));
    let shown = sandbox.capy(&["audit"]).succeeds();
    insta::assert_snapshot!("audit", shown.shown());
    let few = sandbox.capy(&["audit", "--last", "2", "--json"]).succeeds().stdout;
    let few: Value = serde_json::from_str(&few).unwrap();
    let ids: Vec<_> = few["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64()).collect();
    assert_eq!(ids, [Some(3), Some(2)]);
}

#[test]
fn a_whole_trail_is_said_to_be_whole_and_its_end_is_remembered() {
    let sandbox = Sandbox::project();
    can_trail(&sandbox, &["d1", "d2"], json!([]));
    let whole = sandbox.capy(&["audit", "verify"]).succeeds();
    assert!(whole.stderr.contains("is whole: 20 events under 2 checkpoints"), "{}", whole.stderr);
    let remembered = fs::read_to_string(sandbox.config("audit.toml")).unwrap();
    assert!(remembered.contains("checkpoint = 2") && remembered.contains("d2"), "{remembered}");

    can_trail(&sandbox, &["d1"], json!([]));
    let nothing = json!({ "checkpoint": null, "findings": [], "next": null });
    sandbox.service.can("/admin/audit/verify?from=2", nothing);
    let cut = sandbox.capy(&["audit", "verify"]).fails(50, "AUDIT_TAMPERED");
    assert!(
        cut.stderr.contains("checkpoint 2: missing, although this machine saw them before"),
        "{}",
        cut.stderr
    );
    can_trail(&sandbox, &["d1", "other", "d3"], json!([]));
    // What came before the remembered one is not asked for.
    sandbox
        .service
        .can("/admin/audit/verify?from=1", json!({ "checkpoint": null, "findings": [], "next": null }));
    let rewritten = sandbox.capy(&["audit", "verify"]).fails(50, "AUDIT_TAMPERED");
    assert!(rewritten.stderr.contains("checkpoint 2: different from"), "{}", rewritten.stderr);
    can_trail(&sandbox, &["d1", "d2", "d3"], json!([]));
    let rest = sandbox.capy(&["audit", "verify"]).succeeds();
    let expected = "20 events under 2 checkpoints, from checkpoint 2 on, which this machine saw before";
    assert!(rest.stderr.contains(expected), "{}", rest.stderr);
    let whole = sandbox.capy(&["audit", "verify", "--all"]).succeeds();
    assert!(whole.stderr.ends_with("30 events under 3 checkpoints\n"), "{}", whole.stderr);
    fs::write(sandbox.config("audit.toml"), "garbage").unwrap();
    sandbox.capy(&["audit", "verify"]).fails(10, "CHECKPOINTS_MALFORMED");
}

#[test]
fn what_was_tampered_with_is_named() {
    let sandbox = Sandbox::project();
    let findings = json!([
        { "flaw": "removed", "first": 3, "last": 3 },
        { "flaw": "added", "first": 5, "last": 7 },
        { "flaw": "changed", "first": 9, "last": 9 },
        { "flaw": "unreadable", "first": 12, "last": 12 },
        { "flaw": "brand-new", "first": 1, "last": 1 },
    ]);
    can_trail(&sandbox, &["d1"], findings);
    let named = sandbox.capy(&["audit", "verify"]).fails(50, "AUDIT_TAMPERED");
    insta::assert_snapshot!("audit_verify", named.shown());
    let json = sandbox.capy(&["audit", "verify", "--all", "--json"]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, report["findings"][1]["flaw"].as_str()), (50, Some("added")));
}

#[test]
fn rows_that_somebody_else_wrote_are_named() {
    let sandbox = Sandbox::project();
    can_trail(&sandbox, &["d1"], json!([]));
    let finding = |kind: &str, id: &str, flaw: &str| json!({ "kind": kind, "id": id, "flaw": flaw });
    let first =
        [finding("deploy", &"ab".repeat(32), "altered"), finding("deploy", "x\u{1b}[2J", "unreadable")];
    sandbox
        .service
        .can("/admin/rows/verify", json!({ "checked": 100, "findings": first, "next": "token-61" }));
    let second = [
        finding("token", "tok_0123456789abcdef", "put-back"),
        finding("trust", "tru_0123456789abcdef", "unsealed"),
        finding("trust", "tru_fedcba9876543210", "brand-new"),
    ];
    let page = json!({ "checked": 3, "findings": second, "next": null });
    sandbox.service.can("/admin/rows/verify?cursor=token-61", page);
    let named = sandbox.capy(&["audit", "verify"]).fails(50, "AUDIT_TAMPERED");
    assert!(!named.shown().contains('\u{1b}'));
    insta::assert_snapshot!("audit_verify_rows", named.shown());
    let json = sandbox.capy(&["audit", "verify", "--json"]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (report["rows_checked"].as_u64(), report["row_findings"].as_array().unwrap().len()),
        (Some(103), 5)
    );
}

#[test]
fn rows_from_before_seals_are_sealed_after_a_question() {
    let sandbox = Sandbox::project();
    let row = |kind: &str, id: &str| json!({ "kind": kind, "id": id });
    let sealed = [row("deploy", &"ab".repeat(32)), row("token", "tok_0123456789abcdef")];
    let refused = [json!({ "kind": "deploy", "id": "cd".repeat(32), "flaw": "put-back" })];
    sandbox.service.can("/admin/rows/seal", json!({ "sealed": sealed, "refused": refused, "next": null }));
    sandbox.capy(&["service", "seal-rows"]).fails(1, "NOT_CONFIRMED");
    let dry = |seen: &crate::stand_in::Seen| seen.path == "/admin/rows/seal" && !seen.body.contains("true");
    assert!(!sandbox.service.seen().iter().any(dry), "nothing is sealed yet");
    let done = sandbox.capy(&["service", "seal-rows", "--yes"]).succeeds();
    assert!(sandbox.service.seen().iter().any(dry));
    insta::assert_snapshot!("service_seal_rows", done.shown());
}

#[test]
fn an_answer_about_another_segment_is_no_proof() {
    let sandbox = Sandbox::project();
    let answer = json!({ "checkpoint": checkpoint(5, "d5"), "findings": [], "next": null });
    sandbox.service.can("/admin/audit/verify?from=1", answer);
    sandbox.capy(&["audit", "verify"]).fails(21, "SERVICE_ERROR");
}

#[test]
fn roots_say_which_may_be_taken_away() {
    let sandbox = Sandbox::project();
    let root = |key_id: u32, held: bool, newest: bool, live: u32, trail: u32| json!({ "key_id": key_id, "held": held, "newest": newest, "live": live, "trail": trail });
    let roots = [
        root(1, true, false, 0, 0),
        root(2, true, false, 3, 0),
        root(5, true, false, 0, 12),
        root(3, true, true, 9, 1),
        root(4, false, false, 2, 0),
        root(6, false, false, 0, 7),
    ];
    sandbox.service.can("/admin/wrap-roots", json!({ "roots": roots }));
    insta::assert_snapshot!("service_roots", sandbox.capy(&["service", "roots"]).succeeds().shown());
    let json = sandbox.capy(&["service", "roots", "--json"]).succeeds().stdout;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["roots"][1]["live"], 3);
}

fn given_up() -> Value {
    json!([
        { "flaw": "checkpoint-given-up", "first": 1, "last": 1, "key_id": 6 },
        { "flaw": "given-up", "first": 5, "last": 11, "key_id": 6 },
    ])
}

#[test]
fn a_lost_root_is_given_up_after_a_question_that_says_what_goes_with_it() {
    let sandbox = Sandbox::project();
    let lost = json!({ "events": 7, "findings": given_up(), "checkpoint": checkpoint(2, "d2") });
    sandbox.service.can("/admin/audit/give-up", lost);
    let asked = sandbox.capy(&["audit", "give-up", "6"]).fails(1, "NOT_CONFIRMED");
    assert!(asked.stderr.starts_with("7 events lose their proof with wrap root 6\n"), "{}", asked.stderr);
    insta::assert_snapshot!(
        "audit_give_up",
        sandbox.capy(&["audit", "give-up", "6", "--yes"]).succeeds().shown()
    );
    let json = sandbox.capy(&["audit", "give-up", "6", "7", "--yes", "--json"]).succeeds();
    assert!(json.stderr.starts_with("7 events lose their proof with wrap roots 6, 7\n"), "{}", json.stderr);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["checkpoint"]["id"], 2);
    let seen = sandbox.service.seen().into_iter().filter(|seen| seen.method == "POST");
    let bodies: Vec<_> = seen.map(|seen| seen.body).collect();
    let dry = |body: &&String| body.contains("\"dry_run\":true");
    assert_eq!((bodies.len(), bodies.iter().filter(dry).count()), (5, 3), "{bodies:?}");
    assert!(dry(&&bodies[0]) && dry(&&bodies[1]) && !dry(&&bodies[2]), "asked first: {bodies:?}");
    sandbox.service.fail_next([Fault::Refuse(409, "NOT_GIVEN_UP")]);
    sandbox.capy(&["audit", "give-up", "6", "--yes"]).fails(21, "SERVICE_REFUSED");
}

#[test]
fn what_was_given_up_is_told_and_is_no_tampering() {
    let sandbox = Sandbox::project();
    for from in [1, 2] {
        let next = if from == 1 { json!(2) } else { Value::Null };
        let answer = json!({ "checkpoint": checkpoint(from, "d"), "findings": given_up(), "next": next });
        sandbox.service.can(&format!("/admin/audit/verify?from={from}"), answer);
    }
    let told = sandbox.capy(&["audit", "verify"]).succeeds();
    insta::assert_snapshot!("audit_verify_given_up", told.shown());
    let json = sandbox.capy(&["audit", "verify", "--all", "--json"]).succeeds();
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["findings"], given_up(), "once, although each checkpoint says it");
    let mut findings = given_up().as_array().unwrap().clone();
    findings.push(json!({ "flaw": "changed", "first": 9, "last": 9 }));
    can_trail(&sandbox, &["d", "d"], json!(findings));
    let changed = sandbox.capy(&["audit", "verify", "--all"]).fails(50, "AUDIT_TAMPERED");
    assert!(
        changed.stderr.contains("rows 5 to 11: those sealed under wrap root 6 have no proof"),
        "{}",
        changed.stderr
    );
}

#[test]
fn events_of_the_service_itself_are_asked_for_by_name() {
    let sandbox = Sandbox::project();
    let created = json!({
        "id": 1, "at": 1_700_000_000_000_u64, "action": "create-token", "result": "ok", "subject": "tok_0123456789abcdef",
        "actor": "bootstrap", "address": "192.0.2.7", "country": null, "user_agent": "capy/1", "detail": "deploy:prj_a",
    });
    sandbox.service.can("/admin/audit", json!({ "events": [created], "next": null }));
    insta::assert_snapshot!("audit_service", sandbox.capy(&["audit", "--service"]).succeeds().shown());
}
