//! How a value got into a file that must not hold it, for the report of leaks.
//!
//! Classifies a file by its name and by where it was found, never by its contents, and suggests a
//! fix for each kind.

use std::path::Path;

use serde::Serialize;

/// The kind of file that holds a value. The serialised names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum How {
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
pub(crate) enum Found {
    /// In a public root, or served from a server root.
    Public,
    /// A source map beside a bundle.
    Map,
    /// In a place that is searched but not served.
    Searched,
}

impl How {
    /// The kind of a file; a compressed file has the kind of its original.
    pub(crate) fn of(path: &Path, found: Found) -> Self {
        let plain = path.extension().is_some_and(|end| end == "gz" || end == "br" || end == "zst");
        let path = if plain { path.with_extension("") } else { path.to_owned() };
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        match (found, path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()) {
            (Found::Map, _) | (_, "map") => Self::SourceMap,
            _ if name.starts_with(".env") || name == "next-env.mjs" => Self::EnvCopy,
            (Found::Searched, _) if path.iter().any(|part| part == "cache" || part == ".cache") => {
                Self::BuildCache
            }
            (Found::Searched, _) => Self::Unserved,
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
            Self::Unserved => "an internal file of the build",
            Self::FileName => "the name of a file or a folder",
        }
    }

    /// One suggestion for how to fix it.
    pub(crate) fn way_out(self) -> &'static str {
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
            (".next/server/app/terms.rsc", Found::Public, How::Prerendered),
            (".output/public/a/_payload.json.br", Found::Public, How::Prerendered),
            (".next/server/pages/index.json", Found::Public, How::Prerendered),
            ("dist/client/a.js.gz", Found::Public, How::ClientScript),
            ("dist/client/a.js.map", Found::Public, How::SourceMap),
            ("dist/client/a.css", Found::Public, How::StyleSheet),
            (".next/server/a.js.map", Found::Map, How::SourceMap),
            (".next/routes-manifest.json", Found::Public, How::Manifest),
            ("public/data.json", Found::Public, How::PublicFile),
            ("public/.env", Found::Public, How::EnvCopy),
            (".next/cache/x.js", Found::Searched, How::BuildCache),
            (".next/standalone/.env.production", Found::Searched, How::EnvCopy),
            (".open-next/cloudflare/next-env.mjs", Found::Searched, How::EnvCopy),
            (".next/trace", Found::Searched, How::Unserved),
        ] {
            assert_eq!(How::of(Path::new(path), found), expected, "{path}");
        }
    }
}
