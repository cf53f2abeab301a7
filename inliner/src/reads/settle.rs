//! Walks over one tree, again and again until nothing new is found.
//!
//! Owns the rounds: what one found out is what the next looks for. It refuses chains of names that do not end.

use std::collections::BTreeSet;
use std::rc::Rc;

use swc_atoms::Atom;
use swc_ecma_ast::Program;

use super::alias::{Binds, Kind};
use super::early::Early;
use super::facts::Tracked;
use super::flow::{Binding, Module};
use super::resolve::Judge;
use super::walk::walk;
use super::{FileReads, Others, Shared, Wanted};
use crate::finding::Reason;

pub(super) const ROOTS: [(&str, Kind); 3] =
    [("process", Kind::Process), ("globalThis", Kind::Global), ("global", Kind::Global)];

/// Chains of aliases longer than this are not followed, and nothing in their file is replaced.
const MOST_ROUNDS: usize = 32;

/// What one round found out for the next.
#[derive(Default)]
pub(super) struct Round {
    pub(super) binds: Binds,
    /// Modules of bundlers that are the process module.
    pub(super) modules: BTreeSet<Module>,
    /// Names that matter; once there, they stay.
    pub(super) names: Tracked,
}

/// Finds every read of the wanted names in a file.
pub(crate) fn find(program: &Program, wanted: &dyn Wanted, others: &dyn Others) -> FileReads {
    settle(program, wanted, others, |judge| judge.finish())
}

/// Those of a function, when no name takes one of the objects that is not bound in it. `is_given` says of a name that is not
/// whether anything gives it a value elsewhere: it may be the text of a key.
pub(crate) fn find_within(
    program: &Program,
    wanted: &dyn Wanted,
    is_given: impl Fn(&str) -> bool,
) -> Option<FileReads> {
    settle(program, wanted, &Nobody, |judge| {
        let scopes = &judge.facts.scopes;
        let is_bound = |binding: &Binding| scopes.resolve(binding.scope, &binding.name).is_some();
        let is_closed = judge.lost.is_none()
            && judge.found.keys().all(is_bound)
            && !judge.texts.outside().iter().any(|name| is_given(name));
        is_closed.then(|| judge.finish())
    })
}

/// No other file hands anything on.
struct Nobody;

impl Others for Nobody {
    fn exported(&self, _: &str, _: &str) -> Option<Shared> {
        None
    }
    fn all(&self, _: &str) -> Vec<(String, Shared)> {
        Vec::new()
    }
    fn is_process(&self, _: &str) -> bool {
        false
    }
}

/// Walks again and again until nothing new is found.
fn settle<T>(
    program: &Program,
    wanted: &dyn Wanted,
    others: &dyn Others,
    finish: impl FnOnce(Judge<'_>) -> T,
) -> T {
    let mut last =
        Round { names: ROOTS.iter().map(|(name, _)| Atom::from(*name)).collect(), ..Round::default() };
    let mut early = None;
    for round in 1.. {
        let mut facts = walk(program, &last.names, &last.modules, others, Some(wanted));
        facts.early.clone_from(&early);
        let mut judge = Judge::of_all(&facts, &last, wanted, others);
        if facts.wants_early() {
            early = Some(Rc::new(Early::of(program)));
            facts.early.clone_from(&early);
            judge = Judge::of_all(&facts, &last, wanted, others);
        }
        let (binds, modules) = (judge.found.clone(), std::mem::take(&mut judge.found_modules));
        let mut names = std::mem::take(&mut judge.later);
        names.extend(binds.keys().map(|binding| binding.name.clone()).chain(facts.factories.iter().cloned()));
        names.retain(|name| !last.names.contains(name));
        if binds == last.binds && modules == last.modules && names.is_empty() {
            return finish(judge);
        }
        if round == MOST_ROUNDS {
            judge.lost = Some(Reason::NotFollowed);
            return finish(judge);
        }
        names.extend(std::mem::take(&mut last.names));
        last = Round { binds, modules, names };
    }
    unreachable!("the last round returns")
}
