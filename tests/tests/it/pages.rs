//! The pages that people read: their links lead somewhere, and the book has each of its pages.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use capy_test_support::pages::{Page, all};
use capy_test_support::workspace_root;

/// The book's table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

fn is_outer(link: &str) -> bool {
    ["http://", "https://", "mailto:"].iter().any(|start| link.starts_with(start))
}

/// The path from the root that a link of a page names; `None` if it leads out of the workspace.
fn target(page: &str, link: &str) -> Option<String> {
    let folder = Path::new(page).parent().unwrap_or(Path::new(""));
    let mut path = PathBuf::new();
    for component in folder.join(link).components() {
        match component {
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path.to_str()?.replace('\\', "/"))
}

/// What is wrong with a link, if anything is.
fn fault(page: &Page, link: &str, pages: &BTreeMap<&str, &Page>) -> Option<String> {
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let path = if path.is_empty() { Some(page.path.clone()) } else { target(&page.path, path) };
    let Some(path) = path else { return Some("leads out of the repository".into()) };
    if !workspace_root().join(&path).exists() {
        return Some(format!("{path} does not exist"));
    }
    let anchor = anchor?;
    match pages.get(path.as_str()) {
        Some(page) if page.anchors().contains(anchor) => None,
        Some(_) => Some(format!("{path} has no heading #{anchor}")),
        None => Some(format!("{path} is no page with headings")),
    }
}

#[test]
fn every_link_between_pages_leads_to_a_file_and_a_heading() {
    let pages = all();
    let by_path: BTreeMap<_, _> = pages.iter().map(|page| (page.path.as_str(), page)).collect();
    assert!(by_path.contains_key("README.md") && by_path.contains_key("docs/reference/errors.md"));
    let mut faults = Vec::new();
    for page in &pages {
        for link in page.links().iter().filter(|link| !is_outer(link)) {
            if let Some(fault) = fault(page, link, &by_path) {
                faults.push(format!("{}: {link}: {fault}", page.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Links to other places are printed for whoever checks them, and not fetched.
#[test]
fn links_to_other_places_are_encrypted() {
    let mut links = BTreeSet::new();
    for page in all() {
        links.extend(page.links().into_iter().filter(|link| is_outer(link)));
    }
    for link in &links {
        writeln!(std::io::stdout(), "{link}").unwrap();
        let host = link.strip_prefix("http://").map(|rest| rest.split([':', '/']).next().unwrap_or_default());
        assert!(host.is_none_or(|host| ["localhost", "127.0.0.1"].contains(&host)), "{link}");
    }
}

#[test]
fn the_table_of_contents_has_each_page_of_the_book_once() {
    let pages = all();
    let summary = pages.iter().find(|page| page.path == SUMMARY).expect(SUMMARY);
    let listed: Vec<_> = summary.links().iter().filter_map(|link| target(SUMMARY, link)).collect();
    let once: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "{listed:?}");
    let of_book = pages.iter().map(|page| page.path.clone());
    let of_book: BTreeSet<_> = of_book.filter(|path| path.starts_with("docs/") && path != SUMMARY).collect();
    assert_eq!(once, of_book);
}

#[test]
fn a_link_to_nothing_is_a_fault() {
    let page = |path: &str, text: &str| Page { path: path.into(), text: text.into() };
    let (one, other) = (page("docs/a/b.md", "# One\n"), page("README.md", "# Two words\n"));
    let pages = BTreeMap::from([("docs/a/b.md", &one), ("README.md", &other)]);
    for good in ["../../README.md#two-words", "../../README.md", "../../cli"] {
        assert_eq!(fault(&one, good, &pages), None, "{good}");
    }
    for bad in [
        "../../README.md#one",
        "../nothing.md",
        "../../../x.md",
        "/README.md",
        "#two",
        "../../Cargo.toml#one",
    ] {
        assert!(fault(&one, bad, &pages).is_some(), "{bad}");
    }
}
