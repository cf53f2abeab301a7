//! Inlines the variables of a JSON file without a key service, to try things out: `inline FILE DIR…`.

use std::io;
use std::path::PathBuf;

use capy_inliner::{Request, inline};
use capy_protocol::env_map::EnvMap;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("a JSON file of names and values")?;
    let values = EnvMap::parse_json(&std::fs::read(file)?)?;
    let mut request = Request::new(&values);
    request.apps = arguments.map(PathBuf::from).collect();
    let report = inline(&request)?;
    report.print(&mut io::stderr())?;
    Ok(())
}
