//! From the click on the page to a running program with its values, platform by platform.
//!
//! What the platform itself does is played by a sandbox without the project's keys: it has the variables that the
//! page handed over, and runs the command that the page showed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use capy_test_support::needs;

use crate::sandbox::Sandbox;
use crate::setup_page::cloudflare::PagesApi;
use crate::setup_page::driver::{self, Browser};
use crate::setup_page::flow::{deploy_to, visit};
use crate::setup_page::page::{Page, with_secrets};

const PRINTED: &str = "canary.STRIPE_SECRET_KEY.x9";

/// Where the project is built or run, without anything of the laptop's.
fn platform(variables: &BTreeMap<String, String>) -> Sandbox {
    let mut platform = Sandbox::new();
    platform.env.extend(variables.clone());
    platform
}

/// `NAME=value` lines as variables.
fn parse(lines: &str) -> BTreeMap<String, String> {
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What the page copies as lines.
fn copied(browser: &Browser) -> BTreeMap<String, String> {
    browser.click("[aria-label='Copy as lines']");
    browser.wait_for_text("#said", "Copy as lines: done");
    parse(&browser.clipboard())
}

/// What the page says goes into the build step or the entry point.
fn command(browser: &Browser) -> String {
    browser.text("#result-body .block pre")
}

/// Runs a line that begins with `capy`.
fn run(platform: &Sandbox, line: &str) -> String {
    let words: Vec<_> = line.strip_prefix("capy ").unwrap_or_else(|| panic!("{line}")).split(' ').collect();
    platform.capy(&words).succeeds().stdout
}

/// Real Node, without the variables.
fn node(platform: &Sandbox, script: &str) -> String {
    let output = Command::new("node")
        .args(["--input-type=module", "-e", script])
        .current_dir(platform.path(""))
        .env_clear()
        .env("PATH", &platform.env["PATH"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The workspace's own node_modules: the real wrangler, and a Node that it runs on.
fn tools() -> Option<PathBuf> {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/.bin");
    let there = bin.join("wrangler").exists();
    needs(there, "wrangler, by `npm ci`").then(|| bin.canonicalize().unwrap())
}

fn put_in_front(sandbox: &mut Sandbox, folder: &Path) {
    let path = format!("{}:{}", folder.display(), sandbox.env["PATH"]);
    sandbox.env.insert("PATH".into(), path);
}

/// What Next writes, in the place of `npm run build`.
const NEXT: &str = r#"#!/bin/sh
[ "$*" = "run build" ] || exit 9
mkdir -p .next/server .next/static
echo '{"version":1,"config":{"distDir":".next"},"appDir":"","files":[]}' > .next/required-server-files.json
echo 'module.exports=()=>process.env.STRIPE_SECRET_KEY;' > .next/server/page.js
echo "console.log('public')" > .next/static/client.js
"#;

#[test]
fn vercel() {
    if !driver::is_there() {
        return;
    }
    let page = Page::open();
    let browser = visit(&page);
    deploy_to(&browser, "vercel");
    let mut vercel = platform(&copied(&browser));
    vercel.write_program("npm", NEXT);
    run(&vercel, &command(&browser));
    assert_eq!(
        node(&vercel, "console.log((await import('./.next/server/page.js')).default())"),
        format!("{PRINTED}\n")
    );
    browser.wait_for("#live.used");
}

/// What Nuxt writes for Pages.
const NUXT: &str = r#"#!/bin/sh
[ "$*" = "run build" ] || exit 9
mkdir -p dist/_worker.js
echo 'export default{fetch:()=>new Response(process.env.STRIPE_SECRET_KEY)}' > dist/_worker.js/index.js
echo '{"preset":"cloudflare-pages","framework":{"name":"nuxt"}}' > dist/nitro.json
"#;

#[test]
fn cloudflare_pages_by_the_real_wrangler() {
    let Some(tools) = tools().filter(|_| driver::is_there()) else { return };
    let api = PagesApi::start("shop");
    let mut sandbox = with_secrets();
    put_in_front(&mut sandbox, &tools);
    for (name, value) in [
        ("CLOUDFLARE_API_BASE_URL", api.url()),
        ("CLOUDFLARE_API_TOKEN", "canary.cloudflare.x9".into()),
        ("CLOUDFLARE_ACCOUNT_ID", "a".repeat(32)),
        ("WRANGLER_SEND_METRICS", "false".into()),
        ("CI", "1".into()),
    ] {
        sandbox.env.insert(name.into(), value);
    }
    let page = Page::open_with(sandbox, &[]);
    let browser = visit(&page);
    deploy_to(&browser, "cloudflare-pages");
    browser.wait_for_text("#result-body", "wrangler pages secret bulk --env production");
    browser.type_into("#push-project", "shop");
    browser.click("#push");
    browser.wait_for_text(
        "#push-said",
        "Set, but the platform does not show whether the value is whole: CAPY_SERVICE_URL, PROJECT_KEY, SECRETS_BLOB",
    );

    let mut pages = platform(&api.variables("production"));
    pages.write_program("npm", NUXT);
    run(&pages, &command(&browser));
    let script = "console.log(await (await import('./dist/_worker.js/index.js')).default.fetch().text())";
    pages.write("package.json", r#"{"type":"module"}"#);
    assert_eq!(node(&pages, script), format!("{PRINTED}\n"));
    browser.wait_for("#live.used");
}

#[test]
fn cloudflare_workers_by_the_real_wrangler() {
    let Some(tools) = tools().filter(|_| driver::is_there()) else { return };
    let page = Page::open();
    let browser = visit(&page);
    deploy_to(&browser, "cloudflare-workers");
    let mut builder = platform(&copied(&browser));
    put_in_front(&mut builder, &tools);
    builder.env.insert("WRANGLER_SEND_METRICS".into(), "false".into());
    builder.write("wrangler.toml", "name = \"shop\"\nmain = \"src/index.js\"\ncompatibility_date = \"2026-04-01\"\ncompatibility_flags = [\"nodejs_compat\"]\n");
    builder.write(
        "src/index.js",
        "export default { fetch: () => new Response(process.env.STRIPE_SECRET_KEY) };\n",
    );
    builder.write(
        "package.json",
        r#"{"type":"module","scripts":{"build":"wrangler deploy --dry-run --outdir dist"}}"#,
    );
    run(&builder, &command(&browser));
    let script = "console.log(await (await import('./dist/index.js')).default.fetch().text())";
    assert_eq!(node(&builder, script), format!("{PRINTED}\n"));
    browser.wait_for("#live.used");
}

/// Keeps what it is given, as the platform does; lists the names.
const STORE: &str = r#"#!/bin/sh
case "$*" in
    *list*) cut -d= -f1 "$HOME/store" ;;
    "secret set "*) printf '%s=%s\n' "$3" "$(cat)" >> "$HOME/store" ;;
    *) cat >> "$HOME/store" ;;
esac
"#;

/// Lets the page run the platform's own command line; what that stored.
fn pushed(program: &str, id: &str) -> (Page, Browser, BTreeMap<String, String>) {
    let mut sandbox = with_secrets();
    sandbox.write_program(program, STORE);
    let page = Page::open_with(sandbox, &[]);
    let browser = visit(&page);
    deploy_to(&browser, id);
    browser.click("#push");
    browser.wait_for_text(
        "#push-said",
        "Set, but the platform does not show whether the value is whole: CAPY_SERVICE_URL, PROJECT_KEY, SECRETS_BLOB",
    );
    let stored = parse(&fs::read_to_string(page.sandbox.config("../../store")).unwrap());
    (page, browser, stored)
}

#[test]
fn fly() {
    if !driver::is_there() {
        return;
    }
    let (_page, browser, secrets) = pushed("flyctl", "fly");
    let machine = platform(&secrets);
    machine.write("server.js", "console.log(process.env.STRIPE_SECRET_KEY, process.env.SECRETS_BLOB);\n");
    assert_eq!(run(&machine, &container_command(&command(&browser))), format!("{PRINTED} undefined\n"));
    browser.wait_for("#live.used");
}

/// Keeps an empty value for the key, says that all went well, and lists what it keeps with its values.
const LOSER: &str = r#"#!/bin/sh
case "$*" in
    *list*) cat "$HOME/store" ;;
    *) printf '%s=%s\n' "$3" "$(cat)" | sed 's/^\(PROJECT_KEY=\).*/\1/' >> "$HOME/store" ;;
esac
"#;

#[test]
fn a_value_that_was_lost_and_a_name_that_is_the_platforms_own_are_told() {
    if !driver::is_there() {
        return;
    }
    let mut sandbox = with_secrets();
    sandbox.capy_with(&["set", "RAILWAY_REGION"], "here").succeeds();
    sandbox.write_program("railway", LOSER);
    let page = Page::open_with(sandbox, &[]);
    let browser = visit(&page);
    deploy_to(&browser, "railway");
    browser.wait_for_text("#result-body", "Of what is inside, Railway sets RAILWAY_REGION itself");
    browser.click("#push");
    browser.wait_for_text("#push-said", "Set, and verified: CAPY_SERVICE_URL, SECRETS_BLOB");
    browser.wait_for_text("#push-said", "Set, but the platform stored a different value: PROJECT_KEY");
}

#[test]
fn github_actions() {
    if !driver::is_there() {
        return;
    }
    let (_page, browser, secrets) = pushed("gh", "github-actions");
    // As the runner does: the step's variables from the secrets that it names, and no other.
    let step = command(&browser);
    let named = step.lines().filter_map(|line| {
        let (name, secret) = line.trim().split_once(": ${{ secrets.")?;
        Some((name.to_owned(), secrets[secret.strip_suffix(" }}")?].clone()))
    });
    let mut runner = platform(&named.collect());
    runner.write_program("npm", NEXT);
    let line = step.lines().find_map(|line| line.strip_prefix("- run: ")).unwrap();
    run(&runner, line);
    assert_eq!(
        node(&runner, "console.log((await import('./.next/server/page.js')).default())"),
        format!("{PRINTED}\n")
    );
    browser.wait_for("#live.used");
}

/// The command that a container with these lines of a Dockerfile runs.
fn container_command(dockerfile: &str) -> String {
    let words = ["ENTRYPOINT ", "CMD "].into_iter().flat_map(|instruction| {
        let list = dockerfile.lines().find_map(|line| line.strip_prefix(instruction)).unwrap();
        serde_json::from_str::<Vec<String>>(list).unwrap()
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn docker() {
    if !driver::is_there() || !podman_is_there() {
        return;
    }
    let page = Page::open();
    let browser = visit(&page);
    deploy_to(&browser, "docker");
    browser.click("[aria-label='Copy as lines']");
    browser.wait_for_text("#said", "Copy as lines: done");
    let lines = browser.clipboard();
    let instructions = command(&browser).replace(
        r#"["node", "server.js"]"#,
        r#"["/bin/sh", "-c", "echo $STRIPE_SECRET_KEY ${PROJECT_KEY-unset}"]"#,
    );
    let printed = Image::build(&instructions).run(&lines);
    assert_eq!(printed, format!("{PRINTED} unset\n"));
    browser.wait_for("#live.used");
}

fn podman_is_there() -> bool {
    let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = quiet(Command::new("podman").arg("--version")).is_ok() && Path::new("/bin/busybox").exists();
    needs(there, "podman and busybox-static")
}

/// An image that holds a shell and the program under test, in a store of its own.
struct Image {
    folder: tempfile::TempDir,
}

impl Image {
    /// The instructions of a Dockerfile, in an image made from a folder: no other image can be had here.
    fn build(instructions: &str) -> Self {
        let image = Self { folder: tempfile::tempdir().unwrap() };
        let root = image.path("root");
        for folder in ["bin", "usr/local/bin", "tmp"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::copy("/bin/busybox", root.join("bin/sh")).unwrap();
        let capy = env!("CARGO_BIN_EXE_capy");
        fs::copy(capy, root.join("usr/local/bin/capy")).unwrap();
        let libraries = Command::new("ldd").arg(capy).output().unwrap();
        let libraries = String::from_utf8(libraries.stdout).unwrap();
        for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
            let to = root.join(&library[1..]);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(library, to).unwrap();
        }
        let conf = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\",\"nproc=4096:4096\"]\n\
                    [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n";
        fs::write(image.path("containers.conf"), conf).unwrap();
        let changes =
            instructions.lines().filter(|line| !line.starts_with("COPY")).flat_map(|line| ["--change", line]);
        let tar = Command::new("tar")
            .args(["-C", root.to_str().unwrap(), "-cf"])
            .arg(image.path("root.tar"))
            .arg(".")
            .status();
        assert!(tar.unwrap().success());
        image.podman(
            &[
                &["import", "--quiet"],
                &changes.collect::<Vec<_>>()[..],
                &[image.path("root.tar").to_str().unwrap(), "app"],
            ]
            .concat(),
        );
        image
    }

    fn run(&self, lines: &str) -> String {
        fs::write(self.path("capy.env"), lines).unwrap();
        let file = self.path("capy.env");
        self.podman(&["run", "--rm", "--network=host", "--env-file", file.to_str().unwrap(), "app"])
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn podman(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command
            .args(["--storage-driver", "vfs", "--root"])
            .arg(self.path("store"))
            .arg("--runroot")
            .arg(self.path("run"))
            .args(arguments)
            .env("CONTAINERS_CONF", self.path("containers.conf"));
        command
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = self.command(&["rmi", "--all", "--force"]).output();
    }
}
