//! What each error means and what to do about it: the book's page of errors, which is compiled in
//! for `capy help CODE`.

/// The page: a section for each code.
const PAGE: &str = include_str!("../../../docs/reference/errors.md");
/// How alike two words must be, from 0 to 1, for one to be suggested for the other.
const ALIKE: f64 = 0.8;
/// How many codes are suggested.
const MAX_SUGGESTIONS: usize = 3;

/// Each code with its text.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    let sections = PAGE.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    // git may write the page with the line ends of Windows.
    sections.map(|(code, text)| (code.trim_end(), text))
}

/// The section of a code, which may be written in any case.
pub(crate) fn explanation(code: &str) -> Option<String> {
    let (code, text) = sections().find(|(known, _)| known.eq_ignore_ascii_case(code))?;
    Some(format!("{code}\n{}\n", text.trim_end()))
}

/// Codes that are spelled like a word, the nearest first.
pub(crate) fn similar_codes(word: &str) -> Vec<&'static str> {
    let word = word.to_ascii_uppercase().replace('-', "_");
    let mut found: Vec<_> = sections().map(|(code, _)| (strsim::jaro_winkler(&word, code), code)).collect();
    found.retain(|(likeness, _)| *likeness >= ALIKE);
    found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    found.into_iter().take(MAX_SUGGESTIONS).map(|(_, code)| code).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::all_codes;
    use super::*;

    /// The sources of error types that have no table of codes, and of tables that exist only on
    /// some systems.
    const SOURCES: [&str; 8] = [
        include_str!("../error.rs"),
        include_str!("build.rs"),
        include_str!("service_verify.rs"),
        include_str!("deployment.rs"),
        include_str!("init.rs"),
        include_str!("../../../client/src/error.rs"),
        include_str!("../../../inliner/src/error.rs"),
        include_str!("../../../server/src/error.rs"),
    ];
    /// The one code that `capy-inline` prints without an error type.
    const OF_PROGRAM: &str = include_str!("../../../inliner/src/program.rs");

    /// The codes in `SOURCES` that stand as `=> "CODE"` or as `("CODE", …)`.
    fn in_sources() -> BTreeSet<&'static str> {
        let is_code = |word: &&str| {
            word.contains(|letter: char| letter.is_ascii_uppercase())
                && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        };
        let lines = SOURCES.into_iter().flat_map(str::lines).map(str::trim);
        let codes = lines.filter_map(|line| {
            let result = line.split_once("=> ").map_or(line, |(_, result)| result);
            result.strip_prefix('(').unwrap_or(result).strip_prefix('"')?.split('"').next()
        });
        codes.filter(is_code).collect()
    }

    /// The numbers in `Exit code 1 or 64.`
    fn exit_codes(text: &str) -> BTreeSet<u8> {
        let first = text.lines().next().unwrap_or_default();
        let numbers = first.strip_prefix("Exit code ").and_then(|rest| rest.strip_suffix('.'));
        numbers
            .into_iter()
            .flat_map(|rest| rest.split(" or "))
            .map(|number| number.parse().unwrap())
            .collect()
    }

    #[test]
    fn every_error_is_explained_with_its_exit_codes() {
        let mut expected = BTreeMap::<&str, BTreeSet<u8>>::new();
        for (code, exit) in all_codes() {
            expected.entry(code).or_default().insert(exit);
        }
        for (code, exits) in expected {
            let text =
                explanation(code).unwrap_or_else(|| panic!("{code} is not in docs/reference/errors.md"));
            let (_, text) = text.split_once('\n').unwrap();
            let said = exit_codes(text);
            assert!(exits.is_subset(&said), "{code} ends with {exits:?}, and the page says {said:?}");
        }
    }

    #[test]
    fn the_page_has_the_codes_of_all_error_types_and_no_other() {
        let explained: BTreeSet<_> = sections().map(|(code, _)| code).collect();
        let mut known = in_sources();
        assert!(known.len() > 150, "{known:?}");
        assert!(OF_PROGRAM.contains("\"CREDENTIALS_MISSING\""));
        known.insert("CREDENTIALS_MISSING");
        assert_eq!(explained, known);
    }

    #[test]
    fn entries_are_sorted_and_say_what_is_wrong_and_what_to_do() {
        let codes: Vec<_> = sections().map(|(code, _)| code).collect();
        assert!(codes.is_sorted(), "{codes:?}");
        for (code, text) in sections() {
            let paragraphs: Vec<_> = text.trim().split("\n\n").collect();
            assert!(paragraphs.len() >= 3 && !exit_codes(text).is_empty(), "{code}: {text}");
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{code}: {text}");
            assert!(!text.contains("]("), "a terminal follows no link: {code}");
        }
    }

    #[test]
    fn a_code_is_found_in_any_case_and_a_mistyped_one_has_suggestions() {
        let text = explanation("deploy_revoked").unwrap();
        assert!(text.starts_with("DEPLOY_REVOKED\nExit code 44.\n"), "{text}");
        assert_eq!(explanation("DEPLOY"), None);
        assert_eq!(similar_codes("deploy-revokd")[0], "DEPLOY_REVOKED");
        assert_eq!(similar_codes("frobnicate"), Vec::<&str>::new());
    }
}
