//! Files in a build's folder that are another user's: containers leave them.

use std::fs;

use crate::bench::{Bench, wait_for};

/// The engine is a stand-in here: what a container would do as root, this test does.
#[test]
fn files_of_another_user_are_removed_by_the_engine() {
    let Some(bench) = Bench::new() else { return };
    let marks = bench.path("home").display().to_string();
    let wait =
        |mark: &str| format!("touch '{marks}/{mark}'; while [ -e '{marks}/{mark}' ]; do sleep 0.1; done");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" --- >> '{marks}/calls'\n\
         case \"$*\" in\nversion*) ;;\n*--user=0:0*) {} ;;\nrun*) {} ;;\nesac\n",
        wait("asked"),
        wait("running")
    );
    bench.program("podman", &script);
    let build = bench.start_as_nobody();
    let mark = |name: &str| bench.path("home").join(name);
    wait_for("the container", || mark("running").exists().then_some(()));
    let folder = bench.wait_for_folder();
    let foreign = folder.join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("file"), "root's").unwrap();
    fs::remove_file(mark("running")).unwrap();
    wait_for("the call for help", || mark("asked").exists().then_some(()));
    assert!(folder.exists());
    fs::remove_dir_all(&foreign).unwrap();
    fs::remove_file(mark("asked")).unwrap();
    build.finish().fails(60, "NO_BUILD_OUTPUT");
    let calls = fs::read_to_string(mark("calls")).unwrap();
    assert!(calls.contains(&format!("--user=0:0\n--volume\n{}:/app\n", folder.display())), "{calls}");
    assert!(calls.contains("\n--user\n65534:65534\n--userns=keep-id\n"), "{calls}");
    bench.is_clean();
}
