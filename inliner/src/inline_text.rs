//! Inlines one bundle that is in memory, with the stages of a run over folders.

use std::collections::BTreeMap;
use std::path::Path;

use capy_protocol::env_map::EnvMap;

use crate::layout::Inventory;
use crate::progress::Run;
use crate::tree::Tree;
use crate::write::{Change, Contents};
use crate::{Dynamic, Error, Report, Request, footer, map_file, plan};

/// The path of the bundle in its report.
const BUNDLE: &str = "input.js";

/// A bundle that was inlined in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InlinedText {
    /// The new text, or the old one if nothing was replaced. It has values in it even if the report
    /// holds a leak or a failure: the caller decides what becomes of it.
    pub text: String,
    /// The adjusted source map, if columns moved.
    pub map: Option<String>,
    /// The results; the bundle is called `input.js` in them.
    pub report: Report,
}

/// Inlines the text of one bundle, and adjusts its source map: one in the text, or `map`, if the
/// text names a file beside it (`input.js.map`).
///
/// Nothing is set before the program starts, because that may take a second file: a use of the
/// environment that no value can replace stays, and is reported with the severity of its reason.
///
/// # Errors
/// [`Error::Threads`] if no thread can be started.
pub fn inline_text(text: &str, map: Option<&str>, values: &EnvMap) -> Result<InlinedText, Error> {
    crate::with_large_stacks(1, || inlined(text, map, values))?
}

fn inlined(text: &str, map: Option<&str>, values: &EnvMap) -> Result<InlinedText, Error> {
    let bundle = Path::new(BUNDLE);
    let map_path = map_file::path(bundle, footer::nearby_map_url(text));
    let map = map_path.zip(map).map(|(path, map)| (path, map.as_bytes().to_vec()));
    let files = map.into_iter().chain([(bundle.to_owned(), text.as_bytes().to_vec())]);
    let inventory = Inventory {
        tree: Tree::in_memory(files.collect()),
        server: BTreeMap::from([(bundle.to_owned(), bundle.to_owned())]),
        ..Inventory::default()
    };
    let request = Request { dynamic: Dynamic::Warn, ..Request::new(values) };
    let (mut report, changes) = plan::plan(&request, &inventory, &Run::default())?;
    for finding in &mut report.findings {
        finding.severity = finding.reason.severity(finding.name.is_some());
    }
    report.findings.sort();
    let mut inlined = InlinedText { text: text.to_owned(), map: None, report };
    for Change { contents, .. } in changes {
        match contents {
            Contents::Edited(new, _) => inlined.text = new.pieces(text).concat(),
            Contents::Whole(map) => inlined.map = Some(map),
        }
    }
    Ok(inlined)
}

#[cfg(test)]
mod tests {
    use capy_protocol::env_map::SecretValue;

    use super::*;
    use crate::{Reason, Severity};

    #[test]
    fn a_text_is_inlined_with_its_map_and_keeps_what_no_value_replaces() {
        let mut values = EnvMap::new();
        values.try_insert("KEY", SecretValue::new("canary.KEY.x9".to_owned())).unwrap();
        let map = r#"{"version":3,"sources":["a.ts"],"names":[],"mappings":"AAAA"}"#;
        let text = "const e=process.env;f(e.KEY,process.env[k])\n//# sourceMappingURL=maps.map\n";
        let inlined = inline_text(text, Some(map), &values).unwrap();
        assert!(inlined.text.contains("f(__capy_KEY(),process.env[k])"), "{}", inlined.text);
        assert!(inlined.text.contains("\"canary.KEY.x9\""), "{}", inlined.text);
        assert!(inlined.map.is_some_and(|moved| moved != map));
        let found: Vec<_> =
            inlined.report.findings.iter().map(|finding| (finding.reason, finding.severity)).collect();
        assert_eq!(found, [(Reason::DynamicKey, Severity::Warning)]);
        assert_eq!(inline_text("f()", None, &values).unwrap().text, "f()");
    }
}
