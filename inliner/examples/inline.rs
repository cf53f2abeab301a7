//! Inlines the variables of a JSON file without a key service, to try things out:
//! `inline FILE DIR…`. A folder of unknown layout counts as a folder of server bundles, in which only
//! a leak fails the run.

use std::io;
use std::path::PathBuf;

use capy_inliner::{Dynamic, Error, Request, inline};
use capy_protocol::env_map::EnvMap;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("a JSON file of names and values")?;
    let values = EnvMap::parse_json(&std::fs::read(file)?)?;
    for folder in arguments.map(PathBuf::from) {
        let mut request = Request::new(&values);
        request.apps = vec![folder.clone()];
        let report = match inline(&request) {
            Err(Error::UnknownLayout { .. }) => {
                request.apps.clear();
                request.server = vec![folder];
                request.dynamic = Dynamic::Warn;
                inline(&request)?
            }
            other => other?,
        };
        report.print(&mut io::stderr())?;
        report.print_phases(&mut io::stderr())?;
    }
    Ok(())
}
