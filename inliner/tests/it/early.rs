//! A `var` that functions read: certain only if no function may run before the `var` has its
//! value.

use crate::support;

#[test]
fn an_alias_that_a_function_may_read_before_it_has_its_value_is_left_alone() {
    for program in [
        "f(); var e = process.env; function f() { log(e?.A) }",
        "g(); var e = process.env; function g() { f() } function f() { log(e?.A) }",
        "f(() => log(e?.A)); var e = process.env; function f(g) { g() }",
        "[1].map(() => f()); var e = process.env; function f() { log(e?.A) }",
        "function h() { f(); var e = process.env; function f() { log(e?.A) } } h()",
        "var f = () => e?.A; log(f()); var e = process.env",
        "var o = {m() { return e?.A }}; log(o.m()); var e = process.env",
        "class C { m() { return e?.A } } log(new C().m()); var e = process.env",
        "f(); var k = 'A'; function f() { log(process.env[k]) }",
    ] {
        let out = support::inlined(program);
        assert_eq!(out.text, program);
        assert!(!out.report.findings.is_empty(), "{program}");
    }
}

#[test]
fn an_alias_that_every_call_comes_after_is_certain() {
    for program in [
        "var e = process.env; function f() { log(e.A) } f()",
        "function f() { log(e.A) } var e = process.env; f()",
        "function g() { f() } function f() { log(e.A) } var e = process.env; g()",
        "var x = require('x'); function f() { log(e.A) } var e = process.env; f()",
        "n.d(t, {f: () => f}); var e = process.env; function f() { log(e.A) }",
        "exports.f = f; var e = process.env; function f() { log(e.A) }",
        "module.exports = {f, g: f}; var e = process.env; function f() { log(e.A) }",
        "Object.defineProperty(exports, 'f', {get: function () { return f }}); var e = process.env; function f() { log(e.A) }",
        "h((t) => t(1)); var e = process.env; function t() { log(e.A) }",
        "var f = () => e.A; var e = process.env; log(f())",
        "var e = process.env; export function f() { log(e.A) }",
    ] {
        let out = support::inlined(program);
        assert!(
            out.text.contains("__capy_A()") && out.report.findings.is_empty(),
            "{program}: {:?}",
            out.report.findings
        );
    }
}
