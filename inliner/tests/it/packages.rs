//! Whole packages from npm: with the variables set, and inlined without them, they print the same
//! and exit alike.
//!
//! The packages are those of `inliner/corpus`; without them the test does nothing.

use crate::support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capy_inliner::{Request, Severity, inline};
use capy_protocol::env_map::{EnvMap, SecretValue};
use capy_test_support::needs;
use rayon::prelude::*;
use support::has_node;

/// A program that uses a package.
struct Sample {
    package: &'static str,
    variables: &'static [(&'static str, &'static str)],
    program: &'static str,
}

const SAMPLES: &[Sample] = &[
    // Lists all names, takes some by computed ones, and writes to the environment.
    Sample {
        package: "debug",
        variables: &[("DEBUG", "app:*"), ("DEBUG_HIDE_DATE", "yes"), ("DEBUG_COLORS", "no")],
        program:
            "const debug = require('debug'); debug('app:x')('seen %o', {a: 1}); debug('other')('unseen');
                  debug.enable('other'); debug('other')('seen now'); console.log(debug.load())",
    },
    Sample {
        package: "supports-color",
        variables: &[("FORCE_COLOR", "3")],
        program: "console.log(require('supports-color'))",
    },
    Sample {
        package: "@colors/colors",
        variables: &[("FORCE_COLOR", "2"), ("COLORTERM", "truecolor")],
        program: "console.log(require('@colors/colors/safe').red('red'))",
    },
    Sample {
        package: "@dabh/diagnostics",
        variables: &[("DIAGNOSTICS", "app:*")],
        program: "const make = require('@dabh/diagnostics');
                  console.log(make('app:x').enabled, make('other').enabled)",
    },
    Sample {
        package: "typescript",
        variables: &[("TSC_WATCHFILE", "UseFsEvents"), ("TSC_NONPOLLING_WATCHER", "1")],
        program: "const ts = require('typescript');
                  console.log(ts.version, ts.sys.getEnvironmentVariable('TSC_WATCHFILE'));
                  require('fs').writeFileSync('a.ts', 'const a: number = \"text\"; export {a}');
                  process.argv.push('--noEmit', '--pretty', 'false', 'a.ts');
                  require('typescript/lib/tsc.js')",
    },
    Sample {
        package: "browserslist",
        variables: &[("BROWSERSLIST", "ie 10-11"), ("BROWSERSLIST_ENV", "test")],
        program: "console.log(require('browserslist')())",
    },
    Sample {
        package: "pg",
        variables: &[
            ("PGHOST", "db.example"),
            ("PGUSER", "alice"),
            ("PGCONNECT_TIMEOUT", "7"),
            ("PGSSLMODE", "require"),
        ],
        program:
            "const {connectionParameters: p, _connectionTimeoutMillis: t} = new (require('pg').Client)();
                  console.log(p.host, p.user, p.ssl, p.connect_timeout, t)",
    },
    Sample {
        package: "undici",
        variables: &[("HTTP_PROXY", "no address"), ("NO_PROXY", "localhost")],
        program: "try { new (require('undici').EnvHttpProxyAgent)(); console.log('made') }
                  catch (error) { console.log(error.message) }",
    },
];

/// A folder with the program and the packages that it may load, where they are installed.
struct Installed(tempfile::TempDir);

impl Installed {
    fn of(sample: &Sample, corpus: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Third-party folders are not rewritten: those of its own are.
        let packages = folder.path().join("packages");
        for package in with_dependencies(sample.package, corpus) {
            copy(&corpus.join(&package), &packages.join(&package));
        }
        std::os::unix::fs::symlink("packages", folder.path().join("node_modules")).unwrap();
        fs::write(folder.path().join("run.cjs"), sample.program).unwrap();
        Self(folder)
    }

    /// What the program prints and how it ends, wherever the folder is.
    fn run(&self, variables: &[(&str, &str)]) -> String {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut command = Command::new("node");
        command.current_dir(self.0.path()).args(["--no-warnings", "run.cjs"]).env_clear();
        let out = command.env("PATH", path).envs(variables.iter().copied()).output().unwrap();
        let [stdout, stderr] = [&out.stdout, &out.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        let here = self.0.path().to_string_lossy();
        format!("{:?}\n{stdout}\n{stderr}", out.status.code()).replace(&*here, "here")
    }

    fn inline(&self, sample: &Sample) {
        let mut values = EnvMap::new();
        for (name, value) in sample.variables {
            values.try_insert(name, SecretValue::new((*value).to_owned())).unwrap();
        }
        let mut request = Request::new(&values);
        request.server.push(self.0.path().join("packages"));
        // They are no secrets: manuals name them.
        request.allow_leak.extend(sample.variables.iter().map(|(name, _)| (*name).to_owned()));
        let report = inline(&request).unwrap();
        assert!(report.written && report.changed_files > 0, "{}: {report:?}", sample.package);
        assert_ne!(report.worst(), Some(Severity::Failure), "{}: {report:?}", sample.package);
    }
}

/// A package and what it cannot do without, as far as that lies beside it.
fn with_dependencies(package: &str, corpus: &Path) -> BTreeSet<String> {
    let (mut all, mut next) = (BTreeSet::new(), vec![package.to_owned()]);
    while let Some(package) = next.pop() {
        let Ok(manifest) = fs::read(corpus.join(&package).join("package.json")) else { continue };
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        if all.insert(package) {
            let dependencies = manifest["dependencies"].as_object();
            next.extend(dependencies.into_iter().flatten().map(|(name, _)| name.clone()));
        }
    }
    all
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().flatten() {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else if entry.file_type().is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/node_modules");
    if corpus.join("typescript").is_dir() {
        return Some(corpus);
    }
    needs(false, "the packages of inliner/corpus, by `npm ci` there");
    None
}

#[test]
fn whole_packages_answer_alike_without_the_variables() {
    let Some(corpus) = corpus().filter(|_| has_node()) else { return };
    let wrong: Vec<String> = SAMPLES.par_iter().filter_map(|sample| check(sample, &corpus)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let names: BTreeSet<&str> =
        SAMPLES.iter().flat_map(|sample| sample.variables).map(|(name, _)| *name).collect();
    assert!(names.len() >= 15, "{names:?}");
}

fn check(sample: &Sample, corpus: &Path) -> Option<String> {
    let installed = Installed::of(sample, corpus);
    let expected = installed.run(sample.variables);
    let without = installed.run(&[]);
    installed.inline(sample);
    let got = installed.run(&[]);
    let name = sample.package;
    if without == expected {
        Some(format!("{name} does not read its variables: {expected}"))
    } else if got != expected {
        Some(format!("{name}: with the variables\n{expected}\ninlined\n{got}"))
    } else {
        None
    }
}
