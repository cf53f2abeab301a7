//! Files in a build's folder that are another user's: containers leave them.

use std::fs;

use crate::build::bench::{Bench, wait_for};
use crate::build::engine::{IMAGE, Store};

/// The engine is a stand-in here: what a container would do as root, this test does.
#[test]
fn files_of_another_user_are_removed_by_the_engine() {
    let Some(bench) = Bench::new() else { return };
    let marks = bench.path("home").display().to_string();
    let wait =
        |mark: &str| format!("touch '{marks}/{mark}'; while [ -e '{marks}/{mark}' ]; do sleep 0.1; done");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" --- >> '{marks}/calls'\n\
         case \"$*\" in\nversion*) ;;\n*cat?/etc/passwd) ;;\n*--user=0:0*) {} ;;\nrun*) {} ;;\nesac\n",
        wait("asked"),
        wait("running")
    );
    bench.program("podman", &script);
    let build = bench.start_as_nobody("podman");
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

/// As docker does it: the engine is root's service, the builder is not, and the image knows nobody but root.
#[test]
fn a_user_whom_the_image_does_not_know_has_a_name_in_the_container() {
    for image in [IMAGE, Store::shared_image_with_users()] {
        let Some(mut bench) = Bench::new() else { return };
        let service = Store::shared().service();
        bench.set("image", image);
        let script = service.docker(&bench.path("home/calls"));
        bench.program("docker", &script);
        bench.set(
            "build_command",
            "mkdir dist; whoami > dist/name; id -u > dist/number; cat /etc/passwd > dist/users; echo 1 > dist/server.js",
        );
        bench.start_as_nobody("docker").finish().passes();
        let expected = "builder:x:65534:65534::/tmp:/bin/sh\n";
        assert_eq!([bench.artifact("name"), bench.artifact("number")], ["builder\n", "65534\n"]);
        let own = if image == IMAGE { "" } else { "root:x:0:0:root:/root:/bin/sh\n" };
        assert_eq!(bench.artifact("users"), format!("{own}{expected}"));
        bench.is_clean();
    }
}
