//! The bill of materials: every crate of the program, and nothing of the machine that wrote it.

use capy_test_support::workspace_root;
use serde_json::Value;
use xtask::dist::{Part, Target};

use crate::dist::{make, version};

#[test]
#[ignore = "installs cargo-cyclonedx"]
fn bill_of_materials_names_crates_and_no_machine() {
    let out = make("dist-tests-sbom", &[Part::Sbom], Target::LinuxX64);
    let text = std::fs::read_to_string(out.join("capy-x86_64-unknown-linux-musl.cdx.json")).unwrap();
    let bill: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((bill["bomFormat"].as_str(), bill["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    assert_eq!(bill["metadata"]["component"]["version"], version());
    let components = bill["components"].as_array().unwrap();
    let purl = |name: &str| {
        let found = components.iter().find(|component| component["name"] == name);
        found.map(|component| component["purl"].as_str().unwrap_or_default().to_owned())
    };
    assert!(purl("rustls").unwrap().starts_with("pkg:cargo/rustls@"));
    assert_eq!((purl("windows-sys"), purl("proptest")), (None, None), "neither of Windows nor of tests");
    for path in [workspace_root().display().to_string(), std::env::temp_dir().display().to_string()] {
        assert!(!text.contains(&path), "it holds {path}");
    }
}
