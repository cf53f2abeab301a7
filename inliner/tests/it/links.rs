//! Server files that export `process`, its environment or a `require` to each other.

use crate::support;

use std::fs;
use std::path::Path;

use capy_inliner::{Dynamic, Request, inline};
use support::{MARK, canary, has_node, node, values};
use tempfile::TempDir;

/// Inlines a folder of server files without anything that is set before the program starts.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let values = values();
    let mut request = Request::new(&values);
    request.server.push(folder.path().to_owned());
    request.dynamic = Dynamic::Warn;
    assert!(inline(&request).unwrap().written);
    folder
}

fn body(folder: &Path, name: &str) -> String {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    support::squeezed(text.split(MARK).next().unwrap())
}

#[test]
fn reads_through_another_file_are_followed() {
    let chunk = "import p, {env} from 'node:process'; const g = globalThis; \
                 export {p as m, env as default, g as \"the global\"}; export const e = process.env;";
    for (file, expected) in [
        ("import {m as o} from '../chunk.mjs'; f(o.env.A)", "f(__capy_A())"),
        ("import e from '../chunk.mjs'; f(e.A)", "f(__capy_A())"),
        ("import {e} from './../sub/../chunk.mjs'; f(e['A'])", "f(__capy_A())"),
        ("import {m as o} from '../all.mjs'; f(o.env.A)", "f(__capy_A())"),
        ("import {again} from '../some.mjs'; f(again.env.A)", "f(__capy_A())"),
        ("import {last} from '../more.mjs'; f(last.A)", "f(__capy_A())"),
        ("import {'the global' as g} from '../chunk.mjs'; f(g.process.env.A)", "f(__capy_A())"),
        ("import {r} from '../loader.mjs'; f(r('process').env.A)", "f(__capy_A())"),
        ("import {default as d} from '../whole.mjs'; f(d.env.A)", "f(__capy_A())"),
    ] {
        let folder = folder(&[
            ("chunk.mjs", chunk),
            ("all.mjs", "export * from './chunk.mjs'"),
            ("some.mjs", "export {m as again} from './chunk.mjs'"),
            ("more.mjs", "import {again} from './some.mjs'; const {env: last} = again; export {last}"),
            ("whole.mjs", "export default process"),
            (
                "loader.mjs",
                "import {createRequire} from 'node:module'; var r = (() => createRequire(import.meta.url))(); export {r}",
            ),
            ("sub/file.mjs", file),
        ]);
        let text = body(folder.path(), "sub/file.mjs");
        assert!(text.ends_with(&support::squeezed(expected)), "{file} became {text}");
    }
}

#[test]
fn a_turbopack_module_of_another_file_is_followed() {
    let external =
        "module.exports=[59639,(e,r,t)=>{r.exports=e.x(\"node:process\",()=>require(\"node:process\"))}];";
    let user = "module.exports=[90910,e=>{\"use strict\";var n=e.i(59639);f(n.default.env.A,n.env.B)}];";
    let folder = folder(&[("[externals]__a._.js", external), ("b.js", user)]);
    assert!(body(folder.path(), "b.js").contains(&support::squeezed("f(__capy_A(),__capy_B())")));
}

#[test]
fn what_files_disagree_about_is_left_alone() {
    let external =
        "module.exports=[59639,(e,r,t)=>{r.exports=e.x(\"node:process\",()=>require(\"node:process\"))}];";
    let user = "module.exports=[90910,e=>{var n=e.i(59639);f(n.env.A)}];";
    let other = "module.exports=[59639,(e,r,t)=>{r.exports={env:{A:'mine'}}}];";
    for files in [
        [("a.js", external), ("b.js", user), ("c.js", other)],
        [("a.js", other), ("b.js", user), ("c.js", external)],
    ] {
        assert_eq!(body(folder(&files).path(), "b.js"), user);
    }
}

#[test]
fn what_is_not_certainly_handed_on_is_left_alone() {
    for (chunk, file) in [
        ("export let m = process; m = other", "import {m} from './chunk.mjs'; f(m.env.A)"),
        ("if (c) { var m = process } export {m}", "import {m} from './chunk.mjs'; f(m.env.A)"),
        ("export const m = c ? process : {}", "import {m} from './chunk.mjs'; f(m.env.A)"),
        ("export const m = process; export const o = {}", "import {o as m} from './chunk.mjs'; f(m.env.A)"),
        ("export const m = process", "import {m} from 'chunk.mjs'; f(m.env.A)"),
        ("export const m = process", "import {m} from './other/chunk.mjs'; f(m.env.A)"),
        ("export const m = process", "import {m} from './chunk.mjs'; function g(m) { f(m.env.A) }"),
        (
            "export * from './deep.mjs'; export const m = {env: {}}",
            "import {m} from './chunk.mjs'; f(m.env.A)",
        ),
        ("export const m = process; m.env.A = 'mine'", "import {m} from './chunk.mjs'; f(m.env.A)"),
        ("export const m = process", "import {m} from './chunk.mjs'; m.env.A = 1; f(m.env.A)"),
    ] {
        let deep = ("deep.mjs", "export const m = process");
        let folder = folder(&[("chunk.mjs", chunk), ("file.mjs", file), deep]);
        assert_eq!(body(folder.path(), "file.mjs"), file, "{chunk}");
    }
}

#[test]
fn files_answer_alike_without_the_variables() {
    if !has_node() {
        return;
    }
    let files = [
        (
            "main.mjs",
            "import {m, again, e, r} from './middle.mjs'; import d from './whole.mjs';\
                      console.log(m.env.A, again.env.B, e?.A, r('process').env.B, d.env.A, typeof e.PATH)",
        ),
        ("middle.mjs", "export * from './chunk.mjs'; export {m as again} from './chunk.mjs'"),
        ("whole.mjs", "import p from 'process'; export default p"),
        (
            "chunk.mjs",
            "import p from 'node:process'; import {createRequire as c} from 'module'; export const e = p.env;\
             var r = c(import.meta.url); export {p as m, r}",
        ),
    ];
    let before = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| fs::write(before.path().join(name), text).unwrap());
    let (a, b) = (canary("A"), canary("B"));
    let expected = node(before.path(), "main.mjs", &[("A", &a), ("B", &b)]);
    let got = node(folder(&files).path(), "main.mjs", &[]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(text(&expected.stdout).contains("canary."), "{}", text(&expected.stderr));
    assert_eq!(text(&got.stdout), text(&expected.stdout), "{}", text(&got.stderr));
}

#[test]
fn a_file_that_replaces_the_environment_keeps_the_reads_of_all() {
    for replaces in [
        "process.env = {A: 'mine'}",
        "process.env = {...process.env, A: 'mine'}",
        "import p from 'node:process'; p.env = {A: 'mine'}",
        "Object.assign(process, {env: {A: 'mine'}})",
        "Object.defineProperty(process, 'env', {value: {A: 'mine'}})",
        "const o = {A: 'mine'}; Object.assign(process.env, o)",
        "for (const [k, v] of [['A', 'mine']]) process.env[k] = v",
        "const o = {A: 'mine'}, {assign} = Object; assign(process.env, o)",
    ] {
        stays(&[("other.mjs", replaces)]);
    }
    let folder = folder(&[("a.mjs", "f(process.env.A)"), ("b.js", "process.env = globalThis.process.env")]);
    assert_eq!(body(folder.path(), "a.mjs"), "f(__capy_A())");
}

#[test]
fn a_write_to_what_may_be_the_environment_keeps_the_reads_of_all() {
    let publish = "export const e = process.env";
    for writes in [
        "export function f(e) { e.A = 'mine' }",
        "export const f = e => { e['A'] ||= 'mine' }",
        "export const f = e => delete e.A",
        "export const f = o => { [o.A] = ['mine'] }",
        "import * as n from './publish.mjs'; n.e.A = 'mine'",
        "import * as n from './publish.mjs'; n.e.A = process.env.B",
    ] {
        stays(&[("publish.mjs", publish), ("writes.mjs", writes)]);
    }
    stays(&[("writes.mjs", "export function f(p) { p.env.A = 'mine' }")]);
}

#[test]
fn a_write_to_anything_else_keeps_nothing() {
    for writes in [
        "export function f(e) { e.A = process.env.A }",
        "export function f(e) { e.A = process.env.A || 'default'; e.A = void 0 }",
        "exports.A = exports.B = 'mine'; module.exports.A = 1",
        "class C { constructor(a) { this.A = a } }",
        "f(process.env); export function f(e) { e.A == 1 || e.A.x++ }",
    ] {
        let folder = folder(&[("a.mjs", "g(process.env.A)"), ("b.mjs", "f(process.env)"), ("c.js", writes)]);
        assert_eq!(body(folder.path(), "a.mjs"), "g(__capy_A())", "{writes}");
    }
    // Nobody is given the environment.
    let folder = folder(&[("a.mjs", "g(process.env.A)"), ("b.mjs", "export const f = e => { e.A = 1 }")]);
    assert_eq!(body(folder.path(), "a.mjs"), "g(__capy_A())");
}

/// A read of `A` in a file of its own is left as it is.
#[track_caller]
fn stays(others: &[(&str, &str)]) {
    let folder = folder(&[&[("a.mjs", "f(process.env.A)")], others].concat());
    assert_eq!(body(folder.path(), "a.mjs"), "f(process.env.A)", "{others:?}");
}
