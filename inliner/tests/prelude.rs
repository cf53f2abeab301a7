//! Uses of the environment that no value can replace: the program answers as if the variables were set.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use capy_inliner::{Dynamic, Report, Request, Severity, inline};
use support::{canary, has_node, map, node};

/// Between its fork and its start a child holds the locks of the test's other threads.
static NO_CHILD: Mutex<()> = Mutex::new(());

/// A folder of bundles, named as a whole.
struct Bundles(tempfile::TempDir);

impl Bundles {
    fn new(files: &[(&str, &str)]) -> Self {
        let bundles = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = bundles.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        bundles
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("out").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn inline(&self, change: impl FnOnce(&mut Request<'_>)) -> Report {
        let _no_child = NO_CHILD.lock().unwrap_or_else(PoisonError::into_inner);
        let values = map(&["A", "B"]);
        let mut request = Request::new(&values);
        request.server.push(self.0.path().join("out"));
        change(&mut request);
        inline(&request).unwrap()
    }

    fn contents(&self) -> BTreeMap<PathBuf, String> {
        let files = walkdir::WalkDir::new(self.0.path()).into_iter().flatten();
        let files = files.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
        files.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
    }

    /// Inlines, and checks that a second run changes nothing.
    fn inlined(&self, dynamic: Dynamic) -> Report {
        let report = self.inline(|request| request.dynamic = dynamic);
        assert!(report.written, "{report:?}");
        let after = self.contents();
        let again = self.inline(|request| request.dynamic = dynamic);
        assert_eq!((again.changed_files, again.written), (0, true), "{again:?}");
        assert_eq!(self.contents(), after);
        report
    }

    fn run(&self, file: &str, variables: &[(&str, &str)]) -> String {
        let no_child = NO_CHILD.lock().unwrap_or_else(PoisonError::into_inner);
        let out = node(&self.0.path().join("out"), file, variables);
        drop(no_child);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{file}: {stderr}");
        String::from_utf8(out.stdout).unwrap()
    }
}

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
const USES: [&str; 31] = [
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
];

#[test]
fn scripts_answer_alike() {
    if !has_node() {
        return;
    }
    for program in USES {
        same_answers(&[("a.js", &format!("{LOG}{OWN}{program}\n"))]);
        if !program.starts_with("with") {
            let strict = format!("#!/usr/bin/env node\n'use strict'\n{LOG}{OWN}{program}\n");
            same_answers(&[("a.cjs", &strict)]);
        }
    }
}

#[test]
fn modules_answer_alike() {
    if !has_node() {
        return;
    }
    for program in USES.into_iter().filter(|program| !program.starts_with("with")) {
        let head =
            "import {createRequire} from 'node:module'; const require = createRequire(import.meta.url);\n";
        let program = format!("{head}{LOG}{OWN}{program}\nexport {{}};\n");
        same_answers(&[("a.mjs", &program)]);
        same_answers(&[
            ("a.mjs", &format!("import './b.mjs';\n{program}")),
            ("b.mjs", "export const b = 1;"),
        ]);
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
