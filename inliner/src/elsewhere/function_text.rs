//! Functions that are turned into text and run in another context, where functions of the inliner
//! are not defined.
//!
//! Recognises what turns a function into text (`job.toString()`, `${job}`, `String(job)`, a call
//! that takes a function for another process), and what runs a text as code. A text that is
//! assembled, sent away and run elsewhere is not followed: the conversion alone marks the functions
//! in it.

use memchr::memmem;
use rustc_hash::FxHashSet;
use swc_atoms::Atom;

use super::graph::{Backward, Graph, called_pieces, converted, literal};
use super::value::{DEPTH, Entry, Piece, Value};
use super::walk::{Place, entries};
use crate::prefilter::is_quoted;

/// Methods that run a function's text in a browser or in another process.
const TAKE_FUNCTIONS: [&str; 10] = [
    "evaluate",
    "evaluateHandle",
    "evaluateOnNewDocument",
    "$eval",
    "$$eval",
    "addInitScript",
    "waitForFunction",
    "executeScript",
    "executeAsyncScript",
    "executeJavaScript",
];

/// Packages that turn the functions they are given into text.
const PACKAGES: [&str; 9] = [
    "serialize-javascript",
    "workerpool",
    "greenlet",
    "microjob",
    "node-worker-threads-pool",
    "paralleljs",
    "webdriverio",
    "isolated-vm",
    "@koale/useworker",
];

/// Messages by which such packages are recognised inside a bundle.
const MESSAGES: [&str; 2] = ["Serializing native function: ", "Passed function is not well-serializable"];

/// Whether a package that turns functions into text is loaded, or part of a bundle.
pub(super) fn has_package(text: &[u8]) -> bool {
    PACKAGES.iter().any(|name| is_quoted(text, name.as_bytes()))
        || MESSAGES.iter().any(|words| memmem::find(text, words.as_bytes()).is_some())
}

/// What was found in one file.
#[derive(Default)]
pub(super) struct Texts {
    /// Start and end offsets of the functions.
    pub(super) functions: Vec<(u32, u32)>,
    /// The file runs the text of a function that may come from another file.
    pub(super) is_any: bool,
    /// Texts that are run as code, with the offset of the call.
    pub(super) run: Vec<(Atom, u32)>,
}

pub(super) fn find(graph: &Graph, text: &[u8]) -> Texts {
    let mut search = Search {
        graph,
        any: Backward::new(graph, false),
        code: Backward::new(graph, true),
        seen: FxHashSet::default(),
        at: 0,
        run: Vec::new(),
    };
    search.texts();
    search.calls(has_package(text));
    let Search { any, code, run, .. } = search;
    let functions = any.functions.iter().chain(&code.functions);
    let range = |id: &u32| graph.seen.functions.get(id).map(|end| (*id, *end));
    let mut functions: Vec<(u32, u32)> = functions.filter_map(range).collect();
    functions.sort_unstable();
    functions.dedup();
    Texts { functions, is_any: code.is_unknown, run }
}

struct Search<'g> {
    graph: &'g Graph,
    /// Traces values that are turned into text for an unknown purpose.
    any: Backward<'g>,
    /// Traces functions in texts that are run as code.
    code: Backward<'g>,
    /// Places visited while following code.
    seen: FxHashSet<Place>,
    /// Offset of the call that runs the text.
    at: u32,
    run: Vec<(Atom, u32)>,
}

impl<'g> Search<'g> {
    fn texts(&mut self) {
        let graph = self.graph;
        for text in &graph.seen.texts {
            if let Value::Text(pieces) = text {
                self.pieces(pieces);
            }
        }
        let is_function = |value: &&Value| matches!(value, Value::Function(_));
        for value in &graph.seen.added {
            if graph.given_to(value).any(|value| is_function(&value)) {
                self.any.start(value);
            }
        }
    }

    fn pieces(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            if let Piece::Of(value) = piece {
                self.any.start(function_of(self.graph, value));
            }
        }
        for value in called_pieces(pieces) {
            self.code.start(function_of(self.graph, value));
        }
    }

    fn calls(&mut self, packaged: bool) {
        let graph = self.graph;
        for call in &graph.seen.calls {
            let (callee, arguments) = (&call.callee, &call.arguments);
            if let Some(value) = converted(graph, callee, arguments) {
                self.any.start(value);
            }
            if let Value::Property(object, Some(key)) = callee {
                if &**key == "concat" && matches!(&**object, Value::Literal(_) | Value::Text(_)) {
                    let first = literal(object).cloned().unwrap_or_default();
                    let rest = arguments.iter().map(|value| match value {
                        Value::Literal(text) => Piece::Literal(text.clone()),
                        other => Piece::Of(other.clone()),
                    });
                    self.pieces(&std::iter::once(Piece::Literal(first)).chain(rest).collect::<Vec<_>>());
                }
                if TAKE_FUNCTIONS.contains(&&**key) {
                    arguments.iter().for_each(|argument| self.given(argument));
                }
            }
            if packaged {
                arguments.iter().for_each(|argument| self.given(argument));
            }
            self.at = call.at;
            for code in code_of(graph, callee, arguments) {
                self.code(code, DEPTH);
            }
        }
    }

    /// Handles an argument that is turned into text if it is a function or an object that holds
    /// one.
    fn given(&mut self, argument: &Value) {
        let graph = self.graph;
        for value in std::iter::once(argument).chain(graph.given_to(argument)) {
            for entry in entries(value) {
                if let Entry::Own(_, value) = entry {
                    self.any.start(value);
                }
            }
        }
        self.any.start(argument);
    }

    /// Follows a value whose text is run as code. Properties are not followed, because half of a
    /// bundle would then count as code.
    fn code(&mut self, value: &Value, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let graph = self.graph;
        match value {
            Value::Literal(text) => self.text(text),
            Value::Function(_) => self.any.start(value),
            Value::Text(pieces) => pieces.iter().for_each(|piece| match piece {
                Piece::Literal(text) => self.text(text),
                Piece::Of(value) => self.code(value, depth),
            }),
            Value::Either(values) | Value::Array(values) => {
                values.iter().for_each(|value| self.code(value, depth));
            }
            Value::Call(callee, arguments) => match converted(graph, callee, arguments) {
                Some(value @ Value::Name(..)) if !is_join(callee) => self.code.start(value),
                Some(value @ Value::Array(_)) => self.code(value, depth),
                Some(_) => {}
                None => arguments
                    .iter()
                    .filter(|argument| !matches!(argument, Value::Name(..)))
                    .for_each(|argument| self.code(argument, depth)),
            },
            Value::Name(..) => {
                let place = graph.place(value).filter(|place| self.seen.insert(place.clone()));
                place.iter().flat_map(|place| graph.given(place)).for_each(|value| self.code(value, DEPTH));
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &Atom) {
        if text.contains("env") {
            self.run.push((text.clone(), self.at));
        }
    }
}

/// `job` of `job.toString()`, or the value itself.
fn function_of<'v>(graph: &Graph, value: &'v Value) -> &'v Value {
    match value {
        Value::Call(callee, arguments) => converted(graph, callee, arguments).unwrap_or(value),
        other => other,
    }
}

fn is_join(callee: &Value) -> bool {
    matches!(callee, Value::Property(_, Some(key)) if &**key == "join")
}

/// The arguments of a call that are run as code.
fn code_of<'v>(graph: &Graph, callee: &'v Value, arguments: &'v [Value]) -> Vec<&'v Value> {
    let first = || arguments.first().into_iter().collect();
    let name = match callee {
        Value::Name(name, _) if matches!(&**name, "eval" | "Function") && !graph.is_global(callee, name) => {
            ""
        }
        Value::Name(name, _) | Value::Property(_, Some(name)) => &**name,
        _ => return Vec::new(),
    };
    match name {
        "eval" => first(),
        "Function" => arguments.iter().collect(),
        "Worker" if arguments.iter().any(is_eval) => first(),
        "Worker" | "import" if arguments.first().is_some_and(is_data_url) => first(),
        "Blob" if arguments.get(1).is_some_and(is_script) => first(),
        "runInContext" | "runInNewContext" | "runInThisContext" | "compileFunction" | "Script" => first(),
        _ if TAKE_FUNCTIONS.contains(&name) => first(),
        _ => arguments.iter().filter(|argument| runs_text(argument)).collect(),
    }
}

/// `{eval: true}`.
fn is_eval(options: &Value) -> bool {
    entries(options).iter().any(|entry| {
        matches!(entry, Entry::Own(key, value) if &**key == "eval" && !matches!(literal(value).map(|text| &**text), Some("false")))
    })
}

/// `{type: "text/javascript"}`.
fn is_script(options: &Value) -> bool {
    entries(options).iter().any(|entry| {
        matches!(entry, Entry::Own(key, value) if &**key == "type" && literal(value).is_some_and(|text| text.contains("javascript")))
    })
}

fn is_data_url(value: &Value) -> bool {
    let first = match value {
        Value::Text(pieces) => match pieces.first() {
            Some(Piece::Literal(text)) => Some(text),
            _ => None,
        },
        other => literal(other),
    };
    first.is_some_and(|text| text.starts_with("data:"))
}

/// `["-e", text]`: the arguments of a Node that runs a text.
fn runs_text(arguments: &Value) -> bool {
    let Value::Array(elements) = arguments else { return false };
    let mut texts = elements.iter().filter_map(literal);
    texts.any(|text| matches!(&**text, "-e" | "--eval" | "-p" | "--print" | "-pe"))
}
