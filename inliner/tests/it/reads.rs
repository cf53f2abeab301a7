//! One line for each form of a read, and what it becomes.

use crate::support;

use capy_protocol::env_map::SecretValue;
use support::{body, check, check_same, inlined, reasons_of, squeezed};

#[test]
fn padding_keeps_every_column() {
    for input in [
        "f(process.env.A, 1)",
        "f(process.env.STRIPE_KEY)",
        "f(process.env[\"ODD-NAME\"], /* é😀 */ process/*é😀*/.env.B, 2)",
    ] {
        let out = inlined(input);
        let column = |text: &str| text.encode_utf16().count();
        assert_eq!(column(body(&out.text).trim_end_matches('\n')), column(input), "{}", out.text);
        assert_eq!(out.text.split(", ").count(), input.split(", ").count());
    }
}

#[test]
fn a_read_by_name_becomes_a_call_of_the_same_length() {
    check("f(process.env.STRIPE_KEY)", "f(__capy_STRIPE_KEY()   )");
    check("f(process.env.A);", "f(__capy_A()  );");
    check("f(process.env[\"A\"]);", "f(__capy_A()     );");
    check("f(process.env['A']);", "f(__capy_A()     );");
    check("f(process.env[`A`]);", "f(__capy_A()     );");
    check("f(process[\"env\"].A);", "f(__capy_A()     );");
    check("f(process?.env?.A);", "f(__capy_A()    );");
    check("f(process.env?.[\"A\"]);", "f(__capy_A()       );");
    check("f((process.env).A);", "f(__capy_A()    );");
    check("f(((process)).env.A);", "f(__capy_A()      );");
    check("f(process.env[\"ODD-NAME\"]);", "f(__capy_ODD$2d$NAME()     );");
}

#[test]
fn a_read_may_stand_wherever_an_expression_may() {
    check("`a${process.env.A}b`", "`a${__capy_A()  }b`");
    check(
        "let x = process.env.A || 'd', y = process.env.B ?? 1",
        "let x = __capy_A()   || 'd', y = __capy_B()   ?? 1",
    );
    check(
        "class C { x = process.env.A; static y = process.env.B }",
        "class C { x = __capy_A()  ; static y = __capy_B()   }",
    );
    check("function f(a = process.env.A) {}", "function f(a = __capy_A()  ) {}");
    check("export default process.env.A", "export default __capy_A()");
    check("export const a = process.env.A;", "export const a = __capy_A()  ;");
    check("({ a: process.env.A, [process.env.B]: 1 })", "({ a: __capy_A()  , [__capy_B()  ]: 1 })");
    check("typeof process.env.A", "typeof __capy_A()");
    check("process.env.A.split(',').length", "__capy_A()  .split(',').length");
    check("process.env.A?.trim()", "__capy_A()  ?.trim()");
    check("process.env.A`x`", "__capy_A()  `x`");
    check("tag`${process.env.A}`", "tag`${__capy_A()  }`");
    check("async () => await process.env.A", "async () => await __capy_A()");
    check("for (const x of process.env.A) f(x)", "for (const x of __capy_A()  ) f(x)");
    check("switch (process.env.A) { case process.env.B: }", "switch (__capy_A()  ) { case __capy_B()  : }");
}

#[test]
fn a_read_that_is_constructed_keeps_its_parentheses() {
    check("new process.env.A", "new (__capy_A())");
    check("new process.env.A(1)", "new (__capy_A()) (1)");
    check("new process.env.A.C()", "new (__capy_A()) .C()");
    check("new (process.env.A)()", "new (__capy_A()  )()");
    check("new C(process.env.A)", "new C(__capy_A()  )");
}

#[test]
fn words_are_not_glued_together() {
    check("function f(){return(process.env).A}", "function f(){return __capy_A()    }");
    check("typeof(process).env.A", "typeof __capy_A()");
    check("f(process.env['A']in x)", "f(__capy_A()     in x)");
}

#[test]
fn lines_stay_where_they_are() {
    check("f(process\n  .env\n  .A, 1)", "f(__capy_A()\n      \n    , 1)");
    check("f(() => { return process // c\r\n.env.A })", "f(() => { return __capy_A()  \r\n       })");
    check("\"use strict\";\nprocess.env.A;\n", "\"use strict\";\n__capy_A()  ;");
}

#[test]
fn a_first_statement_does_not_become_a_directive() {
    check("process.env.A;f()", "__capy_A()  ;f()");
}

#[test]
fn the_global_object_may_stand_in_front() {
    check("globalThis.process.env.A", "__capy_A()");
    check("global.process.env.A", "__capy_A()");
    check("globalThis.process?.env[\"A\"]", "__capy_A()");
    check("globalThis.global.process.env.A", "__capy_A()");
    check(
        "module.exports = [7, (e, t, r) => { t(e.g.process.env.A) }]",
        "module.exports = [7, (e, t, r) => { t(__capy_A()      ) }]",
    );
    check(
        "exports.modules = {7: function (a, b, c) { b(() => c.g.process.env.A) }, 8(a, b, c) { c.g.process.env.B }}",
        "exports.modules = {7: function (a, b, c) { b(() => __capy_A()      ) }, 8(a, b, c) { __capy_B()       }}",
    );
    for left in ["e.g = {};", "e = {};", "var e = {};", "e[k] = {};"] {
        check_same(&format!("m([7, (e) => {{ {left} f(e.g.process.env.A) }}])"), &["UnprovenProcess A"]);
    }
    check_same("const e = {g: {}}; f(e.g.process.env.A)", &["UnprovenProcess A"]);
}

#[test]
fn an_alias_that_is_never_anything_else_is_followed() {
    check("const e = process.env; f(e.A)", "const e = process.env; f(__capy_A())");
    check("let {env: e} = process; f(e.A, e['B'])", "let {env: e} = process; f(__capy_A(), __capy_B())");
    check("const p = process; f(p.env.A)", "const p = process; f(__capy_A())");
    check(
        "const g = globalThis; f(g.process.env.A)",
        "const g = globalThis; f(__capy_A()          )".replace("          ", "    ").as_str(),
    );
    check(
        "const p = process, {env: e} = p, d = e; f(d.A)",
        "const p = process, {env: e} = p, d = e; f(__capy_A())",
    );
    check("var t; f((t = process.env).A)", "var t; f(((t = process.env),__capy_A()))");
    check("var t; f((t = process).env.A)", "var t; f(((t = process).env,__capy_A()))");
    check("const e = process.env || {}; f(e.A)", "const e = process.env || {}; f(__capy_A())");
    check("f((process.env || {}).A)", "f(((process.env || {}),__capy_A()))");
    check("import p from 'node:process'; f(p.env.A)", "import p from 'node:process'; f(__capy_A())");
    check("import {env as e} from 'process'; f(e.A)", "import {env as e} from 'process'; f(__capy_A())");
    check(
        "import * as n from 'node:process'; f(n.env.A)",
        "import * as n from 'node:process'; f(__capy_A())",
    );
}

#[test]
fn an_alias_that_is_also_something_else_is_reported() {
    check_same("let e = process.env; e = other; f(e.A)", &["AliasReassigned", "AliasReassigned A"]);
    check_same("function f(e) { e = process.env; return e.A }", &["AliasReassigned", "AliasReassigned A"]);
    check_same("for (let e = process.env; ; e = e.next) f(e.A)", &["AliasReassigned", "AliasReassigned A"]);
    check_same("let e = process.env; for (e of xs) f(e.A)", &["AliasReassigned", "AliasReassigned A"]);
}

#[test]
fn an_alias_is_only_followed_in_its_own_scope() {
    check("{ let e = process.env; f(e.A) } g(e)", "{ let e = process.env; f(__capy_A()) } g(e)");
    check_same("{ let e = process.env } f(e.A)", &["Mentioned A"]);
    check_same("let e = process.env; function g(e) { return e.A }", &["Mentioned A"]);
}

#[test]
fn names_taken_by_a_pattern_come_from_an_object() {
    for (input, head, tail) in [
        (
            "const {A, B: b = 'd'} = process.env; f(A, b)",
            "const {A, B: b = 'd'} = __capy_$env_",
            "(process.env); f(A, b)",
        ),
        ("let A; ({A} = process.env);", "let A; ({A} = __capy_$env_", "(process.env));"),
        ("const {env: {A}} = process;", "const {env: {A}} = __capy_$process_", "(process);"),
        (
            "const {env: {A: a = 1}, platform: p} = process;",
            "const {env: {A: a = 1}, platform: p} = __capy_$process_",
            "(process);",
        ),
        ("const e = process.env, {A} = e;", "const e = process.env, {A} = __capy_$env_", "(e);"),
        ("const {['A']: a} = process.env; f(a)", "const {['A']: a} = __capy_$env_", "(process.env); f(a)"),
        ("const {[('A')]: a} = process.env;", "const {[('A')]: a} = __capy_$env_", "(process.env);"),
        ("const {A, OTHER} = process.env || {};", "const {A, OTHER} = __capy_$env_", "(process.env) || {};"),
    ] {
        let out = inlined(input);
        let text = body(&out.text).trim_end();
        assert!(text.starts_with(head) && text.ends_with(tail), "{text}");
        assert!(out.report.findings.is_empty(), "{:?}", out.report.findings);
        let again = inlined(&out.text);
        let reasons = reasons_of(&again);
        assert!(reasons.iter().all(|reason| reason.starts_with("Mentioned")), "a second run: {reasons:?}");
    }
    check_same("const {env, env: {A}} = process; env.OTHER = '1'", &["Indirect A"]);
    check_same("let env; ({env, env: {A}} = process)", &["Indirect A"]);
    let out = inlined("for (const x of(process).env) {} function f() { let {A} = (process).env; return A }");
    assert!(out.text.contains("(process).env); return A"), "{}", out.text);
}

#[test]
fn the_process_module_is_the_process() {
    for (input, expected) in [
        ("f(require('process').env.A)", "f(__capy_A())"),
        ("f((0, require)('node:process').env.A)", "f(__capy_A())"),
        ("f((x = 1, require)('process').env.A)", "f(((x = 1, require)('process').env,__capy_A()))"),
        (
            "var i = (m) => m && m.__esModule ? m : m; f(i(p = require('process')).env.A)",
            "var i = (m) => m && m.__esModule ? m : m; f((i(p = require('process')).env,__capy_A()))",
        ),
        ("const {env} = require('process'); f(env.A)", "const {env} = require('process'); f(__capy_A())"),
        ("const p = require('node:process'); f(p.env.A)", "const p = require('node:process'); f(__capy_A())"),
        (
            "const p = await import('process'); f(p.default.env.A)",
            "const p = await import('process'); f(__capy_A())",
        ),
        ("f((await import('process')).env.A)", "f(((await import('process')).env,__capy_A()))"),
        (
            "import {createRequire as c} from 'module'; const require = c(import.meta.url); f(require('process').env.A)",
            "import {createRequire as c} from 'module'; const require = c(import.meta.url); f(__capy_A())",
        ),
        (
            "import m from 'node:module'; const r = m.createRequire(import.meta.url), p = r('process'); f(p.env.A)",
            "import m from 'node:module'; const r = m.createRequire(import.meta.url), p = r('process'); f(__capy_A())",
        ),
        (
            "m.push([7, (e, t) => { t.exports = e.x('process', () => require('process')) }, 8, (e) => { e.i(7).env.A }])",
            "m.push([7, (e, t) => { t.exports = e.x('process', () => require('process')) }, 8, (e) => { __capy_A() }])",
        ),
    ] {
        let out = inlined(input);
        assert_eq!(squeezed(body(&out.text)), squeezed(expected), "from {input}");
        let reasons = reasons_of(&out);
        assert!(reasons.iter().all(|reason| reason == "ProcessEscapes"), "{input}: {reasons:?}");
    }
    let out = inlined("const {env: {A}} = await import('node:process'); f(A)");
    assert!(body(&out.text).starts_with("const {env: {A}} = __capy_$process_"), "{}", out.text);
}

#[test]
fn a_key_that_is_known_is_a_name() {
    let reads = |program: &str, read: &str| {
        let out = inlined(&format!("{program} f({read})"));
        assert!(squeezed(body(&out.text)).ends_with("f(__capy_STRIPE_KEY())"), "{}", out.text);
    };
    reads("let k = 'STRIPE_KEY';", "process.env[k]");
    reads("const a = 'STRIPE_';", "process.env[a + 'KEY']");
    reads("const a = 'STRIPE_', b = `${a}K`;", "process.env[`${b}EY`]");
    reads("const e = process.env; var a = 'STRIPE_KEY';", "e?.[a]");
    reads("const p = 'env', k = 'STRIPE_KEY';", "process[p][k]");
    reads("", "process.env['STRIPE_' + 'KEY']");
}

#[test]
fn lowered_optional_chains_are_followed() {
    for (input, expected) in [
        ("f(process == null ? void 0 : process.env.A)", "f(process == null ? void 0 : __capy_A())"),
        (
            "var a, b; f((b = (a = process) == null ? void 0 : a.env) == null ? void 0 : b.A)",
            "var a, b; f((b = (a = process) == null ? void 0 : a.env) == null ? void 0 : __capy_A())",
        ),
        (
            "var a; f((a = process) === null || a === void 0 || (a = a.env) === null || a === void 0 ? void 0 : a.A)",
            "var a; f((a = process) === null || a === void 0 || (a = a.env) === null || a === void 0 ? void 0 : __capy_A())",
        ),
        (
            "var a; f(null == (a = x) ? void 0 : a.y, null == (a = process.env) ? void 0 : a.A)",
            "var a; f(null == (a = x) ? void 0 : a.y, null == (a = process.env) ? void 0 : __capy_A())",
        ),
        (
            "var r; f(process !== null && process !== void 0 && (r = process.env) && r.A)",
            "var r; f(process !== null && process !== void 0 && (r = process.env) && __capy_A())",
        ),
        (
            "const e = typeof process < 'u' ? process.env : {}; f(e.A)",
            "const e = typeof process < 'u' ? process.env : {}; f(__capy_A())",
        ),
        (
            "const e = 'undefined' == typeof process ? {} : process.env; f(e.A)",
            "const e = 'undefined' == typeof process ? {} : process.env; f(__capy_A())",
        ),
        ("const e = process && process.env; f(e.A)", "const e = process && process.env; f(__capy_A())"),
        (
            "const e = globalThis.process && process.env && process.env; f(e.A)",
            "const e = globalThis.process && process.env && process.env; f(__capy_A())",
        ),
        (
            "var g, h; const e = (h = (g = globalThis.process) == null ? void 0 : g.env) != null ? h : {}; f(e.A)",
            "var g, h; const e = (h = (g = globalThis.process) == null ? void 0 : g.env) != null ? h : {}; f(__capy_A())",
        ),
        ("var t; f((t = process.env, t.A))", "var t; f((t = process.env, __capy_A()))"),
    ] {
        check(input, expected);
    }
}

#[test]
fn text_is_not_code() {
    check_same("f('process.env.A', /process.env.A/, `process.env.A`) // process.env.A", &[]);
    check_same("f(process.env.NODE_ENV, process.env.NEXT_PUBLIC_OTHER)", &[]);
}

#[test]
fn our_lines_stand_before_the_source_map_comment() {
    let out = inlined("f(process.env.A)\n//# sourceMappingURL=data:,\n");
    assert_eq!(
        out.text,
        "f(__capy_A()   )\n/* capy-inline 1 */\nfunction __capy_A(){return(\n\"canary.A.x9\"\n)}\n\
         //# sourceMappingURL=data:,\n"
    );
}

#[test]
fn a_hashbang_a_byte_order_mark_and_crlf_are_kept() {
    check("#!/usr/bin/env node\nf(process.env.A)", "#!/usr/bin/env node\nf(__capy_A()  )");
    check("\u{feff}f(process.env.A)", "\u{feff}f(__capy_A()  )");
    check(
        "'use client';\r\nf(process.env.A);\r\ng('é😀');\r\n",
        "'use client';\r\nf(__capy_A()  );\r\ng('é😀');\r",
    );
}

#[test]
fn names_that_look_like_ours_are_avoided() {
    let out = inlined("var __capy_A = 1; f(process.env.A, __capy_A)");
    assert!(body(&out.text).starts_with("var __capy_A = 1; f(__capyInlined_A(), __capy_A)"), "{}", out.text);
}

#[test]
fn what_does_not_parse_is_named_when_it_names_a_variable() {
    for (input, reason) in [("f(process.env.A", "NotJavaScript A"), ("f(process.env", "NotJavaScript")] {
        let out = support::inline(input, &support::values());
        assert_eq!((out.text.as_str(), reasons_of(&out)), (input, vec![reason.to_owned()]));
    }
}

#[test]
fn other_values_than_last_time_are_refused() {
    let first = inlined("f(process.env.A)").text;
    let mut other = support::values();
    other.try_insert("A", SecretValue::new("other".to_owned())).unwrap();
    let second = support::inline(&first, &other);
    assert_eq!(second.text, first);
    assert_eq!(reasons_of(&second), ["OtherValues"]);
}

#[test]
fn a_later_run_may_add_variables() {
    let first = support::inline("f(process.env.A, process.env.B)", &support::map(&["A"])).text;
    assert!(first.starts_with("f(__capy_A()   , process.env.B)\n"), "{first}");
    let second = inlined(&first);
    assert!(second.text.starts_with("f(__capy_A()   , __capy_B()   )\n"), "{}", second.text);
    assert_eq!(second.text.matches("function __capy_A(").count(), 1);
}
