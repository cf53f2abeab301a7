//! One call's panic and every other call: the entry around a Worker that panics on request.

use std::thread;
use std::time::{Duration, Instant};

use capy_test_support::build_worker::{Build, build_worker};
use capy_test_support::node::require_node;
use capy_test_support::workerd::{Options, Workerd};
use serde_json::Value;

use crate::service::support::call;

/// Each path of the test Worker ends its wasm instance in another way.
#[test]
fn a_panic_ends_the_calls_in_flight_and_not_the_next_one() {
    let Some(node) = require_node() else { return };
    let mut build = Build::package("capy-worker", "panics");
    build.example = Some("panics".to_owned());
    let entry = build_worker(&build).unwrap();
    let persist = tempfile::tempdir().unwrap();
    let options = Options { entry: &entry, persist: persist.path(), secrets: &[] };
    let worker = Workerd::start(&node, &options).unwrap();
    let get = |path: &str| call(worker.url(), "GET", path, None, &Value::Null);
    assert_eq!(get("/").text, "1");
    assert_eq!(get("/").text, "2", "one instance serves many calls");
    for path in ["/panic", "/panic-later", "/trap", "/overflow"] {
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| (get("/wait"), Instant::now()))).collect();
            thread::sleep(Duration::from_millis(200));
            let began = Instant::now();
            let panicked = get(path);
            assert_eq!(panicked.refusal(), (500, "INTERNAL"), "{path}: {}\n{}", panicked.text, worker.log());
            assert_eq!(panicked.headers["cache-control"], "no-store");
            assert!(!panicked.text.contains("canary"), "{path}");
            assert_eq!(get("/").text, "1", "{path}: the next call has a new instance");
            for call in waiting {
                let (answer, ended) = call.join().unwrap();
                assert_eq!(answer.refusal(), (500, "INTERNAL"), "{path}: {}", answer.text);
                assert!(
                    ended - began < Duration::from_millis(900),
                    "{path}: it was let go, not left to hang"
                );
            }
        });
        assert_eq!(get("/").text, "2", "{path}: and that instance stays");
    }
    assert!(worker.log().contains("canary.PANIC.x9"), "the operator sees what panicked");
}
