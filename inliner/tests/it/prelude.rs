//! Uses of the environment that no value can replace: the program behaves as if the variables were
//! set.

use crate::bundles;
use crate::support;

use std::fs;

use bundles::Bundles;
use capy_inliner::{Dynamic, Severity};
use support::{canary, has_node, node};

/// Prints with the variables set what its inlined form prints without them.
#[track_caller]
fn same_answers(files: &[(&str, &str)]) -> Bundles {
    same_answers_with(files, Dynamic::Auto)
}

#[track_caller]
fn same_answers_with(files: &[(&str, &str)], dynamic: Dynamic) -> Bundles {
    let bundles = Bundles::new(files);
    let (a, b) = (canary("A"), canary("B"));
    let expected = bundles.run(files[0].0, &[("A", &a), ("B", &b)]);
    assert_ne!(bundles.run(files[0].0, &[]), expected, "{} reads no variable", files[0].1);
    let report = bundles.inlined(dynamic);
    assert_eq!(report.worst().unwrap_or(Severity::Note), Severity::Note, "{report:?}");
    assert_eq!(bundles.run(files[0].0, &[]), expected, "{}\n{}", files[0].1, bundles.read(files[0].0));
    bundles
}

const LOG: &str = "const log = (...x) => console.log(JSON.stringify(x));\n";
const OWN: &str = "const own = (o) => Object.fromEntries(Object.entries(o).filter(([k]) => k < 'C'));\n";

/// Form 11 of what builds emit, and what else may see any variable.
const USES: [&str; 39] = [
    "log(own({...process.env}))",
    "const {A, ...rest} = process.env; log(A, own(rest))",
    "log('A' in process.env, 'Z' in process.env)",
    "log(Object.keys(process.env).filter((k) => k < 'C').sort())",
    "log(own(process.env))",
    "log(Object.hasOwn(process.env, 'A'), process.env.hasOwnProperty('B'))",
    "const o = []; for (const k in process.env) if (k < 'C') o.push([k, process.env[k]]); log(o.sort())",
    "const e = new Proxy(process.env, {get: (t, k) => t[k] + '!'}); log(e.A, e.B)",
    "log(Reflect.get(process.env, 'A'), Reflect.has(process.env, 'B'), Reflect.ownKeys(process.env).includes('A'))",
    "log(own(JSON.parse(JSON.stringify(process.env))))",
    "const z = {object: (s) => ({parse: (e) => Object.fromEntries(Object.keys(s).map((k) => [k, e[k]]))})};\n\
     log(z.object({A: 1, B: 1}).parse(process.env))",
    "const createEnv = ({server, runtimeEnv}) => server.map((k) => runtimeEnv[k]);\n\
     log(createEnv({server: ['A', 'B'], runtimeEnv: process.env}))",
    "Object.assign(process.env, {A: process.env.A ?? 'file', D: 'file'}); log(process.env.A, process.env.D)",
    "for (const [k, v] of Object.entries({A: 'file', D: 'file'})) if (!(k in process.env)) process.env[k] = v;\n\
     log(process.env.A, process.env.D)",
    "process.env.A ??= 'default'; process.env.Z ??= 'default'; log(process.env.A, process.env.Z)",
    "process.env.A ||= 'default'; log(process.env.A)",
    "log(process.env.A); delete process.env.A; log(process.env.A, 'A' in process.env)",
    "log(process.env.A); process.env.A = 'mine'; log(process.env.A, process.env.B)",
    "process.env.A += '!'; log(process.env.A)",
    "const get = (k) => process.env[k]; log(get('A'), get(['B'].join()))",
    "log(process.env['' + 'AB'[0]])",
    "let e = process.env; if (e.Z) e = {}; log(e.A)",
    "function f(e = process.env) { return e.A } log(f(), f({A: 1}))",
    "function f(p) { return p.env[['A'].join()] } log(f(process))",
    "const g = ['process'].map((k) => globalThis[k])[0]; log(g.env.A)",
    "with (process) { log(env.A) }",
    "const {[`A`.trim()]: a} = process.env; log(a)",
    "const m = new Map(Object.entries(process.env)); log(m.get('A'), m.size > 1)",
    "process.env = {...process.env, D: '1'}; log(process.env.A, process.env.D)",
    "const own1 = Object.getOwnPropertyDescriptor(process.env, 'A'); log(own1)",
    "log(structuredClone({...process.env}).B)",
    "log((0, eval)('process.env.A'), new Function('return process.env.B')())",
    "var Symbol = globalThis.Symbol; log(own({...process.env}))",
    "{ var Object = {keys: 1}; } log({...process.env}.A)",
    "const globalThis = global; log(own({...process.env}))",
    "const f = (n) => n.p.env[['A'].join()]; log(f({p: process}))",
    "log(Reflect.get(globalThis, 'process').env[['A'].join()])",
    "log(own(module.require('process').env))",
    "log(require('child_process').execSync('echo $A $B').toString())",
];

#[test]
fn scripts_answer_alike() {
    if !has_node() {
        return;
    }
    for program in USES {
        let text = format!("{LOG}{OWN}{program}\n");
        let bundles = same_answers(&[("a.js", &text)]);
        assert!(bundles.read("a.js").contains("();const log"), "{}", bundles.read("a.js"));
    }
    for program in &USES[..4] {
        for head in
            ["#!/usr/bin/env node\n'use strict'\n", "\u{feff}\"use strict\";", "/* c */\r\n'use client'\r\n"]
        {
            same_answers(&[("a.cjs", &format!("{head}{LOG}{OWN}{program}\n"))]);
        }
    }
}

const REQUIRE: &str =
    "import {createRequire} from 'node:module'; const require = createRequire(import.meta.url);\n";

#[test]
fn modules_answer_alike() {
    if !has_node() {
        return;
    }
    let of_scripts = |program: &&str| program.starts_with("with") || program.contains("module.require");
    for program in USES.into_iter().filter(|program| !of_scripts(program)) {
        let program = format!("{REQUIRE}{LOG}{OWN}{program}\nexport {{}};\n");
        let bundles = same_answers(&[("a.mjs", &program)]);
        assert!(!bundles.path("capy-prelude.mjs").exists(), "a bundle of one file stays one");
    }
    for program in &USES[..4] {
        let program = format!("import './b.mjs';\n{REQUIRE}{LOG}{OWN}{program}\n");
        let bundles = same_answers(&[("a.mjs", &program), ("b.mjs", "export const b = 1;")]);
        assert!(bundles.read("a.mjs").starts_with("import\"./capy-prelude.mjs\";import './b.mjs';\n"));
        assert!(!bundles.read("a.mjs").contains("canary."));
    }
}

#[test]
fn a_module_that_reads_while_others_are_loaded_finds_its_variables() {
    if !has_node() {
        return;
    }
    for files in [
        // In the middle of a cycle, before the first statement of the bundle that begins it.
        &[
            ("a.mjs", "import './b.mjs'; export function get(k) { return process.env[k] }"),
            ("b.mjs", "import {get} from './a.mjs'; console.log(get('A'), get('B'))"),
        ][..],
        &[
            ("a.mjs", "import {all} from './deep/b.mjs'; console.log(all.A)"),
            ("deep/b.mjs", "import '../c.mjs'; export const all = {...process.env}"),
            ("c.mjs", "await 0; console.log(Object.keys(process.env).includes('B'))"),
        ],
        &[
            ("a.cjs", "exports.get = (k) => process.env[k]; require('./b.cjs')"),
            ("b.cjs", "console.log(require('./a.cjs').get('A'))"),
        ],
        &[
            ("a.mjs", "export * from './b.mjs'; export {default as c} from './c.cjs'"),
            (
                "b.mjs",
                "export const env = process.env; console.log(JSON.stringify(env).includes('canary.A'))",
            ),
            (
                "c.cjs",
                "const e = process['env']; module.exports = (k) => e[k]; console.log(module.exports('B'))",
            ),
        ],
    ] {
        same_answers(files);
    }
}

/// As an edge sandbox runs a function's files: scripts in one global scope, with an environment of its own.
#[test]
fn scripts_that_share_a_global_scope_answer_alike() {
    if !has_node() {
        return;
    }
    let run = "const vm = require('vm'), fs = require('fs'), out = []; const env = {...process.env};\n\
               const globals = {out, ...(process.argv[2] ? {} : {process: {env}})};\n\
               const context = vm.createContext(globals);\n\
               for (const f of ['a', 'b', 'a']) vm.runInContext(fs.readFileSync(`out/${f}.js`, 'utf8'), context);\n\
               console.log(JSON.stringify(out));";
    let files = [
        (
            "a.js",
            "(globalThis.list = globalThis.list || []).push((k) => process.env[k]); out.push({...process.env}.A);",
        ),
        (
            "b.js",
            "out.push(list[0]('B'), 'A' in process.env); delete process.env.A; out.push(process.env.A);",
        ),
    ];
    let bundles = Bundles::new(&files);
    fs::write(bundles.0.path().join("run.js"), run).unwrap();
    let (a, b) = (canary("A"), canary("B"));
    let expected = bundles.run_in("", "run.js", &[("A", &a), ("B", &b)]);
    bundles.inlined(Dynamic::Auto);
    assert_eq!(bundles.run_in("", "run.js", &[]), expected);
    // Without any `process` nothing is set, and nothing fails that did not fail before.
    fs::write(bundles.path("a.js"), "typeof process === 'object' && process.env[out];").unwrap();
    fs::write(bundles.path("b.js"), "out.push(1)").unwrap();
    bundles.inlined(Dynamic::Auto);
    fs::write(bundles.0.path().join("run.js"), run.replace("process.argv[2]", "true")).unwrap();
    assert_eq!(bundles.run_in("", "run.js", &[]), "[1]\n");
}

#[test]
fn the_authors_own_names_that_look_like_ours_survive_every_run() {
    if !has_node() {
        return;
    }
    for program in [
        "const __capy_A = () => 'mine'; log(__capy_A(), {...process.env}.A, process.env.A)",
        "function __capyInlined_A() { return 'mine' } log(__capyInlined_A(), process.env.A, __capy_B); var __capy_B",
        r"(function f(__cap\u0079_A) { log(process.env.A, __cap\u0079_A) })(3)",
        "/*__capy*/ log({...process.env}.A)",
    ] {
        let bundles = same_answers(&[("main.js", &format!("{LOG}{program}\n"))]);
        let once = bundles.read("main.js");
        bundles.inlined(Dynamic::Auto);
        assert_eq!(bundles.read("main.js"), once, "{program}");
    }
}

#[test]
fn what_the_platform_sets_wins_be_it_empty() {
    if !has_node() {
        return;
    }
    let bundles = same_answers(&[(
        "a.js",
        "console.log(JSON.stringify([{...process.env}.A, process.env['B'.trim()]]))",
    )]);
    assert_eq!(bundles.run("a.js", &[("A", ""), ("B", "own")]), "[\"\",\"own\"]\n");
}

#[test]
fn an_environment_that_cannot_be_written_stops_no_program() {
    if !has_node() {
        return;
    }
    let program = "console.log(process.env[['A'].join()])";
    let bundles = Bundles::new(&[("a.js", program)]);
    bundles.inlined(Dynamic::Auto);
    let freeze = "Object.defineProperty(process, 'env', {value: Object.freeze({})}); require('./out/a.js')";
    fs::write(bundles.0.path().join("run.js"), freeze).unwrap();
    assert_eq!(bundles.run_in("", "run.js", &[]), "undefined\n");
}

/// The value is in a function of its own; everything else stands on lines that hold none.
#[test]
fn an_error_beside_the_prelude_prints_no_value() {
    if !has_node() {
        return;
    }
    for program in
        ["f(process.env[k])", "const e={...process.env};null.x", "(function f(){process.env[f()]})()"]
    {
        let bundles = Bundles::new(&[("a.js", program)]);
        bundles.inlined(Dynamic::Auto);
        let out = node(&bundles.path(""), "a.js", &[]);
        assert!(!out.status.success() && bundles.read("a.js").contains("canary.A"));
        assert!(!String::from_utf8_lossy(&out.stderr).contains("canary."), "{program}");
    }
}

/// Text that is run as code and children that inherit the environment are no uses of it that can be seen.
#[test]
fn with_all_variables_set_nothing_can_tell_the_difference() {
    if !has_node() {
        return;
    }
    for program in [
        "log(eval('process.env.A'), new Function('return process.env.B')())",
        "log(require('child_process').execFileSync(process.execPath, ['-p', 'process.env.A']).toString())",
        "const {Worker} = require('worker_threads');\n\
         const text = 'require(\"worker_threads\").parentPort.postMessage(process.env.A)';\n\
         new Worker(text, {eval: true}).on('message', log)",
    ] {
        same_answers_with(&[("a.js", &format!("{LOG}{program}\n"))], Dynamic::Prelude);
    }
}
