//! V8's sampling CPU profile of one Worker, taken by `bench/peers/decrypt-worker/profile.mjs`.
//!
//! V8 takes samples only while the isolate runs, so the time between two samples may belong to
//! another isolate. Each sample therefore counts as one short interval, the tenth percentile of all
//! differences between samples, and not as the time since the sample before.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use capy_test_support::node::Node;
use capy_test_support::workspace_root;

/// The requested interval between two samples in microseconds: a tenth of V8's default.
const INTERVAL: u32 = 100;

/// Where profiles are taken.
pub(super) struct Inspector<'a> {
    pub(super) node: &'a Node,
    pub(super) address: &'a str,
    /// The text of our Worker's script, to name functions for which V8 has no names.
    pub(super) script: &'a str,
}

impl Inspector<'_> {
    /// Profiles a Worker while `work` runs.
    pub(super) fn profile<T>(&self, worker: &str, work: impl FnOnce() -> Result<T>) -> Result<(T, Profile)> {
        let mut command = Command::new(&self.node.node);
        command.arg(workspace_root().join("bench/peers/decrypt-worker/profile.mjs"));
        command.args([self.address, worker, &INTERVAL.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("no pipe")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let done = if line == "profiling\n" { Some(work()) } else { None };
        // The profiler ends when its standard input does.
        drop(child.stdin.take());
        let mut text = String::new();
        output.read_to_string(&mut text)?;
        ensure!(child.wait()?.success(), "no profile of {worker}");
        Ok((done.context("the profile has not begun")??, Profile::parse(&text, self.script)?))
    }
}

/// Samples by function, and the time that each stands for.
#[derive(Debug)]
pub(super) struct Profile {
    /// Samples by function.
    hits: HashMap<String, u32>,
    /// The time that one sample stands for.
    interval: Duration,
}

/// V8's name for a sample in which nothing ran.
const IDLE: &str = "(idle)";

const GARBAGE: &str = "(garbage collector)";

impl Profile {
    fn parse(text: &str, script: &str) -> Result<Self> {
        let raw: Raw = serde_json::from_str(text).context("a profile of another form")?;
        let mut hits = HashMap::new();
        for node in raw.nodes {
            *hits.entry(node.call_frame.display_name(script)).or_default() += node.hit_count;
        }
        let mut deltas = raw.time_deltas;
        deltas.sort_unstable();
        let micros = *deltas.get(deltas.len() / 10).context("a profile without samples")?;
        Ok(Self { hits, interval: Duration::from_micros(micros.try_into()?) })
    }

    /// The time in which anything ran.
    pub(super) fn busy(&self) -> Duration {
        self.interval * (self.hits.values().sum::<u32>() - self.hits_of(IDLE))
    }

    /// The time in which the garbage collector ran.
    pub(super) fn garbage(&self) -> Duration {
        self.interval * self.hits_of(GARBAGE)
    }

    /// The functions that ran longest themselves, with their shares of the time in which anything
    /// ran.
    pub(super) fn heaviest(&self, count: usize) -> Vec<(String, f64)> {
        let busy = f64::from(self.hits.values().sum::<u32>() - self.hits_of(IDLE));
        let mut functions: Vec<_> = self.hits.iter().filter(|(name, _)| *name != IDLE).collect();
        functions.sort_unstable_by_key(|(name, hits)| (std::cmp::Reverse(**hits), *name));
        functions.truncate(count);
        functions.into_iter().map(|(name, hits)| (name.clone(), f64::from(*hits) / busy)).collect()
    }

    fn hits_of(&self, name: &str) -> u32 {
        self.hits.get(name).copied().unwrap_or_default()
    }
}

/// The fields of the DevTools protocol's `Profiler.Profile` that are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    nodes: Vec<RawNode>,
    /// In microseconds.
    time_deltas: Vec<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawNode {
    call_frame: CallFrame,
    hit_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallFrame {
    function_name: String,
    url: String,
    line_number: i64,
}

impl CallFrame {
    /// The function's name. The module follows where it is not the Worker's wasm, since several
    /// modules may have a function of one name.
    fn display_name(self, script: &str) -> String {
        let name = match self.function_name.as_str() {
            "" => self.glue(script).unwrap_or("(no name)"),
            name => name,
        };
        match self.url.rsplit('/').next() {
            Some(module) if !module.is_empty() && !self.url.starts_with("wasm:") => {
                format!("{name} in {module}")
            }
            _ => name.to_owned(),
        }
    }

    /// The name of one of wasm-bindgen's functions between wasm and JavaScript: they are values of
    /// an object, under keys of this form.
    fn glue<'a>(&self, script: &'a str) -> Option<&'a str> {
        let line = script.lines().nth(usize::try_from(self.line_number).ok()?)?;
        let (key, _) = line.trim_start().split_once(':')?;
        key.starts_with("__wb").then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn time_of_other_isolates_between_samples_is_not_counted() {
        let node = |name: &str, hits: u32| {
            let frame = json!({ "functionName": name, "url": "", "lineNumber": -1 });
            json!({ "id": 1, "callFrame": frame, "hitCount": hits })
        };
        let nodes = [node("a", 6), node("b", 2), node("a", 10), node(GARBAGE, 2), node(IDLE, 20)];
        let mut deltas = vec![150; 30];
        deltas.extend([90_000; 10]);
        let text = json!({ "nodes": nodes, "timeDeltas": deltas, "samples": [] }).to_string();
        let profile = Profile::parse(&text, "").unwrap();
        assert_eq!(profile.busy(), Duration::from_micros(150 * 20));
        assert_eq!(profile.garbage(), Duration::from_micros(150 * 2));
        assert_eq!(profile.heaviest(2), [("a".to_owned(), 0.8), ("(garbage collector)".to_owned(), 0.1)]);
    }
    #[test]
    fn glue_is_told_by_its_key_and_other_functions_by_their_module() {
        let script = "import x;\n    __wbg_read_1: function(arg0) {\n    other: function() {\n";
        let display_name = |name: &str, url: &str, line_number| {
            CallFrame { function_name: name.into(), url: url.into(), line_number }.display_name(script)
        };
        assert_eq!(display_name("", "file:///x/inner.js", 1), "__wbg_read_1 in inner.js");
        assert_eq!(display_name("", "file:///x/inner.js", 2), "(no name) in inner.js");
        assert_eq!(display_name("run", "file:///x/inner.js", 1), "run in inner.js");
        assert_eq!(display_name("serde::x", "wasm://wasm/1234", 0), "serde::x");
        assert_eq!(display_name("(program)", "", -1), "(program)");
    }
}
