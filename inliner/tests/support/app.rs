//! A small application, and the report of inlining it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use capy_inliner::{Error, Report, Request, inline};
use tempfile::TempDir;

use crate::support::{canary, values};

pub(crate) const READ: &str = "f(process.env.A)";

/// A folder with these files, each a read of `A` unless it is given a text.
pub(crate) struct App(TempDir);

impl App {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let app = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            app.write(name, text);
        }
        app
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn inline_in(&self, folder: &str) -> Result<Report, Error> {
        let values = values();
        let mut request = Request::new(&values);
        request.apps.push(self.path(folder));
        inline(&request)
    }

    pub(crate) fn inline(&self) -> Result<Report, Error> {
        self.inline_in("")
    }

    /// Those of these files that hold a value.
    pub(crate) fn baked<'n>(&self, names: &[&'n str]) -> BTreeSet<&'n str> {
        let holds = |name: &&&str| fs::read_to_string(self.path(name)).unwrap().contains(&canary("A"));
        names.iter().filter(holds).copied().collect()
    }

    #[track_caller]
    pub(crate) fn assert_inlined(&self, bundles: &[&str], others: &[&str]) {
        let report = self.inline().unwrap();
        assert!(report.written, "{report:?}");
        assert_eq!(self.baked(&[bundles, others].concat()), bundles.iter().copied().collect());
        assert_eq!(report.changed_files, bundles.len(), "{report:?}");
        assert_eq!(self.inline().unwrap().changed_files, 0, "a second run changes nothing");
    }

    #[track_caller]
    pub(crate) fn assert_leak_in(&self, name: &str) {
        self.write(name, &canary("A"));
        let report = self.inline().unwrap();
        assert!(!report.written, "{name}");
        assert!(report.leaks.iter().any(|leak| leak.file.ends_with(name)), "{name}: {:?}", report.leaks);
    }
}
