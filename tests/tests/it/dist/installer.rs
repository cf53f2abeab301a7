//! The shell installer, in a container that has busybox and nothing else, against a server on the
//! container's loopback.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use capy_journeys::podman::{Container, Podman, Root, Start};
use capy_journeys::printed;

use crate::dist::{read, release, version};

const IMAGE: &str = "localhost/busybox:1";
const ARCHIVE: &str = "capy-x86_64-unknown-linux-musl.tar.gz";
/// What the installer needs: a shell and the usual programs, with busybox's wget.
const APPLETS: [&str; 14] = [
    "sh",
    "uname",
    "mktemp",
    "mkdir",
    "rm",
    "mv",
    "tar",
    "gzip",
    "sha256sum",
    "wget",
    "cat",
    "ls",
    "sleep",
    "chmod",
];

/// What the server does to the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// One bit is another.
    Altered,
    /// The file on the server is half of it.
    Half,
    /// The connection ends after half of what was announced.
    CutOff,
}

/// A server of a release's files below `/v<version>/`. Ends on drop.
struct Server {
    port: u16,
    fault: Arc<Mutex<Fault>>,
    ends: Arc<AtomicBool>,
}

impl Server {
    fn on(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let (fault, ends) = (Arc::new(Mutex::new(Fault::None)), Arc::new(AtomicBool::new(false)));
        let server = Self { port, fault: Arc::clone(&fault), ends: Arc::clone(&ends) };
        listener.set_nonblocking(true).unwrap();
        thread::spawn(move || {
            while !ends.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let fault = *fault.lock().unwrap();
                        stream.set_nonblocking(false).unwrap();
                        // A client that leaves early is what some of the tests are about.
                        let _ = answer(stream, fault);
                    }
                    Err(_) => thread::sleep(std::time::Duration::from_millis(5)),
                }
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn breaks(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
    }
}

fn answer(mut stream: TcpStream, fault: Fault) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let name = path.strip_prefix(&format!("/v{}/", version()));
    let file = name.filter(|name| !name.contains('/')).and_then(|name| fs::read(release().join(name)).ok());
    let Some(mut body) = file else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let mut announced = body.len();
    if path.ends_with(ARCHIVE) {
        match fault {
            Fault::None => {}
            Fault::Altered => body[announced / 2] ^= 1,
            Fault::Half => {
                body.truncate(announced / 2);
                announced = body.len();
            }
            Fault::CutOff => body.truncate(announced / 2),
        }
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body)
}

/// Makes the container's image: busybox, the installer of the release, and folders of programs for
/// `PATH`.
fn make_image(podman: &Podman) {
    let root = Root::with_applets(&APPLETS);
    root.copy(&release().join("install.sh"), "install.sh");
    // Without a program that downloads, and with a shell that has none built in.
    root.program("/bin/dash");
    fs::create_dir(root.path("without-wget")).unwrap();
    for applet in APPLETS.iter().filter(|applet| **applet != "wget") {
        symlink("/bin/busybox", root.path("without-wget").join(applet)).unwrap();
    }
    // Other systems.
    for (folder, system, machine) in [("sunos", "SunOS", "sun4v"), ("riscv", "Linux", "riscv64")] {
        let uname = format!("#!/bin/sh\ncase \"$1\" in -s) echo {system} ;; *) echo {machine} ;; esac\n");
        fs::create_dir(root.path(folder)).unwrap();
        fs::write(root.path(folder).join("uname"), uname).unwrap();
        fs::set_permissions(root.path(folder).join("uname"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    podman.import(root, IMAGE);
}

/// Runs the installer with these settings: its exit code and what it said.
fn install(container: &Container<'_>, settings: &str) -> (Option<i32>, String) {
    install_by(container, "sh", settings)
}

fn install_by(container: &Container<'_>, shell: &str, settings: &str) -> (Option<i32>, String) {
    let output = container.exec(&["sh", "-c", &format!("{settings} {shell} /install.sh")]);
    (output.status.code(), printed(&output))
}

/// What a folder of the container holds, also hidden files.
fn listing(container: &Container<'_>, folder: &str) -> String {
    printed(&container.exec(&["sh", "-c", &format!("ls -A {folder} 2>/dev/null")]))
}

#[test]
fn installer_installs_what_is_whole_and_nothing_else() {
    let Some(podman) = Podman::find(&[]) else { return };
    make_image(&podman);
    let start = Start { options: &[], command: &["sleep", "600"] };
    let container = podman.start("capy-installer", IMAGE, &start);
    let server = Server::on(container.inside(|| TcpListener::bind("127.0.0.1:0").unwrap()));
    let url = format!("CAPY_DOWNLOAD_URL={}", server.url());
    let to = |folder: &str| format!("{url} CAPY_INSTALL_DIR={folder}");

    for (fault, said) in [
        (Fault::Altered, "error: the sum of capy-x86_64-unknown-linux-musl.tar.gz is wrong"),
        (Fault::Half, "error: the sum of capy-x86_64-unknown-linux-musl.tar.gz is wrong"),
        (Fault::CutOff, ""),
    ] {
        server.breaks(fault);
        let (code, text) = install(&container, &to("/opt/broken"));
        assert_eq!(code, Some(1), "{fault:?}: {text}");
        assert!(text.contains("error: ") && text.contains(said), "{fault:?}: {text}");
        assert!(text.contains("\nhint: "), "{fault:?}: {text}");
        assert_eq!(listing(&container, "/opt/broken"), "", "{fault:?}");
    }
    server.breaks(Fault::None);

    // By a shell that has none of these built in.
    let by_dash = [
        ("PATH=/without-wget", "error: neither curl nor wget is installed"),
        ("PATH=/sunos:$PATH", "error: there is no capy for SunOS on sun4v"),
        ("PATH=/riscv:$PATH", "error: there is no capy for Linux on riscv64"),
    ];
    for (settings, said) in by_dash {
        let (code, text) = install_by(&container, "/bin/dash", &format!("{} {settings}", to("/opt/refused")));
        assert_eq!(code, Some(1), "{settings}: {text}");
        assert!(text.contains(said) && text.contains("\nhint: "), "{settings}: {text}");
        assert_eq!(listing(&container, "/opt/refused"), "", "{settings}");
    }
    let refusals = [
        ("CAPY_VERSION=9.9.9", "error: cannot download http://127.0.0.1:"),
        ("CAPY_INSTALL_DIR=/proc/capy", "error: cannot make the folder /proc/capy"),
        ("HOME= CAPY_INSTALL_DIR=", "error: neither CAPY_INSTALL_DIR nor HOME is set"),
        // The address of a release that nobody has published.
        ("CAPY_DOWNLOAD_URL=https://capy.example/x", "error: this installer has no address to download from"),
    ];
    for (settings, said) in refusals {
        let (code, text) = install(&container, &format!("{} {settings}", to("/opt/refused")));
        assert_eq!(code, Some(1), "{settings}: {text}");
        assert!(text.contains(said) && text.contains("\nhint: "), "{settings}: {text}");
        assert_eq!(listing(&container, "/opt/refused"), "", "{settings}");
    }

    let (code, text) = install(&container, &format!("HOME=/home/somebody {url}"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("installed /home/somebody/.local/bin/capy"), "{text}");
    assert!(text.contains("/home/somebody/.local/bin is not on PATH"), "{text}");
    assert_eq!(listing(&container, "/home/somebody/.local/bin"), "capy\ncapy-inline\n");
    for program in ["capy", "capy-inline"] {
        let path = format!("/home/somebody/.local/bin/{program}");
        let told = printed(&container.exec(&[&path, "--version"]));
        assert!(told.starts_with(&format!("{program} {}", version())), "{told}");
    }
    // Over an older one, and where PATH leads already.
    let (code, text) = install(&container, &to("/usr/bin"));
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = install(&container, &to("/usr/bin"));
    assert!(code == Some(0) && !text.contains("is not on PATH"), "{text}");
    assert!(printed(&container.exec(&["capy", "--version"])).starts_with("capy "));
}

#[test]
fn installer_without_write_permission_names_the_folder() {
    let Some(podman) = Podman::find(&[]) else { return };
    make_image(&podman);
    let start = Start { options: &["--user", "1000:1000"], command: &["sleep", "600"] };
    let container = podman.start("capy-installer-user", IMAGE, &start);
    let (code, text) = install(&container, "CAPY_DOWNLOAD_URL=http://127.0.0.1:1 CAPY_INSTALL_DIR=/usr/bin");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("error: cannot write to /usr/bin") && text.contains("hint: "), "{text}");
}

/// For tests of what installs with the installer: a server on this machine's loopback.
pub(crate) fn serve<T>(act: impl FnOnce(&str) -> T) -> T {
    let server = Server::on(TcpListener::bind("127.0.0.1:0").unwrap());
    act(&server.url())
}

#[test]
fn installer_is_half_a_file_and_does_nothing() {
    let script = fs::read_to_string(release().join("install.sh")).unwrap();
    let half = &script[..script.len() / 2];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.sh");
    fs::write(&path, half).unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.arg(&path).env("CAPY_INSTALL_DIR", folder.path().join("to"));
    assert!(!shell.env("CAPY_DOWNLOAD_URL", "http://127.0.0.1:1").output().unwrap().status.success());
    assert!(!Path::new(&folder.path().join("to")).exists());
    assert!(!read("install.sh").is_empty());
}
