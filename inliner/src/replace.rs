//! The edits that replace reads: the text of a call, and of the helper function that it calls.
//!
//! Pads calls so that nothing moves, and prints every literal from a syntax tree.
//!
//! ```text
//! function __capy_NAME(){return(      a stack overflow is reported on this line,
//! "value"                             the value is on a line of its own where nothing can throw
//! )}
//! ```

use swc_common::{DUMMY_SP, SourceMap, sync::Lrc};
use swc_ecma_ast::{Expr, Lit, Str};
use swc_ecma_codegen::{Config, Emitter, Node, text_writer::JsWriter};

use crate::reads::{Object, ObjectRead, Read};
use crate::variables::{function_name, object_name};

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

/// The edits that make a read call the variable's function.
pub(crate) fn read(source: &str, prefix: &str, read: &Read) -> Vec<Edit> {
    let call = format!("{}()", function_name(prefix, &read.name));
    let (start, end) = (read.start as usize, read.end as usize);
    match read.keep_until {
        Some(kept) => vec![
            Edit { start, end: start, text: "(".to_owned() },
            Edit { start: kept as usize, end, text: fit(source, kept as usize, end, format!(",{call})")) },
        ],
        None => {
            let call = if read.constructed { format!("({call})") } else { call };
            vec![Edit { start, end, text: fit(source, start, end, call) }]
        }
    }
}

/// The edits that wrap an object, so that reads from it find the variables first.
pub(crate) fn object(source: &str, prefix: &str, read: &ObjectRead) -> Vec<Edit> {
    let name = object_name(prefix, read.of, &read.names);
    let (start, end) = (read.start as usize, read.end as usize);
    let space = if is_glued(source, start) { " " } else { "" };
    vec![
        Edit { start, end: start, text: format!("{space}{name}(") },
        Edit { start: end, end, text: ")".to_owned() },
    ]
}

/// Whether a word ends here that only a parenthesis kept apart: `return(process).env.X`.
fn is_glued(source: &str, start: usize) -> bool {
    source[..start].chars().next_back().is_some_and(is_word)
}

/// Pads a call with spaces to the columns of the original. A call that is longer than its original
/// moves the rest of the line. Line terminators stay, so that no line moves.
fn fit(source: &str, start: usize, end: usize, call: String) -> String {
    let glued = call.starts_with(is_word) && is_glued(source, start);
    let mut text = if glued { format!(" {call}") } else { call };
    let mut lines = source[start..end].split_inclusive(is_line_end);
    let first = lines.next().unwrap_or_default();
    let columns = first.trim_end_matches(is_line_end).encode_utf16().count();
    text.extend(std::iter::repeat_n(' ', columns.saturating_sub(text.len())));
    text.extend(first.chars().filter(|letter| is_line_end(*letter)));
    for line in lines {
        for letter in line.chars() {
            if is_line_end(letter) {
                text.push(letter);
            } else {
                text.extend(std::iter::repeat_n(' ', letter.len_utf16()));
            }
        }
    }
    text
}

fn is_line_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$' | '\u{200c}' | '\u{200d}')
}

/// The function that returns a variable's value.
pub(crate) fn value_function(prefix: &str, variable: &str, value: &str) -> String {
    let name = function_name(prefix, variable);
    format!("function {name}(){{return(\n{}\n)}}\n", literal(value))
}

/// The function that returns an object with these variables and everything that its argument has.
/// Uses no global name, because a module may declare `process` or the global object itself.
pub(crate) fn object_function(prefix: &str, of: Object, variables: &[String]) -> String {
    let name = object_name(prefix, of, variables);
    let own: Vec<String> = variables
        .iter()
        .map(|variable| format!("{}:{}()", literal(variable), function_name(prefix, variable)))
        .collect();
    let from = match of {
        Object::Env => "o",
        Object::Process => "o.env",
    };
    let env = format!("{{__proto__:{from},{}}}", own.join(","));
    let body = match of {
        Object::Env => env,
        Object::Process => format!("{{__proto__:o,env:{env}}}"),
    };
    format!("function {name}(o){{return{body}}}\n")
}

/// A string literal in ASCII, on one line, in which no HTML parser finds the end of a script.
pub(crate) fn literal(text: &str) -> String {
    let node = Expr::Lit(Lit::Str(Str { span: DUMMY_SP, value: text.into(), raw: None }));
    let map: Lrc<SourceMap> = Lrc::default();
    let mut out = Vec::with_capacity(text.len() + 2);
    let cfg = Config::default().with_ascii_only(true).with_inline_script(true).with_minify(true);
    let wr = JsWriter::new(map.clone(), "\n", &mut out, None);
    let mut emitter = Emitter { cfg, cm: map, comments: None, wr };
    node.emit_with(&mut emitter).expect("writing to memory does not fail");
    String::from_utf8(out).expect("the printer writes ASCII here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_one_ascii_line() {
        let text = literal("a\"b'c`${d}\\\n\r\u{2028}</script><!-- é 😀\0\u{1}1");
        assert!(text.is_ascii() && !text.contains(['\n', '\r']), "{text}");
        assert!(!text.contains("</script"), "{text}");
    }

    #[test]
    fn line_ends_inside_a_read_stay_where_they_are() {
        let source = "x = process\n  .env\r\n.LONG + 1";
        let text = fit(source, 4, source.len() - 4, "__capy_LONG()".to_owned());
        assert_eq!(text, "__capy_LONG()\n      \r\n     ");
    }

    #[test]
    fn a_call_is_not_glued_to_the_word_before_it() {
        assert_eq!(fit("return(process).env.A", 6, 21, "__capy_A()".to_owned()), " __capy_A()    ");
    }

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
