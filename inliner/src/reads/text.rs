//! Texts that are known without running anything: literals, names that hold nothing else, and what is joined from them.
//!
//! Owns keys such as `process.env[prefix + "KEY"]`. It refuses a name that ever takes another value, one that may be read
//! before it has its value, and everything that is not a string.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use swc_atoms::Atom;
use swc_ecma_ast::*;

use super::alias::{Home, reaches};
use super::declare::Declared;
use super::facts::{Facts, Tracked};
use super::flow::Binding;
use super::scope::Opens;
use super::walk::Walk;
use crate::syntax::range;

/// An expression that is a string.
#[derive(Debug, Clone)]
pub(super) enum Text {
    Known(Atom),
    Name(Binding),
    Joined(Vec<Text>),
}

/// What is known of a text.
pub(super) enum Knowledge {
    Known(Atom),
    /// A name in it was not looked for: another walk may tell.
    Later(Atom),
    Unknown,
}

/// Longer joins are nobody's variable.
const MOST_PARTS: usize = 16;
/// And so are longer texts.
const LONGEST: usize = 4096;

impl Walk<'_> {
    /// `expr` as a text, if it is made of nothing but strings and names.
    pub(super) fn text(&self, expr: &Expr) -> Option<Text> {
        match expr {
            Expr::Paren(paren) => self.text(&paren.expr),
            Expr::Lit(Lit::Str(string)) => string.value.as_str().map(|text| Text::Known(Atom::from(text))),
            Expr::Ident(ident) => Some(Text::Name(self.binding(ident))),
            Expr::Tpl(template) => self.template(template),
            Expr::Bin(sum) if sum.op == BinaryOp::Add => {
                Some(Text::Joined(vec![self.text(&sum.left)?, self.text(&sum.right)?]))
            }
            _ => None,
        }
    }

    fn template(&self, template: &Tpl) -> Option<Text> {
        let mut parts = Vec::new();
        for (index, quasi) in template.quasis.iter().enumerate().take(MOST_PARTS) {
            parts.push(Text::Known(Atom::from(quasi.cooked.as_ref()?.as_str()?)));
            if let Some(expr) = template.exprs.get(index) {
                parts.push(self.text(expr)?);
            }
        }
        (template.quasis.len() <= MOST_PARTS).then_some(Text::Joined(parts))
    }

    /// Remembers what text a declaration gives its name, when somebody asked for the name.
    pub(super) fn note_text(&mut self, ident: &Ident, init: &Expr) {
        if self.is_tracked(&ident.sym)
            && let Some(text) = self.text(init)
        {
            self.facts.texts.insert(range(ident.span).0, text);
        }
    }
}

/// The texts of one walk.
pub(super) struct Texts<'a> {
    facts: &'a Facts,
    tracked: &'a Tracked,
    /// Names that take exactly one value, which is a text.
    constants: BTreeMap<Home, &'a Binding>,
    /// Names that were asked for, and that nothing in the file binds.
    outside: RefCell<BTreeSet<Atom>>,
}

impl<'a> Texts<'a> {
    pub(super) fn of(facts: &'a Facts, tracked: &'a Tracked) -> Self {
        let mut constants = BTreeMap::new();
        let mut others = BTreeSet::new();
        for write in facts.writes.iter().filter(|_| !facts.texts.is_empty()) {
            let binding = &write.binding;
            let Some(scope) = facts.scopes.resolve(binding.scope, &binding.name) else { continue };
            let home = (binding.name.clone(), scope);
            let is_text = facts.texts.contains_key(&binding.at);
            if !is_text || constants.insert(home.clone(), binding).is_some() {
                others.insert(home);
            }
        }
        constants.retain(|home, _| !others.contains(home));
        Self { facts, tracked, constants, outside: RefCell::default() }
    }

    /// Names that were asked for, and that nothing in the file binds.
    pub(super) fn outside(&self) -> BTreeSet<Atom> {
        self.outside.borrow().clone()
    }

    /// The text that `text` is at this place.
    pub(super) fn value(&self, text: &Text) -> Knowledge {
        self.evaluate(text, MOST_PARTS)
    }

    fn evaluate(&self, text: &Text, depth: usize) -> Knowledge {
        match text {
            _ if depth == 0 => Knowledge::Unknown,
            Text::Known(text) => Knowledge::Known(text.clone()),
            Text::Name(name) if !self.tracked.contains(&name.name) => Knowledge::Later(name.name.clone()),
            Text::Name(name) => {
                self.named(name).map_or(Knowledge::Unknown, |text| self.evaluate(text, depth - 1))
            }
            Text::Joined(parts) => {
                let mut joined = String::new();
                for part in parts {
                    match self.evaluate(part, depth - 1) {
                        Knowledge::Known(text) => joined.push_str(&text),
                        other => return other,
                    }
                    if joined.len() > LONGEST {
                        return Knowledge::Unknown;
                    }
                }
                Knowledge::Known(Atom::from(joined))
            }
        }
    }

    /// The one text that a name has where it is used.
    fn named(&self, used: &Binding) -> Option<&'a Text> {
        let Some(scope) = self.facts.scopes.resolve(used.scope, &used.name) else {
            self.outside.borrow_mut().insert(used.name.clone());
            return None;
        };
        let home = (used.name.clone(), scope);
        let binding = *self.constants.get(&home)?;
        let certain = match self.facts.declared.get(&binding.at)? {
            Declared::Here => true,
            Declared::Var => {
                self.facts.scopes.opens(binding.scope) != Opens::Switch
                    && reaches(self.facts, &home, binding, used.scope, used.at)
            }
            Declared::Parameter => false,
        };
        (certain && !self.facts.is_around_eval(scope)).then(|| self.facts.texts.get(&binding.at)).flatten()
    }
}
