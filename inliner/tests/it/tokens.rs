//! The token scan finds the same as the syntax tree, or reports that it is not sure.

use capy_inliner::testing::{Agreement, Doubt, tokens_and_tree};
use proptest::prelude::*;

use crate::pieces;
use crate::support;

use pieces::PIECES;
use support::values;

fn ask(text: &str) -> Agreement {
    tokens_and_tree(text, &values())
}

/// `[(text, how many reads and notes)]`
#[test]
fn plain_forms_are_certain_without_a_tree() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        ("f(process.env.A, process.env['A'], process?.env?.A, process.env[`A`], process['env'].A)", 5),
        ("if (process.env.A) ++n; else x = { a: process.env.A, [process.env.A]: 1 }", 3),
        ("a[process.env.A] = 1; new Foo(process.env.A); process.env.A.b = 1", 3),
        ("// process.env = 1\n/* process */ x = 'process.env' + `process.env ${process.env.A} process`", 1),
        ("x = a / process.env.A / 2; y = /process.env[/]'/.test(b); z = (a) / 1; if (a) /'/.test(b)", 1),
        ("typeof process !== 'undefined' && typeof process.env !== 'object' && process.exit()", 0),
        ("f(process); g.h(1, process.env); i({ ...process.env })", 3),
        ("process.env.hasOwnProperty(k); for (const k of l) process.env[k]", 2),
        ("class C { process2() {} #process = 1; a() { return this.#process } } process.env.A", 1),
        ("x = `a${`b${process.env.A}`}c`; process\n  .env /* here */ . A", 2),
        (
            "x = ['print', 'process', 'B2']; y = { key: 'process' }; switch (z) { case 'process': process.env.A }",
            1,
        ),
        ("module.createRequire(f); f('createRequire'); process.env.A", 1),
        (
            "typeof process === 'object' && process.env && process.env.A; process && !process.env && f(process.env.A)",
            2,
        ),
        ("const { a, global: b } = c; d = { global: 1, process2: 2 }; process.env.A", 1),
        ("class C extends d.D { with(a) { const {b} = a; } } e = { with(f) {} }; process.env.A", 1),
        ("new Function('return this')(); Function('a', 'return ' + code); process.env.A", 1),
        ("function f(a = process.env.A, {b = 1}) { return a / b / process.env.A }", 2),
    ] {
        if ask(text) != Agreement::Same(expected) {
            wrong.push((text, ask(text)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn whatever_is_not_plain_is_left_to_the_tree() {
    use Doubt::*;
    let mut wrong = Vec::new();
    for (text, expected) in [
        ("process.env.A = 1", Written),
        ("process.env.A ??= 1", Written),
        ("process.env.A++", Written),
        ("--process.env.A", Written),
        ("delete process.env.A", Written),
        ("delete (process.env.A)", Written),
        ("(process.env.A) = 1", Written),
        ("for (process.env.A of b);", Written),
        ("[process.env.A] = b", Written),
        ("({ a: process.env.A } = b)", Written),
        ("for ([process.env.A] of b);", Written),
        ("process.env[k] = 1", Written),
        ("let k = 'a'; process.env[k]", Key),
        ("const k = 'X' + '2'; function f() { return process.env[k] }", Global),
        ("process.env['A' + b]", Key),
        ("process.env\u{b}= {}; process.env.A", Written),
        ("process.env\u{a0}= {}; process.env.A", Letters),
        ("debugger\n/`/.test(1);f(process.env.A)//`", Slash),
        ("new process.env.A", Written),
        ("function f(process) { return process.env.A }", Written),
        ("(process) => process.env.A", Process),
        ("f(async (process) => process.env.A)", Process),
        ("let process = {}; process.env.A", Process),
        ("const { env } = process; env.A", Process),
        ("class C { process() {} }", Process),
        ("const e = process.env; e.A", WholeEnv),
        ("Object.assign(process.env, { A: 1 })", WholeEnv),
        ("globalThis.process.env.A", Global),
        ("let g = globalThis; g.process = { env: {} }; process.env.A", Global),
        ("export const g = globalThis; process.env.A", Global),
        ("global = {}; process.env.A", Written),
        ("e.g.process.env.A", Global),
        ("require('process').env.A", Module),
        ("import(`node:process`)", Module),
        ("x['process'].env.A", Module),
        ("module.createRequire(f); export { a }", Module),
        ("new Function('return process.env.A')()", Scope),
        ("Function ('return process.\\x65nv.A')()", Scope),
        ("(0, Function)('return process.env.A')", Scope),
        ("(0, eval)('process.env.A')", Scope),
        ("require('\\x70rocess').env.A", Escapes),
        ("process.env.\\u0041", Letters),
        ("pr\\u006fcess.env.A", Letters),
        ("with (o) { process.env.A }", Scope),
        ("function f() { with (o) { process.env.A } }", Scope),
        ("try { with (o) { process.env.A } } finally {}", Scope),
        ("if (a) { with (o) process.env.A }", Scope),
        ("a => { with (o) process.env.A }", Scope),
        ("a\n{ with (o) process.env.A }", Scope),
        ("try {} catch { with (o) { process.env.A } }", Scope),
        ("try {} catch {with (o) process.env.A}", Scope),
        ("!process++; process.env.A", Process),
        ("typeof process++; process.env.A", Process),
        ("eval(code); process.env.A", Scope),
        ("x.A + process.env.A", Name),
        ("x = 'A'", Name),
        ("__capy_A()", Ours),
        ("x = process.env.A /* ", Literal),
        ("x = 'process.env.A", Literal),
        ("f(process.env.A", Brackets),
        ("f(process.env.A]", Brackets),
        ("x = process.env.A y", Neighbours),
        ("x = ; process.env.A", Neighbours),
        ("<!-- \nprocess.env.A", Neighbours),
        ("x = function () {} /process.env.A/ 1", Slash),
        ("a++ /process.env.A/ 1", Slash),
        ("// \u{2028} process.env.A", Letters),
    ] {
        if ask(text) != Agreement::NotSure(expected) {
            wrong.push((text, ask(text)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The other parts of a bundle, so that the function is no more than a part of it.
fn bundle(function: &str) -> String {
    [function, &"f(process.env.B);\n".repeat(20)].concat()
}

#[test]
fn a_name_for_process_is_followed_in_its_function_and_the_rest_of_the_bundle_is_plain() {
    let mut wrong = Vec::new();
    for (function, expected) in [
        ("function g() { let t = process || {}; return t.env.A }\n", 1),
        ("const g = () => { const { env } = process; return () => env.A }\n", 1),
        (
            "class C { m() { return h(() => { let p = process, q = p.env; return [q.A, p.env.B, q[k]] }) } }\n",
            3,
        ),
        ("function g() { return process }\n", 1),
        ("function g(p) { p = process; return p.env.A }\n", 1),
        ("function g() { var process = h(); return process.env.A }\n", 1),
        (
            "f(p => { p = process; return p.env.B2 }); f(function (p, e = 1) { p = process; e = p.env; f(e) })\n",
            1,
        ),
        ("f(async (p) => { const process = h(p); process.env; })\n", 0),
        ("function g(k) { return process.env['B_' + k + '_C'] }\n", 1),
        ("function g(k) { k = k || 'B2'; return process.env[k] }\n", 1),
        ("function g() { const k = 'X' + '2'; return process.env[k] }\n", 0),
        ("function g() { let e = c ? {} : process.env; return [e.A, e] }\n", 2),
        ("function g() { const h = 1, t = globalThis; t[k] ??= t.fetch } i.process(j);\n", 0),
        (
            "function g() { { const h = () => { ; }, t = globalThis; t[h] } t(h, t) } function i() { j.process(k) }\n",
            0,
        ),
        ("function g() { return globalThis[k] } function i() { j.process(k) }\n", 0),
        ("function g() { let t = globalThis; return t.process.env.B2 } function h() { i.process(j) }\n", 0),
        ("function g() { h(process => process.env.A); try {} catch (process) { process.env.A } }\n", 2),
        ("function g() { return { process: 1, m() { let process; return process } } }\n", 0),
    ] {
        let answer = ask(&bundle(function));
        if answer != Agreement::Same(20 + expected) {
            wrong.push((function, answer));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_name_for_process_that_others_may_mean_is_left_to_the_tree() {
    for function in [
        "var p; function g() { p = process }\n",
        "var e; function g() { e = process.env }\n",
        "var _; function g() { _ = process }\n",
        "const k = 'X' + '2'; function g() { return process.env[k] }\n",
        "var p; function g() { let t = globalThis; p = t } function h() { let { env } = p.process; f(env) }\n",
        "let t = globalThis; function g() { let { env } = t.process; f(env) }\n",
        "var t; function g() { const a = 1\nt = globalThis } function h() { let { env } = t.process; f(env) }\n",
        "function g() { exports = process }\n",
        "(function (exports) { exports = process; exports.env.A })(h);\n",
        "function g() { exports.p = process }\n",
        "function g() { ({ env: exports.env } = process) }\n",
        "function g() { let p = process } h.A\n",
        "function g() { process = h }\n",
        "function g() { ({ process } = h) }\n",
        "function g() { process++ }\n",
        "export function g(p = process) { return p.env.A }\n",
    ] {
        let answer = ask(&bundle(function));
        assert!(matches!(answer, Agreement::NotSure(_)), "{function}: {answer:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokens_never_tell_other_than_the_tree(picks in prop::collection::vec((0..PIECES.len(), any::<bool>()), 1..14)) {
        let pieces = picks.iter().map(|(piece, glued)| [PIECES[*piece], if *glued { "" } else { " " }].concat());
        let text: String = pieces.collect();
        for text in [text.clone(), format!("{text};process.env.A"), format!("x = {{ a: [{text}] }}; f({text})")] {
            let answer = ask(&text);
            prop_assert!(!matches!(answer, Agreement::Different(_, Some(_))), "{text}\n{answer:#?}");
        }
    }
}
