//! The service's own JSON against `serde_json` and the derives of the same types: what it takes, and every byte it writes.

mod reference;

use capy_protocol::api::projects::{
    NewProject, NewSecret, Project, ProjectChange, ProjectDetail, ProjectList, Recipe, RemovedProject,
    RemovedSecret, RotateRequest, Rotated, SecretInfo, StoreKeyList, StoreRows,
};
use capy_protocol::api::tokens::{Bearer, CreatedToken, NewToken, RevokedToken, TokenList};
use capy_protocol::api::trusts::{NewTrust, RemovedTrust, TrustClaims, TrustList};
use capy_protocol::api::{
    AuditList, AuditVerification, DecryptRequest, DecryptResponse, DeployList, ErrorBody, Finding, Health,
    RegisterRequest, RegisterResponse, RevokeAllResponse, RevokeResponse, RowVerification, SealRows,
    SealedRows, WrapRootList, WriteOffRequest, WriteOffResponse,
};
use capy_protocol::json::{FromJson, ToJson, read, write};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const DEPLOY: &str = "abababababababababababababababababababababababababababababababab";

/// The sample, and what it becomes when any one value in it is another, is missing, or has a neighbour.
fn variants(sample: &Value) -> Vec<Value> {
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(7),
        json!(256),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!(-1),
        json!(1.0),
        json!(1.5),
        json!(""),
        json!("x\"\\\n\u{1}\u{7f}é🦫"),
        json!("deploy-key"),
        json!("given-up"),
        json!("prj_b"),
        json!("admin"),
        json!([]),
        json!([null]),
        json!({}),
    ];
    let mut all = vec![sample.clone()];
    match sample {
        Value::Object(fields) => {
            for (name, value) in fields {
                let mut with = |other: Option<Value>| {
                    let mut fields = fields.clone();
                    match other {
                        Some(other) => fields.insert(name.clone(), other),
                        None => fields.remove(name),
                    };
                    all.push(fields.into());
                };
                with(None);
                others.iter().for_each(|other| with(Some(other.clone())));
                variants(value).into_iter().for_each(|other| with(Some(other)));
            }
            let mut fields = fields.clone();
            fields.insert("unknown".into(), json!(1));
            all.push(fields.into());
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                for other in others.iter().cloned().chain(variants(item)) {
                    let mut items = items.clone();
                    items[place] = other;
                    all.push(items.into());
                }
            }
        }
        _ => {}
    }
    all
}

/// Both read the same of its variants, and refuse the same.
fn check_read<T: FromJson + DeserializeOwned + Serialize>(sample: Value) {
    assert!(serde_json::from_value::<T>(sample.clone()).is_ok(), "{sample}");
    for variant in variants(&sample) {
        let bytes = variant.to_string();
        let own = read::<T>(bytes.as_bytes()).map(|own| serde_json::to_string(&own).unwrap());
        let derived = serde_json::from_str::<T>(&bytes).map(|read| serde_json::to_string(&read).unwrap());
        assert_eq!(own.as_ref().ok(), derived.as_ref().ok(), "{bytes}: {own:?}, {derived:?}");
    }
}

/// Both write the same of those of its variants that are such things.
fn check_write<T: ToJson + DeserializeOwned + Serialize>(sample: Value) {
    assert!(serde_json::from_value::<T>(sample.clone()).is_ok(), "{sample}");
    for variant in variants(&sample) {
        if let Ok(value) = serde_json::from_value::<T>(variant) {
            assert_eq!(write(&value), serde_json::to_string(&value).unwrap());
        }
    }
}

#[test]
fn requests_are_read_as_their_derives_read_them() {
    check_read::<RegisterRequest>(json!({
        "deploy_id": DEPLOY, "project_id": "prj_a", "inner_blob": "AA==", "format": 0, "credential": "deploy-key",
        "label": "a", "platform": "vercel", "expires_in": 5, "max_uses": 1, "cidrs": ["10.0.0.0/8", "2001:db8::1"],
    }));
    check_read::<DecryptRequest>(json!({ "ciphertext": "AA==" }));
    check_read::<WriteOffRequest>(json!({ "key_ids": [7, 9], "dry_run": true }));
    check_read::<SealRows>(json!({ "cursor": "deploy-61", "dry_run": true }));
    check_read::<NewToken>(json!({ "scopes": ["admin", "read:prj_a"], "label": "ci", "expires_in": 60 }));
    check_read::<NewTrust>(
        json!({ "issuer": "i", "audience": "a", "claims": claims(), "scope": "deploy:prj_a" }),
    );
    check_read::<NewSecret>(json!({ "key": "A", "value": "v" }));
    let secrets = json!([{ "key": "A", "value": "v" }]);
    let mut project = json!({ "project_id": "prj_a", "name": "shop", "secrets": secrets });
    project.as_object_mut().unwrap().extend(recipe().as_object().unwrap().clone());
    check_read::<NewProject>(project.clone());
    project.as_object_mut().unwrap().remove("project_id");
    check_read::<ProjectChange>(project);
    check_read::<ProjectChange>(json!({}));
    check_read::<RotateRequest>(json!({ "after": "sec_0123456789abcdef" }));
}

#[test]
fn what_the_database_keeps_is_read_and_written_as_by_its_derives() {
    check_read::<TrustClaims>(claims());
    check_write::<TrustClaims>(claims());
    let flaws = [
        "removed",
        "added",
        "changed",
        "unreadable",
        "unverifiable",
        "checkpoint-removed",
        "checkpoint-changed",
        "checkpoint-unverifiable",
        "given-up",
        "checkpoint-given-up",
        "unknown",
        "of a newer service",
    ];
    for flaw in flaws {
        let finding = json!({ "flaw": flaw, "first": 1, "last": 2, "key_id": 7 });
        check_read::<Finding>(finding.clone());
        check_read::<Vec<Finding>>(json!([finding]));
        check_write::<Finding>(finding);
    }
}

#[test]
fn a_record_in_the_form_of_a_list_is_refused() {
    assert!(serde_json::from_str::<DecryptRequest>(r#"["AA=="]"#).is_ok(), "the derive takes it");
    assert!(read::<DecryptRequest>(br#"["AA=="]"#).is_err());
}

#[test]
fn answers_are_written_as_their_derives_write_them() {
    check_write::<Health>(json!({ "status": "ok", "version": "1", "bindings": {
        "database": "ok", "revocations": "ok", "limits": "ok", "secrets": "ok", "store": "off",
    }, "sealing": { "state": "stopped", "since": 5, "reason": "a" } }));
    let finding = json!({ "kind": "deploy", "id": "a", "flaw": "put-back" });
    check_write::<RowVerification>(json!({ "checked": 5, "findings": [finding], "next": "deploy-61" }));
    let sealed = json!([{ "kind": "token", "id": "a" }]);
    check_write::<SealedRows>(json!({ "sealed": sealed, "refused": [finding], "next": null }));
    check_write::<RegisterResponse>(json!({ "outer_blob": "AA==" }));
    check_write::<DecryptResponse>(
        json!({ "service_key": "5a", "project_id": "prj_a", "inner_blob": "AA==" }),
    );
    check_write::<RevokeResponse>(json!({ "deploy_id": DEPLOY, "revoked_at": 5 }));
    check_write::<RevokeAllResponse>(json!({ "revoked": 5, "more": true }));
    let deploy = json!({
        "deploy_id": DEPLOY, "label": "a", "platform": "vercel", "credential": "project-key", "format": 1,
        "created_at": 1, "last_used_at": 2, "uses": 3, "revoked_at": 4, "expires_at": 5, "max_uses": 6,
        "cidrs": ["10.0.0.0/8"], "created_by": "bootstrap",
    });
    check_write::<DeployList>(json!({ "deploys": [deploy, deploy], "next": "1.x" }));
    let checkpoint = json!({ "id": 1, "upto": 2, "count": 3, "digest": "ab", "key_id": 7, "at": 8 });
    let finding = json!({ "flaw": "given-up", "first": 1, "last": 2, "key_id": 7 });
    check_write::<AuditList>(json!({ "events": [{
        "id": 1, "at": 2, "action": "decrypt", "result": "ok", "subject": "s", "actor": "a", "address": "192.0.2.7",
        "country": "DE", "user_agent": "u", "detail": "d",
    }], "next": "1" }));
    check_write::<WriteOffResponse>(
        json!({ "events": 1, "findings": [finding, finding], "checkpoint": checkpoint }),
    );
    check_write::<AuditVerification>(json!({
        "checkpoint": checkpoint, "findings": [finding], "pending": 1, "unsealed": 2, "next": 3,
    }));
    let root = json!({ "key_id": 7, "held": true, "newest": false, "live": 1, "trail": 2, "rows": 3 });
    check_write::<WrapRootList>(json!({ "roots": [root, root] }));
}

#[test]
fn answers_about_access_are_written_as_their_derives_write_them() {
    let mut token = json!({
        "token_id": "tok_0123456789abcdef", "label": "ci", "scopes": ["admin", "build:prj_a"], "created_at": 1,
        "created_by": "bootstrap", "expires_at": 2, "last_used_at": 3, "revoked_at": 4,
    });
    check_write::<TokenList>(json!({ "tokens": [token, token], "next": "1" }));
    token["token"] = json!("capy_x");
    check_write::<CreatedToken>(token);
    check_write::<RevokedToken>(json!({ "token_id": "tok_0123456789abcdef", "revoked_at": 4 }));
    check_write::<Bearer>(json!({ "actor": "a", "scopes": ["read:prj_a"], "expires_at": 1 }));
    check_write::<TrustList>(json!({ "trusts": [{
        "trust_id": "tru_0123456789abcdef", "issuer": "i", "audience": "a", "claims": claims(),
        "scope": "deploy:prj_a", "created_at": 1, "created_by": "bootstrap",
    }], "next": "1" }));
    check_write::<RemovedTrust>(json!({ "trust_id": "tru_0123456789abcdef" }));
}

#[test]
fn answers_about_projects_are_written_as_their_derives_write_them() {
    check_write::<Recipe>(recipe());
    let mut project = json!({
        "project_id": "prj_a", "name": "shop", "created_at": 1, "created_by": "bootstrap", "updated_at": 2,
    });
    check_write::<Project>(project.clone());
    project.as_object_mut().unwrap().extend(recipe().as_object().unwrap().clone());
    check_write::<ProjectList>(json!({ "projects": [project, project], "next": "1" }));
    let info = json!({ "secret_id": "sec_0123456789abcdef", "key": "A", "created_at": 1, "updated_at": 2 });
    check_write::<SecretInfo>(info.clone());
    project["secrets"] = json!([info]);
    check_write::<ProjectDetail>(project);
    check_write::<RemovedProject>(json!({ "project_id": "prj_a" }));
    check_write::<RemovedSecret>(json!({ "secret_id": "sec_0123456789abcdef" }));
    check_write::<StoreRows>(
        json!({ "project_id": "prj_a", "rows": [{ "key": "A", "row": "a:b:c", "key_id": 7 }] }),
    );
    check_write::<StoreKeyList>(
        json!({ "keys": [{ "key_id": 7, "held": true, "newest": true, "rows": 1 }] }),
    );
    check_write::<Rotated>(json!({
        "resealed": 1, "next": "sec_0123456789abcdef",
        "unopened": [{ "project_id": "prj_a", "key": "A", "key_id": 7, "key_missing": true }],
    }));
}

/// The names that a type's `as_str` has, by its source: so that a new one is not forgotten.
fn names_in(source: &'static str) -> Vec<&'static str> {
    source.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split('"').nth(1)).collect()
}

#[test]
fn every_error_code_is_written_as_its_derive_writes_it() {
    let names = names_in(include_str!("../../../src/api.rs"));
    assert!(names.len() > 25 && names.contains(&"WRAP_ROOT_GONE") && names.contains(&"UNKNOWN"), "{names:?}");
    for code in names {
        let body: ErrorBody = serde_json::from_value(json!({ "error": "no", "code": code })).unwrap();
        assert_eq!(body.code.as_str(), code);
        assert_eq!(write(&body), serde_json::to_string(&body).unwrap());
    }
}

#[test]
fn every_flaw_is_read_and_written_as_its_derive_does() {
    let names = names_in(include_str!("../../../src/api/audit.rs"));
    assert!(names.len() > 9 && names.contains(&"given-up") && names.contains(&"unknown"), "{names:?}");
    for name in names {
        let finding = json!({ "flaw": name, "first": 1, "last": 2 }).to_string();
        let derived: Finding = serde_json::from_str(&finding).unwrap();
        assert_eq!(derived.flaw.as_str(), name);
        assert_eq!(read::<Finding>(finding.as_bytes()).unwrap(), derived);
        assert_eq!(write(&derived), serde_json::to_string(&derived).unwrap());
    }
}

fn claims() -> Value {
    json!({
        "repository": "o/r", "ref": "refs/heads/main", "environment": "e", "repository_id": "4",
        "workflow_ref": "o/r/w@*", "job_workflow_ref": "o/r/j@*",
    })
}

fn recipe() -> Value {
    json!({
        "repository_url": "https://x.example/y.git", "branch": "main", "install_command": "i", "build_command": "b",
        "output_directory": "dist", "image": "node:24",
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"\\\\\u{0}-\u{1f}é]{0,2}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_value_is_read_as_serde_json_reads_it(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        reference::check(text.as_bytes());
    }

    /// Near what is JSON: some bytes are left out, and others put there.
    #[test]
    fn what_is_nearly_json_is_read_or_refused_as_by_serde_json(
        value in any_json(),
        at in any::<prop::sample::Index>(),
        length in 0..4_usize,
        with in r#"([\[\]{}",:0-9eE+.\-tfnu\\/ \n\x00-\x1f]|\\u[dD][89a-fA-F][0-9]{2}|true|null|"[ab]":){0,3}"#,
    ) {
        let mut bytes = value.to_string().into_bytes();
        let start = at.index(bytes.len() + 1);
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, with.into_bytes());
        reference::check(&bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused_as_by_serde_json(bytes in any::<Vec<u8>>()) {
        reference::check(&bytes);
        reference::check(&[b"\"", &bytes[..], b"\""].concat());
    }

    #[test]
    fn any_text_and_number_are_written_as_serde_json_writes_them(text in any::<String>(), number in any::<u64>()) {
        prop_assert_eq!(write(&text), serde_json::to_string(&text).unwrap());
        prop_assert_eq!(write(&number), serde_json::to_string(&number).unwrap());
        let list = [Some(text), None];
        prop_assert_eq!(write(&list[..]), serde_json::to_string(&list).unwrap());
    }
}

#[test]
fn every_character_that_may_be_escaped_is_written_as_serde_json_writes_it() {
    let text: String = (0..0x300).filter_map(char::from_u32).chain("\u{2028}\u{fffd}🦫".chars()).collect();
    assert_eq!(write(&text), serde_json::to_string(&text).unwrap());
}

#[test]
fn halves_of_characters_are_read_or_refused_as_by_serde_json() {
    let units = ["0041", "d7FF", "d800", "dbff", "dc00", "dfff", "e000", "ffff", "12g4", "+123", "\u{e9}12"];
    for first in units {
        reference::check(format!(r#""\u{first}""#).as_bytes());
        reference::check(format!(r#""\u{first}\n""#).as_bytes());
        for second in units {
            reference::check(format!(r#""\u{first}\u{second}x""#).as_bytes());
        }
    }
}
