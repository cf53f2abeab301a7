//! The book's page of the report: every field and every value that the report can have is on it.

use std::collections::BTreeSet;

use capy_test_support::workspace_root;

/// The sources of types that the report and the explanation are made of.
const SOURCES: [&str; 6] = [
    include_str!("../../src/explain.rs"),
    include_str!("../../src/finding.rs"),
    include_str!("../../src/layout.rs"),
    include_str!("../../src/leaks.rs"),
    include_str!("../../src/leaks/origin.rs"),
    include_str!("../../src/report.rs"),
];

/// The names of fields and variants of serialised types, as JSON has them.
fn serialised() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in SOURCES {
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if !(line.starts_with("#[derive(") && line.contains("Serialize")) {
                continue;
            }
            for line in lines.by_ref().take_while(|line| *line != "}") {
                let Some(member) =
                    line.strip_prefix("    ").filter(|member| !member.starts_with([' ', '/', '#']))
                else {
                    continue;
                };
                let field = member.strip_prefix("pub ").and_then(|field| field.split(':').next());
                let variant = member.strip_suffix(',').filter(|_| field.is_none());
                names.extend(field.map(str::to_owned).or(variant.map(snake_case)));
            }
        }
    }
    names
}

/// `InPackage` as `in_package`; a name of one word is the same in lower case.
fn snake_case(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

#[test]
fn the_page_of_the_report_has_every_field_and_value_and_no_other() {
    let page = std::fs::read_to_string(workspace_root().join("docs/reference/report.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let described: BTreeSet<_> = rows.map(str::to_owned).collect();
    let names = serialised();
    assert!(
        names.len() > 60 && names.contains("unscanned_files") && names.contains("read_by_client"),
        "{names:?}"
    );
    let phases = ["seconds", "share"].map(str::to_owned);
    let of_errors = ["error", "code", "message"].map(str::to_owned);
    let names: BTreeSet<_> = names.into_iter().chain(phases).chain(of_errors).collect();
    assert_eq!(described, names);
}
