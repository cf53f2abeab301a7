//! One line for each use that cannot be replaced, and the reason that is reported for it.

use crate::support;

use support::{check, check_same};

#[test]
fn a_pattern_that_takes_everything_is_reported() {
    check_same("const {A, ...rest} = process.env", &["WholeObject", "OpenPattern A"]);
    check_same("const {A, [k]: v} = process.env", &["WholeObject", "OpenPattern A"]);
}

#[test]
fn a_shadowed_process_is_not_the_environment() {
    check_same("function f(process) { return process.env.A }", &["UnprovenProcess A"]);
    check_same("import process from './shim'; f(process.env.A)", &["UnprovenProcess A"]);
    check_same("{ const process = shim; f(process.env.A) }", &["UnprovenProcess A"]);
    check_same("try {} catch (process) { f(process.env.A) }", &["UnprovenProcess A"]);
    check_same("f(function process() { process.env.A })", &["UnprovenProcess A"]);
    check_same("class process {} f(process.env.A)", &["UnprovenProcess A"]);
    check_same("function f() { g(process.env.A); var process }", &["UnprovenProcess A"]);
    check_same("f(process.env.A); { function process() {} }", &["UnprovenProcess A"]);
    check_same("const globalThis = {}; f(globalThis.process.env.A)", &["UnprovenProcess A"]);
    check_same("var r = {env: {}, browser: !0}; f(r.env.A)", &["Unproven A"]);
    check_same("with (o) { f(process.env.A) }", &["InsideWith A"]);
    check("{ let process = 1 } f(process.env.A)", "{ let process = 1 } f(__capy_A()  )");
    check(
        "process: for (;;) { f(process.env.A); break process }",
        "process: for (;;) { f(__capy_A()  ); break process }",
    );
}

#[test]
fn a_name_that_is_written_keeps_all_its_reads() {
    for write in [
        "process.env.A = 1",
        "process.env.A ||= 'd'",
        "process.env.A++",
        "delete process.env.A",
        "delete process?.env?.A",
        "for (process.env.A of xs) {}",
        "for (process.env.A in xs) {}",
        "[process.env.A] = xs",
        "[x, ...process.env.A] = xs",
        "({a: process.env.A} = b)",
        "({a: process.env.A = 1} = b)",
        "(process.env.A) = 1",
        "globalThis.process.env.A = 1",
    ] {
        check_same(&format!("{write}; f(process.env.A)"), &["Assigned A", "Assigned A"]);
    }
    check_same("const e = process.env; e.A = 1; f(process.env.A)", &["Assigned A", "Assigned A"]);
}

#[test]
fn a_write_elsewhere_leaves_reads_alone() {
    check("a[process.env.A] = 1", "a[__capy_A()  ] = 1");
    check("process.env.A.x = 1", "__capy_A()  .x = 1");
    check("process.env.OTHER = 1; f(process.env.A)", "process.env.OTHER = 1; f(__capy_A()  )");
}

#[test]
fn uses_that_name_no_variable_are_reported() {
    check_same("f(process.env)", &["WholeObject"]);
    check_same("({...process.env})", &["WholeObject"]);
    check_same("Object.keys(process.env)", &["WholeObject"]);
    check_same("for (const k in process.env) f(k)", &["WholeObject"]);
    check_same("process.env.hasOwnProperty(k)", &["WholeObject"]);
    check_same("export const env = process.env", &["WholeObject"]);
    check_same("const env = process.env; export {env}", &["WholeObject"]);
    for holder in ["this.env", "x['env']", "exports.env", "P.prototype.env"] {
        check_same(&format!("{holder} = process.env"), &["WholeObject"]);
    }
    check_same("exports.process = process", &["ProcessEscapes"]);
    check_same("export const p = process", &["ProcessEscapes"]);
    check_same("process.env[k]", &["DynamicKey"]);
    for process in ["g.process", "x['process']", "f().process", "Function('return this')()?.process"] {
        check_same(&format!("f({process}.env[k])"), &["DynamicKey"]);
    }
    check_same("process.env[k] = v", &["DynamicWrite"]);
    check_same("process.env = {}", &["EnvReplaced"]);
    check_same("'A' in process.env", &["Mentioned A", "In A"]);
    check_same("f(process, process.env.OTHER, process.env[k])", &["ProcessEscapes", "DynamicKey"]);
    check_same("f(x.env.A)", &["Unproven A"]);
}

#[test]
fn looking_at_the_truth_of_the_environment_is_no_use_of_it() {
    check_same("if (typeof process < 'u' && process.env && !process.env[`OTHER`]) f()", &[]);
    check(
        "'undefined' != typeof process && process.env && f(process.env.A)",
        "'undefined' != typeof process && process.env && f(__capy_A()  )",
    );
}

#[test]
fn an_alias_that_may_be_something_else_is_reported() {
    for input in [
        "let e; if (c) e = process.env; f(e?.A ?? 'none')",
        "let e; if (c) e = process.env; f((e || {OTHER: 'd'}).A)",
        "let e; try { g(); e = process.env } catch {} f(e?.A)",
        "var t; f((t = process.env).OTHER, t?.A)",
        "f(e?.A); var e = process.env",
        "if (c) { var e = process.env } f(e?.A)",
        "if (c) var e = process.env; f(e?.A)",
        "switch (c) { case 1: var e = process.env; break; case 2: f(e?.A) }",
        "for (; c;) var e = process.env; f(e?.A)",
        "f((c ? process.env : {}).A)",
        "const e = c && process.env; f(e.A)",
        "const {A} = c ? process.env : {}",
        "let e, d; if (c) e = process.env; if (e) d = e; f(d?.A)",
    ] {
        check_same(input, &["Sometimes A"]);
    }
    for input in [
        "function f(e) { var e; if (!e) e = process.env; return e.A }",
        "function f(e) { if (e) var e = process.env; return e.A }",
        "var e = process; e = e.env; f(e.A)",
        "{ function e() {} } var e = process.env; f(e.A)",
        "var p = process; { function p() {} } f(p.env.A)",
    ] {
        let out = support::inlined(input);
        assert_eq!(out.text, input);
        assert!(support::reasons_of(&out).contains(&"AliasReassigned A".to_owned()), "{input}: {out:?}");
    }
    check_same("const g = (() => e?.A)(); var e = process.env", &["Sometimes A"]);
    check_same("r = process.env; f(r['A' + k])", &["Mentioned A", "WholeObject"]);
    check_same("export default function process() {} f(process.env.A)", &["UnprovenProcess A"]);
    check_same("export default class process {} f(process.env.A)", &["UnprovenProcess A"]);
    check("if (c) { var e = process.env; f(e.A) }", "if (c) { var e = process.env; f(__capy_A()) }");
}

#[test]
fn a_name_with_two_kinds_is_always_reported_alike() {
    let report = || support::reasons_of(&support::inlined("var e = process; f(e.env.A); e = e.env; f(e.B)"));
    let first = report();
    assert!(first.contains(&"AliasReassigned A".to_owned()), "{first:?}");
    assert!((0..20).all(|_| report() == first), "{first:?}");
}

#[test]
fn a_replaced_process_keeps_the_reads_of_its_file() {
    for input in [
        "process = {env: {A: 'mine'}};",
        "globalThis.process = {env: {A: 'mine'}};",
        "global.process = shim;",
        "({process} = shim);",
        "for (process of xs);",
        "delete globalThis.process;",
        "Object.defineProperty(globalThis, 'process', {});",
        "process.env = x.process.env;",
        "Object.assign(process, {env: {A: 'mine'}});",
        "Object.defineProperty(process, 'env', {});",
        "process.env = {};",
        "process.env = process;",
        "process = process.env;",
        "var e = process; e = e.env; e.env = {};",
        "process.env = {...x};",
        "process.env = c.g.process.env;",
        "globalThis.process.env = {};",
    ] {
        let input = format!("{input} f(process.env.A); const {{B}} = process.env");
        let out = support::inlined(&input);
        let reasons = support::reasons_of(&out);
        assert_eq!(out.text, input);
        for reason in ["EnvReplaced", "Replaced B"] {
            assert!(reasons.contains(&reason.to_owned()), "{input}: {reasons:?}");
        }
    }
    for kept in [
        "process ??= {}",
        "globalThis.process ??= {}; globalThis.process.env ??= {}",
        "process = globalThis.process || {env: {}}",
        "m.push([7, (e) => { process !== e.g.process && (process.env = e.g.process.env, e.g.process = process) }])",
    ] {
        check(&format!("{kept}; f(process.env.A)"), &format!("{kept}; f(__capy_A()  )"));
    }
}

#[test]
fn writes_through_calls_keep_all_reads() {
    for write in [
        "Object.assign(process.env, {A: 'mine'})",
        "Reflect.deleteProperty(process.env, 'A')",
        "Reflect.set(process.env, 'A', 'mine')",
        "Object.defineProperty(process.env, 'A', {value: 'mine'})",
        "(0, Object.defineProperties)(process.env, {A: {value: 'mine'}})",
    ] {
        check_same(&format!("{write}; f(process.env.A)"), &["WholeObject", "Assigned A", "Assigned A"]);
    }
    check_same("g(process.env, 'A'); f(process.env.A)", &["WholeObject", "PassedOn A", "PassedOn A"]);
    check_same("Reflect.get(process.env, 'A')", &["WholeObject", "PassedOn A"]);
    for write in ["process.env[k] = 'mine'", "delete process.env[k]"] {
        check_same(
            &format!("k = 'A'; {write}; f(process.env.A)"),
            &["Mentioned A", "DynamicWrite", "PerhapsAssigned A"],
        );
    }
    let input = "const o = {A: 1}; Object.assign(process.env, o); f(process.env.A)";
    check_same(input, &["Mentioned A", "WholeObject", "DynamicWrite", "PerhapsAssigned A"]);
    let out = support::inlined("for (k in xs) process.env[k] = xs[k]; f(process.env.A)");
    assert_eq!(support::reasons_of(&out), ["DynamicWrite"]);
    assert!(out.text.contains("f(__capy_A()"), "{}", out.text);
}

#[test]
fn forms_that_are_not_followed_are_reported() {
    for input in [
        "import 'x'; require('process').env.A",
        "const __require = shim; __require('process').env.A",
        "require = shim; const {env} = require('process'); f(env.A)",
        "import {makeRequire} from 'other'; const require = makeRequire(import.meta.url); require('process').env.A",
        "import {createRequire} from 'other'; const require = createRequire(import.meta.url); require('process').env.A",
        "import {createRequire} from 'module'; const require = createRequire(elsewhere); require('process').env.A",
    ] {
        let out = support::inlined(input);
        let reasons = support::reasons_of(&out);
        assert_eq!(out.text, input);
        assert!(
            ["NotFollowed A", "Unproven A"].iter().any(|reason| reasons.contains(&(*reason).to_owned())),
            "{reasons:?}"
        );
    }
    check_same("const {default: {env: {A}}} = require('process')", &["Indirect A"]);
    check_same("import * as n from 'process'; const {default: {env: {A}}} = n", &["Indirect A"]);
    check_same("var _a, _b; _b = (_a = process) == null ? void 0 : other.env; f(_b.A)", &["Mentioned A"]);
    check_same("export const {env} = process; f(1)", &["WholeObject"]);
    check_same("export {env} from 'node:process'; f(1)", &["WholeObject"]);
    check_same("import {env} from './other'; f(env.A)", &["Unproven A"]);
    check_same("import('process').then(({env: e}) => e.A)", &["Unproven A"]);
    check_same("function m(e) { e.h.process.env.A }", &["UnprovenProcess A"]);
    let chain = |length: usize| {
        let links = (1..length).map(|i| format!("const e{i} = e{};", i - 1)).collect::<String>();
        format!("const e0 = process.env; {links} f(e{}.A)", length - 1)
    };
    assert!(support::inlined(&chain(20)).text.contains("f(__capy_A()"));
    check_same(&chain(60), &["NotFollowed A"]);
}

#[test]
fn a_direct_eval_makes_the_reads_around_it_doubtful() {
    check_same("function g() { eval(x); return process.env.A }", &["Eval A"]);
    check_same("const e = process.env; function g() { eval(x) } function h() { f(e.A) }", &["Eval A"]);
    check("function g() { eval(x) } f(process.env.A)", "function g() { eval(x) } f(__capy_A()  )");
    check("eval('require'); f(process.env.A)", "eval('require'); f(__capy_A()  )");
    check("(0, eval)(x); f(process.env.A)", "(0, eval)(x); f(__capy_A()  )");
}

#[test]
fn a_variable_in_a_text_that_is_run_is_reported() {
    for program in [
        "eval('process.env.A')",
        "(0, eval)(`process.env.A`)",
        "f(new Function('return process.env.A')())",
        "f(Function('e', 'return process.env.A'))",
    ] {
        check_same(program, &["Eval A"]);
    }
    check_same("Function('return this')(); eval('process.env.Z')", &[]);
}

#[test]
fn a_function_is_only_interop_by_what_it_does() {
    for function in [
        "function i(e) { return other(e) }",
        "function i(e) { return e && e.__esModule ? e : {default: other} }",
        "var i = e => e && e.__esModule ? e : {default: e}; i = other;",
        "var i = (e, n, t) => (t = {}, copy(define(t, 'default', {value: e}), e));",
        "function i(e) { return !(e && e.__esModule) ? {default: {env: {A: 'mine'}}} : e }",
        "function i(e, c = () => true) { return c(e.__esModule) ? {default: {env: {A: 'mine'}}} : {default: e} }",
        "function i(e) { return (e = other) && e.__esModule ? e : {default: e} }",
        "function i(e) { if (e && e.__esModule) return e; var n = {}; for (var k in e) n[k] = e[k]; n.default = {env: {}}; n.x = e; return n }",
        "function i(e) { if (e && e.__esModule) return e; var n = {}; for (var k in e) n[k] = other; n.default = e; return n }",
        "function i(e) { if (e && e.__esModule) return e; var n = {}; for (var k in e) n[k] = e[k]; n.default = e; n.env = {}; return n }",
        "function i(e) { if (e && e.__esModule) return e; var n = {}; for (var k in e) n[k] = e[k]; n.default = e; return other }",
        "var copy = (a, b) => ({default: {env: {A: 'mine'}}}); var i = (m, n, t) => (t = m != null ? Object.create(Object.getPrototypeOf(m)) : {}, copy(n || !m || !m.__esModule ? Object.defineProperty(t, 'default', {value: m, enumerable: true}) : t, m));",
    ] {
        let out = support::inlined(&format!("{function}; var p = i(require('process')); f(p.default.env.A)"));
        assert!(out.text.contains("f(p.default.env.A)"), "{}", out.text);
        assert!(
            support::reasons_of(&out).iter().any(|reason| reason.ends_with(" A")),
            "{:?}",
            support::reasons_of(&out)
        );
    }
    // Only `default` holds the object.
    check_same(
        "function i(e) { return e && e.__esModule ? e : {default: e} } var p = i(require('process')); f(p.env?.A)",
        &["Unproven A"],
    );
}

#[test]
fn a_modules_table_is_only_followed_where_it_is_certain() {
    for program in [
        "const e = {7(e) { e.exports = require('process'); e.exports = other }};",
        "const e = {7(e) { if (c) e.exports = require('process') }};",
        "const e = {7: e => { e.exports = require('process') }, 7: e => {}};",
        "const e = {7: e => { e.exports = require('process') }}; { const e = {8(e) {}} }",
        "const e = {8: e => { e.exports = require('process') }};",
        "const e = {7: e => { e.exports = require('process') }}; e[7] = e => { e.exports = {env: {A: 'over'}} };",
    ] {
        let run =
            "function n(r) { var o = {exports: {}}; return e[r](o, o.exports, n), o.exports } f(n(7).env.A)";
        let out = support::inlined(&format!("{program} {run}"));
        assert!(out.text.contains("f(n(7).env.A)"), "{}", out.text);
    }
}

#[test]
fn a_destructured_parameter_is_no_bundlers() {
    check_same("m(({e}) => e.g.process.env.A)", &["UnprovenProcess A"]);
    check_same("m((e) => e.g.process.env.A)", &["UnprovenProcess A"]);
    check_same("m([7, ({e}) => e.g.process.env.A])", &["UnprovenProcess A"]);
    check_same("m([7, (t, e) => e.g.process.env.A])", &["UnprovenProcess A"]);
    check_same("m({7: (e) => e.g.process.env.A})", &["UnprovenProcess A"]);
}

#[test]
fn a_key_that_may_be_another_is_no_constant() {
    for program in [
        "let k = 'A'; k = 'B';",
        "let k = 'A'; k += 'B';",
        "let k = 'A'; function g() { [k] = xs }",
        "let k = 'A'; for (k of xs);",
        "for (var k = 'A' in xs);",
        "if (c) { var k = 'A' }",
        "let k = c ? 'A' : 'B';",
        "let k = 'A' + n;",
        "let n = 1, k = n + 'A';",
        "let k; k = 'A';",
        "let k = k2, k2 = k;",
        "function k() {}",
    ] {
        let out = support::inlined(&format!("{program} f(process.env[k])"));
        assert!(out.text.contains("f(process.env[k])"), "{}", out.text);
        assert!(support::reasons_of(&out).contains(&"DynamicKey".to_owned()), "{program}");
    }
    check_same("f(process.env[k]); var k = 'A'", &["Mentioned A", "DynamicKey"]);
    check_same(
        "let k = 'A'; process.env[k] = 1; f(process.env.A)",
        &["Mentioned A", "Assigned A", "Assigned A"],
    );
}

#[test]
fn a_test_of_something_else_proves_nothing() {
    for program in [
        "const e = c ? process.env : {}",
        "const e = process.browser ? {} : process.env",
        "const e = typeof window === 'undefined' ? process.env : {}",
        "const e = typeof process === 'object' && c ? process.env : {}",
        "const e = typeof process === 'function' ? process.env : {}",
        "const e = process.env.C ? process.env : {}",
        "const e = typeof process === 'undefined' ? process.env : {}",
        "const e = x == null ? void 0 : process.env",
        "let a; const e = (a = x) == null ? void 0 : process.env",
        "let a, b; const e = (a = b.c) == null || (b = a.d) == null || (a = process) == null ? void 0 : a.env",
    ] {
        let out = support::inlined(&format!("{program}; f(e?.A)"));
        assert!(out.text.ends_with("f(e?.A)"), "{}", out.text);
        assert!(
            support::reasons_of(&out).contains(&"Sometimes A".to_owned()),
            "{program} {:?}",
            support::reasons_of(&out)
        );
    }
}

#[test]
fn names_that_frameworks_decide_are_left_alone() {
    let names = ["NODE_ENV", "NEXT_RUNTIME", "NEXT_DEPLOYMENT_ID", "__NEXT_PROCESSED_ENV"];
    for name in names {
        let input = format!("f(process.env.{name}, process.env['{name}'], process.env.OTHER)");
        let out = support::inline(&input, &support::map(&names));
        assert_eq!(out.text, input);
        assert!(out.report.findings.is_empty(), "{:?}", out.report.findings);
    }
}

#[test]
fn the_environment_that_a_worker_is_given_is_the_users_own() {
    check_same("export default {fetch(request, env) { return f(env.A) }}", &["Unproven A"]);
    check_same("app.get('/', (c) => f(c.env.A))", &["Unproven A"]);
    check_same("import {env} from 'cloudflare:workers'; f(env.A)", &["Unproven A"]);
}

#[test]
fn frameworks_own_lines_survive() {
    for line in [
        "process.env[key] = value;",
        "globalThis.process ??= {};",
        "globalThis.process.env ??= {};",
        "process.env.TURBOPACK = '1';",
    ] {
        let out = support::inlined(&format!("{line} f(process.env.A)"));
        assert!(support::body(&out.text).starts_with(&format!("{line} f(__capy_A()")), "{}", out.text);
    }
}
