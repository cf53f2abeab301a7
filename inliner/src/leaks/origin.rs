//! The origin of a leak: the kind of file that holds a value, and how the value got into it.
//!
//! Classifies a file by its name and by where it was found, never by its contents, and suggests a
//! fix for each kind.

use std::path::Path;

use serde::Serialize;

/// The kind of file that holds a value. The serialised names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// HTML, a payload, or data rendered at build time.
    Prerendered,
    /// JavaScript for browsers.
    ClientScript,
    /// A style sheet.
    StyleSheet,
    /// A source map, beside a bundle or inside it.
    SourceMap,
    /// A manifest whose headers and redirects are sent to the public.
    Manifest,
    /// Any other file that the public can fetch.
    PublicFile,
    /// The framework's cache for its next build.
    BuildCache,
    /// A copy of an `.env` file, or of its contents.
    EnvCopy,
    /// Any other file that is not served.
    Unserved,
    /// The name of the file itself, or of a folder above it.
    FileName,
}

/// Where a file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoundIn {
    /// In a public root, or served from a server root.
    Public,
    /// A source map beside a bundle.
    Map,
    /// In a place that is searched but not served.
    Searched,
}

impl Origin {
    /// The kind of a file; a compressed file has the kind of its original.
    pub(crate) fn of(path: &Path, found: FoundIn) -> Self {
        let plain = path.extension().is_some_and(|end| end == "gz" || end == "br" || end == "zst");
        let path = if plain { path.with_extension("") } else { path.to_owned() };
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        match (found, path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()) {
            (FoundIn::Map, _) | (_, "map") => Self::SourceMap,
            _ if name.starts_with(".env") || name == "next-env.mjs" => Self::EnvCopy,
            (FoundIn::Searched, _) if path.iter().any(|part| part == "cache" || part == ".cache") => {
                Self::BuildCache
            }
            (FoundIn::Searched, _) => Self::Unserved,
            (_, "js" | "mjs" | "cjs") => Self::ClientScript,
            (_, "css") => Self::StyleSheet,
            (_, "html" | "htm" | "rsc" | "body" | "meta" | "data") => Self::Prerendered,
            (_, "json") if name.ends_with("-manifest.json") => Self::Manifest,
            (_, "json") if name == "_payload.json" || path.iter().any(|part| part == "pages") => {
                Self::Prerendered
            }
            _ => Self::PublicFile,
        }
    }

    /// What the file is, as text for the report.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Prerendered => "a prerendered page or payload",
            Self::ClientScript => "a client script",
            Self::StyleSheet => "a style sheet",
            Self::SourceMap => "a source map",
            Self::Manifest => "a manifest of headers and redirects",
            Self::PublicFile => "a public file",
            Self::BuildCache => "a build cache",
            Self::EnvCopy => "a copied env file",
            Self::Unserved => "a build file that is not served",
            Self::FileName => "the name of a file or a folder",
        }
    }

    /// One suggestion for how to fix it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Prerendered => {
                "build without the values in the environment, or render that page for each request"
            }
            Self::ClientScript | Self::StyleSheet => "keep the variable out of the code that browsers load",
            Self::SourceMap => "keep the value out of the source, or build without source maps",
            Self::Manifest => "keep the value out of headers, redirects and rewrites",
            Self::PublicFile => "remove the file from the public folder",
            Self::BuildCache => "remove the cache before deploying",
            Self::EnvCopy => "build without the env file, or remove the copy before deploying",
            Self::Unserved => "remove the file before deploying",
            Self::FileName => {
                "give the file or the folder another name, and look for what wrote the value into it"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_where_it_was_found_and_what_it_is() {
        for (path, found, expected) in [
            (".next/server/app/terms.rsc", FoundIn::Public, Origin::Prerendered),
            (".output/public/a/_payload.json.br", FoundIn::Public, Origin::Prerendered),
            (".next/server/pages/index.json", FoundIn::Public, Origin::Prerendered),
            ("dist/client/a.js.gz", FoundIn::Public, Origin::ClientScript),
            ("dist/client/a.js.map", FoundIn::Public, Origin::SourceMap),
            ("dist/client/a.css", FoundIn::Public, Origin::StyleSheet),
            (".next/server/a.js.map", FoundIn::Map, Origin::SourceMap),
            (".next/routes-manifest.json", FoundIn::Public, Origin::Manifest),
            ("public/data.json", FoundIn::Public, Origin::PublicFile),
            ("public/.env", FoundIn::Public, Origin::EnvCopy),
            (".next/cache/x.js", FoundIn::Searched, Origin::BuildCache),
            (".next/standalone/.env.production", FoundIn::Searched, Origin::EnvCopy),
            (".open-next/cloudflare/next-env.mjs", FoundIn::Searched, Origin::EnvCopy),
            (".next/trace", FoundIn::Searched, Origin::Unserved),
        ] {
            assert_eq!(Origin::of(Path::new(path), found), expected, "{path}");
        }
    }
}
