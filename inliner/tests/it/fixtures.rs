//! Whole bundles as bundlers write them: `fixtures/<case>/input.js` becomes `output.js`, byte for
//! byte.
//!
//! `CAPY_WRITE_FIXTURES=1` writes the outputs anew; read the difference before you keep it.

use crate::support;

use std::fs;
use std::path::Path;

#[test]
fn every_bundle_becomes_what_is_on_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut cases = 0;
    for case in fs::read_dir(folder).unwrap() {
        let case = case.unwrap().path();
        let input = fs::read_to_string(case.join("input.js")).unwrap();
        let output = support::inlined(&input).text;
        if std::env::var_os("CAPY_WRITE_FIXTURES").is_some() {
            fs::write(case.join("output.js"), &output).unwrap();
        }
        assert_eq!(output, fs::read_to_string(case.join("output.js")).unwrap(), "{}", case.display());
        cases += 1;
    }
    assert!(cases >= 3);
}
