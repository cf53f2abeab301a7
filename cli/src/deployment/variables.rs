//! The variables that a platform has to hold, as `NAME=value` lines, as JSON, or as the parts of a
//! split blob.

use std::collections::BTreeMap;

use capy_client::credentials::Names;
use zeroize::Zeroizing;

/// One variable that the platform has to hold. Its value is wiped on drop.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: Zeroizing<String>,
}

impl Variable {
    /// Whether the variable holds the key or the blob. The others hold the service's URL or a path.
    pub(crate) fn is_secret(&self) -> bool {
        let is_place = self.name == super::SERVICE_URL
            || [Names::PROJECT_KEY, Names::DEPLOY_KEY].iter().any(|names| names.blob_file == self.name);
        !is_place
    }
}

/// Name of each variable, with the length of its value in bytes.
pub(super) fn sizes(variables: &[Variable]) -> Vec<(&'static str, usize)> {
    variables.iter().map(|variable| (variable.name, variable.value.len())).collect()
}

/// `NAME=value` lines.
pub(crate) fn lines(variables: &[Variable]) -> Zeroizing<String> {
    let size = variables.iter().map(|variable| variable.name.len() + variable.value.len() + 2).sum();
    // Allocates everything at once: a buffer that grows leaves copies behind that are not wiped.
    let mut text = Zeroizing::new(String::with_capacity(size));
    for variable in variables {
        for part in [variable.name, "=", &variable.value, "\n"] {
            text.push_str(part);
        }
    }
    text
}

/// A JSON object of names and values.
pub(crate) fn json_object(variables: &[Variable]) -> Zeroizing<String> {
    let object: BTreeMap<_, _> =
        variables.iter().map(|variable| (variable.name, variable.value.as_str())).collect();
    let mut text = Zeroizing::new(serde_json::to_string(&object).expect("strings are always JSON"));
    text.push('\n');
    text
}

/// Splits the blob over as many variables as it needs, each up to `limit` bytes long. If all
/// numbered names are used up, the last variable holds the rest, and is then too long.
pub(super) fn split(names: Names, blob: &str, limit: Option<usize>) -> Vec<Variable> {
    let limit = limit.unwrap_or(blob.len()).max(1);
    let mut rest = blob;
    let mut parts = Vec::new();
    for name in [&names.blob].into_iter().chain(names.more) {
        let is_last = parts.len() == names.more.len();
        let (part, after) = if is_last { (rest, "") } else { rest.split_at(limit.min(rest.len())) };
        parts.push(Variable { name, value: Zeroizing::new(part.to_owned()) });
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_split_at_the_limit_and_nothing_is_lost() {
        for (len, limit, count) in
            [(10, Some(10), 1), (11, Some(10), 2), (160, Some(10), 16), (161, Some(10), 16), (9, None, 1)]
        {
            let blob: String = (0..len).map(|index| char::from(b'a' + index % 26)).collect();
            let parts = split(Names::PROJECT_KEY, &blob, limit);
            assert_eq!(parts.len(), count, "{len}");
            let joined: String = parts.iter().map(|part| part.value.as_str()).collect();
            assert_eq!(joined, blob);
            assert_eq!(
                (parts[0].name, len > 10 && parts[1].name == "SECRETS_BLOB_2"),
                ("SECRETS_BLOB", len > 10)
            );
        }
    }
}
