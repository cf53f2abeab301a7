//! Object patterns that take variables from the environment.
//!
//! Owns the choice between an object of ours and a note. It refuses a pattern that takes more than can be seen, and one that
//! gives the environment itself a name.

use swc_atoms::Atom;

use super::alias::Kind;
use super::flow::{Pattern, PatternValue};
use super::follow::property;
use super::resolve::{Judge, Place};
use super::{Object, ObjectRead};
use crate::finding::Reason;

#[derive(Default)]
struct Taken {
    names: Vec<(Atom, u32)>,
    open: bool,
    /// The environment itself gets a name.
    env: bool,
    /// A way to the environment that our objects do not have: `{default: {env: …}}`.
    other_way: bool,
}

impl Judge<'_> {
    /// An object pattern takes properties of a value.
    pub(super) fn taken(
        &mut self,
        place: &Place<'_>,
        kind: Kind,
        pattern: &Pattern,
        node: Option<(u32, u32)>,
        at: u32,
    ) {
        let mut taken = Taken::default();
        self.collect(place, kind, pattern, at, &mut taken);
        if taken.names.is_empty() {
            return;
        }
        let of = if kind == Kind::Process { Object::Process } else { Object::Env };
        let doubt = match (place.doubt, node, kind) {
            (Some(reason), ..) => Some(reason),
            // Ours would take what is written to the environment by that name.
            _ if taken.env || taken.other_way => Some(Reason::Indirect),
            _ if taken.open => Some(Reason::OpenPattern),
            (None, Some(_), Kind::Env | Kind::Process) => None,
            _ => Some(Reason::Indirect),
        };
        match (doubt, node) {
            (None, Some((start, end))) => {
                self.accounted.extend(taken.names.iter().map(|(_, at)| *at));
                let mut names: Vec<String> =
                    taken.names.into_iter().map(|(name, _)| name.to_string()).collect();
                names.sort();
                names.dedup();
                self.out.objects.push(ObjectRead { of, names, start, end });
            }
            (doubt, _) => {
                for (name, at) in taken.names {
                    self.note(at, Some(&name), doubt.unwrap_or(Reason::Indirect));
                }
            }
        }
    }

    fn collect(&mut self, place: &Place<'_>, kind: Kind, pattern: &Pattern, at: u32, taken: &mut Taken) {
        if pattern.open {
            taken.open = true;
            self.escapes(kind, at);
        }
        for key in &pattern.keys {
            let inner = match (kind, &*key.name) {
                (Kind::Env, name) if self.wanted.is_wanted(name) => {
                    taken.names.push((key.name.clone(), key.at));
                    continue;
                }
                (_, name) => match property(kind, name) {
                    Some(inner) => inner,
                    None => continue,
                },
            };
            match &key.value {
                PatternValue::Bind(binding) => {
                    taken.env |= inner == Kind::Env;
                    self.bound(place, binding, inner);
                }
                PatternValue::Nested(nested) => {
                    taken.other_way |= &*key.name == "default";
                    self.collect(place, inner, nested, key.at, taken);
                }
                PatternValue::Other => {
                    taken.env |= inner == Kind::Env;
                    self.escapes(inner, key.at);
                }
            }
        }
    }
}
