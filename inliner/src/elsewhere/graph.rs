//! Data flow within one file: what is assigned to each place, what is called, and which names hold
//! a function.
//!
//! Resolves names and walks backwards from a value to its sources. A property counts as one place
//! for all objects, and an array as each of its elements, so the analysis finds too much rather
//! than too little.

use rustc_hash::{FxHashMap, FxHashSet};
use swc_atoms::Atom;

use super::value::{Entry, Piece, Value};
use super::walk::{Place, Seen, Written};

/// The scope of names that the file does not bind.
const NOWHERE: u32 = u32::MAX;

/// How many values of one place are looked at.
const MOST_LOOKED_AT: usize = 32;

/// How many assignments to the properties of one name are looked at.
const MOST_WRITTEN: usize = 256;

pub(super) struct Graph {
    pub(super) seen: Seen,
    gives: FxHashMap<Place, Vec<u32>>,
    calls: FxHashMap<Place, Vec<u32>>,
    /// The places that a function is assigned to, by function.
    holders: FxHashMap<u32, Vec<Place>>,
    /// The names and properties that a name is assigned to, by name.
    takers: FxHashMap<Place, Vec<Place>>,
    /// What is assigned to the properties of a name.
    written: FxHashMap<Place, Vec<u32>>,
}

impl Graph {
    pub(super) fn new(seen: Seen) -> Self {
        let mut graph = Self {
            seen,
            gives: FxHashMap::default(),
            calls: FxHashMap::default(),
            holders: FxHashMap::default(),
            takers: FxHashMap::default(),
            written: FxHashMap::default(),
        };
        for index in 0..graph.seen.gives.len() {
            let (to, what) = &graph.seen.gives[index];
            let to = graph.home(to);
            match what {
                Value::Function(id) => graph.holders.entry(*id).or_default().push(to.clone()),
                Value::Name(..) => {
                    let from = graph.place(what);
                    from.into_iter().for_each(|from| graph.takers.entry(from).or_default().push(to.clone()));
                }
                _ => {}
            }
            graph.gives.entry(to).or_default().push(index as u32);
        }
        for index in 0..graph.seen.calls.len() {
            if let Some(callee) = graph.place(&graph.seen.calls[index].callee) {
                graph.calls.entry(callee).or_default().push(index as u32);
            }
        }
        for index in 0..graph.seen.written.len() {
            if let Some(object @ Place::Name(..)) = graph.place(&graph.seen.written[index].object) {
                graph.written.entry(object).or_default().push(index as u32);
            }
        }
        graph
    }

    /// Assignments to the properties of a name, and deletions.
    pub(super) fn written_to(&self, name: &Value) -> impl Iterator<Item = &Written> + use<'_> {
        let indices = self.place(name).and_then(|place| self.written.get(&place));
        let indices = indices.map_or(&[][..], Vec::as_slice).iter().take(MOST_WRITTEN);
        indices.map(|index| &self.seen.written[*index as usize])
    }

    fn home(&self, place: &Place) -> Place {
        match place {
            Place::Name(name, scope) => {
                let scope = self.seen.scopes.resolve(*scope, name).unwrap_or(NOWHERE);
                Place::Name(name.clone(), scope)
            }
            other => other.clone(),
        }
    }

    /// The one place that a value is read from.
    pub(super) fn place(&self, value: &Value) -> Option<Place> {
        match value {
            Value::Name(name, scope) => Some(self.home(&Place::Name(name.clone(), *scope))),
            Value::Property(_, Some(key)) => Some(Place::Key(key.clone())),
            Value::Parameter(id, index) => Some(Place::Parameter(*id, *index)),
            _ => None,
        }
    }

    /// Whether the value is this name and nothing in the file binds it.
    pub(super) fn is_global(&self, value: &Value, name: &str) -> bool {
        matches!(value, Value::Name(own, _) if &**own == name)
            && matches!(self.place(value), Some(Place::Name(_, NOWHERE)))
    }

    /// Whether the value comes from a relative import: `require("./x")`,
    /// `(await import("./x")).job`.
    fn is_of_another_file(&self, value: &Value) -> bool {
        let loads = |value: &Value| match value {
            Value::Call(callee, arguments) => {
                let is_loader =
                    matches!(&**callee, Value::Name(name, _) if matches!(&**name, "require" | "import"));
                is_loader
                    && arguments.first().and_then(literal).is_some_and(|name| name.starts_with(['.', '/']))
            }
            _ => false,
        };
        match value {
            Value::Property(object, _) => loads(object) || self.given_to(object).any(loads),
            other => loads(other),
        }
    }

    /// All values that are assigned to a place.
    pub(super) fn given(&self, place: &Place) -> impl Iterator<Item = &Value> + use<'_> {
        let indices = self.gives.get(place).map_or(&[][..], Vec::as_slice);
        indices.iter().map(|index| &self.seen.gives[*index as usize].1)
    }

    /// The values of the place that a value is read from, limited so that each lookup has a bounded
    /// cost.
    pub(super) fn given_to(&self, value: &Value) -> impl Iterator<Item = &Value> + use<'_> {
        let indices = self.place(value).and_then(|place| self.gives.get(&place));
        let indices = indices.map_or(&[][..], Vec::as_slice).iter().take(MOST_LOOKED_AT);
        indices.map(|index| &self.seen.gives[*index as usize].1)
    }
}

/// A backward traversal of the data flow.
pub(super) struct Backward<'g> {
    graph: &'g Graph,
    /// Whether a function held by a property is also matched with every call of a method of that
    /// name.
    through_methods: bool,
    seen: FxHashSet<Place>,
    asked: FxHashSet<(Place, usize)>,
    /// Objects whose contents were added already, since an object may contain what comes out of it.
    emptied: FxHashSet<Place>,
    open: Vec<Place>,
    /// The functions that were reached.
    pub(super) functions: FxHashSet<u32>,
    /// Whether the traversal reached a function of another file, or an unknown one.
    pub(super) is_unknown: bool,
}

impl<'g> Backward<'g> {
    pub(super) fn new(graph: &'g Graph, through_methods: bool) -> Self {
        let (seen, asked) = (FxHashSet::default(), FxHashSet::default());
        Self {
            graph,
            through_methods,
            seen,
            asked,
            emptied: FxHashSet::default(),
            open: Vec::new(),
            functions: FxHashSet::default(),
            is_unknown: false,
        }
    }

    /// Traverses backwards from a value that is turned into text.
    pub(super) fn start(&mut self, value: &Value) {
        self.add(value);
        while let Some(place) = self.open.pop() {
            self.visit(&place);
        }
    }

    fn add(&mut self, value: &Value) {
        self.is_unknown |= self.graph.is_of_another_file(value);
        match value {
            Value::Function(id) => {
                self.functions.insert(*id);
            }
            Value::Either(values) | Value::Array(values) => values.iter().for_each(|value| self.add(value)),
            Value::Property(object, None) => self.contents(object),
            Value::Call(callee, arguments) => match converted(self.graph, callee, arguments) {
                Some(of) => self.add(of),
                None => self.returned(callee, arguments),
            },
            Value::Rest(of, _) => self.add(of),
            _ => {
                if let Some(place) = self.graph.place(value)
                    && self.seen.insert(place.clone())
                {
                    self.open.push(place);
                }
            }
        }
    }

    /// Adds everything that an object holds, under any key.
    fn contents(&mut self, object: &Value) {
        let graph = self.graph;
        if graph.place(object).is_some_and(|place| !self.emptied.insert(place)) {
            return;
        }
        for value in std::iter::once(object).chain(graph.given_to(object)) {
            match value {
                Value::Object(entries) => entries.iter().for_each(|entry| match entry {
                    Entry::Own(_, value) | Entry::Computed(value) | Entry::Spread(value) => self.add(value),
                }),
                Value::Array(_) => self.add(value),
                _ => {}
            }
        }
        self.add(object);
    }

    fn returned(&mut self, callee: &Value, arguments: &[Value]) {
        match callee {
            Value::Function(id) => self.add_place(Place::Returned(*id)),
            Value::Property(object, Some(key)) if matches!(&**key, "values" | "entries") => {
                let of = if arguments.is_empty() { object } else { &arguments[0] };
                self.contents(of);
            }
            Value::Property(object, Some(key)) if matches!(&**key, "filter" | "slice" | "concat" | "map") => {
                self.add(object);
            }
            _ => {
                let graph = self.graph;
                let functions = graph.given_to(callee).filter_map(|value| match value {
                    Value::Function(id) => Some(*id),
                    _ => None,
                });
                functions.for_each(|id| self.add_place(Place::Returned(id)));
            }
        }
    }

    fn add_place(&mut self, place: Place) {
        if self.seen.insert(place.clone()) {
            self.open.push(place);
        }
    }

    fn visit(&mut self, place: &Place) {
        let graph = self.graph;
        let mut found = false;
        for value in graph.given(place) {
            found = true;
            self.add(value);
        }
        match place {
            Place::Parameter(id, index) => self.argument(*id, *index, found),
            Place::Key(_) | Place::Name(..) | Place::Returned(_) => {}
        }
    }

    /// Adds the arguments that all calls of a function pass at this index.
    fn argument(&mut self, id: u32, index: usize, mut found: bool) {
        let graph = self.graph;
        let held = graph.holders.get(&id).map_or(&[][..], Vec::as_slice);
        let takers = |place: &Place| graph.takers.get(place).map_or(&[][..], Vec::as_slice);
        let taken = held.iter().flat_map(takers).take(MOST_LOOKED_AT);
        for place in held.iter().chain(taken) {
            if matches!(place, Place::Key(_)) {
                // Other files may call it.
                self.is_unknown = true;
                if !self.through_methods {
                    continue;
                }
            }
            let calls = graph.calls.get(place).map_or(&[][..], Vec::as_slice);
            found |= !calls.is_empty();
            if !self.asked.insert((place.clone(), index)) {
                continue;
            }
            for call in calls {
                if let Some(argument) = graph.seen.calls[*call as usize].arguments.get(index) {
                    self.add(argument);
                }
            }
        }
        self.is_unknown |= !found;
    }
}

/// The values whose text the surrounding text calls as a function: `(${job})(…)`.
pub(super) fn called_pieces(pieces: &[Piece]) -> Vec<&Value> {
    let literal = |index: usize| match pieces.get(index) {
        Some(Piece::Literal(text)) => text.trim(),
        _ => "",
    };
    let is_call = |before: &str, after: &str, last: &str| {
        before.ends_with('(')
            && (after.starts_with(")()")
                || after.starts_with(").call(")
                || after.starts_with(").apply(")
                || after.starts_with(")(...")
                || after == ")(" && is_opening(before) && last.trim_end_matches(';').ends_with(')'))
    };
    let last = literal(pieces.len() - 1);
    let called = pieces.iter().enumerate().filter_map(|(index, piece)| match piece {
        Piece::Of(value) if index > 0 => {
            is_call(literal(index - 1), literal(index + 1), last).then_some(value)
        }
        _ => None,
    });
    called.collect()
}

/// Whether this text can precede a function that is called at once. A regular expression that is
/// built in pieces begins differently.
fn is_opening(before: &str) -> bool {
    let words = before.trim_end_matches('(').trim_end();
    matches!(words, "" | ";" | "!" | "return" | "await" | "void") || words.ends_with(['=', ';', ','])
}

/// The value that a call turns into text: `job` of `job.toString()` and `String(job)`.
pub(super) fn converted<'v>(graph: &Graph, callee: &'v Value, arguments: &'v [Value]) -> Option<&'v Value> {
    let Value::Property(object, Some(key)) = callee else {
        return arguments.first().filter(|_| graph.is_global(callee, "String"));
    };
    match (&**key, &**object) {
        ("toString", object) if arguments.is_empty() => Some(object),
        ("join", object) => Some(object),
        ("call" | "apply", object) if is_function_to_string(graph, object) => arguments.first(),
        _ => None,
    }
}

/// `Function.prototype.toString`, or a name that holds it.
fn is_function_to_string(graph: &Graph, value: &Value) -> bool {
    let is = |value: &Value| {
        let Value::Property(object, Some(key)) = value else { return false };
        let of = |object: &Value| match object {
            Value::Property(root, Some(key)) if &**key == "prototype" => graph.is_global(root, "Function"),
            root => graph.is_global(root, "Function"),
        };
        &**key == "toString" && (of(object) || graph.given_to(object).any(of))
    };
    is(value) || graph.given_to(value).any(is)
}

/// A literal's text.
pub(super) fn literal(value: &Value) -> Option<&Atom> {
    match value {
        Value::Literal(text) => Some(text),
        _ => None,
    }
}
