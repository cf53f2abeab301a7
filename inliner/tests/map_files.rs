//! Which map belongs to a bundle, and which may be written: never one that another bundle shares or that lies outside.

mod support;

use support::{body, inlined};

#[test]
fn a_read_that_keeps_its_assignment_keeps_its_lines() {
    let input = "let t;f((t = process.env)\n  .A);\n// the process\ng(t)";
    let text = inlined(input).text;
    assert_eq!(body(&text).lines().count(), input.lines().count(), "{text}");
    assert!(text.contains("((t = process.env),__capy_A())\n    );\n//"), "{text}");
}
