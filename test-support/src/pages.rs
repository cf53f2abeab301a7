//! The pages that people read, in Markdown: their links, their headings' ids, and the commands in
//! their shell blocks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::workspace_root;

/// Pages at the root. Of other folders than `docs/`, each README is one.
const AT_ROOT: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];
/// Folders without pages of ours.
const SKIPPED: [&str; 3] = ["build", "node_modules", "target"];

/// A page.
#[derive(Debug)]
pub struct Page {
    /// The path from the workspace's root, with `/`.
    pub path: String,
    /// The page's Markdown. In the book's pages, with the files that mdBook includes.
    pub text: String,
}

/// A command in a shell block.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// The page, and the line where the command's block begins, counted with what is included.
    pub place: String,
    /// The program and its arguments.
    pub words: Vec<String>,
}

/// All pages, sorted by path.
///
/// # Panics
/// If a folder or page of the workspace cannot be read.
pub fn all() -> Vec<Page> {
    let mut pages = Vec::new();
    collect(&workspace_root(), "", &mut pages);
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    pages
}

fn collect(root: &Path, folder: &str, pages: &mut Vec<Page>) {
    for entry in fs::read_dir(root.join(folder)).expect("a folder of the workspace") {
        let entry = entry.expect("an entry of the workspace");
        let name = entry.file_name().into_string().unwrap_or_default();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, pages);
            }
        } else if is_page(&path, &name) {
            let mut text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            if path.starts_with("docs/") {
                text = with_includes(&entry.path(), &text);
            }
            pages.push(Page { path, text });
        }
    }
}

fn is_page(path: &str, name: &str) -> bool {
    AT_ROOT.contains(&path) || name == "README.md" || (path.starts_with("docs/") && name.ends_with(".md"))
}

/// The text of a page with what mdBook puts into the place of `{{#include FILE}}` and
/// `{{#include FILE:ANCHOR}}`.
fn with_includes(page: &Path, text: &str) -> String {
    let mut parts = text.split("{{#include ");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let place = page.display();
        let (target, rest) =
            part.split_once("}}").unwrap_or_else(|| panic!("{place}: an include without an end"));
        let (file, anchor) =
            target.split_once(':').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
        let included = fs::read_to_string(page.with_file_name(file))
            .unwrap_or_else(|error| panic!("{place}: {target}: {error}"));
        let included = match anchor {
            Some(anchor) => {
                anchored(&included, anchor).unwrap_or_else(|| panic!("{place}: {target}: no such anchor"))
            }
            None => &included,
        };
        whole.push_str(included.trim_end());
        whole.push_str(rest);
    }
    whole
}

/// The lines between the comments `ANCHOR: NAME` and `ANCHOR_END: NAME`.
fn anchored<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, inner) = text.split_once(&format!("<!-- ANCHOR: {name} -->\n"))?;
    Some(inner.split_once(&format!("<!-- ANCHOR_END: {name} -->"))?.0)
}

impl Page {
    fn events(&self) -> impl Iterator<Item = (Event<'_>, usize)> {
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
        let events = Parser::new_ext(&self.text, options).into_offset_iter();
        events.map(|(event, range)| (event, range.start))
    }

    /// The targets of all links and images.
    pub fn links(&self) -> Vec<String> {
        let targets = self.events().filter_map(|(event, _)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some(dest_url.into_string())
            }
            _ => None,
        });
        targets.collect()
    }

    /// What a link can name after `#`: the headings, by the ids that GitHub and mdBook give them.
    pub fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut heading: Option<String> = None;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let id = id_of(&heading.take().unwrap_or_default());
                    let again = (1..).map(|number| format!("{id}-{number}"));
                    let mut free = std::iter::once(id.clone()).chain(again);
                    let id = free.find(|id| !anchors.contains(id));
                    anchors.extend(id);
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        anchors
    }

    /// The commands in all blocks that are marked as `sh`, with or without further words.
    ///
    /// # Panics
    /// If a block has a quote without its end.
    pub fn commands(&self) -> Vec<Command> {
        let mut commands = Vec::new();
        let mut block: Option<(usize, String)> = None;
        for (event, start) in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info)))
                    if info.split([',', ' ']).next() == Some("sh") =>
                {
                    let line = self.text[..start].matches('\n').count() + 1;
                    block = Some((line, String::new()));
                }
                Event::Text(text) => {
                    if let Some((_, block)) = &mut block {
                        block.push_str(&text);
                    }
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((line, text)) = block.take() {
                        let place = format!("{}:{line}", self.path);
                        let found =
                            words_of_commands(&text).unwrap_or_else(|| panic!("{place}: an open quote"));
                        commands
                            .extend(found.into_iter().map(|words| Command { place: place.clone(), words }));
                    }
                }
                _ => {}
            }
        }
        commands
    }
}

/// The id of a heading: letters, digits, `_` and `-` in lower case, and `-` for each blank.
fn id_of(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|letter| match letter {
        _ if letter.is_alphanumeric() || letter == '_' || letter == '-' => Some(letter),
        _ if letter.is_whitespace() => Some('-'),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// The words of each command of a shell block; `None` if a quote has no end.
fn words_of_commands(block: &str) -> Option<Vec<Vec<String>>> {
    let mut commands = Vec::new();
    let mut open = String::new();
    for line in block.lines() {
        let line = if open.is_empty() { without_comment(line) } else { line };
        open.push_str(line);
        if let Some(continued) = open.strip_suffix('\\') {
            open = continued.to_owned();
            continue;
        }
        match shell_words::split(&open) {
            Ok(words) => {
                commands.extend(simple_commands(&words));
                open.clear();
            }
            // A quote goes on in the next line.
            Err(_) => open.push('\n'),
        }
    }
    open.trim().is_empty().then_some(commands)
}

/// A line up to its comment: `#` at the beginning or after a blank, outside of quotes.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (None, '#') if before.is_whitespace() => return line[..at].trim_end(),
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            _ => {}
        }
        before = letter;
    }
    line.trim_end()
}

/// Splits words at the shell's operators, and takes away what stands before a program: assignments
/// and programs that run another one. Also the commands of substitutions `$(…)`.
fn simple_commands(words: &[String]) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::<String>::new()];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some((_, inner)) = word.split_once("$(") {
            let inner = inner.split(')').next().unwrap_or_default();
            let inner = shell_words::split(inner).unwrap_or_default();
            commands.splice(0..0, simple_commands(&inner));
        }
        if ["|", "&&", "||", ";", "&"].contains(&word.as_str()) {
            commands.push(Vec::new());
        } else if [">", ">>", "<", "2>"].contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with(['<', '>']) && !word.starts_with("2>") {
            let (word, ends) = word.strip_suffix(';').map_or((word.as_str(), false), |word| (word, true));
            if let Some(command) = commands.last_mut() {
                command.push(word.to_owned());
            }
            if ends {
                commands.push(Vec::new());
            }
        }
    }
    let commands = commands.into_iter().map(|words| {
        let is_before = |word: &String| {
            ["$", "env", "exec", "npx", "sudo"].contains(&word.as_str())
                || word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.starts_with('-'))
        };
        words.into_iter().skip_while(is_before).collect::<Vec<_>>()
    });
    commands.filter(|words| !words.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page { path: "a.md".into(), text: text.into() }
    }

    #[test]
    fn headings_have_the_ids_of_github_and_mdbook() {
        let page = page(
            "# A `capy.toml`, or two\n## DEPLOY_REVOKED\ntext\n\n## Same\n## Same\n```sh\n# no heading\n```\n",
        );
        let ids = ["a-capytoml-or-two", "deploy_revoked", "same", "same-1"].map(str::to_owned);
        assert_eq!(page.anchors(), BTreeSet::from(ids));
    }

    #[test]
    fn links_are_found_in_text_tables_and_references() {
        let page = page(
            "[a](b.md#c) and ![d](e.png)\n\n| f |\n|---|\n| [g](h) |\n\n[i][j]\n\n[j]: k.md\n`[l](m)`\n",
        );
        assert_eq!(page.links(), ["b.md#c", "e.png", "h", "k.md"]);
    }

    #[test]
    fn commands_are_split_as_a_shell_splits_them() {
        let text = "```sh\ncapy init   # don't\nA=1 npx capy set 'X Y' < file && capy list --json | jq .\n\
                    capy deploy \\\n  --print > out\nT=\"$(capy service keygen)\"\necho 'a\nb'\n```\n\
                    ```sh,cloud\ncapy login; capy logout\n```\n```json\ncapy no\n```\n";
        let words: Vec<_> =
            page(text).commands().into_iter().map(|command| command.words.join(" ")).collect();
        let expected = [
            "capy init",
            "capy set X Y",
            "capy list --json",
            "jq .",
            "capy deploy --print",
            "capy service keygen",
            "echo a\nb",
            "capy login",
            "capy logout",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn an_include_is_a_file_or_the_lines_between_its_anchors() {
        let folder = tempfile::tempdir().unwrap();
        let text = "# A\n<!-- ANCHOR: b -->\none\ntwo\n<!-- ANCHOR_END: b -->\nend\n";
        fs::write(folder.path().join("a.md"), text).unwrap();
        let page = folder.path().join("page.md");
        assert_eq!(with_includes(&page, "x\n{{#include a.md:b}}\ny\n"), "x\none\ntwo\ny\n");
        assert_eq!(with_includes(&page, "{{#include a.md}}\n"), text);
        for fault in ["{{#include a.md:c}}", "{{#include no.md}}", "{{#include a.md"] {
            assert!(std::panic::catch_unwind(|| with_includes(&page, fault)).is_err(), "{fault}");
        }
    }

    #[test]
    fn a_command_says_where_its_block_begins() {
        assert_eq!(page("a\n\n```sh\nb\n```\n").commands()[0].place, "a.md:3");
    }
}
