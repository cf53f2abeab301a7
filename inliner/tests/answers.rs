//! Programs whose inlined form answered differently although the run had succeeded. Each kind has its case as it was
//! reported, in `tests/cases`, and variants.

#[path = "support/program.rs"]
mod program;
mod support;

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
