//! `capy-server`, which `capy serve` runs: a key service on this machine. The service's own secrets
//! come from the environment, from files that it names, or from the data folder; never from the
//! command line.
//!
//! It is a program of its own for the size of `capy`: a panic ends only the call in which it
//! happens, which adds code to every function, and SQLite is large. Machines that only use a key
//! service need neither.

use std::path::Path;
use std::process::ExitCode;

use capy_client::private_memory;
use capy_protocol::service_secrets::{ADMIN_TOKEN, ENCRYPTION_KEY, WRAP_ROOTS};
use capy_server::{ReloadSecrets, Server, Settings, Tls, secret};
use capy_worker::log::Log;
use capy_worker::secrets::Secrets;
use clap::Parser;
use zeroize::Zeroizing;

use crate::cli::Serve;
use crate::commands::service;
use crate::error::{Error, Result};
use crate::local::private_file;
use crate::printer;

/// Run a key service on this machine, over SQLite
#[derive(Parser)]
#[command(version = capy_client::VERSION, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    serve: Serve,
}

/// Runs the program: from the command line to the exit code.
pub fn main() -> ExitCode {
    crate::exit_code(run(Cli::parse().serve).map(|()| ExitCode::SUCCESS))
}

/// Generates a new secret as text.
type Draw = fn() -> Result<Zeroizing<String>>;

/// Each secret, with its file in the data folder and the function that generates it.
const SECRETS: [(&str, &str, Draw); 3] = [
    (ADMIN_TOKEN, "admin-token", service::draw_admin_token),
    (WRAP_ROOTS, "wrap-roots", service::draw_wrap_root),
    (ENCRYPTION_KEY, "encryption-key", service::draw_encryption_key),
];

/// Serves until it is told to stop. It does not start without its secrets: a key service that
/// releases no keys is of no use. Only `ENCRYPTION_KEY` may be missing; then there is no project
/// store.
fn run(arguments: Serve) -> Result<()> {
    // Memory is hidden before the secrets are read. Secrets from variables are also in
    // `/proc/PID/environ`, which is closed to other processes, too.
    let _memory = private_memory::protect();
    let secrets = secrets(&arguments)?;
    secrets.check()?;
    let again = Serve { init: false, ..arguments.clone() };
    let reread = move || {
        let secrets =
            self::secrets(&again).map_err(|error| format!("the secrets stay as they were: {error}"))?;
        secrets.check().map_err(|fault| format!("the secrets stay as they were: {fault}"))?;
        Ok(secrets)
    };
    let scheme = if arguments.tls_cert.is_some() { "https" } else { "http" };
    let settings = Settings {
        listen: arguments.listen,
        metrics: arguments.metrics,
        data: arguments.data,
        tls: arguments.tls_cert.zip(arguments.tls_key).map(|(certificate, key)| Tls { certificate, key }),
        trusted_proxies: arguments.trust_proxy,
        deploy_limit: arguments.deploy_limit,
        address_limit: arguments.address_limit,
        connections: arguments.max_connections,
        address_connections: arguments.max_connections_per_address,
        grace: arguments.grace,
    };
    let server = Server::bind(settings, secrets, ReloadSecrets::new(reread), Log::new(printer::note))?;
    let listening = server.listen_addresses()?;
    printer::note(&format!("listening on {scheme}://{}", listening.routes));
    if let Some(metrics) = listening.metrics {
        printer::note(&format!("metrics on http://{metrics}/metrics"));
    }
    server.run()?;
    printer::note("stopped");
    Ok(())
}

fn secrets(arguments: &Serve) -> Result<Secrets> {
    let mut found = Vec::with_capacity(SECRETS.len());
    for (name, file, draw) in SECRETS {
        let path = arguments.data.join(file);
        let text = match secret(name)? {
            Some(text) => Some(text),
            None if path.exists() => Some(read(&path)?),
            None if arguments.init && !loses_data(name, &arguments.data) => Some(create(&path, draw)?),
            None => None,
        };
        found.push((name, text));
    }
    Ok(Secrets::parse(|name| {
        let of_name = found.iter().find(|(known, _)| *known == name);
        of_name.and_then(|(_, text)| text.as_ref().map(|text| text.to_string()))
    }))
}

/// Whether generating this secret would make old data useless. With a new wrap root beside old
/// deployments, none of them would open, and their audit trail would be continued under another
/// root; with a new encryption key, none of the store's old values would open.
fn loses_data(name: &str, data: &Path) -> bool {
    name != ADMIN_TOKEN && data.join(capy_server::DATABASE).exists()
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let text = private_file::read_private(path).map_err(Error::file("read", path))?;
    text.ok_or_else(|| Error::SecretExposed { path: path.to_owned() })
}

fn create(path: &Path, draw: Draw) -> Result<Zeroizing<String>> {
    let text = draw()?;
    if let Some(folder) = path.parent() {
        private_file::create_private_folder(folder).map_err(Error::file("make", folder))?;
    }
    private_file::create_private(path, text.as_bytes())?;
    printer::note(&format!("wrote {}", path.display()));
    Ok(text)
}
