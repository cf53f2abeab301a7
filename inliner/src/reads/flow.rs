//! The words in which a walk describes what it saw: a name, the properties taken from it, and where the value goes.
//!
//! Owns no judgement: whether `process` here is the real one, and what follows, is decided in `resolve`.

use std::ops::Range;
use std::rc::Rc;

use swc_atoms::Atom;

use super::alias::Kind;
use super::interop::Interop;
use super::scope::ScopeId;
use super::text::Text;

/// One property access in a chain; offsets are those of the whole expression up to and including it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The property's name; `None` when it is computed.
    pub(super) key: Option<Atom>,
    /// The computed name, when it is made of texts and names.
    pub(super) text: Option<Box<Text>>,
    /// Where the name itself is written.
    pub(super) at: u32,
    /// Where the chain up to here starts (parentheses may move it to the left of the name) and ends.
    pub(super) start: u32,
    pub(super) end: u32,
    /// Where the object ends, its parentheses included.
    pub(super) object_end: u32,
}

/// Where the value of an expression goes. A copy shares what it holds: a long chain of conditions makes one for each.
#[derive(Debug, Clone)]
pub(super) enum Sink {
    /// Nowhere, or only its type, truth or identity is looked at.
    Drop,
    /// To a place that cannot be followed.
    Escape(Escape),
    /// The expression is assigned, updated or deleted.
    Write,
    /// Taken apart by an object pattern, and then the rest.
    Keys(Rc<Pattern>, Rc<Sink>),
    /// Assigned to a name, and then the rest.
    Bind(Binding, Rc<Sink>),
    /// More properties, taken after something in between (`(t = process.env).X`).
    Then(Rc<Vec<Step>>, Rc<Sink>),
    /// To the rest, unless another value does (`c ? process.env : {}`).
    Maybe(Rc<Sink>),
    /// To the rest, if all of these are objects.
    Given(Rc<Vec<Subject>>, Rc<Sink>),
    /// Held by a name at these uses of it, which come right after it was assigned.
    Held(Rc<Vec<Use>>),
    /// Called: `Facts::calls[call]`.
    Called(usize),
    /// To other files, as the default export.
    Exported,
    /// To the exports of a bundler's module.
    Module(Module),
    /// Assigned to `….process` or `….env`, whose name is written at this offset: nothing changes when it is the same object.
    Restore(u32, Kind),
}

/// How a value is lost from sight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Escape {
    Value,
    /// `"NAME" in value`.
    In(Option<Atom>),
    /// Argument `index` of `Facts::calls[call]`.
    Argument {
        call: usize,
        index: usize,
    },
}

/// A name that takes a value, where it is written, and the scope it is written in. Ordered as in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binding {
    pub(super) at: u32,
    pub(super) name: Atom,
    pub(super) scope: ScopeId,
}

/// An object pattern.
#[derive(Debug, Clone, Default)]
pub(super) struct Pattern {
    pub(super) keys: Vec<PatternKey>,
    /// A rest element or a computed key: any property may be taken.
    pub(super) open: bool,
}

#[derive(Debug, Clone)]
pub(super) struct PatternKey {
    pub(super) name: Atom,
    pub(super) at: u32,
    pub(super) value: PatternValue,
}

#[derive(Debug, Clone)]
pub(super) enum PatternValue {
    Bind(Binding),
    Nested(Pattern),
    Other,
}

/// One occurrence of a tracked name, or of the process module, as a value.
#[derive(Debug, Clone)]
pub(super) struct Use {
    /// `None` for `import("process")`.
    pub(super) name: Option<Atom>,
    pub(super) scope: ScopeId,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) steps: Vec<Step>,
    pub(super) sink: Sink,
    /// The expression begins the callee of a `new`: a call there would be constructed.
    pub(super) constructed: Option<u32>,
    /// Inside a `with` body names may be properties of an object.
    pub(super) inside_with: bool,
}

/// A chain of properties that is only asked about.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) name: Atom,
    pub(super) scope: ScopeId,
    pub(super) start: u32,
    pub(super) steps: Vec<Atom>,
}

/// A name of this file that others see.
pub(super) struct Export {
    pub(super) local: Atom,
    pub(super) scope: ScopeId,
    pub(super) at: u32,
    pub(super) name: Atom,
}

/// A module in a bundler's table: the table's place in the file and the module's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Module {
    pub(super) table: u32,
    pub(super) id: Atom,
}

/// A tracked name that takes some value at `at`: an initialiser, an assignment, a parameter, an import …
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) binding: Binding,
}

/// A wanted name that occurs as a property, a pattern's key or a whole string.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    pub(super) name: Atom,
    pub(super) at: u32,
    pub(super) written: Written,
    /// It is assigned, updated or deleted, and not with what the environment has by that name.
    pub(super) assigned: bool,
}

/// How a mention is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// `process.env.NAME`, whatever stands in front.
    AfterProcessEnv,
    /// `env.NAME`, whatever stands in front.
    AfterEnv,
    /// `<something else>.NAME`.
    Property,
    /// A key or a string.
    Text,
}

/// A call of which some argument, or the function, may be one of the objects.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) does: Does,
    /// The mentions inside its arguments.
    pub(super) mentions: Range<usize>,
    pub(super) callee: Callee,
    /// The first argument, when it is written out, and how many there are.
    pub(super) first: Option<Atom>,
    pub(super) arguments: usize,
    /// The first argument says where this module is: `import.meta.url`, `__filename`.
    pub(super) first_is_here: bool,
    pub(super) outcome: Outcome,
}

/// What is called.
#[derive(Debug, Clone)]
pub(super) enum Callee {
    Named(Subject),
    /// A function expression that hands on a module: compilers' interop.
    Interop(Interop),
    Other,
}

/// Where the value of a call goes.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) steps: Vec<Step>,
    pub(super) sink: Sink,
    pub(super) node: (u32, u32),
    /// The call does nothing besides: no argument has effects.
    pub(super) pure: bool,
}

/// What a called function does with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Does {
    /// Writes properties of its first argument.
    Write(Keys),
    /// Only reads.
    Read,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Keys {
    One(Atom),
    /// Those of object literals.
    WrittenOut,
    /// Computed.
    Any,
    /// Whatever another object has.
    Others,
}
