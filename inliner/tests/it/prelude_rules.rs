//! Which variables a prelude sets, where it is inserted, and what the report says.

use crate::bundles;
use crate::support;
use crate::tree;

use bundles::Bundles;
use capy_inliner::{Dynamic, Reason, Request, Severity, inline};
use capy_protocol::env_map::SecretValue;
use support::{map, values};
use tree::Tree;

#[test]
fn only_variables_that_may_be_wanted_are_set() {
    for (program, expected) in [
        ("f({...process.env})", &["A", "B"][..]),
        ("f(process.env[k])", &["A", "B"]),
        ("f(x.env.A)", &["A"]),
        ("f(process.env.A); process.env.A = 1", &["A"]),
        ("f(process, process.env.B)", &[]),
        ("f(process, 'A', process.env.B)", &["A"]),
        ("f(process.env.A)", &[]),
        ("f('A')", &[]),
    ] {
        let bundles = Bundles::new(&[("a.js", program)]);
        let report = bundles.inlined(Dynamic::Auto);
        let set: Vec<&str> = report
            .variables
            .iter()
            .filter(|variable| variable.prelude)
            .map(|variable| &*variable.name)
            .collect();
        assert_eq!(set, expected, "{program}");
        assert_eq!(bundles.read("a.js").contains("$prelude"), !expected.is_empty(), "{program}");
        assert_eq!(report.preludes.len(), usize::from(!expected.is_empty()), "{program}");
    }
}

#[test]
fn a_variable_that_a_public_script_names_is_never_set() {
    let bundles = Bundles::new(&[("a.js", "f({...process.env})"), ("../public/c.js", "f(e.env.A)")]);
    let public = bundles.path("../public");
    for dynamic in [Dynamic::Auto, Dynamic::Prelude] {
        let report = bundles.inline(|request| {
            (request.dynamic, request.public) = (dynamic, vec![public.clone()]);
        });
        assert!(report.written && !bundles.read("a.js").contains("canary.A"), "{report:?}");
        let left = report.findings.iter().find(|finding| finding.name.as_deref() == Some("A")).unwrap();
        assert_eq!((left.reason, left.severity), (Reason::ReadByClient, Severity::Warning));
    }
    bundles.inline(|request| {
        request.public = vec![public.clone()];
        request.allow_mention.insert("A".to_owned());
    });
    assert!(bundles.read("a.js").contains("canary.A"));
}

#[test]
fn a_bundle_that_takes_all_names_of_the_global_object_is_said_to_set_nothing() {
    let bundles = Bundles::new(&[("a.js", "const {global, globalThis} = {}; f({...process.env})")]);
    let report = bundles.inline(|_| {});
    assert!(report.findings.iter().any(|finding| finding.reason == Reason::NoPrelude), "{report:?}");
    assert!(!bundles.read("a.js").contains("$prelude") && report.preludes.is_empty());
}

#[test]
fn the_modes_that_set_nothing_report_or_fail() {
    for (program, dynamic, expected) in [
        ("f({...process.env})", Dynamic::Warn, Severity::Warning),
        ("f({...process.env})", Dynamic::Error, Severity::Failure),
        ("f(process.env.A); process.env.A = 1", Dynamic::Warn, Severity::Warning),
        ("f(process.env.A); process.env.A = 1", Dynamic::Error, Severity::Failure),
    ] {
        let bundles = Bundles::new(&[("a.js", program)]);
        let report = bundles.inline(|request| request.dynamic = dynamic);
        assert_eq!((report.worst(), report.written), (Some(expected), expected != Severity::Failure));
        assert!(!bundles.read("a.js").contains("$prelude"));
    }
}

#[test]
fn a_variable_that_a_package_names_is_set_by_the_bundles_that_load_it() {
    let bundles = Bundles::new(&[
        ("a.js", "f(process.env.B); require('x')"),
        ("node_modules/x/index.js", "module.exports = process.env.A"),
    ]);
    let report = bundles.inline(|_| {});
    let left = &report.findings[0];
    assert_eq!((left.reason, left.name.as_deref()), (Reason::InPackage, Some("A")), "{report:?}");
    // No layout says which bundle runs first; all of them do it on request.
    let report = bundles.inlined(Dynamic::Prelude);
    assert!(report.findings.is_empty() && bundles.read("a.js").contains("canary.A"), "{report:?}");
}

#[test]
fn other_values_than_last_time_are_refused_in_a_bundle_and_renewed_in_a_module() {
    let bundles = Bundles::new(&[("a.js", "f({...process.env})")]);
    bundles.inlined(Dynamic::Auto);
    let mut other = map(&["B"]);
    other.try_insert("A", SecretValue::new("other".to_owned())).unwrap();
    let mut request = Request::new(&other);
    request.server.push(bundles.path(""));
    let report = inline(&request).unwrap();
    let refused = report.findings.iter().any(|finding| finding.reason == Reason::OtherValues);
    assert!(refused && !report.written, "{report:?}");
    let bundles = Bundles::new(&[("a.mjs", "import './b.mjs'; f({...process.env})"), ("b.mjs", "")]);
    bundles.inlined(Dynamic::Auto);
    request.server = vec![bundles.path("")];
    assert!(inline(&request).unwrap().written);
    assert!(bundles.read("capy-prelude.mjs").contains("\"other\""));
}

#[test]
fn a_file_of_somebody_elses_is_not_overwritten() {
    let bundles = Bundles::new(&[
        ("a.mjs", "import './b.mjs'; f({...process.env}, x.env.A)"),
        ("b.mjs", ""),
        ("capy-prelude.mjs", "mine()"),
    ]);
    let report = bundles.inline(|_| {});
    assert!(!report.written, "{report:?}");
    assert_eq!(bundles.read("capy-prelude.mjs"), "mine()");
}

#[test]
fn an_entry_sets_the_variables_for_all_below_it_and_for_packages_beside_it() {
    let tree = Tree::new();
    let app = ".next/standalone/apps/shop";
    tree.write(&format!("{app}/server.js"), "const path = require('path'); require('next')");
    tree.write(&format!("{app}/.next/server/app/page.js"), "f({...process.env})");
    tree.write(&format!("{app}/node_modules/x/index.js"), "module.exports = process.env.B");
    let report = tree.inline(&values()).unwrap();
    assert!(report.written && report.findings.iter().all(|finding| finding.prelude), "{report:?}");
    assert_eq!(report.preludes, [tree.path(&format!("{app}/server.js"))]);
    let server = tree.read(&format!("{app}/server.js"));
    assert!(server.starts_with("__capy_$prelude_") && server.contains("canary.B"), "{server}");
    assert!(!tree.read(&format!("{app}/.next/server/app/page.js")).contains("capy"));
    // Nothing but a package reads it.
    let tree = Tree::new();
    tree.write(&format!("{app}/server.js"), "require('next')");
    tree.write(&format!("{app}/node_modules/x/index.js"), "module.exports = process.env.B");
    let report = tree.inline(&values()).unwrap();
    let set = report.variables.iter().filter(|variable| variable.prelude).map(|variable| &*variable.name);
    assert_eq!(set.collect::<Vec<_>>(), ["B"], "{report:?}");
}

/// A package that is no part of the output may read any variable by itself.
#[test]
fn all_variables_are_set_where_packages_are_loaded() {
    for (text, expected) in [
        ("const db = require('pg'); f(process.env.B)", &["A", "B"][..]),
        ("const db = require('pg'); f(process.env.B, 'A')", &["A", "B"]),
        ("const fs = require('fs'), x = require('./x'); f(process.env.B)", &[]),
        ("const {A} = process.env, db = require('pg')", &["A", "B"]),
        ("const react = require('react'); f(process.env.B)", &[]),
    ] {
        let bundles = Bundles::new(&[("a.js", text), ("b.js", "g()")]);
        let report = bundles.inlined(Dynamic::Auto);
        let again = bundles.inlined(Dynamic::Auto);
        for report in [&report, &again] {
            let set = report.variables.iter().filter(|variable| variable.prelude);
            assert_eq!(set.map(|variable| &*variable.name).collect::<Vec<_>>(), expected, "{text}");
            assert_eq!(report.preludes.len(), usize::from(!expected.is_empty()), "{text}");
        }
    }
}

#[test]
fn what_may_reach_the_environment_by_another_way_sets_all_variables() {
    for (program, reason) in [
        ("f(process); g(n.p.env[k])", Reason::UnprovenKey),
        ("g(Reflect.get(globalThis, 'process').env[k])", Reason::DynamicKey),
        ("g(module.require('process').env)", Reason::WholeObject),
        ("const p = process.getBuiltinModule('process'); g(p.env[k])", Reason::DynamicKey),
        ("require('node:child_process').execSync('echo $A')", Reason::ChildProcess),
    ] {
        let bundles = Bundles::new(&[("a.js", program)]);
        let report = bundles.inlined(Dynamic::Auto);
        assert!(report.variables.iter().all(|variable| variable.prelude), "{program}: {report:?}");
        let reasons: Vec<Reason> = report.findings.iter().map(|finding| finding.reason).collect();
        assert!(reasons.contains(&reason), "{program}: {reasons:?}");
    }
}

#[test]
fn nobodys_env_is_the_environment_where_process_is_handed_to_nobody() {
    let bundles = Bundles::new(&[("a.js", "g(c.env[k])"), ("b.js", "f(process.env.A)")]);
    let report = bundles.inlined(Dynamic::Auto);
    assert!(report.findings.is_empty() && report.preludes.is_empty(), "{report:?}");
}

#[test]
fn whatever_is_copied_to_the_environment_may_be_any_variable() {
    let files = [
        ("a.js", "Object.assign(process.env, require('./b.js')); f(process.env.A)"),
        ("b.js", "module.exports = {A: 'file'}"),
        ("c.js", "f(process.env.B)"),
    ];
    let bundles = Bundles::new(&files);
    let report = bundles.inlined(Dynamic::Auto);
    assert!(report.variables.iter().all(|variable| variable.replaced == 0 && variable.prelude), "{report:?}");
    let reported = |name: &str| {
        let reason = |finding: &capy_inliner::Finding| finding.reason == Reason::PerhapsAssigned;
        report.findings.iter().any(|finding| finding.name.as_deref() == Some(name) && reason(finding))
    };
    assert!(reported("A") && reported("B"), "{report:?}");
}
