//! Child processes and workers that get an environment of their own.
//!
//! Answers two questions: which variables may have a different value in the child, and where a
//! child gets fewer variables than its bundle would hold. Every copy of the environment that
//! something is added to may become a child's environment, whoever starts the child.

use std::cell::Cell;
use std::collections::BTreeSet;

use swc_atoms::Atom;

use super::graph::{Graph, literal};
use super::value::{Entry, Value};
use super::walk::{Made, Place, entries};
use crate::reads::Wanted;
use crate::words::is_part;

/// What the children that one file starts may be given.
#[derive(Default)]
pub(super) struct Given {
    /// Variables that may have a different value in a child.
    pub(super) names: BTreeSet<String>,
    /// Any variable may have a different value.
    pub(super) is_any: bool,
    /// Children whose environment lacks variables.
    pub(super) withheld: Vec<Withheld>,
}

/// A JavaScript child process or worker that is started without some of the parent's variables.
pub(super) struct Withheld {
    /// The missing variable, if it is only one.
    pub(super) name: Option<String>,
    /// Where the child is started.
    pub(super) at: u32,
    /// The script that the child runs, if the call names exactly one.
    pub(super) script: Option<Atom>,
}

/// An environment object that code builds.
#[derive(Default)]
struct Environment {
    /// It starts as a copy of the parent's environment.
    is_whole: bool,
    /// What is set after that, in order.
    own: Vec<(Atom, Own)>,
    is_any: bool,
}

/// What a child finds under one name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    /// The parent's value.
    Same,
    Other,
    Nothing,
}

pub(super) fn find(graph: &Graph, wanted: &dyn Wanted, starts: bool) -> Given {
    let mut search = Search { graph, wanted, left: Cell::new(0), out: Given::default() };
    for copy in &graph.seen.copies {
        if let Some(environment) = search.made(copy).filter(|copy| copy.is_whole) {
            search.take(&environment, true);
        }
    }
    for value in graph.given(&Place::Key("env".into())) {
        if let Some(environment) = search.made(value) {
            let is_child = starts || environment.is_whole;
            search.take(&environment, is_child);
        }
    }
    for call in &graph.seen.calls {
        search.left.set(MOST_LOOKS);
        if let Some(environment) = search.copied(&call.callee, &call.arguments).filter(|copy| copy.is_whole) {
            search.take(&environment, true);
        }
        if starts {
            search.start(call);
        }
    }
    search.writes(starts);
    if starts {
        graph.seen.settings.iter().for_each(|text| search.setting(text));
    }
    search.out
}

struct Search<'g> {
    graph: &'g Graph,
    wanted: &'g dyn Wanted,
    /// How many more values the current question may look at.
    left: Cell<u32>,
    out: Given,
}

/// The limit of values that one question looks at, because names may be assigned to each other in
/// cycles.
const MOST_LOOKS: u32 = 400;

impl Search<'_> {
    fn take(&mut self, environment: &Environment, is_child: bool) {
        let set =
            environment.own.iter().filter(|(name, own)| *own == Own::Other && self.wanted.is_wanted(name));
        self.out.names.extend(set.map(|(name, _)| name.to_string()));
        self.out.is_any |= environment.is_any && is_child;
    }

    /// The environment that a value builds; `None` if the value does not build one.
    fn made(&self, value: &Value) -> Option<Environment> {
        self.left.set(MOST_LOOKS);
        self.environment(value)
    }

    /// Takes one look from the budget; `None` if none is left.
    fn look(&self) -> Option<()> {
        self.left.set(self.left.get().checked_sub(1)?);
        Some(())
    }

    fn environment(&self, value: &Value) -> Option<Environment> {
        self.look()?;
        if self.is_env(value) {
            return Some(Environment { is_whole: true, ..Environment::default() });
        }
        match value {
            Value::Object(entries) => Some(self.object(entries)),
            Value::Call(callee, arguments) => self.copied(callee, arguments),
            Value::Rest(of, taken) if self.is_env(of) => {
                let own = taken.iter().map(|name| (name.clone(), Own::Nothing)).collect();
                Some(Environment { is_whole: true, own, is_any: false })
            }
            Value::Either(values) => {
                let all = values.iter().filter_map(|value| self.environment(value));
                all.reduce(|mut all, one| {
                    all.is_whole |= one.is_whole;
                    all.own.extend(one.own);
                    all.is_any |= one.is_any;
                    all
                })
            }
            Value::Name(..) => {
                let all = self.graph.given_to(value).filter_map(|value| self.environment(value));
                all.reduce(|mut all, one| {
                    all.is_whole |= one.is_whole;
                    all.own.extend(one.own);
                    all.is_any |= one.is_any;
                    all
                })
            }
            _ => None,
        }
    }

    fn object(&self, entries: &[Entry]) -> Environment {
        let mut made = Environment::default();
        for entry in entries {
            match entry {
                Entry::Own(name, Value::Undefined) => made.own.push((name.clone(), Own::Nothing)),
                Entry::Own(name, value) if self.is_same(name, value) => {
                    made.own.push((name.clone(), Own::Same))
                }
                Entry::Own(name, _) => made.own.push((name.clone(), Own::Other)),
                Entry::Computed(_) => made.is_any = true,
                Entry::Spread(value) => self.spread(value, &mut made),
            }
        }
        made
    }

    /// A spread of the whole environment overrides everything before it.
    fn spread(&self, value: &Value, made: &mut Environment) {
        match value {
            Value::Undefined | Value::Literal(_) => {}
            Value::Either(values) => values.iter().for_each(|value| self.spread(value, made)),
            value => match self.environment(value) {
                Some(one) if one.is_whole => *made = one,
                Some(one) => {
                    made.own.extend(one.own);
                    made.is_any |= one.is_any;
                }
                None => made.is_any = true,
            },
        }
    }

    /// `Object.assign({}, process.env, {…})`, and the helper functions that compilers emit for a
    /// spread.
    fn copied(&self, callee: &Value, arguments: &[Value]) -> Option<Environment> {
        self.look()?;
        let is_whole = |value: &Value| self.environment(value).is_some_and(|one| one.is_whole);
        let first = arguments.iter().position(is_whole)?;
        let mut made = Environment::default();
        let copies = match callee {
            Value::Property(_, Some(key)) => is_copier(key),
            Value::Name(name, _) => is_copier(name),
            _ => false,
        };
        // `r({}, process.env)`, `r(r({}, process.env), more)`.
        let is_empty = |value: &Value| matches!(value, Value::Object(entries) if entries.is_empty());
        let copies = copies
            || arguments.first().is_some_and(is_empty)
            || matches!(&arguments[0], Value::Call(inner, _) if self.graph.place(inner).is_some_and(|inner| Some(inner) == self.graph.place(callee)));
        for value in &arguments[first..] {
            if copies || matches!(value, Value::Object(_)) || is_whole(value) {
                self.spread(value, &mut made);
            }
        }
        Some(made)
    }

    fn is_env(&self, value: &Value) -> bool {
        if self.look().is_none() {
            return false;
        }
        match value {
            Value::Property(object, Some(key)) if &**key == "env" => self.is_process(object),
            Value::Name(..) => self.graph.given_to(value).any(|value| self.is_env(value)),
            _ => false,
        }
    }

    fn is_env_now(&self, value: &Value) -> bool {
        self.left.set(MOST_LOOKS);
        self.is_env(value)
    }

    fn is_process(&self, value: &Value) -> bool {
        if self.look().is_none() {
            return false;
        }
        let is_module =
            |value: &Value| literal(value).is_some_and(|name| matches!(&**name, "process" | "node:process"));
        match value {
            Value::Property(_, Some(key)) if &**key == "process" => true,
            Value::Property(object, Some(key)) if &**key == "default" => self.is_process(object),
            Value::Call(_, arguments) => arguments.first().is_some_and(is_module),
            Value::Name(..) if self.graph.is_global(value, "process") => true,
            Value::Name(..) => self.graph.given_to(value).any(|value| self.is_process(value)),
            _ => false,
        }
    }

    /// Whether the value is `process.env.NAME` under the same `NAME`.
    fn is_same(&self, name: &Atom, value: &Value) -> bool {
        matches!(value, Value::Property(object, Some(key)) if key == name && self.is_env(object))
    }

    /// Assignments to copies of the environment, and to objects that a child is given as its
    /// environment.
    fn writes(&mut self, starts: bool) {
        let graph = self.graph;
        let given: BTreeSet<(Atom, u32)> = graph
            .given(&Place::Key("env".into()))
            .filter_map(|value| match graph.place(value) {
                Some(Place::Name(name, scope)) => Some((name, scope)),
                _ => None,
            })
            .collect();
        for write in &graph.seen.written {
            let is_written = write.key.as_ref().is_none_or(|key| self.wanted.is_wanted(key));
            if !is_written || self.is_env_now(&write.object) {
                continue;
            }
            let is_given = match graph.place(&write.object) {
                Some(Place::Name(name, scope)) => given.contains(&(name, scope)),
                Some(Place::Key(key)) => &*key == "env",
                _ => false,
            };
            let is_copy = || self.made(&write.object).is_some_and(|copy| copy.is_whole);
            if !(is_given && starts || is_copy()) {
                continue;
            }
            match &write.key {
                Some(_) if matches!(write.value, Value::Undefined) => {}
                Some(key) => {
                    self.out.names.insert(key.to_string());
                }
                None => self.out.is_any = true,
            }
        }
    }

    /// Handles a call that may start a child.
    fn start(&mut self, call: &Made) {
        let Some(name) = self.starter(&call.callee) else { return };
        let given = |value: &Value| -> Option<Value> {
            let graph = self.graph;
            let of = |value: &Value| {
                entries(value).iter().find_map(|entry| match entry {
                    Entry::Own(key, value) if &**key == "env" => Some(value.clone()),
                    _ => None,
                })
            };
            of(value).or_else(|| graph.given_to(value).find_map(of))
        };
        let env = call.arguments.iter().find_map(given);
        // `cluster.fork({…})` adds to the environment, whereas the path of a forked module is not
        // an object.
        let env = match (&env, call.arguments.as_slice()) {
            (None, [only]) if &*name == "fork" => {
                let added = self.made(only);
                return added.into_iter().for_each(|added| self.take(&added, true));
            }
            (None, _) => return,
            (Some(env), _) => env,
        };
        if matches!(env, Value::Undefined | Value::Literal(_)) || self.is_shared(env) {
            return;
        }
        let Some(environment) = self.made(env) else {
            self.out.is_any = true;
            return;
        };
        self.take(&environment, true);
        if !self.runs_a_bundle(&name, &call.arguments) {
            return;
        }
        let deleted = self.deleted(env);
        let is_missing = |name: &&str| {
            let own = environment.own.iter().rev().find(|(own, _)| &**own == *name);
            let is_there = match own {
                Some((_, own)) => *own != Own::Nothing,
                None => environment.is_whole || environment.is_any || self.is_written(env, name),
            };
            !is_there || deleted.contains(*name)
        };
        let mut missing: Vec<&str> = self.wanted.all().filter(is_missing).collect();
        missing.sort_unstable();
        let name = match missing.as_slice() {
            [] => return,
            [name] => Some((*name).to_owned()),
            _ => None,
        };
        let script = self.script(&call.arguments);
        self.out.withheld.push(Withheld { name, at: call.at, script });
    }

    /// The only script that a call's arguments name, including in an array or in a nested call such
    /// as `join(folder, "a.js")`.
    fn script(&self, arguments: &[Value]) -> Option<Atom> {
        self.left.set(MOST_LOOKS);
        let mut found = BTreeSet::new();
        arguments.iter().try_for_each(|value| self.scripts(value, &mut found))?;
        if found.len() == 1 { found.pop_first() } else { None }
    }

    /// Collects the scripts that a value names; `None` if the budget is used up.
    fn scripts(&self, value: &Value, found: &mut BTreeSet<Atom>) -> Option<()> {
        self.look()?;
        let all = |values: &[Value], found: &mut BTreeSet<Atom>| {
            values.iter().try_for_each(|value| self.scripts(value, found))
        };
        match value {
            Value::Literal(text) if SCRIPTS.iter().any(|ending| text.ends_with(ending)) => {
                found.insert(text.clone());
                Some(())
            }
            Value::Array(values) | Value::Either(values) => all(values, found),
            Value::Call(_, arguments) => all(arguments, found),
            Value::Name(..) => self.graph.given_to(value).try_for_each(|value| self.scripts(value, found)),
            _ => Some(()),
        }
    }

    /// Whether a variable is assigned to a copy of the environment.
    fn is_written(&self, env: &Value, name: &str) -> bool {
        let mut written = self.graph.written_to(env).filter(|write| !matches!(write.value, Value::Undefined));
        written.any(|write| write.key.as_ref().is_none_or(|key| &**key == name))
    }

    /// Variables that are deleted from a copy of the environment.
    fn deleted(&self, env: &Value) -> BTreeSet<String> {
        let gone = self.graph.written_to(env).filter(|write| matches!(write.value, Value::Undefined));
        gone.filter_map(|write| write.key.as_ref()).map(Atom::to_string).collect()
    }

    /// Whether the child is a JavaScript runtime (Node, Bun, Deno), so that it may run one of the
    /// inlined bundles.
    fn runs_a_bundle(&self, starter: &str, arguments: &[Value]) -> bool {
        if matches!(starter, "fork" | "Worker" | "execaNode") {
            return true;
        }
        let is_node = |value: &Value| match value {
            Value::Property(_, Some(key)) => &**key == "execPath",
            other => literal(other).is_some_and(|command| {
                let program = command.split([' ', '/', '\\']).next_back().unwrap_or_default();
                let words = || command.split_ascii_whitespace();
                matches!(program, "node" | "bun" | "deno" | "tsx")
                    || words().any(|word| matches!(word, "node" | "bun" | "deno" | "tsx"))
            }),
        };
        let command = arguments.first();
        command.is_some_and(|command| is_node(command) || self.graph.given_to(command).any(is_node))
    }

    /// The name of the function that starts children, if the callee is one.
    fn starter(&self, callee: &Value) -> Option<Atom> {
        let is = |value: &Value| match value {
            Value::Property(_, Some(key)) if STARTERS.contains(&&**key) => Some(key.clone()),
            _ => None,
        };
        if let Some(key) = is(callee) {
            return Some(key);
        }
        if let Value::Name(name, _) = callee
            && self.graph.is_global(callee, name)
            && STARTERS.contains(&&**name)
        {
            return Some(name.clone());
        }
        self.graph.given_to(callee).find_map(|value| match value {
            // `promisify(execFile)`
            Value::Call(_, arguments) => arguments
                .iter()
                .find_map(|value| is(value).or_else(|| self.graph.given_to(value).find_map(is))),
            other => is(other),
        })
    }

    /// `SHARE_ENV`: the worker shares the parent's environment.
    fn is_shared(&self, value: &Value) -> bool {
        let is = |value: &Value| matches!(value, Value::Property(_, Some(key)) if &**key == "SHARE_ENV");
        is(value) || self.graph.given_to(value).any(is)
    }

    /// Variables that a command line sets: `NAME=value node child.js`.
    fn setting(&mut self, text: &Atom) {
        let bytes = text.as_bytes();
        for end in memchr::memchr_iter(b'=', bytes) {
            let start = bytes[..end].iter().rposition(|byte| !is_part(byte)).map_or(0, |at| at + 1);
            let is_written = !matches!(bytes.get(end + 1), Some(b'='))
                && !matches!(start.checked_sub(1).map(|at| bytes[at]), Some(b'.' | b'&' | b'?' | b'-'));
            let name = &text[start..end];
            if is_written && self.wanted.is_wanted(name) {
                self.out.names.insert(name.to_owned());
            }
        }
    }
}

/// Extensions of scripts.
const SCRIPTS: [&str; 3] = [".js", ".cjs", ".mjs"];

/// Functions and classes that start a child with options.
const STARTERS: [&str; 15] = [
    "fork",
    "spawn",
    "spawnSync",
    "exec",
    "execSync",
    "execFile",
    "execFileSync",
    "Worker",
    "execa",
    "execaSync",
    "execaNode",
    "execaCommand",
    "Command",
    "setupPrimary",
    "setupMaster",
];

/// Whether a function with this name copies the properties of its arguments.
fn is_copier(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["assign", "spread", "extend", "merge", "defaults"].iter().any(|word| name.contains(word))
}
