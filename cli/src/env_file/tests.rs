//! Tests of the `.env` parser against Node's `util.parseEnv` and dotenv, and of edits against
//! "nothing else changes".

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

type Values = BTreeMap<String, String>;

fn parse(text: &str) -> EnvFile {
    EnvFile::parse(Zeroizing::new(text.to_owned()))
}

fn values(text: &str) -> Values {
    let pair = |entry: &Entry| (entry.name.clone(), entry.value.expose_secret().to_owned());
    parse(text).effective().map(pair).collect()
}

fn check(text: &str, expected: &[(&str, &str)]) {
    let expected = expected.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    assert_eq!(values(text), expected.collect(), "{text:?}");
}

/// Files that this parser and Node must read alike.
const SAME_AS_NODE: [&str; 34] = [
    "",
    "A=1",
    "A=1\n",
    "A=1\r\nB=2\r\n",
    "  A = 1  \n",
    "\tA\t=\t1\t\n",
    "export A=1\nexport  B=2\n",
    "# A=1\n#B=2\nC=3",
    "A=1 # note\nB=2# glued\nC=#all\nD= # blank",
    "A=\nB=2",
    "A=1\nA=2\n",
    "A='x # y'\nB=\"x # y\"\nC=`x # y`",
    "A='it\\'s'\nB=1",
    "A=\"a\\nb\\tc\\\\n\"",
    "A='a\\nb'\nB=`a\\nb`\nC=a\\nb",
    "A=\"line 1\nline 2\"\nB=2",
    "A='line 1\r\nline 2'\r\nB=2",
    "A=`line \"1\"\n'2'`\nB=2",
    "A=\"\"\nB=''\nC=``",
    "A=\"x\" # note\nB=2",
    "A=\"x\" rest\nB=2",
    "A=a\"b\"c\nB=a'b",
    "A=\"open\nB=2",
    "A='open",
    "A=$B ${C} $(d)",
    "A=a=b==c",
    "A_B.C-D=1\n1A=2\nnaïve=é🦫",
    "A=x y  z  ",
    "A=  'x'  ",
    "A='x'\n\n\n\nB=2\n\n",
    "A={\"a\": \"b\"}",
    "A=https://u:p@h/p?q=1&r=2",
    "A=capy:v1:AAAA+/==",
    "A='-----BEGIN KEY-----\nabc\n-----END KEY-----'\n",
];

#[test]
fn reads_what_node_reads() {
    let inputs: Vec<String> = SAME_AS_NODE.iter().map(|text| (*text).to_owned()).chain(generated()).collect();
    let Some(expected) = read_by(NODE, &inputs) else {
        return;
    };
    assert_eq!(expected.len(), inputs.len());
    let mut compared = 0;
    for (input, expected) in inputs.iter().zip(expected) {
        if has_documented_deviation(input) {
            continue;
        }
        assert_eq!(values(input), expected, "{input:?}");
        compared += 1;
    }
    assert!(compared > inputs.len() / 3, "{compared} of {}", inputs.len());
}

/// Whether the file has one of the differences that the parser's module documents.
fn has_documented_deviation(text: &str) -> bool {
    let file = parse(text);
    let passed_over = |ambiguity: &Ambiguity| {
        matches!(ambiguity.kind, AmbiguityKind::NoAssignment | AmbiguityKind::BadName)
    };
    let passed_over = file.ambiguities().iter().any(passed_over);
    let blank_value = file.entries().iter().any(|entry| {
        entry.raw.is_empty() && !text[entry.raw.end..].trim_start_matches(BLANK).starts_with('#')
    });
    let open = file.ambiguities().iter().any(|ambiguity| ambiguity.kind == AmbiguityKind::OpenQuote);
    let blank_end = open && text.lines().any(|line| line.ends_with(BLANK));
    let indented =
        file.ambiguities().iter().any(|ambiguity| ambiguity.kind == AmbiguityKind::IndentedComment);
    passed_over || blank_value || blank_end || indented || text.starts_with('\u{feff}')
}

/// Random files made of the tokens of the grammar. The seed is fixed, so that a failure can be
/// repeated.
fn generated() -> Vec<String> {
    const PIECES: [&str; 17] =
        ["A", "B", "=", "=", "\n", " ", " #", "#", "\"", "'", "`", "\\n", "\\", "x", "y z", "x", "$B"];
    const BEGINNINGS: [&str; 8] = ["A=", "B=", " C = ", "export D=", "A=\"", "B='", "", "#"];
    let mut draw = Draw(0x2545_f491_4f6c_dd1d);
    (0..3000).map(|_| draw.file(&BEGINNINGS, &PIECES, &["\n", "\r\n"])).collect()
}

/// Random files made of what readers of `.env` files are known to read differently.
fn odd_files(seed: u64, count: usize) -> Vec<String> {
    const PIECES: [&str; 44] = [
        "A",
        "x",
        "y z",
        "x",
        "1",
        "=",
        "\n",
        " ",
        " ",
        "\t",
        " #",
        "#",
        "# note",
        "\"",
        "\"",
        "'",
        "`",
        "\\n",
        "\\r",
        "\\",
        "\\\"",
        "\\'",
        "\r",
        "\u{feff}",
        "\u{200b}",
        "\u{a0}",
        "\u{2028}",
        "\u{85}",
        "\u{b}",
        "\0",
        ":",
        ": ",
        "export ",
        "é",
        "А",
        "“",
        "👩\u{200d}💻",
        "$B",
        "${B}",
        "{",
        ",",
        "B=2",
        "C: 3",
        "\u{202e}",
    ];
    const BEGINNINGS: [&str; 18] = [
        "A=",
        "B=",
        "A=",
        " C = ",
        "export D=",
        "export\tE=",
        "A=\"",
        "B='",
        "C=`",
        "A.b=",
        "1c-D=",
        "",
        "#",
        " # ",
        "__proto__=",
        "A: ",
        "\u{feff}A=",
        "A =",
    ];
    let mut draw = Draw(seed);
    (0..count).map(|_| draw.file(&BEGINNINGS, &PIECES, &["\n", "\n", "\r\n", "\r", ""])).collect()
}

struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn file(&mut self, beginnings: &[&str], pieces: &[&str], ends: &[&str]) -> String {
        let mut text = String::new();
        for _ in 0..1 + self.below(5) {
            text.push_str(self.of(beginnings));
            for _ in 0..self.below(7) {
                text.push_str(self.of(pieces));
            }
            text.push_str(self.of(ends));
        }
        text
    }
}

/// Asserts that a file has an ambiguity if this parser, Node and dotenv read it differently.
/// Returns the number of files without an ambiguity, or `None` if Node or dotenv is missing.
fn check_readers(inputs: &[String]) -> Option<usize> {
    let read = [read_by(NODE, inputs)?, read_by(DOTENV, inputs)?];
    let mut unambiguous = 0;
    for (index, input) in inputs.iter().enumerate() {
        let file = parse(input);
        if file.ambiguities().is_empty() {
            let [node, dotenv] = [&read[0][index], &read[1][index]];
            assert_eq!(&values(input), node, "Node reads it otherwise: {input:?}");
            assert_eq!(&values(input), dotenv, "dotenv reads it otherwise: {input:?}");
            unambiguous += 1;
        }
    }
    Some(unambiguous)
}

#[test]
fn what_node_and_dotenv_do_not_read_alike_is_ambiguous() {
    let inputs: Vec<String> = SAME_AS_NODE
        .iter()
        .map(|text| (*text).to_owned())
        .chain(generated())
        .chain(odd_files(0x9e37_79b9_7f4a_7c15, 20_000))
        .collect();
    let Some(unambiguous) = check_readers(&inputs) else {
        return;
    };
    assert!(unambiguous > inputs.len() / 20, "{unambiguous} of {}", inputs.len());
}

/// Runs for `CAPY_FUZZ_SECONDS`, or for a minute if that is not set. Each run has other files;
/// `ENV_FILE_SEED` repeats a run.
#[test]
#[ignore = "takes as long as it is told to"]
#[expect(clippy::print_stderr, reason = "the counts are what it is run for")]
fn what_node_and_dotenv_do_not_read_alike_is_ambiguous_for_as_long_as_it_is_told_to() {
    let seconds = std::env::var("CAPY_FUZZ_SECONDS").map_or(60, |text| text.parse().unwrap());
    let (began, mut files, mut unambiguous) = (std::time::Instant::now(), 0, 0);
    let mut seed = std::env::var("ENV_FILE_SEED")
        .map_or_else(|_| getrandom::u64().unwrap(), |text| text.parse().unwrap());
    eprintln!("ENV_FILE_SEED={seed}");
    while began.elapsed().as_secs() < seconds {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let inputs = odd_files(seed, 20_000);
        unambiguous += check_readers(&inputs).expect("Node 22 and dotenv are needed");
        files += inputs.len();
    }
    eprintln!("{files} files, {unambiguous} of them without an ambiguity");
}

/// Node as `npm ci` installs it in this repository, else the system's. Releases before 22 parse
/// differently, and are not used.
const NODES: [&str; 2] = [concat!(env!("CARGO_MANIFEST_DIR"), "/../node_modules/.bin/node"), "node"];

const NODE: &str = "require('node:util').parseEnv";
const DOTENV: &str = "require('dotenv').parse";

const SCRIPT: &str = "
    if (parseInt(process.versions.node) < 22) process.exit(3);
    let text = '';
    process.stdin.setEncoding('utf8').on('data', part => text += part).on('end', () => {
        try { READER } catch { process.exit(3) }
        process.stdout.write(JSON.stringify(JSON.parse(text).map(input => ({...READER(input)}))));
    });
";

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn read_by(reader: &str, inputs: &[String]) -> Option<Vec<Values>> {
    let json = serde_json::to_vec(inputs).unwrap();
    let read = NODES.iter().find_map(|node| run_node(node, reader, json.clone()));
    if read.is_none() {
        assert!(std::env::var_os("CI").is_none(), "Node 22 and `npm ci` in the root are needed in CI");
        eprintln!("skipped: Node 22 or newer is not here, or `npm ci` was not run");
    }
    read
}

fn run_node(node: &str, reader: &str, json: Vec<u8>) -> Option<Vec<Values>> {
    let mut child = Command::new(node)
        .args(["-e", &SCRIPT.replace("READER", reader)])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let writer = std::thread::spawn(move || stdin.write_all(&json));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    (output.status.code() != Some(3)).then(|| serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn reads_otherwise_than_node_only_where_it_says_so() {
    check("\u{feff}A=1", &[("A", "1")]);
    check("A=1\n  # B=2\n", &[("A", "1")]);
    check("A= \nB=2\n", &[("A", ""), ("B", "2")]);
    check("A\nB=2\nC D=3\n=4\n\"E\"=5\nF=6", &[("B", "2"), ("F", "6")]);
}

#[test]
fn lines_that_may_be_meant_otherwise_are_reported() {
    let ambiguities = |text: &str| {
        let file = parse(text);
        file.ambiguities().iter().map(|ambiguity| (ambiguity.line, ambiguity.kind)).collect::<Vec<_>>()
    };
    use AmbiguityKind::*;
    for (text, expected) in [
        ("A=1\nB='x' # y\nC= # y\nD=\"a\nb\" # c\n", vec![]),
        ("A=1\nB=se#cret\n", vec![(2, HashInValue)]),
        ("A=#secret", vec![(1, HashInValue)]),
        ("A='a\nb'\nB='x'y\n", vec![(3, TextAfterQuote)]),
        ("A='a", vec![(1, OpenQuote)]),
        ("\nA\n", vec![(2, NoAssignment)]),
        ("A B=1\n=2", vec![(1, BadName), (2, BadName)]),
        ("A=1\nB= \nC=\nD= # note", vec![(2, BlankValue)]),
        ("  # A=1\n\t# A\n# B=1\nB='x' # C=1", vec![(1, IndentedComment)]),
        ("export A=\nexport B=''\nexport C=1\nD=", vec![(1, ExportOfNothing)]),
        ("A/B=1\nА=2\nmy.key-1=3\n__proto__=1", vec![(1, OddName), (2, OddName), (4, OddName)]),
        ("A=\"a\\nb\"\nB=\"a\\rb\"\nC='a\\rb'\nD=a\\rb", vec![(2, Escape)]),
        ("A=\"say \\\\n\"\nB='a\\'\n", vec![(1, Escape), (2, BackslashBeforeQuote)]),
        ("A=“x”\nB=x’\nC='“x”'\n", vec![(1, TypographicQuote), (2, TypographicQuote)]),
        (
            "A=1\rB=2\r\nC='x\ry'\n# a\rb\r\nD=1\r",
            vec![(1, LoneCarriageReturn), (2, LoneCarriageReturn), (3, LoneCarriageReturn)],
        ),
        ("\u{feff}A=1\nB=2", vec![(1, ByteOrderMark)]),
        ("A=1\n\u{feff}B=2", vec![(2, OddName), (2, Invisible('\u{feff}'))]),
        (
            "A='x\ny\u{200b}z'\nB=\u{a0}x\u{2003}\n",
            vec![(2, Invisible('\u{200b}')), (3, Invisible('\u{a0}'))],
        ),
        ("A=x\0\nB='\u{e0041}'\nC=\u{3164}", {
            vec![(1, Invisible('\0')), (2, Invisible('\u{e0041}')), (3, Invisible('\u{3164}'))]
        }),
        ("A=👩\u{200d}💻 ❤\u{fe0f} می\u{200c}خواهم # ⚠\u{fe0f} a\u{a0}: b", vec![]),
        ("A=x\u{fe0f}\nB=❤\u{fe0f}\u{fe0f}", vec![(1, Invisible('\u{fe0f}')), (2, Invisible('\u{fe0f}'))]),
        ("# a\u{2028}B=2\nA=1 # \u{202e}x\n", vec![(1, Invisible('\u{2028}')), (2, Invisible('\u{202e}'))]),
    ] {
        assert_eq!(ambiguities(text), expected, "{text:?}");
    }
}

#[test]
fn setting_changes_one_value_and_no_other_byte() {
    for (before, after) in [
        ("", "A=new\n"),
        ("B=1", "B=1\nA=new\n"),
        ("B=1\r\n", "B=1\r\nA=new\r\n"),
        ("A=1", "A=new"),
        ("# c\n\n export A = 1 # note\r\nB=2\r\n", "# c\n\n export A = new # note\r\nB=2\r\n"),
        ("A='x\ny' # note\nB=2", "A=new # note\nB=2"),
        ("A=\"x\"# note\n", "A=new # note\n"),
        ("A=\nB=2", "A=new\nB=2"),
        ("A= # note\n", "A=new # note\n"),
        ("A=#secret\nB=2", "A=new\nB=2"),
        ("A=se#cret\n", "A=new\n"),
        ("A='x'y\n", "A=new\n"),
        ("A='open\nB=2\n", "A=new\nB=2\n"),
        ("A=1\nB=2\nA=3\n", "B=2\nA=new\n"),
        ("\u{feff}A=1\n", "\u{feff}A=new\n"),
    ] {
        let text = parse(before).set("A", "new");
        assert_eq!(*text, after, "{before:?}");
        assert_eq!(values(&text)["A"], "new");
    }
}

#[test]
fn unsetting_removes_every_assignment_and_no_other_byte() {
    let text = parse("# c\nA='x\ny' # z\nB=2\r\nA=1").unset(&["A".into()]);
    assert_eq!(*text, "# c\nB=2\r\n");
}

#[test]
fn rewriting_touches_the_chosen_values_only() {
    for input in SAME_AS_NODE.map(str::to_owned).into_iter().chain(generated()) {
        let file = parse(&input);
        let same = file.try_rewrite(|_| Ok::<_, ()>(None)).unwrap();
        assert_eq!(*same, input);
        let sealed =
            file.try_rewrite(|entry| Ok::<_, ()>(Some(Zeroizing::new(format!("s:{}", entry.line))))).unwrap();
        let again = parse(&sealed);
        let names =
            |file: &EnvFile| file.entries().iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&again), names(&file), "{input:?} -> {:?}", *sealed);
        let mut written = file.entries().iter().map(|entry| format!("s:{}", entry.line));
        for entry in again.entries() {
            assert_eq!(
                Some(entry.value.expose_secret()),
                written.next().as_deref(),
                "{input:?} -> {:?}",
                *sealed
            );
        }
    }
}

#[test]
fn a_quoted_value_reads_back_the_same_or_is_not_quoted() {
    for value in [
        "",
        "a",
        "a b",
        "a#b",
        "a\nb",
        "it's",
        "say \"x\"",
        "`x`",
        "a\\nb",
        "$A",
        "{\"a\":'b'}",
        " a ",
        "é🦫",
    ] {
        let quoted = quote(value).unwrap();
        assert_eq!(values(&format!("A={quoted}\n"))["A"], value);
    }
    assert_eq!(quote("'\"`"), None);
    assert_eq!(quote("a\r\nb"), None);
}

#[test]
fn an_edit_is_compared_by_what_is_read() {
    let names = ["A".to_owned()];
    for (before, after, value, expected) in [
        ("A=1\nB=2", "A=new\nB=2", Some("new"), true),
        ("B=2", "A=new\nB=2", Some("new"), true),
        ("A=1\nB=2", "A=other\nB=2", Some("new"), false),
        ("A=1\nB=2", "A=new\nB=3", Some("new"), false),
        ("A=1\nB=2", "A=new", Some("new"), false),
        ("A=1", "A=new\nB=2", Some("new"), false),
        ("A=1", "A=new\nA=new", Some("new"), false),
        ("A=1\nB=2", "B=2", None, true),
        ("A=1\nB=2", "A=1\nB=2", None, false),
        ("A=1\nB=2", "", None, false),
        ("B='x", "B='x\nA='new'", Some("new"), false),
    ] {
        assert_eq!(parse(before).differs_only_in(after, &names, value), expected, "{before:?} {after:?}");
    }
}
