//! The variables that a platform has to hold: which there are, and how they are written, as
//! `NAME=value` lines or as JSON.

use std::collections::BTreeMap;
use std::ops::Range;

use capy_client::credentials::Names;
use capy_protocol::api::Credential;
use zeroize::Zeroizing;

use super::request::{BlobPlace, DeployRequest};

/// Variable with the service's URL. Every platform gets it, so that none needs `capy.toml`.
const SERVICE_URL: &str = "CAPY_SERVICE_URL";

/// One variable that the platform has to hold. Its value is wiped on drop.
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: Zeroizing<String>,
}

impl Variable {
    /// Whether the variable holds the key or the blob. The others hold the service's URL or a path.
    pub(crate) fn is_secret(&self) -> bool {
        let is_address = self.name == SERVICE_URL
            || [Names::PROJECT_KEY, Names::DEPLOY_KEY].iter().any(|names| names.blob_file == self.name);
        !is_address
    }
}

/// What a variable holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    ServiceUrl,
    Key,
    /// The path by which the platform knows the blob's file.
    BlobFileName(&'a str),
    /// These bytes of the blob.
    Blob(Range<usize>),
}

/// The names of the variables with what each of them holds, if the blob goes to this place. They
/// are in order of their names, the parts of a split blob in their own order.
pub(super) fn layout<'a>(
    request: &DeployRequest,
    place: &'a BlobPlace,
    blob_len: usize,
) -> Vec<(&'static str, Content<'a>)> {
    let names = names_of(request.credential);
    let mut layout = vec![(SERVICE_URL, Content::ServiceUrl), (names.key, Content::Key)];
    match place {
        BlobPlace::Variable => layout.push((names.blob, Content::Blob(0..blob_len))),
        BlobPlace::Split => {
            let parts = split(names, blob_len, request.platform.limits.split_len());
            layout.extend(parts.into_iter().map(|(name, part)| (name, Content::Blob(part))));
        }
        BlobPlace::File(file) => layout.push((names.blob_file, Content::BlobFileName(&file.name))),
    }
    layout
}

/// The names of the variables for this kind of key.
pub(super) fn names_of(credential: Credential) -> Names {
    match credential {
        Credential::ProjectKey => Names::PROJECT_KEY,
        Credential::DeployKey => Names::DEPLOY_KEY,
    }
}

/// Splits a blob over as many variables as it needs, each up to `limit` bytes long. If all numbered
/// names are used up, the last variable holds the rest, and is then too long.
fn split(names: Names, blob_len: usize, limit: Option<usize>) -> Vec<(&'static str, Range<usize>)> {
    let limit = limit.unwrap_or(blob_len).max(1);
    let mut parts = Vec::new();
    let mut start = 0;
    for name in [&names.blob].into_iter().chain(names.parts) {
        let is_last = parts.len() == names.parts.len();
        let end = if is_last { blob_len } else { blob_len.min(start + limit) };
        parts.push((*name, start..end));
        start = end;
        if start == blob_len {
            break;
        }
    }
    parts
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_split_at_the_limit_and_nothing_is_lost() {
        for (len, limit, count) in
            [(10, Some(10), 1), (11, Some(10), 2), (160, Some(10), 16), (161, Some(10), 16), (9, None, 1)]
        {
            let parts = split(Names::PROJECT_KEY, len, limit);
            assert_eq!(parts.len(), count, "{len}");
            let mut end = 0;
            for (_, part) in &parts {
                assert_eq!(part.start, end, "{len}");
                end = part.end;
            }
            assert_eq!(end, len);
            assert_eq!(parts[0].0, "SECRETS_BLOB");
            assert_eq!(parts.get(1).map(|(name, _)| *name), (len > 10).then_some("SECRETS_BLOB_2"));
        }
    }
}
