//! `capy list`: prints the names in `.env` and the state of each value. Opens nothing and needs no
//! key.

use capy_protocol::env_value;
use serde::Serialize;

use crate::cli::List;
use crate::env_file::Entry;
use crate::env_file::open::{env_path, read_env_file, report_ambiguities};
use crate::env_file::text::PipeInput;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::{names, printer};

#[derive(Serialize)]
struct Listing<'a> {
    variables: Vec<Variable<'a>>,
}

#[derive(Serialize)]
struct Variable<'a> {
    name: &'a str,
    /// `sealed`, `plain`, `public` or `reserved`.
    state: &'static str,
}

pub(super) fn run(arguments: List) -> Result<()> {
    let pipe_input = PipeInput::of(arguments.file.env_file.as_ref());
    let path = env_path(arguments.file.env_file, Project::find_if_any()?.as_ref());
    let file = read_env_file(&path, pipe_input)?.ok_or_else(|| Error::NoEnvFile { path: path.clone() })?;
    report_ambiguities(&file, &path);
    let variables: Vec<_> = file.effective().map(describe).collect();
    if arguments.json {
        return printer::json(&Listing { variables });
    }
    let width = variables.iter().map(|variable| variable.name.len()).max().unwrap_or(0);
    let line = |variable: &Variable<'_>| format!("{:<width$}  {}\n", variable.name, variable.state);
    printer::data(&variables.iter().map(line).collect::<String>())
}

fn describe(entry: &Entry) -> Variable<'_> {
    let name = entry.name.as_str();
    let state = if names::is_reserved(name) {
        "reserved"
    } else if env_value::is_sealed(entry.value.expose_secret()) {
        "sealed"
    } else if names::is_public(name) {
        "public"
    } else {
        "plain"
    };
    Variable { name, state }
}
