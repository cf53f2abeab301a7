//! The command that publishes npm packages: each once, and those that name others last.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use capy_test_support::setup::node_tool;
use capy_test_support::{needs, workspace_root};

use crate::dist::output;

/// An npm that writes down what it publishes, and knows one package already.
const NPM: &str = r#"#!/bin/sh
case "$1 $2" in
    "view known@1.0.0") echo 1.0.0 ;;
    view*) exit 1 ;;
    publish*) echo "$(basename "$2") $3 $4" >>"$PUBLISHED" ;;
esac
"#;

fn pack(folder: &Path, name: &str, manifest: &str) {
    let package = folder.join("package");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("package.json"), manifest).unwrap();
    output(Command::new("tar").arg("-czf").arg(folder.join(name)).arg("package").current_dir(folder));
    fs::remove_dir_all(package).unwrap();
}

#[test]
fn package_that_names_others_is_published_last_and_none_twice() {
    let Ok(node) = node_tool("node") else {
        needs(false, "node");
        return;
    };
    let temp = tempfile::tempdir().unwrap();
    let (release, bin) = (temp.path().join("release"), temp.path().join("bin"));
    for folder in [&release, &bin] {
        fs::create_dir(folder).unwrap();
    }
    let main = r#"{"name":"a","version":"1.0.0","optionalDependencies":{"b":"1.0.0"}}"#;
    pack(&release, "a.tgz", main);
    pack(&release, "b.tgz", r#"{"name":"b","version":"1.0.0"}"#);
    pack(&release, "c.tgz", r#"{"name":"known","version":"1.0.0"}"#);
    fs::write(bin.join("npm"), NPM).unwrap();
    fs::set_permissions(bin.join("npm"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", bin.display(), node.parent().unwrap().display());
    let published = temp.path().join("published");
    let publish = |folder: &Path| {
        let mut script = Command::new(workspace_root().join("packaging/publish-npm.sh"));
        script.arg(folder).env_clear().env("PATH", &path).env("PUBLISHED", &published);
        script
    };
    output(&mut publish(&release));
    assert_eq!(fs::read_to_string(&published).unwrap(), "b.tgz --access public\na.tgz --access public\n");
    let empty = publish(&bin).output().unwrap();
    assert!(!empty.status.success() && capy_journeys::printed(&empty).contains("hint: cargo xtask dist"));
}
