//! A folder of bundles that the caller names as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use capy_inliner::{Dynamic, Report, Request};

use crate::support::{inline_when_free, map, node};

/// The folder is `out` in a temporary one.
pub(crate) struct Bundles(pub(crate) tempfile::TempDir);

impl Bundles {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let bundles = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = bundles.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        bundles
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("out").join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn inline(&self, change: impl FnOnce(&mut Request<'_>)) -> Report {
        let values = map(&["A", "B"]);
        let mut request = Request::new(&values);
        request.server.push(self.0.path().join("out"));
        change(&mut request);
        inline_when_free(&request)
    }

    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, String> {
        let files = walkdir::WalkDir::new(self.0.path()).into_iter().flatten();
        let files = files.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
        files.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
    }

    /// Inlines, and checks that a second run changes nothing.
    pub(crate) fn inlined(&self, dynamic: Dynamic) -> Report {
        let report = self.inline(|request| request.dynamic = dynamic);
        assert!(report.written, "{report:?}");
        let after = self.contents();
        let again = self.inline(|request| request.dynamic = dynamic);
        assert_eq!((again.changed_files, again.written), (0, true), "{again:?}");
        assert_eq!(self.contents(), after);
        report
    }

    pub(crate) fn run(&self, file: &str, variables: &[(&str, &str)]) -> String {
        self.run_in("out", file, variables)
    }

    pub(crate) fn run_in(&self, folder: &str, file: &str, variables: &[(&str, &str)]) -> String {
        let out = node(&self.0.path().join(folder), file, variables);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{file}: {stderr}");
        String::from_utf8(out.stdout).unwrap()
    }
}
