//! `cargo xtask bench`: compares whole processes with their peers in alternating runs, and measures
//! the key service under load. Results are medians, and ratios within one run.
//!
//! The command prints the tables of docs/benchmarks.md and sets no limits: times differ between machines, ratios
//! less so.

mod cpu_profile;
pub(crate) mod load;
mod measure;
mod profile;
mod scale;
mod service;
mod tree;
mod upload;
mod workers;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use capy_test_support::desk::Desk;
use capy_test_support::key_service::KeyService;
use capy_test_support::node::Node;
use capy_test_support::setup;
use capy_test_support::shop::{Shop, VARIABLES, collect, copy_tree};
use capy_test_support::steps::{heading, loud, say};
use capy_test_support::workspace_root;
pub(crate) use measure::median;
pub(crate) use measure::print_usage;
use measure::{Row, Side, compare};
use upload::Upload;

/// Groups of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rows {
    /// `capy run`.
    StartUp,
    /// The example's build.
    Build,
    /// Large trees and files.
    Tree,
    /// The npm packages: size, installation and start.
    Install,
    /// The key service under load.
    Service,
    /// The processor's time of its isolate on Workers.
    Isolate,
    /// The key service's SQL in growing tables, and where D1 ends.
    Scale,
}

/// Runs every comparison, or one group, and prints a table.
///
/// # Errors
/// If a peer is missing or a command fails.
pub(crate) fn run(runs: Option<u32>, only: Option<Rows>) -> Result<()> {
    let many = runs.unwrap_or(15);
    heading("set-up");
    if !matches!(only, Some(Rows::Service | Rows::Isolate | Rows::Scale | Rows::Install)) {
        setup::npm_ci("examples/next")?;
        setup::npm_ci("bench/peers")?;
    }
    let scratch = setup::scratch("bench")?;
    let mut rows = Vec::new();
    let wanted = |group| only.is_none_or(|only| only == group);
    if wanted(Rows::StartUp) || wanted(Rows::Build) {
        setup::everything()?;
        let programs = xtask::dist::programs_for_this_machine()?;
        let service = KeyService::start(&Node::find()?)?;
        heading("measuring");
        if wanted(Rows::StartUp) {
            rows.extend(start_up(&programs, scratch.path(), &service, many)?);
        }
        if wanted(Rows::Build) {
            rows.extend(inlining(&programs, scratch.path(), &service, many)?);
        }
    }
    // Each run of a peer takes seconds, and the ratios settle after a few runs.
    let few = runs.unwrap_or(5);
    if wanted(Rows::Tree) {
        rows.extend(tree::rows(scratch.path(), &esbuild_binary()?, few)?);
    }
    let of_service = [wanted(Rows::Service), wanted(Rows::Isolate)];
    let loaded =
        of_service.contains(&true).then(|| load_service(scratch.path(), few, of_service)).transpose()?;
    if wanted(Rows::Scale) {
        scale::print(scratch.path())?;
    }
    if wanted(Rows::Install) {
        install(scratch.path(), runs.unwrap_or(11))?;
    }
    heading("results");
    if !rows.is_empty() {
        print_table(&rows)?;
    }
    if let Some(loaded) = loaded {
        print_loads(&loaded.rows)?;
        print_own(&loaded.own)?;
        writeln!(std::io::stdout(), "\nupload of the key service: {}", loaded.size)?;
    }
    say("");
    Ok(())
}

/// Results of the key service.
struct Loaded {
    rows: Vec<service::Row>,
    own: Vec<profile::IsolateTime>,
    /// The upload's size, as wrangler prints it.
    size: String,
}

/// Measures the key service under load, the CPU time of its isolate, or both.
fn load_service(scratch: &Path, runs: u32, [load, isolate]: [bool; 2]) -> Result<Loaded> {
    setup::wasm_target()?;
    setup::npm_ci("")?;
    let programs = if load { Some(xtask::dist::programs_for_this_machine()?) } else { None };
    let node = Node::find()?;
    let upload = Upload::bundle(&node, scratch)?;
    heading("load");
    let rows = programs.map(|programs| service::rows(&node, &programs, &upload.folder, runs)).transpose()?;
    let own = if isolate { profile::rows(&node, &upload, runs)? } else { Vec::new() };
    Ok(Loaded { rows: rows.unwrap_or_default(), own, size: upload.size })
}

/// Packs the npm packages as a release does, installs them beside their peers, and prints a table.
fn install(scratch: &Path, runs: u32) -> Result<()> {
    setup::npm_ci("tests/registry")?;
    let packages = scratch.join("packages");
    xtask::dist::run(xtask::dist::Arguments {
        only: vec![xtask::dist::Part::Npm],
        out: Some(packages.clone()),
        target: vec![xtask::dist::Target::of_this_machine()?],
        ..Default::default()
    })?;
    heading("installing");
    let mut node = Command::new(setup::node_tool("node")?);
    node.arg(workspace_root().join("bench/install.mjs")).arg(packages).arg(runs.to_string());
    loud("node bench/install.mjs", &mut node)
}

/// `capy run -- true` with local secrets.
fn start_up(programs: &Path, scratch: &Path, service: &KeyService, runs: u32) -> Result<Vec<Row>> {
    let ours = scratch.join("start-up");
    let theirs = scratch.join("dotenvx");
    fs::create_dir_all(&ours)?;
    fs::create_dir_all(&theirs)?;
    let desk = Desk::new(programs, &ours)?;
    desk.set_up(service.url(), service.admin_token(), &VARIABLES)?;

    let plain = || Ok(Command::new("true"));
    let capy = || Ok(desk.capy(&["run", "--", "true"]));
    let dotenvx = dotenvx_project(&theirs)?;
    let dotenvx = || {
        let mut command = Command::new(&dotenvx);
        command.args(["run", "--quiet", "--", "true"]).current_dir(&theirs);
        Ok(command)
    };
    let capy = Side { name: "`capy run -- true`, 14 sealed values", prepare: &capy };
    let dotenvx = Side { name: "`dotenvx run -- true`, the same, encrypted", prepare: &dotenvx };
    measure::rows(&capy, &[Side { name: "`true`", prepare: &plain }, dotenvx], runs)
}

/// A project of dotenvx with the same values, encrypted by dotenvx itself.
fn dotenvx_project(folder: &Path) -> Result<PathBuf> {
    let dotenvx = workspace_root().join("bench/peers/node_modules/.bin/dotenvx");
    let quoted = |value: &str| value.replace(['\n', '\r', '\'', '\u{2028}'], " ");
    let lines = VARIABLES.map(|(name, value)| format!("{name}='{}'\n", quoted(value)));
    fs::write(folder.join(".env"), lines.concat())?;
    let output = Command::new(&dotenvx).arg("encrypt").current_dir(folder).output().context("dotenvx")?;
    ensure!(output.status.success(), "dotenvx encrypt: {}", String::from_utf8_lossy(&output.stderr));
    let sealed = fs::read_to_string(folder.join(".env"))?;
    ensure!(sealed.matches("encrypted:").count() >= VARIABLES.len(), "dotenvx encrypted nothing");
    Ok(dotenvx)
}

/// `capy-inline` on the example's build, against esbuild's `--define` on the same server files.
fn inlining(programs: &Path, scratch: &Path, service: &KeyService, runs: u32) -> Result<Vec<Row>> {
    let shop = Shop::copy_to(&scratch.join("shop"))?;
    let mut next = Command::new(setup::node_tool("node")?);
    next.args(["node_modules/next/dist/bin/next", "build"]).current_dir(shop.dir());
    capy_test_support::steps::quiet("next build", next.env("NEXT_TELEMETRY_DISABLED", "1"))?;
    let built = scratch.join("built");
    copy_tree(&shop.dir().join(".next"), &built)?;

    let desk = Desk::new(programs, shop.dir())?;
    desk.set_up(service.url(), service.admin_token(), &VARIABLES)?;
    let credentials = desk.deploy(&[])?;
    let inline = programs.join("capy-inline");
    let ours = || {
        // Each run starts from the unchanged output of Next's build.
        fs::remove_dir_all(shop.dir().join(".next"))?;
        copy_tree(&built, &shop.dir().join(".next"))?;
        let mut command = Command::new(&inline);
        command.current_dir(shop.dir()).envs(credentials.variables.iter().cloned());
        Ok(command)
    };
    let esbuild = esbuild(&built, scratch)?;
    let theirs = || Ok(program(&esbuild));
    compare(
        "`capy-inline`, the example's build",
        "`esbuild --define`, the same server files",
        runs,
        &ours,
        &theirs,
    )
}

fn program(args: &[OsString]) -> Command {
    let mut command = Command::new(&args[0]);
    command.args(&args[1..]);
    command
}

/// The command of esbuild's native binary, without the script that starts it, on every server file
/// that `capy-inline` may rewrite.
fn esbuild(built: &Path, scratch: &Path) -> Result<Vec<OsString>> {
    let mut files = Vec::new();
    collect(&built.join("server"), &mut files)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "js"));
    ensure!(!files.is_empty(), "the example's build has no server file");
    let mut args: Vec<OsString> = vec![esbuild_binary()?.into(), "--log-level=error".into()];
    for (name, value) in VARIABLES {
        args.push(format!("--define:process.env.{name}={}", serde_json::to_string(value)?).into());
    }
    args.push(format!("--outdir={}", scratch.join("esbuild").display()).into());
    args.extend(files.into_iter().map(Into::into));
    Ok(args)
}

fn esbuild_binary() -> Result<PathBuf> {
    let platforms = workspace_root().join("bench/peers/node_modules/@esbuild");
    let mut folders = fs::read_dir(&platforms).with_context(|| platforms.display().to_string())?;
    let platform = folders.next().context("esbuild has no binary for this system")??;
    Ok(platform.path().join("bin/esbuild"))
}

fn print_table(rows: &[Row]) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "| ours | peer | CPU: ours, peer | peer / ours | wall: ours, peer | peer / ours | peak memory | peer / ours |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for Row { ours, peer, cpu: [a, b, ratio], wall: [c, d, wall_ratio], peak: [e, f, peak_ratio] } in rows {
        let ms = |seconds: &f64| format!("{:.1} ms", seconds * 1e3);
        let (a, b, c, d) = (ms(a), ms(b), ms(c), ms(d));
        write!(out, "| {ours} | {peer} | {a}, {b} | {ratio:.2} | {c}, {d} | {wall_ratio:.2} ")?;
        writeln!(out, "| {e:.0} MiB, {f:.0} MiB | {peak_ratio:.2} |")?;
    }
    Ok(())
}

fn print_loads(rows: &[service::Row]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "| key service | peer | decrypts a second: ours, peer | ours / peer | CPU of the server for each: ours, peer |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    for service::Row { ours, peer, rate: [a, b, ratio], cpu: [c, d] } in rows {
        writeln!(out, "| {ours} | {peer} | {a:.0}, {b:.0} | {ratio:.2} | {}, {} |", ms(*c), ms(*d))?;
    }
    Ok(())
}

fn print_own(rows: &[profile::IsolateTime]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\n| CPU of the isolate for a decrypt | alone | under load | of that garbage | rate while profiled |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    for profile::IsolateTime { name, alone, profiled: [busy, garbage], slowed, .. } in rows {
        writeln!(out, "| {name} | {} | {} | {} | {slowed:.2} |", ms(*alone), ms(*busy), ms(*garbage))?;
    }
    for (profile::IsolateTime { name, heaviest, .. }, how) in rows.iter().flat_map(|own| [(own, 0), (own, 1)])
    {
        writeln!(out, "\n{name}, {}:", ["alone", "under load"][how])?;
        for (function, part) in &heaviest[how] {
            writeln!(out, "{:5.1} % {function}", part * 100.0)?;
        }
    }
    Ok(())
}

fn ms(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1e3)
}
