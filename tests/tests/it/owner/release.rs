//! A release of the key service, as `cargo xtask dist --only service` makes it: deployed by wrangler with Node alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use capy_journeys::printed;
use capy_test_support::node::{Node, require_node};
use capy_test_support::workspace_root;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::owner::account::Account;
use crate::owner::desk::Owner;
use crate::owner::journey::{LARGEST_UPLOAD, assert_releases_and_revokes, made_secrets, needles};
use crate::owner::runtime::Running;
use crate::owner::server::Cloudflare;

pub(crate) const KEYGEN: &str = "capy service keygen --secrets-file \"$HOME/service.secrets\"";
pub(crate) const FIRST_DEPLOY: &str = "npx wrangler deploy --secrets-file \"$HOME/service.secrets\"";

/// The release's files, made once for all tests here.
pub(crate) struct Release {
    folder: TempDir,
}

impl Release {
    pub(crate) fn made() -> &'static Self {
        static MADE: OnceLock<Release> = OnceLock::new();
        MADE.get_or_init(|| {
            let folder = TempDir::new().unwrap();
            let mut dist = Command::new(env!("CARGO"));
            dist.args([
                "run",
                "--quiet",
                "--locked",
                "--package",
                "xtask",
                "--",
                "dist",
                "--only",
                "service",
            ]);
            dist.arg("--out").arg(folder.path()).current_dir(workspace_root());
            let output = dist.output().unwrap();
            assert!(output.status.success(), "{}", printed(&output));
            Self { folder }
        })
    }

    fn file(&self, end: &str) -> PathBuf {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        let found: Vec<_> = files.filter(|file| file.to_string_lossy().ends_with(end)).collect();
        let [file] = &found[..] else { panic!("{found:?}") };
        file.clone()
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.file(".tar.gz")
    }

    /// Unpacks the archive, or the npm package, and returns its only folder.
    fn unpack(&self, end: &str, to: &Path) -> PathBuf {
        fs::create_dir_all(to).unwrap();
        let tar = Command::new("tar").arg("-xzf").arg(self.file(end)).arg("-C").arg(to).status();
        assert!(tar.unwrap().success());
        let mut folders = fs::read_dir(to).unwrap().map(|entry| entry.unwrap().path());
        let folder = folders.next().unwrap();
        assert_eq!(folders.next(), None);
        folder
    }

    /// The unpacked archive, with wrangler as `npm install` would put it there.
    pub(crate) fn unpacked(&self, to: &Path) -> PathBuf {
        let folder = self.unpack(".tar.gz", to);
        symlink(workspace_root().join("node_modules"), folder.join("node_modules")).unwrap();
        folder
    }
}

/// An account with the release deployed in it, and its owner in the release's folder.
pub(crate) fn deployed(node: &Node, folder: &Path) -> (Cloudflare, Owner, PathBuf) {
    let cloudflare = Cloudflare::start(Account::empty());
    let mut owner = Owner::of(&cloudflare, node);
    let release = Release::made().unpacked(folder);
    owner.moves_to(&release);
    owner.types(KEYGEN);
    owner.types(FIRST_DEPLOY);
    (cloudflare, owner, release)
}

fn health(running: &Running) -> Value {
    let mut answer = ureq::get(format!("{}/health", running.url())).call().unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

#[test]
fn the_archive_is_deployed_without_rust_and_its_upload_releases_and_revokes() {
    let Some(node) = require_node() else { return };
    let folder = TempDir::new().unwrap();
    let (cloudflare, owner, release) = deployed(&node, folder.path());
    let secrets = made_secrets(owner.home());
    owner.assert_discreet(&needles(&secrets));
    let account = cloudflare.account();
    assert_eq!(account.strange, [""; 0]);
    let upload = &account.live().upload;
    assert_eq!(upload.metadata["main_module"], "entry.mjs");
    assert_eq!(account.workers["capy"].schedules, ["*/5 * * * *"]);
    for module in &upload.modules {
        let file = release.join("worker").join(&module.name);
        assert!(fs::read(file).unwrap() == module.bytes, "wrangler changed {}", module.name);
    }
    let size = upload.compressed().unwrap();
    assert!(size < LARGEST_UPLOAD, "{size} bytes with gzip");

    let data = TempDir::new().unwrap();
    let running = Running::start(&node, account.live(), data.path(), &[]);
    let manifest: Value = serde_json::from_slice(&fs::read(release.join("package.json")).unwrap()).unwrap();
    let health = health(&running);
    assert_eq!(
        (&health["status"], &health["version"], &health["commit"]),
        (&json!("ok"), &manifest["version"], &manifest["gitHead"])
    );
    assert_releases_and_revokes(&running, &secrets[0].1);
}

#[test]
fn the_folder_that_npx_makes_is_deployed_and_verified_with_settings_of_ones_own() {
    let Some(node) = require_node() else { return };
    let folder = TempDir::new().unwrap();
    let package = Release::made().unpack(".tgz", &folder.path().join("npm"));
    let keys = folder.path().join("keys");
    let mut npx = Command::new(&node.node);
    npx.arg(package.join("bin/service.cjs")).arg("keys").current_dir(folder.path());
    let made = npx.output().unwrap();
    assert!(made.status.success(), "{}", printed(&made));
    let again = npx.output().unwrap();
    assert!(again.status.code() == Some(1) && printed(&again).contains("not empty"), "{}", printed(&again));

    // What `npm install` does with the manifest that was made.
    let manifest: Value = serde_json::from_slice(&fs::read(keys.join("package.json")).unwrap()).unwrap();
    let names: Vec<_> = manifest["dependencies"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["capy", "capy-service", "wrangler"]);
    let modules = keys.join("node_modules");
    fs::create_dir(&modules).unwrap();
    symlink(&package, modules.join("capy-service")).unwrap();
    for installed in ["wrangler", ".bin"] {
        symlink(workspace_root().join("node_modules").join(installed), modules.join(installed)).unwrap();
    }
    let settings = keys.join("wrangler.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("name = \"capy\"\n", "name = \"my-keys\"\n")).unwrap();

    let cloudflare = Cloudflare::start(Account::empty());
    let mut owner = Owner::of(&cloudflare, &node);
    owner.moves_to(&keys);
    owner.types(KEYGEN);
    owner.types(FIRST_DEPLOY);
    let verdict = owner.types("capy service verify");
    assert!(verdict.contains("my-keys: the deployed modules and settings are the release's"), "{verdict}");
    assert!(cloudflare.account().workers.contains_key("my-keys"));
    assert_eq!(cloudflare.account().strange, [""; 0]);
}
