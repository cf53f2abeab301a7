//! Command line of wrangler: which words are options, and which are their values.
//!
//! Follows yargs, which wrangler uses: a list takes every word up to the next option, and the names
//! of options may be written in camel case.

/// Options that take one word.
const VALUED: [&str; 28] = [
    "assets",
    "branch",
    "commit-hash",
    "commit-message",
    "compatibility-date",
    "config",
    "containers-rollout",
    "cwd",
    "dispatch-namespace",
    "durable-objects-code-update-mode",
    "env",
    "jsx-factory",
    "jsx-fragment",
    "message",
    "metafile",
    "name",
    "old-asset-ttl",
    "outdir",
    "outfile",
    "path",
    "preview-alias",
    "profile",
    "project-name",
    "script",
    "secrets-file",
    "site",
    "tag",
    "tsconfig",
];
/// Options that take every word up to the next option.
const LISTS: [&str; 18] = [
    "alias",
    "compatibility-flag",
    "compatibility-flags",
    "define",
    "domain",
    "domains",
    "env-file",
    "route",
    "routes",
    "schedule",
    "schedules",
    "site-exclude",
    "site-include",
    "triggers",
    "var",
    "zone",
    "zone-id",
    "zones",
];

/// The words after `wrangler`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WranglerWords {
    parts: Vec<Part>,
    /// How many positional words are the subcommand.
    subcommand: usize,
}

/// An option with its values, or a positional word.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// The option's name without dashes; empty for a positional word.
    name: String,
    value: Option<String>,
    words: Vec<String>,
}

/// What an upload of wrangler's takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subcommand {
    /// `deploy` and `versions upload`: a Worker, which wrangler bundles first.
    Worker,
    /// `pages deploy`: a folder that was built before.
    Pages,
}

impl WranglerWords {
    pub(super) fn parse(words: &[String]) -> Self {
        let mut parts = Vec::new();
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let option = option(word);
            let taken =
                option.as_ref().map_or(0, |(name, value)| values_after(name, value.as_deref(), after));
            let (name, inline) = option.unwrap_or_default();
            let (values, after) = after.split_at(taken);
            parts.push(Part {
                value: inline.or_else(|| values.first().cloned()),
                words: std::iter::once(word).chain(values).cloned().collect(),
                name,
            });
            rest = after;
        }
        Self { parts, subcommand: 0 }
    }

    /// The subcommand, if it uploads and was not told to leave that out.
    pub(super) fn upload(&mut self) -> Option<Subcommand> {
        let subcommand = self.uploading_subcommand()?;
        let is_asked_otherwise = ["dry-run", "help", "version"].iter().any(|name| self.has(name));
        (!is_asked_otherwise).then_some(subcommand)
    }

    /// Whether a Worker is bundled and not uploaded.
    pub(super) fn is_dry_run(&mut self) -> bool {
        self.uploading_subcommand() == Some(Subcommand::Worker) && self.has("dry-run")
    }

    fn uploading_subcommand(&mut self) -> Option<Subcommand> {
        let words: Vec<&str> = self.positional().collect();
        let (subcommand, length) = match words[..] {
            ["deploy", ..] => (Subcommand::Worker, 1),
            ["versions", "upload", ..] => (Subcommand::Worker, 2),
            ["pages", "deploy" | "publish", ..] => (Subcommand::Pages, 2),
            _ => return None,
        };
        self.subcommand = length;
        Some(subcommand)
    }

    fn positional(&self) -> impl Iterator<Item = &str> {
        self.parts
            .iter()
            .filter(|part| part.name.is_empty())
            .filter_map(|part| part.words.first())
            .map(String::as_str)
    }

    /// The script or folder that is given after the subcommand.
    pub(crate) fn path(&self) -> Option<&str> {
        self.positional().nth(self.subcommand)
    }

    /// The last value of an option.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.parts.iter().rfind(|part| part.name == name)?.value.as_deref()
    }

    /// Whether an option without a value is given, and not as `--NAME=false`.
    pub(crate) fn has(&self, name: &str) -> bool {
        let found = self.parts.iter().rfind(|part| part.name == name);
        found.is_some_and(|part| part.value.as_deref() != Some("false"))
    }

    /// The words with others right after the subcommand, without its path and these options.
    pub(crate) fn rewritten(&self, added: &[&str], path: Keep, dropped: &[&str]) -> Vec<String> {
        let (mut words, mut positional) = (Vec::new(), 0);
        for part in &self.parts {
            if !part.name.is_empty() {
                if !dropped.contains(&part.name.as_str()) {
                    words.extend(part.words.iter().cloned());
                }
                continue;
            }
            positional += 1;
            if positional != self.subcommand + 1 || path == Keep::Path {
                words.extend(part.words.iter().cloned());
            }
            if positional == self.subcommand {
                words.extend(added.iter().map(|word| (*word).to_owned()));
            }
        }
        words
    }
}

/// Whether the path after the subcommand stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Path,
    OptionsOnly,
}

/// An option's name in full, and the value in the same word.
fn option(word: &str) -> Option<(String, Option<String>)> {
    if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
        let (name, value) =
            long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
        return Some((kebab_case(name), value));
    }
    let mut short = word.strip_prefix('-')?.chars();
    let name = match short.next()? {
        'c' => "config",
        'e' => "env",
        'h' => "help",
        'v' => "version",
        _ => "-",
    };
    let value = short.as_str().trim_start_matches('=');
    Some((name.to_owned(), Some(value.to_owned()).filter(|value| !value.is_empty())))
}

/// `dryRun` as `dry-run`.
fn kebab_case(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}

/// How many of the words after an option are its values.
fn values_after(name: &str, value: Option<&str>, after: &[String]) -> usize {
    let is_value = |word: &&String| !word.starts_with('-') || *word == "-";
    match name {
        _ if value.is_some() => 0,
        _ if LISTS.contains(&name) => after.iter().take_while(is_value).count(),
        _ if VALUED.contains(&name) => after.first().filter(is_value).map_or(0, |_| 1),
        _ => usize::from(after.first().is_some_and(|word| word == "true" || word == "false")),
    }
}
