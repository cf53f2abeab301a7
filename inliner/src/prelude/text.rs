//! The text of a prelude: a function that sets variables, its call, and the module that other
//! modules import.
//!
//! A variable that is set when the program starts keeps its value, also an empty one. A sealed value
//! from an `.env` file counts as unset, whatever loaded that file: `node --env-file`, dotenv, a
//! framework.
//!
//! ```text
//! function __capy_$prelude_<tag>(env){…;[["NAME",__capy_NAME],…]…}     values stay in functions of their own
//! __capy_$prelude_<tag>();                                            a bundle's first statement, or
//! import"./capy-prelude.mjs";                                         its first import
//! ```

use crate::digest::short_digest;
use crate::footer;
use crate::replace::{literal, value_function};
use crate::variables::{TAG_LENGTH, function_name};

/// Where variables are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// `process.env`.
    Process,
    /// That, and `env` of `cloudflare:workers`.
    Workers,
}

/// The variables of a prelude, in order, and the prefix of helper functions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wording<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) names: &'a [String],
    pub(crate) target: Target,
    /// A name of the global object that the bundle does not declare itself.
    pub(crate) global: &'static str,
}

/// The beginning of a sealed value of any version, as a regular expression: see
/// `capy_protocol::env_value::is_sealed`.
const SEALED: &str = "/^capy:v[0-9]+:/";

/// What every runtime calls the global object.
pub(crate) const GLOBAL: &str = "globalThis";

impl Target {
    /// Names of the global object, the best one first.
    pub(crate) fn globals(self) -> [&'static str; 2] {
        match self {
            Self::Process => [GLOBAL, "global"],
            Self::Workers => [GLOBAL, "self"],
        }
    }
}

impl Wording<'_> {
    /// The function's name. Scripts may share one global scope, so the name depends on everything
    /// that the body depends on.
    pub(crate) fn function_name(&self) -> String {
        let global = if self.global == GLOBAL { "" } else { self.global };
        let names = self.names.join("\0");
        let tag = short_digest(format!("{:?}{global}\0{names}", self.target), TAG_LENGTH);
        format!("{}$prelude_{tag}", self.prefix)
    }

    /// The function. Sets missing variables once per global object, so that what the program deletes
    /// later stays deleted. Never throws: an environment that cannot be written stays as it is. Uses
    /// no global name, because the bundle may declare an `Object` or a `Symbol`.
    pub(crate) fn function(&self) -> String {
        let name = self.function_name();
        let pairs: Vec<String> = self.names.iter().map(|variable| self.pair(variable)).collect();
        // In a script the function itself is a property of the global object.
        let (key, pairs, global) = (literal(&format!("{name}.done")), pairs.join(","), self.global);
        format!(
            "function {name}(w){{try{{var g={global},k={key},e=g.process&&g.process.env;\
             if(g[k]||!e&&!w)return;({{}}).constructor.defineProperty(g,k,{{value:1}});\
             [{pairs}].forEach(function(v){{[e,w].forEach(function(o){{try{{if(!o)return;var c=o[v[0]];\
             if(c==null||typeof c==\"string\"&&{SEALED}.test(c))o[v[0]]=v[1]()\
             }}catch(_){{}}}})}})}}catch(_){{}}}}\n"
        )
    }

    /// Whether a function of an earlier run sets all of these variables.
    pub(crate) fn is_held_by(&self, function: &str) -> bool {
        let is_prelude = function.strip_prefix("function ").is_some_and(|name| {
            name.strip_prefix(self.prefix).is_some_and(|rest| rest.starts_with("$prelude_"))
        });
        is_prelude && self.names.iter().all(|variable| function.contains(&self.pair(variable)))
    }

    fn pair(&self, variable: &str) -> String {
        format!("[{},{}]", literal(variable), function_name(self.prefix, variable))
    }

    /// The statement that calls the function, in a bundle that contains it.
    pub(crate) fn call(&self) -> String {
        let name = self.function_name();
        match self.target {
            Target::Process => format!("{name}();"),
            // A namespace: where the runtime is too old for `env` there is no error.
            Target::Workers => {
                let workers = format!("{}$workers", self.prefix);
                format!("import*as {workers} from\"cloudflare:workers\";{name}({workers}.env);")
            }
        }
    }

    /// A module that other modules import first.
    pub(crate) fn module<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        let mut functions: Vec<String> = self
            .names
            .iter()
            .map(|name| value_function(self.prefix, name, value(name).unwrap_or_default()))
            .collect();
        functions.push(self.function());
        footer::join(vec![&self.call()], functions.iter().map(String::as_str), "").concat()
    }

    /// The module's file name. A package's `type` decides what `.js` means, so the module has the
    /// extension of the bundle beside it.
    pub(crate) fn file_name(&self, extension: &str) -> String {
        match self.target {
            Target::Process => format!("{FILE_PREFIX}.{extension}"),
            Target::Workers => format!("{FILE_PREFIX}-workers.{extension}"),
        }
    }
}

const FILE_PREFIX: &str = "capy-prelude";

/// Whether a file has the name of a prelude's module.
pub(crate) fn is_file_name(name: &str) -> bool {
    let rest = name.strip_prefix(FILE_PREFIX).map(|rest| rest.strip_prefix("-workers").unwrap_or(rest));
    matches!(rest, Some(".js" | ".mjs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_an_earlier_run_is_recognised_by_its_variables() {
        let (names, others) = (["A".to_owned(), "B-C".to_owned()], ["A".to_owned(), "C".to_owned()]);
        let wording =
            |names| Wording { prefix: "__capy_", names, target: Target::Process, global: "globalThis" };
        let function = wording(&names).function();
        assert!(wording(&names).is_held_by(&function) && wording(&names[..1]).is_held_by(&function));
        assert!(!wording(&others).is_held_by(&function));
        assert_ne!(wording(&names).function_name(), wording(&names[..1]).function_name());
        assert_eq!(function.lines().count(), 1);
    }
}
