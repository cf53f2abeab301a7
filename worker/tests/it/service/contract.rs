//! `openapi.yaml` against the routes, in both directions. Whether answers have the form that it promises is asked of a
//! running service in CI.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::service::support::{Service, TOKEN, request};

const DESCRIPTION: &str = include_str!("../../../openapi.yaml");
const ROUTES: &str = include_str!("../../../src/routes.rs");
const CODES: &str = include_str!("../../../../protocol/src/api.rs");

/// Each path of the description with its methods. It is YAML of one shape: a path stands after two spaces, a method after
/// four.
fn described() -> BTreeMap<String, BTreeSet<String>> {
    let mut paths = BTreeMap::<String, BTreeSet<String>>::new();
    let mut current = None;
    for line in DESCRIPTION.lines().skip_while(|line| *line != "paths:").skip(1) {
        if !line.starts_with(' ') {
            break;
        }
        let Some(name) = line.trim_start().strip_suffix(':') else { continue };
        match line.len() - line.trim_start().len() {
            2 => current = Some(paths.entry(name.to_owned()).or_default()),
            4 if name != "parameters" => drop(current.as_mut().unwrap().insert(name.to_uppercase())),
            _ => {}
        }
    }
    paths
}

/// The calls that need no token by the description: those with `security: []`.
fn described_as_open() -> BTreeSet<String> {
    let lines = DESCRIPTION.lines().skip_while(|line| *line != "paths:").skip(1);
    let (mut path, mut method, mut open) = ("", "", BTreeSet::new());
    for line in lines.take_while(|line| line.starts_with(' ')) {
        let text = line.trim_start();
        match line.len() - text.len() {
            2 => path = text.trim_end_matches(':'),
            4 => method = text.trim_end_matches(':'),
            6 if text == "security: []" => drop(open.insert(format!("{} {path}", method.to_uppercase()))),
            _ => {}
        }
    }
    open
}

/// The patterns in the route table.
fn routed() -> BTreeSet<String> {
    let lines = ROUTES.lines().filter(|line| line.ends_with(';') && line.contains("\" => "));
    lines.map(|line| line.split('"').nth(1).unwrap().to_owned()).collect()
}

/// A path with valid ids in place of its parameters.
fn address(path: &str) -> String {
    let id = match path {
        path if path.starts_with("/deploy/") => "ab".repeat(32),
        path if path.starts_with("/tokens/") => "tok_0123456789abcdef".to_owned(),
        path if path.starts_with("/oidc/") => "tru_0123456789abcdef".to_owned(),
        _ => "sec_0123456789abcdef".to_owned(),
    };
    path.replace("{id}", &id).replace("{project_id}", "prj_a")
}

#[test]
fn every_route_is_described_and_every_description_is_routed() {
    let described: BTreeSet<_> = described().into_keys().collect();
    assert!(described.len() > 10, "{described:?}");
    assert_eq!(described, routed());
}

#[tokio::test]
async fn every_route_has_the_methods_that_are_described() {
    let service = Service::new();
    for (path, methods) in described() {
        let refused = service.send(request("BREW", &address(&path), Some(TOKEN), Value::Null)).await;
        assert_eq!(refused.refusal(), (405, "METHOD_NOT_ALLOWED"), "{path}");
        let allowed = refused.headers["allow"].to_str().unwrap().split(',').map(str::to_owned);
        // Who may GET may ask for the head alone.
        let allowed: BTreeSet<_> = allowed.filter(|method| method != "HEAD").collect();
        assert_eq!(allowed, methods, "{path}");
    }
}

#[tokio::test]
async fn a_call_without_a_token_is_refused_on_exactly_the_routes_that_need_one() {
    let service = Service::new();
    let mut open = BTreeSet::new();
    for (path, methods) in described() {
        for method in methods {
            let answer = service.send(request(&method, &address(&path), None, Value::Null)).await;
            assert_eq!(answer.status == 401, answer.needs_bearer, "{method} {path}: {}", answer.text);
            if !answer.needs_bearer {
                open.insert(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(open, described_as_open());
}

#[test]
fn every_code_is_described_and_no_other() {
    let listed = DESCRIPTION.split("    ErrorCode:").nth(1).unwrap().lines().skip(3);
    let listed: BTreeSet<_> = listed.map_while(|line| line.strip_prefix("        - ")).collect();
    let names = CODES.lines().filter_map(|line| line.split("=> \"").nth(1)?.strip_suffix("\","));
    // What a client makes of a code that it does not know.
    let codes: BTreeSet<_> = names.filter(|name| *name != "UNKNOWN").collect();
    assert_eq!(listed, codes);
}
