//! An upload as the API receives it: a form with `metadata`, one file for each module, and their source maps.
//!
//! A form of another shape is refused with what is wrong with it, as a mistake of who made it.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

const SCRIPT: &str = "application/javascript+module";
const WASM: &str = "application/wasm";
const TEXT: &str = "text/plain";
const MAP: &str = "application/source-map";

/// One field of a form.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

/// A module under the name that others import it by.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) bytes: Vec<u8>,
}

impl Module {
    pub(crate) fn is_wasm(&self) -> bool {
        self.content_type == WASM
    }

    /// The type of module that the runtime makes of it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.content_type.as_str() {
            WASM => "CompiledWasm",
            TEXT => "Text",
            _ => "ESModule",
        }
    }
}

/// What was uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) metadata: Value,
    /// The first is the one that starts.
    pub(crate) modules: Vec<Module>,
    /// For stack traces; no module imports them.
    pub(crate) maps: Vec<Module>,
}

impl Upload {
    /// Reads a form.
    pub(crate) fn parse(parts: &[Part]) -> Result<Self, String> {
        let (metadata, files): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.name == "metadata");
        let [metadata] = metadata[..] else { return Err(format!("{} parts are metadata", metadata.len())) };
        let metadata: Value = serde_json::from_slice(&metadata.bytes).map_err(|error| error.to_string())?;
        let files = files.into_iter().map(module).collect::<Result<Vec<_>, _>>()?;
        let (maps, mut modules): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| file.content_type == MAP);
        let main = metadata["main_module"].as_str().ok_or("no main_module")?;
        let first = modules.iter().position(|module| module.name == main);
        modules.swap(0, first.ok_or_else(|| format!("no module is called {main}"))?);
        if modules[0].content_type != SCRIPT {
            return Err(format!("{main} is of type {}", modules[0].content_type));
        }
        Ok(Self { metadata, modules, maps })
    }

    /// Its bindings as they were sent.
    pub(crate) fn bindings(&self) -> &[Value] {
        self.metadata["bindings"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// The size that Cloudflare limits: all modules, compressed.
    pub(crate) fn compressed(&self) -> io::Result<usize> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        for module in &self.modules {
            encoder.write_all(&module.bytes)?;
        }
        Ok(encoder.finish()?.len())
    }
}

fn module(part: &Part) -> Result<Module, String> {
    let Part { name, file_name, content_type, bytes } = part;
    if file_name.as_ref() != Some(name) {
        return Err(format!("module {name} is a file called {file_name:?}"));
    }
    let content_type = content_type.clone().unwrap_or_default();
    match content_type.as_str() {
        SCRIPT | TEXT | MAP if str::from_utf8(bytes).is_err() => Err(format!("{name} is not text")),
        WASM if !bytes.starts_with(b"\0asm\x01\0\0\0") => Err(format!("{name} is not wasm")),
        SCRIPT | TEXT | WASM | MAP => Ok(Module { name: name.clone(), content_type, bytes: bytes.clone() }),
        _ => Err(format!("{name} is of type {content_type:?}")),
    }
}
