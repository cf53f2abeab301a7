//! Text edits by byte offset, independent of JavaScript.
//!
//! Sorts and applies replacements, and rejects overlapping ones.

/// Replaces `start..end` with `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: String,
}

/// Sorts edits by position and drops duplicates; `None` if two of them overlap.
pub(crate) fn in_order(mut edits: Vec<Edit>) -> Option<Vec<Edit>> {
    edits.sort_by_key(|edit| (edit.start, edit.end));
    edits.dedup();
    let apart = edits.windows(2).all(|pair| pair[0].end <= pair[1].start);
    apart.then_some(edits)
}

/// Applies sorted, disjoint edits and returns the result in pieces; all other bytes are borrowed
/// from the source.
pub(crate) fn apply<'a>(source: &'a str, edits: &'a [Edit]) -> Vec<&'a str> {
    let mut pieces = Vec::with_capacity(2 * edits.len() + 1);
    let mut from = 0;
    for edit in edits {
        pieces.extend([&source[from..edit.start], edit.text.as_str()]);
        from = edit.end;
    }
    pieces.push(&source[from..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit { start, end, text: text.to_owned() }
    }

    #[test]
    fn bytes_between_edits_are_copied() {
        let edits = in_order(vec![edit(4, 5, "EE"), edit(0, 1, "A")]).unwrap();
        assert_eq!(apply("abcdef", &edits).concat(), "AbcdEEf");
    }

    #[test]
    fn overlapping_edits_are_refused() {
        assert_eq!(in_order(vec![edit(0, 3, "x"), edit(2, 4, "y")]), None);
    }

    #[test]
    fn the_same_edit_twice_is_one_edit() {
        assert_eq!(in_order(vec![edit(0, 3, "x"), edit(0, 3, "x")]).unwrap().len(), 1);
    }
}
