//! The shared vectors, natively. The same checks run as wasm in `tests/tests/it/wasm_vectors.rs`.
#![expect(clippy::print_stdout, reason = "each case's name belongs into the test's output")]

use std::path::Path;

use capy_conformance::VectorFile;

#[test]
fn every_vector_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file: VectorFile = serde_json::from_slice(&std::fs::read(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let outcomes = file.check();
        assert!(!outcomes.is_empty(), "{} has no case", path.display());
        for outcome in outcomes {
            println!("{}", outcome.case);
            assert_eq!(outcome.fault, None, "{}", outcome.case);
        }
        files += 1;
    }
    assert_eq!(files, 7, "a vector file is missing or new");
}
