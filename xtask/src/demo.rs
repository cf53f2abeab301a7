//! `cargo xtask demo`: shows Capy's main job on a real application, from set-up to the build of a
//! revoked deployment, which is refused.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Result, bail, ensure};

use crate::build_worker::{Build, build_worker_with};
use crate::desk::{Credentials, Desk};
use crate::installed::{Installed, install};
use crate::key_service::KeyService;
use crate::node::Node;
use crate::setup;
use crate::shop::{Answer, NextServer, Shop, VARIABLES, answers, canary_in};
use crate::steps::{heading, say, shown, waiting};

/// The programs and the key service to show.
struct Parts {
    /// The folder with `capy`.
    programs: PathBuf,
    /// The Worker's entry, or the folder of a release's Worker.
    service: PathBuf,
    /// How to start the key service from `service`.
    start: fn(&Node, &Path) -> Result<KeyService>,
}

/// Runs the whole demonstration. Leaves no process running, and no files but what was compiled or
/// fetched. With a `release`, compiles nothing of Capy and installs the release's packages.
///
/// # Errors
/// If a step does not do what it says.
pub fn run(release: Option<&Path>) -> Result<()> {
    let what = "on a real Next application, from login to revoked: seven steps, on loopback alone";
    say(format!("The main job of Capy {what}."));
    say(match release {
        None => {
            "The first run compiles Capy and its key service and installs npm packages, for some minutes."
        }
        Some(_) => "Capy and its key service are those of a release, as npm and tar install them.",
    });
    heading("1. set-up (long on the first run only)");
    let scratch = setup::scratch("demo")?;
    let parts = match release {
        None => compiled()?,
        Some(release) => released(release, scratch.path())?,
    };

    heading("2. the key service, in the Workers runtime with a local D1 and KV");
    let node = Node::find()?;
    let service = waiting("wrangler dev", || (parts.start)(&node, &parts.service))?;
    say(format!("   listening on {}", service.url()));

    let shop = Shop::copy_to(&scratch.path().join("shop"))?;
    let desk = Desk::new(&parts.programs, shop.dir())?;
    let credentials = mint(&desk, &service)?;
    build(&desk, &shop, &credentials)?;
    serve(&shop)?;
    search(&shop)?;
    revoke(&desk, &shop, &credentials)?;
    heading("done: the service and the server are stopped, the scratch folder is removed");
    drop(service);
    Ok(scratch.close()?)
}

fn compiled() -> Result<Parts> {
    setup::everything()?;
    let programs = setup::programs("dev", &["capy", "capy-build-worker"])?;
    let service = build_worker_with(&programs, &Build::service())?;
    Ok(Parts { programs, service, start: KeyService::start_built })
}

fn released(release: &Path, scratch: &Path) -> Result<Parts> {
    setup::packages()?;
    let Installed { programs, service } = install(release, scratch)?;
    Ok(Parts { programs, service, start: KeyService::start_released })
}

fn mint(desk: &Desk, service: &KeyService) -> Result<Credentials> {
    heading("3. at the desk: capy login, init, set, deploy");
    desk.set_up(service.url(), service.admin_token(), &VARIABLES)?;
    say("   .env as it stands on the disk:");
    indent(
        &std::fs::read_to_string(desk.project().join(".env"))?.lines().take(3).collect::<Vec<_>>().join("\n"),
    );
    let credentials = desk.deploy(&["--label", "demo"])?;
    for (name, value) in &credentials.variables {
        say(format!("   {name}: {} characters for the platform", value.len()));
    }
    // The platform has a checkout of the repository, not the laptop's .env.
    std::fs::remove_file(desk.project().join(".env"))?;
    Ok(credentials)
}

fn build(desk: &Desk, shop: &Shop, credentials: &Credentials) -> Result<()> {
    heading("4. on the platform: capy run -- next build");
    let status = next_build(desk, shop, credentials)?;
    ensure!(status.success(), "the build failed: {status}");
    Ok(())
}

fn serve(shop: &Shop) -> Result<()> {
    heading("5. the built server in an empty environment, and again with the variables set");
    let bare = ask(shop.dir(), &[])?;
    let expected = ask(shop.dir(), &VARIABLES)?;
    for (answer, expected) in bare.iter().zip(&expected) {
        let verdict = if answer == expected { "same answer" } else { "DIFFERENT" };
        say(format!("   {:<42} {}  {verdict}", answer.probe, answer.status));
    }
    ensure!(bare == expected, "the inlined server answers differently");
    Ok(())
}

fn ask(dir: &Path, environment: &[(&str, &str)]) -> Result<Vec<Answer>> {
    let server = NextServer::start(dir, environment)?;
    answers(server.url())
}

fn search(shop: &Shop) -> Result<()> {
    heading("6. what the public can fetch");
    let files = shop.public_files()?;
    for (path, bytes) in &files {
        if let Some(name) = canary_in(bytes) {
            bail!("the value of {name} stands in {}", path.display());
        }
    }
    say(format!("   {} public files and source maps searched: no secret", files.len()));
    Ok(())
}

fn revoke(desk: &Desk, shop: &Shop, credentials: &Credentials) -> Result<()> {
    heading("7. capy deploy revoke, then the next build");
    let printed = desk.run(&["deploy", "revoke", &credentials.deploy_id[..12]], "")?;
    indent(&printed);
    let status = next_build(desk, shop, credentials)?;
    ensure!(!status.success(), "a revoked deployment was built");
    say(format!("   refused with exit code {}", status.code().unwrap_or_default()));
    Ok(())
}

fn next_build(desk: &Desk, shop: &Shop, credentials: &Credentials) -> Result<ExitStatus> {
    let next = ["run", "--", "node_modules/.bin/next", "build"];
    shown("next build", &mut desk.on_platform(shop.dir(), credentials, &next))
}

fn indent(text: &str) {
    for line in text.lines() {
        say(format!("   | {line}"));
    }
}
