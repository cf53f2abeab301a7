//! A program runs the same in Node before inlining, with the variables, and after it, without
//! them.

use crate::support;

use std::fs;

use support::{MARK, canary, has_node, inlined, node};

/// What a program prints with the variables set, and what its inlined form prints without.
#[track_caller]
fn same_answers(name: &str, program: &str) {
    let folder = tempfile::tempdir().unwrap();
    let extension = if program.contains("import ") || program.contains("export ") { "mjs" } else { "js" };
    let (before, after) = (format!("before.{extension}"), format!("after.{extension}"));
    fs::write(folder.path().join(&before), program).unwrap();
    fs::write(folder.path().join(&after), inlined(program).text).unwrap();
    let (a, b) = (canary("A"), canary("B"));
    let expected = node(folder.path(), &before, &[("A", &a), ("B", &b)]);
    assert!(expected.status.success(), "{name}: {}", String::from_utf8_lossy(&expected.stderr));
    for variables in [&[][..], &[("A", "something else"), ("B", "")][..]] {
        let got = node(folder.path(), &after, variables);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&got.stdout), text(&expected.stdout), "{program}\n{}", text(&got.stderr));
    }
}

#[test]
fn programs_answer_alike_without_the_variables() {
    if !has_node() {
        return;
    }
    let log = "const log = (...x) => console.log(JSON.stringify(x));\n";
    for program in [
        "log(process.env.A, process.env['B'], process?.env?.A, `${process.env.A}!`, typeof process.env.A)",
        "const {A, B: b = 'd', C: c = 'd', PATH} = process.env; log(A, b, c, typeof PATH)",
        "const {env: {A}, title, platform, argv: [x]} = process; log(A, typeof title, typeof platform, typeof x)",
        "let A; log(typeof ({A} = process.env), A)",
        "const {A} = process\n  .env, {B, PATH} = process.env; log(A, B, typeof PATH)",
        "const {env, env: {OTHER}} = process; env.FOO = '1'; log(OTHER, process.env.FOO, process.env.A)",
        "const {A, PATH} = process.env; { const globalThis = {}; const {B, HOME} = process.env; log(B, typeof HOME) }\nlog(A, typeof PATH)",
        "const globalThis = {}; const {A, PATH} = process.env; const {env: {B}, title} = process; log(A, B, typeof PATH, typeof title)",
        "const e = process.env; log(e.A, e?.B, e['A'], 'A' in {}, typeof e.PATH)",
        "var t; log((t = process.env).A, typeof t.PATH, (process.env || {}).A)",
        "log(hoisted()); function hoisted() { return process.env.A } var x = process.env.B; log(x)",
        "class C { static s = process.env.A; f = process.env.B; g(x = process.env.A) { return x } }\nlog(C.s, new C().f, new C().g())",
        "function f(){return(process.env).A}; log(f(), typeof(process).env.B)",
        "const f = () => {\n  return process\n    .env\n    .A\n}\nlog(f())",
        "process.env.A;\nlog((function () { process.env.B; return this === undefined })())",
        "const key = process.env.A\nlog(key, [process.env.B].concat(process.env.A.split('.')))",
        "const o = {a: process.env.A, [process.env.B]: 1, get g() { return process.env.A }}; log(o)",
        "let n = 0; for (const c of process.env.A) n++; log(n); switch (process.env.B) { case process.env.B: log('same') }",
        "with ({y: 1}) { log(y) } log(process.env.A)",
        "log(((process) => process.env.A)({env: {A: 'shadow'}}), process.env.A)",
        "{ let process = {env: {A: 'shadow'}}; log(process.env.A) } log(process.env.B)",
        "log(tag`x${process.env.A}`); function tag(s, v) { return s.raw.join(v) }",
        "async function* g() { yield process.env.A; yield await process.env.B }\n(async () => { for await (const x of g()) log(x) })()",
        "const {A, ...rest} = {A: process.env.A, z: 1}; log(A, rest)",
        "log(process.env.A ? process.env.B : 0, !process.env.A, process.env.MISSING_ONE ?? 'none')",
    ] {
        same_answers(program, &format!("{log}{program}\n"));
    }
    for program in [
        "import p, {env as e} from 'node:process'; import * as n from 'process';\nlog(p.env.A, e.B, n.env.A, n.default.env.B)",
        "log(a, b()); export const c = process.env.A; var a = process.env.A; export function b() { return process.env.B }",
        "export default process.env.A\nlog(process.env.B)",
    ] {
        same_answers(program, &format!("{log}{program}\n"));
    }
}

/// What compilers make of one program must print the same, whatever they made of it.
#[test]
fn compiled_programs_answer_alike_without_the_variables() {
    if !has_node() {
        return;
    }
    let names = ["A", "B", "STRIPE_KEY"];
    let values: Vec<String> = names.iter().map(|name| canary(name)).collect();
    let variables: Vec<(&str, &str)> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
    for case in [
        "esbuild-es2019",
        "esbuild-minified",
        "esbuild-require",
        "typescript-es2018",
        "babel",
        "babel-terser",
        "swc",
        "swc-minified",
    ] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(case);
        let before = node(&folder, "input.js", &variables);
        let after = node(&folder, "output.js", &[]);
        assert!(before.status.success() && !before.stdout.is_empty(), "{case}");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(&after.stdout), text(&before.stdout), "{case}: {}", text(&after.stderr));
    }
}

/// Every way that an error can leave a program, from every line that we touched or added.
#[test]
fn an_uncaught_error_prints_no_value() {
    if !has_node() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let reads = "const e=process.env,{A,B:b}=process.env;var u=[e.A,process.env.B,A,b];";
    let programs = [
        "throw new Error('x');",
        "null.x;",
        "(async()=>{throw new TypeError('x')})();",
        "setTimeout(()=>{undefined.y},0);",
        "process.env.A.missing.deep;",
        "process.env.A();",
        "new process.env.A;",
        "new (class{#p;static t(o){o.#p}}).constructor.t({});",
        "Promise.reject(new Error('x'));",
        "let{env:{B:q}}=process;q.nothing.here;",
        "function f(){return process.env.A.length+f()}f();",
        "function f(){const{A,B}=process.env;return A.length+f()}f();",
        "function f(){const{env:{A}}=process;return A.length+f()}f();",
        "function f(){return`${process.env.B}`.length+f()}f();",
    ];
    for (index, program) in programs.iter().enumerate() {
        let file = format!("p{index}.js");
        fs::write(folder.path().join(&file), inlined(&format!("{reads}{program}")).text).unwrap();
        assert_silent(folder.path(), &file, program);
    }
    // Where exactly the stack ends decides which line is shown.
    for depth in 0..40 {
        let pad =
            format!("function pad(n){{if(n===0)return f();let a=1,b=2;return pad(n-1)+a+b}}pad({depth});");
        for call in ["process.env.A.length", "[{A,B}=process.env].length", "[{env:{A}}=process].length"] {
            let program =
                format!("{reads}var A,B;function f(){{return {call}+f()}}{pad}").replace("A,B:b", "A:a,B:b");
            let program = program.replace("u=[e.A,process.env.B,A,b]", "u=[a,b]");
            fs::write(folder.path().join("deep.js"), inlined(&program).text).unwrap();
            assert_silent(folder.path(), "deep.js", &program);
        }
    }
}

#[track_caller]
fn assert_silent(folder: &std::path::Path, file: &str, program: &str) {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    assert!(text.contains(MARK) && text.contains("canary."), "{program} was not inlined");
    let out = node(folder, file, &[]);
    assert!(!out.status.success(), "{program} did not fail");
    for bytes in [&out.stdout, &out.stderr] {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("canary."), "{program} printed a value:\n{text}");
        assert!(!text.contains("SyntaxError"), "{program}:\n{text}");
    }
}

/// Any value must come out of its literal as it went in.
#[test]
fn every_value_survives_its_literal() {
    if !has_node() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let all: String =
        (0u32..0x300).chain([0x2028, 0x2029, 0xfeff, 0xfffd, 0x1f600]).filter_map(char::from_u32).collect();
    let texts = [
        "",
        "</script><!--",
        "`${process.env.B}`",
        "\\u0041\\x41\\",
        "line\nline\r\n",
        "\"'`",
        &all,
        "1234567.89",
        "__proto__",
    ];
    for text in texts {
        let mut values = capy_protocol::env_map::EnvMap::new();
        let value = text.replace('\0', "");
        values.try_insert("A", capy_protocol::env_map::SecretValue::new(value.clone())).unwrap();
        let out =
            support::inline("process.stdout.write(Buffer.from(process.env.A).toString('hex'))", &values);
        assert_eq!(out.text.lines().count(), 5, "{}", out.text);
        fs::write(folder.path().join("v.js"), &out.text).unwrap();
        let printed = node(folder.path(), "v.js", &[]);
        let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(String::from_utf8_lossy(&printed.stdout), hex);
    }
}
