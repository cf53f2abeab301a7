//! Programs whose inlined form behaved differently although the run had succeeded. Each kind has a
//! case as it was reported, in `tests/cases`, and variants.

use crate::program_support as program;
use crate::support;

use capy_inliner::{Reason, Severity};
use capy_protocol::env_value;
use program::{Program, Values};
use support::has_node;

const BOTH: Values<'_> =
    &[("MAIL_KEY", "mk_8Lr4vN1q"), ("DATABASE_URL", "postgres://app:pw_5Ge2@db.test/app")];
const BOTH_PRINTED: &str = "mk_8Lr4vN1q postgres://app:pw_5Ge2@db.test/app";

/// What `capy set` writes into `.env`.
fn sealed(text: &str) -> String {
    format!("{}{text}", env_value::PREFIX)
}

#[test]
fn public_names_that_a_server_reads_hold_their_values() {
    if !has_node() {
        return;
    }
    let values: Values<'_> = &[
        ("VITE_API_URL", "https://api.example.test/v2"),
        ("PUBLIC_SITE_ID", "site-4471"),
        ("REACT_APP_STAGE", "blue-stage"),
        ("GATSBY_A", "ga-1"),
        ("EXPO_PUBLIC_A", "ex-1"),
        ("NUXT_PUBLIC_A", "nu-1"),
    ];
    let case = Program::of_case("public-prefix-read-by-server");
    let expected = "https://api.example.test/v2 | site-4471 | blue-stage";
    case.assert_answers("server/main.mjs", values, expected);
    for (program, expected) in [
        (
            "const {VITE_API_URL: a = 'unset', GATSBY_A} = process.env; console.log(a, GATSBY_A)",
            "https://api.example.test/v2 ga-1",
        ),
        ("const get = (name) => process.env[name] ?? 'unset'; console.log(get('EXPO_PUBLIC_A'))", "ex-1"),
        ("console.log({...process.env}.NUXT_PUBLIC_A)", "nu-1"),
        (
            "process.env.VITE_API_URL ??= 'default'; console.log(process.env.VITE_API_URL)",
            "https://api.example.test/v2",
        ),
        (
            "console.log(Object.keys(process.env).filter((name) => /^(VITE|PUBLIC)_/.test(name)).sort().join())",
            "PUBLIC_SITE_ID,VITE_API_URL",
        ),
    ] {
        Program::new(&[("dist/server.cjs", program)]).assert_answers("dist/server.cjs", values, expected);
    }
}

#[test]
fn a_public_value_is_no_leak_and_a_client_may_name_it() {
    let program = Program::new(&[
        ("server/main.js", "f(process.env.VITE_API_URL, process.env.STORYBOOK_B)"),
        ("client/main.js", "g(e.env.VITE_API_URL, 'https://api.example.test/v2', e.env.STORYBOOK_B)"),
    ]);
    let values = [("VITE_API_URL", "https://api.example.test/v2"), ("STORYBOOK_B", "story-of-b")];
    let report =
        program.inline_with("server", &values, |request| request.public.push(program.path("client")));
    assert!(report.written && report.leaks.is_empty() && report.findings.is_empty(), "{report:?}");
    assert_eq!(report.replaced(), 2);
}

#[test]
fn only_a_frameworks_own_names_stay() {
    if !has_node() {
        return;
    }
    let values: Values<'_> = &[
        ("NEXT_CMS_TOKEN", "cms_9Qk2Lw7v"),
        ("NEXT_REVALIDATE_KEY", "rv_51Zt0pXe"),
        ("__NEXT_SIGNING_KEY", "sk_77"),
        ("NUXT_API_SECRET", "nx_8"),
        ("NEXT_RUNTIME", "edge"),
    ];
    let case = Program::of_case("own-name-with-framework-prefix");
    case.assert_answers("server/main.cjs", values, "cms_9Qk2Lw7v rv_51Zt0pXe");
    for (program, expected) in [
        ("console.log(process.env.__NEXT_SIGNING_KEY)", "sk_77"),
        ("console.log(process.env['NUXT_API_SECRET'])", "nx_8"),
        ("const {env} = process; console.log(env.NEXT_CMS_TOKEN)", "cms_9Qk2Lw7v"),
        ("const get = (name) => process.env['NEXT_' + name]; console.log(get('CMS_TOKEN'))", "cms_9Qk2Lw7v"),
        ("console.log({...process.env}.NEXT_REVALIDATE_KEY)", "rv_51Zt0pXe"),
    ] {
        Program::new(&[("dist/server.cjs", program)]).assert_answers("dist/server.cjs", values, expected);
    }
    let program = Program::new(&[("dist/server.cjs", "console.log(process.env.NEXT_RUNTIME)")]);
    let report = program.inline("dist", values);
    let runtime = report.variables.iter().find(|variable| variable.name == "NEXT_RUNTIME").unwrap();
    assert!(report.written && runtime.left_alone, "{report:?}");
    assert_eq!(program.run(&["dist/server.cjs"], &[("NEXT_RUNTIME", "nodejs")]).trim(), "nodejs");
}

#[test]
fn a_sealed_value_never_counts_as_set() {
    if !has_node() {
        return;
    }
    let env_file = format!("MAIL_KEY={}\nDATABASE_URL={}\n", sealed("AAAA"), sealed("BBBB"));
    let load = "const fs = require('node:fs'); for (const line of fs.readFileSync('.env', 'utf8').split('\\n')) {
        const [name, value] = line.split('='); if (name && !(name in process.env)) process.env[name] = value }\n";
    let print = "const need = (name) => process.env[name] ?? 'unset'; console.log(need('MAIL_KEY'), need('DATABASE_URL'))";
    let case = Program::of_case("sealed-dotenv-loaded-first");
    let text = case.read("dist/server.cjs");
    for (program, arguments) in [
        (text, &["--env-file=.env", "dist/server.cjs"][..]),
        // A program that loads the file itself, before or after anything of ours runs, and overrides nothing.
        (format!("{load}{print}"), &["dist/server.cjs"]),
        ("process.loadEnvFile(); const {...all} = process.env; console.log(all.MAIL_KEY, all.DATABASE_URL)".to_owned(), &["dist/server.cjs"]),
        (format!("{print}; {load}"), &["--env-file=.env", "dist/server.cjs"]),
        ("console.log(process.env.MAIL_KEY, process.env.DATABASE_URL)".to_owned(), &["--env-file=.env", "dist/server.cjs"]),
        ("const {execFileSync} = require('node:child_process'); process.stdout.write(execFileSync(process.execPath, ['-p', '`${process.env.MAIL_KEY} ${process.env.DATABASE_URL}`']))".to_owned(), &["--env-file=.env", "dist/server.cjs"]),
        (format!("require('./loads.cjs'); {print}"), &["-r", "./first.cjs", "dist/server.cjs"]),
    ] {
        let files = [("dist/server.cjs", &*program), ("dist/loads.cjs", load), ("first.cjs", load), (".env", &env_file)];
        let program = Program::new(&files);
        assert_eq!(program.run(&["dist/server.cjs"], BOTH).trim(), BOTH_PRINTED);
        let report = program.inline("dist", BOTH);
        assert!(report.written, "{report:?}");
        assert_eq!(program.run(arguments, &[]).trim(), BOTH_PRINTED, "{}", program.read("dist/server.cjs"));
    }
}

#[test]
fn an_env_file_that_replaces_what_is_set_is_warned_of() {
    let text = "require('dotenv').config({override: true});\nf(process.env[key])";
    let program = Program::new(&[("dist/server.cjs", text)]);
    let report = program.inline("dist", BOTH);
    let warning = report.findings.iter().find(|finding| finding.reason == Reason::EnvFileOverrides).unwrap();
    assert_eq!((warning.severity, warning.line, warning.prelude), (Severity::Warning, 1, false));
}

#[test]
fn a_value_that_only_looks_like_a_sealed_one_is_kept() {
    if !has_node() {
        return;
    }
    let program = Program::new(&[("dist/server.cjs", "console.log({...process.env}.MAIL_KEY)")]);
    assert!(program.inline("dist", BOTH).written);
    for set in ["", "capy:v:x", "capy", "x capy:v1:AAAA"] {
        assert_eq!(program.run(&["dist/server.cjs"], &[("MAIL_KEY", set)]).trim_end(), set);
    }
    for sealed in ["capy:v1:AAAA", "capy:v12:", &sealed("x")] {
        assert!(env_value::is_sealed(sealed));
        assert_eq!(program.run(&["dist/server.cjs"], &[("MAIL_KEY", sealed)]).trim_end(), "mk_8Lr4vN1q");
    }
}

#[test]
fn a_package_from_elsewhere_finds_what_the_bundle_reads() {
    if !has_node() {
        return;
    }
    let case = Program::of_case("guard-and-external-package");
    let orm = case.read("node_modules/orm-like/index.js");
    case.assert_answers("dist/server.cjs", BOTH, "postgres://app:pw_5Ge2@db.test/app");
    let guard = "if (!process.env.DATABASE_URL) throw new Error('missing');\n";
    for (name, program) in [
        ("dist/server.mjs", "import {Client} from 'orm-like'; console.log(new Client().where())"),
        ("dist/server.mjs", "const {Client} = await import('orm-like'); console.log(new Client().where())"),
        (
            "dist/server.mjs",
            "import {createRequire} from 'node:module'; const {Client} = createRequire(import.meta.url)('orm-like'); console.log(new Client().where())",
        ),
        (
            "dist/server.cjs",
            "const load = () => require('orm-like'); console.log(new (load().Client)().where())",
        ),
        ("dist/server.cjs", "console.log(require('./db.cjs')())"),
        (
            "dist/server.cjs",
            "import('orm-like').then((orm) => console.log(new orm.default.Client().where()))",
        ),
    ] {
        let text = if program.starts_with("import ") {
            format!("{program};\n{guard}")
        } else {
            format!("{guard}{program}")
        };
        let program = Program::new(&[
            (name, &text),
            (
                "dist/db.cjs",
                "const {Client} = require('orm-like'); module.exports = () => new Client().where()",
            ),
            ("node_modules/orm-like/index.js", &orm),
        ]);
        program.assert_answers(name, BOTH, "postgres://app:pw_5Ge2@db.test/app");
    }
}

const TOKEN: Values<'_> = &[("QUEUE_TOKEN", "qt_3Vb8nR6y"), ("OTHER_TOKEN", "ot_1")];

/// A worker that posts what the function `job` makes of its arguments.
const HELPERS: &str = "const { Worker } = require('node:worker_threads');
const show = (worker) => worker.on('message', (text) => console.log(text)).on('error', (error) => console.log(String(error)));
const post = (text) => `require('node:worker_threads').parentPort.postMessage(${text})`;\n";

#[test]
fn a_function_that_becomes_text_finds_its_variables_where_it_runs() {
    if !has_node() {
        return;
    }
    let case = Program::of_case("function-as-text");
    case.assert_answers("dist/server.cjs", TOKEN, "job sees qt_3Vb8nR6y");
    let job = "function job() { return 'job sees ' + process.env.QUEUE_TOKEN }\n";
    for program in [
        // Named, by every conversion.
        "show(new Worker(post(`(${job})()`), {eval: true}))",
        "show(new Worker(post('(' + job + ')()'), {eval: true}))",
        "show(new Worker(post('('.concat(job, ')()')), {eval: true}))",
        "show(new Worker(post('(' + String(job) + ')()'), {eval: true}))",
        "show(new Worker(post(['(', job, ')()'].join('')), {eval: true}))",
        "show(new Worker(post('(' + Function.prototype.toString.call(job) + ')()'), {eval: true}))",
        "const head = '(', tail = ')()'; show(new Worker(post(head + job + tail), {eval: true}))",
        "const text = job?.toString(); show(new Worker(post(`(${text})()`), {eval: !0}))",
        // Through names, properties, lists, parameters and results.
        "const other = job; show(new Worker(post(`(${other})()`), {eval: true}))",
        "const jobs = {first: job}; show(new Worker(post(`(${jobs.first})()`), {eval: true}))",
        "const jobs = {first: job}; for (const name in jobs) show(new Worker(post(`(${jobs[name]})()`), {eval: true}))",
        "for (const one of [job]) show(new Worker(post(`(${one})()`), {eval: true}))",
        "const list = []; list.push(job); list.forEach((one) => show(new Worker(post(`(${one})()`), {eval: true})))",
        "function run(fn) { show(new Worker(post(`(${fn})()`), {eval: true})) } run(job)",
        "const run = (fn) => { const text = fn.toString(); show(new Worker(post('(' + text + ')()'), {eval: true})) }; run(job)",
        "class Pool { run(fn) { show(new Worker(post(`(${fn})()`), {eval: true})) } } new Pool().run(job)",
        "const source = (fn) => `(${fn})()`; show(new Worker(post(source(job)), {eval: true}))",
        "const make = () => job; show(new Worker(post(`(${make()})()`), {eval: true}))",
        "const {run} = {run(fn) { show(new Worker(post(`(${fn})()`), {eval: true})) }}; run(job)",
        // Not named.
        "show(new Worker(post(`(${() => 'job sees ' + process.env.QUEUE_TOKEN})()`), {eval: true}))",
        "const o = {work() { return 'job sees ' + process.env.QUEUE_TOKEN }}; show(new Worker(post(`({${o.work}}).work()`), {eval: true}))",
        "class Job { run() { return 'job sees ' + process.env.QUEUE_TOKEN } } show(new Worker(post(`new (${Job})().run()`), {eval: true}))",
        "const outer = () => { const inner = () => process.env['QUEUE_TOKEN']; return 'job sees ' + inner() }; show(new Worker(post(`(${outer})()`), {eval: true}))",
        // Other ways to run a text.
        "console.log(eval(`(${job})()`))",
        "console.log((0, eval)('(' + job.toString() + ')')())",
        "console.log(new Function('return (' + job + ')()')())",
        "console.log(require('node:vm').runInThisContext(`(${job})()`))",
        "console.log(new (require('node:vm').Script)(`(${job})()`).runInNewContext({process}))",
        "console.log(require('node:child_process').execFileSync(process.execPath, ['-p', `(${job})()`]).toString().trim())",
        "import('data:text/javascript,export default ' + encodeURIComponent(job.toString())).then((module) => console.log(module.default()))",
        // A text from the beginning.
        "show(new Worker(post('\"job sees \" + process.env.QUEUE_TOKEN'), {eval: true}))",
        "const text = \"'job sees ' + process.env.QUEUE_TOKEN\"; console.log((0, eval)(text))",
        "const wrap = (text) => text; console.log(eval(wrap(\"'job sees ' + process.env.QUEUE_TOKEN\")))",
    ] {
        let text = format!("{HELPERS}{job}{program}\n");
        Program::new(&[("dist/server.cjs", &text)]).assert_answers(
            "dist/server.cjs",
            TOKEN,
            "job sees qt_3Vb8nR6y",
        );
    }
}

#[test]
fn a_function_that_another_file_turns_into_text_finds_its_variables() {
    if !has_node() {
        return;
    }
    let job = "() => 'job sees ' + process.env.QUEUE_TOKEN";
    let run = "(fn) => show(new Worker(post(`(${fn})()`), {eval: true}))";
    for (main, lib) in [
        (
            format!("const {{run}} = require('./lib.cjs'); run({job})"),
            format!("{HELPERS}exports.run = {run}"),
        ),
        (format!("require('./lib.cjs')({job})"), format!("{HELPERS}module.exports = {run}")),
        (
            format!("const {{run}} = require('./lib.cjs'); const job = {job}; run(job)"),
            format!(
                "{HELPERS}function start(fn) {{ const text = fn.toString(); show(new Worker(post(`(${{text}})()`), {{eval: true}})) }}\nmodule.exports = {{run: start}}"
            ),
        ),
        (
            format!(
                "{HELPERS}const {{job}} = require('./lib.cjs'); show(new Worker(post(`(${{job}})()`), {{eval: true}}))"
            ),
            format!("exports.job = {job}"),
        ),
    ] {
        let program = Program::new(&[("dist/main.cjs", &main), ("dist/lib.cjs", &lib)]);
        program.assert_answers("dist/main.cjs", TOKEN, "job sees qt_3Vb8nR6y");
    }
}

/// What is common in real bundles keeps its values built in.
#[test]
fn functions_that_nobody_turns_into_text_hold_their_values() {
    for program in [
        "app.get('/', (req, res) => res.end(process.env.QUEUE_TOKEN)); f(x.toString(), `${y}`, String(z))",
        "function a(e) { return e.toString() } a(1); function b() { return process.env.QUEUE_TOKEN } b()",
        "function job() { return process.env.QUEUE_TOKEN } f(`${job()} of ${n.toString()}`)",
        "var c = Function.prototype.toString; function isNative(e) { return /native/.test(c.call(e)) } isNative(Map); f(() => process.env.QUEUE_TOKEN)",
        "const t = Object.prototype.toString; function of(e) { return t.call(e) } of(g); function g() { return process.env.QUEUE_TOKEN }",
        "const re = new RegExp('(' + a + ')(' + b + ')(?:x)'); f(() => process.env.QUEUE_TOKEN)",
        "const error = (e) => `failed (${e}) at ${e.stack}`; h(() => process.env.QUEUE_TOKEN)",
        "const validate = new Function('data', code); f(() => process.env.QUEUE_TOKEN)",
        "var e={123:(e,t,n)=>{e.exports=()=>process.env.QUEUE_TOKEN}},t={};function n(r){var o=t[r]={exports:{}};return e[r](o,o.exports,n),o.exports}n(123);f(`${r}`)",
    ] {
        let bundle = Program::new(&[("dist/a.cjs", program)]);
        let report = bundle.inline("dist", TOKEN);
        assert_eq!((report.replaced(), report.preludes.len()), (1, 0), "{program}\n{report:?}");
    }
}

#[test]
fn a_function_that_a_browser_runs_stays_as_it_is() {
    for program in [
        "await page.evaluate(() => process.env.QUEUE_TOKEN)",
        "const read = () => process.env.QUEUE_TOKEN; await page.$$eval('a', read)",
        "await context.addInitScript({content: `(${() => process.env.QUEUE_TOKEN})()`})",
        "chrome.scripting.executeScript({target, func: () => process.env.QUEUE_TOKEN})",
        "const serialize = require('serialize-javascript'); f(serialize({a: () => process.env.QUEUE_TOKEN}))",
        "const pool = require(\"workerpool\").pool(); pool.exec(() => process.env.QUEUE_TOKEN, [])",
    ] {
        let bundle = Program::new(&[("dist/a.js", program)]);
        let report = bundle.inline("dist", TOKEN);
        let kept = report.findings.iter().find(|finding| finding.reason == Reason::FunctionText);
        assert!(
            report.replaced() == 0 && kept.is_some_and(|finding| finding.line == 1),
            "{program}\n{report:?}"
        );
    }
}

const DB: Values<'_> = &[("DB_URL", "postgres://main.test/a"), ("DB_NAME", "main")];

#[test]
fn a_child_sees_what_it_is_given_instead_of_what_is_built_in() {
    if !has_node() {
        return;
    }
    let case = Program::of_case("fork-with-own-env");
    let shard = case.read("dist/shard.cjs");
    let expected = "shard uses postgres://shard-7.test/s";
    case.assert_answers("dist/main.cjs", DB, expected);
    let shared = "const {fork, spawn, execFileSync, execSync} = require('node:child_process'); const {Worker} = require('node:worker_threads');
        const file = require('node:path').join(__dirname, 'shard.cjs'); const url = 'postgres://shard-7.test/s';
        if (!process.env.DB_URL) throw new Error('DB_URL is missing');\n";
    for program in [
        "fork(file, {env: {...process.env, DB_URL: url}})",
        "fork(file, [], {env: Object.assign({}, process.env, {DB_URL: url})})",
        "const env = {...process.env}; env.DB_URL = url; fork(file, {env})",
        "const env = {...process.env}; env['DB_URL'] = url; fork(file, [], {env: env})",
        "const env = Object.assign({}, process.env); Object.assign(env, {DB_URL: url}); fork(file, {env})",
        "const key = ['DB', 'URL'].join('_'); fork(file, {env: {...process.env, [key]: url}})",
        "const env = {...process.env}, key = ['DB', 'URL'].join('_'); env[key] = url; fork(file, {env})",
        "const own = JSON.parse(`{\"DB_URL\": \"${url}\"}`); fork(file, {env: {...process.env, ...own}})",
        "const start = (own) => fork(file, {env: {...process.env, ...own}}); start({DB_URL: url})",
        "const start = (env) => fork(file, {env}); start({...process.env, DB_URL: url})",
        "const options = {}; options.env = {...process.env, DB_URL: url}; fork(file, options)",
        "const options = {env: {...process.env}}; options.env.DB_URL = url; fork(file, options)",
        "new Worker(file, {env: {...process.env, DB_URL: url}})",
        "spawn(process.execPath, [file], {stdio: 'inherit', env: {...process.env, DB_URL: url}})",
        "process.stdout.write(execFileSync('node', [file], {env: {...process.env, DB_URL: url}}))",
        "process.stdout.write(execSync(`DB_URL=${url} node ${file}`))",
        "process.stdout.write(execFileSync('env', [`DB_URL=${url}`, 'node', file]))",
        "const {env: mine} = process; fork(file, {env: {...mine, DB_URL: url}})",
        "const a = (e, t) => Object.assign(e, t); fork(file, {env: a(a({}, process.env), {DB_URL: url})})",
        "const all = Object.entries(process.env).map(([k, v]) => [k, k === 'DB_URL' ? url : v]); fork(file, {env: Object.fromEntries(all)})",
        "const cluster = require('node:cluster'); cluster.setupPrimary({exec: file}); cluster.fork({DB_URL: url}).on('exit', () => process.exit())",
        "fork(file, {env: {PATH: process.env.PATH, DB_NAME: process.env.DB_NAME, DB_URL: url}})",
    ] {
        let (main, shard) = (format!("{shared}{program}\n"), format!("{shard}process.disconnect?.();\n"));
        Program::new(&[("dist/main.cjs", &main), ("dist/shard.cjs", &shard)]).assert_answers(
            "dist/main.cjs",
            DB,
            expected,
        );
    }
}

#[test]
fn a_child_that_inherits_everything_changes_nothing_for_others() {
    for program in [
        "require('node:child_process').fork(file, {env: process.env}); f(process.env.DB_URL)",
        "require('node:child_process').fork(file, {env: {...process.env, FORCE_COLOR: '1'}}); f(process.env.DB_URL)",
        "require('node:child_process').spawn('git', ['log'], {env: {GIT_PAGER: 'cat'}}); f(process.env.DB_URL)",
        "new (require('node:worker_threads').Worker)(file, {env: require('node:worker_threads').SHARE_ENV}); f(process.env.DB_URL)",
        "f({...process.env, DB_NAME: process.env.DB_NAME}, process.env.DB_URL)",
    ] {
        let bundle = Program::new(&[("dist/a.cjs", program)]);
        let report = bundle.inline("dist", DB);
        assert!(report.written && report.replaced() >= 1, "{program}\n{report:?}");
    }
}

#[test]
fn a_child_that_is_given_less_may_run_a_script_that_reads_nothing() {
    let program = "const {join} = require('node:path'); const args = [join(__dirname, 'guard.cjs'), '/tmp'];\n\
                   require('node:child_process').execFileSync(process.execPath, args, {env: {AS_NODE: '1'}});\n\
                   f(process.env.DB_URL)";
    for (guard, may) in [
        ("require('fs').watch(process.argv[2])", true),
        ("f(process.env.DB_URL)", false),
        ("f(process['e' + 'nv'].DB_URL); require('./a.cjs')", false),
        ("require(process.argv[2])", false),
        ("import(process.argv[2])", false),
    ] {
        let bundle = Program::new(&[("dist/a.cjs", program), ("dist/guard.cjs", guard)]);
        let report = bundle.inline("dist", DB);
        let fails = report.findings.iter().any(|finding| finding.reason == Reason::WithheldFromChild);
        assert_eq!((report.written, fails), (may, !may), "{guard}\n{report:?}");
    }
    let outside = program.replace("'guard.cjs'", "'../guard.cjs'");
    let bundle = Program::new(&[("dist/a.cjs", &outside), ("guard.cjs", "")]);
    assert!(!bundle.inline("dist", DB).written);
}

#[test]
fn a_child_that_is_given_less_fails_with_its_place() {
    for (program, name) in [
        ("fork(file, {env: {}})", None),
        ("fork(file, [], {env: {PATH: process.env.PATH}})", None),
        ("new Worker(file, {env: {LEVEL: 'debug'}})", None),
        ("fork(file, {env: {...process.env, DB_URL: undefined}})", Some("DB_URL")),
        ("const {DB_URL, ...env} = process.env; fork(file, {env})", Some("DB_URL")),
        ("const env = {...process.env}; delete env.DB_URL; fork(file, {env})", Some("DB_URL")),
        ("fork(file, {env: {DB_NAME: process.env.DB_NAME}})", Some("DB_URL")),
        ("const env = {PATH: process.env.PATH}; spawn(process.execPath, [file], {env})", None),
        ("spawn('node', [file], {env: {...process.env, DB_URL: void 0}})", Some("DB_URL")),
    ] {
        let head = "const {fork, spawn} = require('node:child_process'); const {Worker} = require('node:worker_threads');\n";
        let bundle = Program::new(&[
            ("dist/a.cjs", &format!("{head}{program}\n")),
            ("dist/shard.cjs", "f(process.env.DB_URL)"),
        ]);
        let report = bundle.inline("dist", DB);
        let failure = report.findings.iter().find(|finding| finding.reason == Reason::WithheldFromChild);
        let failure = failure.unwrap_or_else(|| panic!("{program}\n{report:?}"));
        assert!(!report.written && failure.severity == Severity::Failure, "{program}\n{report:?}");
        assert_eq!((failure.line, failure.name.as_deref()), (2, name), "{program}");
        let mut printed = Vec::new();
        report.print(&mut printed).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        assert!(
            printed.contains("a.cjs:2:") && printed.contains("remove the variable from the deployment"),
            "{printed}"
        );
    }
}
