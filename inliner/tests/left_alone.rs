//! One line per trap: what is not a read that can be replaced, and the reason that is given for it.

mod support;

use support::{check, check_same};

#[test]
fn a_pattern_that_takes_everything_is_reported() {
    check_same("const {A, ...rest} = process.env", &["WholeObject", "OpenPattern A"]);
    check_same("const {A, [k]: v} = process.env", &["WholeObject", "OpenPattern A"]);
}

#[test]
fn a_shadowed_process_is_not_the_environment() {
    check_same("function f(process) { return process.env.A }", &["Unproven A"]);
    check_same("import process from './shim'; f(process.env.A)", &["Unproven A"]);
    check_same("{ const process = shim; f(process.env.A) }", &["Unproven A"]);
    check_same("try {} catch (process) { f(process.env.A) }", &["Unproven A"]);
    check_same("f(function process() { process.env.A })", &["Unproven A"]);
    check_same("class process {} f(process.env.A)", &["Unproven A"]);
    check_same("function f() { g(process.env.A); var process }", &["Unproven A"]);
    check_same("f(process.env.A); { function process() {} }", &["Unproven A"]);
    check_same("const globalThis = {}; f(globalThis.process.env.A)", &["Unproven A"]);
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
    check_same("process.env[k]", &["DynamicKey"]);
    check_same("process.env[k] = v", &["DynamicWrite"]);
    check_same("process.env = {}", &["EnvReplaced"]);
    check_same("'A' in process.env", &["Mentioned A", "In A"]);
    check_same("f(process, process.env.OTHER, process.env[k])", &["ProcessEscapes", "DynamicKey"]);
    check_same("f(x.env.A)", &["Unproven A"]);
    check_same("const {default: {env: {A}}} = require('process')", &["Mentioned A"]);
}

#[test]
fn looking_at_the_truth_of_the_environment_is_no_use_of_it() {
    check_same("if (typeof process < 'u' && process.env && !process.env[`OTHER`]) f()", &[]);
    check(
        "'undefined' != typeof process && process.env && f(process.env.A)",
        "'undefined' != typeof process && process.env && f(__capy_A()  )",
    );
    check_same("process !== c.g.process && (process.env = c.g.process.env)", &[]);
    check_same("globalThis.process ??= {}; globalThis.process.env ??= {}", &["EnvReplaced"]);
}
