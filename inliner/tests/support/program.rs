//! A program of several files that runs as it was, with its variables set, and inlined.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use capy_inliner::{Report, Request};
use capy_protocol::env_map::{EnvMap, SecretValue};
use tempfile::TempDir;

use crate::support::inline_when_free;

/// Names and values of a deployment.
pub(crate) type Values<'v> = &'v [(&'v str, &'v str)];

/// The program's files in a temporary folder.
pub(crate) struct Program(TempDir);

impl Program {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let program = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| program.write(name, text));
        program
    }

    /// A copy of the folder `tests/cases/NAME`.
    pub(crate) fn of_case(name: &str) -> Self {
        let program = Self::new(&[]);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name);
        let files = walkdir::WalkDir::new(&folder).into_iter().map(Result::unwrap);
        for file in files.filter(|entry| entry.file_type().is_file()) {
            let relative = file.path().strip_prefix(&folder).unwrap();
            program.write(relative.to_str().unwrap(), &fs::read_to_string(file.path()).unwrap());
        }
        program
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// What Node prints, and what it complains of, with nothing but `variables` in the environment.
    pub(crate) fn run(&self, arguments: &[&str], variables: Values<'_>) -> String {
        let mut command = Command::new("node");
        command.current_dir(self.0.path()).arg("--no-warnings").args(arguments);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let out = command.envs(variables.iter().copied()).output().expect("node runs");
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    }

    pub(crate) fn inline(&self, server: &str, values: Values<'_>) -> Report {
        self.inline_with(server, values, |_| {})
    }

    pub(crate) fn inline_with(
        &self,
        server: &str,
        values: Values<'_>,
        change: impl FnOnce(&mut Request<'_>),
    ) -> Report {
        let mut map = EnvMap::new();
        for (name, value) in values {
            map.try_insert(name, SecretValue::new((*value).to_owned())).unwrap();
        }
        let mut request = Request::new(&map);
        request.server.push(self.path(server));
        change(&mut request);
        inline_when_free(&request)
    }

    /// Prints `expected` with the variables set, is inlined without a failure, and then prints the same in an empty
    /// environment. A second run changes nothing.
    #[track_caller]
    pub(crate) fn assert_answers(&self, entry: &str, values: Values<'_>, expected: &str) -> Report {
        let whole = || fs::read_to_string(self.path(entry)).unwrap();
        let before = self.run(&[entry], values);
        assert_eq!(before.trim_end(), expected, "as it was:\n{}", whole());
        let server = entry.split('/').next().unwrap();
        let report = self.inline(server, values);
        assert!(report.written, "{}\n{report:?}", whole());
        let after = self.run(&[entry], &[]);
        assert_eq!(after.trim_end(), expected, "inlined:\n{}\n{report:?}", whole());
        let again = self.inline(server, values);
        assert_eq!((again.changed_files, again.written), (0, true), "{again:?}");
        report
    }
}
