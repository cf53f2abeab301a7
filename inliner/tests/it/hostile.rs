//! Texts made to exhaust time or memory: nested, repeated, or both. Each is rejected or read, in
//! time that grows with its length and no faster. Each text has a process of its own.

use crate::support;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use capy_inliner::{Reason, Request, inline};
use capy_protocol::env_map::{EnvMap, SecretValue};

/// What is repeated: in front, in the middle, behind. `#` is the number of the repetition.
struct Shape(&'static str, &'static str, &'static str);

/// What nests, so that it is refused at some depth.
const NESTED: &[Shape] = &[
    Shape("[", "", "]"),
    Shape("(", "q", ")"),
    Shape("{", "", "}"),
    Shape("({a:", "1", "})"),
    Shape("`${", "q", "}`"),
    Shape("q(", "", ")"),
    Shape("q[", "0", "]"),
    Shape("a?", "b", ":c"),
    Shape("q?", "q", ":q"),
    Shape("q?c:", "q", ""),
    Shape("q==null?", "q", ":void 0"),
    Shape("a=>", "q", ""),
    Shape("async a=>", "q", ""),
    Shape("(a=", "q", ")=>a"),
    Shape("async(", "q", ")"),
    Shape("!", "q", ""),
    Shape("-+", "q", ""),
    Shape("typeof ", "q", ""),
    Shape("new ", "q", ""),
    Shape("x=await ", "q", ""),
    Shape("a=", "q", ""),
    Shape("a#=", "q", ""),
    Shape("[a=", "q", "]=q"),
    Shape("a||(b=", "q", ")"),
    Shape("q**", "q", ""),
    Shape("if(q)", "q", ""),
    Shape("if(q)q;else ", "q", ""),
    Shape("if(q){}else ", "q", ""),
    Shape("for(;;)", "q", ""),
    Shape("do ", "q", ";while(q)"),
    Shape("with(q)", "q", ""),
    Shape("a#:", "q", ""),
    Shape("function f#(){", "q", "}"),
    Shape("x=function(){return ", "q", "}"),
    Shape("(function(){", "q", "})()"),
    Shape("class a extends ", "q", "{}"),
    Shape("x=class extends ", "q", "{}"),
    Shape("class a{b(){", "q", "}}"),
    Shape("{let a#=q;", "", "}"),
    Shape("{let a=q;", "a.env.A", "}"),
    Shape("try{", "", "}catch{}"),
    Shape("switch(q){case 1:", "", "}"),
    Shape("(a,", "q", ")"),
    Shape("((a)", "q", ")+(b)"),
    Shape("(q", "", ")+a+b+c+d+e+f+g"),
    Shape("import(", "q", ")"),
    Shape("[...", "q", "]"),
    Shape("/a/.test(", "q", ")"),
    Shape("(q||{}).env[", "A", "]"),
    Shape("<!--\n", "q", ""),
];

/// What may stand in a row, so that it is read.
const IN_A_ROW: &[Shape] = &[
    Shape("q;", "", ""),
    Shape("q+", "q", ""),
    Shape("'a'+", "'b'", ""),
    Shape("q&&", "q", ""),
    Shape("q||", "q", ""),
    Shape("q??", "q", ""),
    Shape("!q||", "q", ""),
    Shape("q.a.b.c?.", "d", ""),
    Shape("q", "", ".a().b"),
    Shape("q", "", "(q)"),
    Shape("q", "", "[0]"),
    Shape("q", "", "`a`"),
    Shape("q,", "q", ""),
    Shape("q.env.A;", "", ""),
    Shape("q.env[k#];", "", ""),
    Shape("process.env[k#];", "", ""),
    Shape("x.env[k];", "", ""),
    Shape("process,", "0", ""),
    Shape("p#=process,", "0", ""),
    Shape("const p#=process;", "", ""),
    Shape("var p#=process;function f#(){return p#.env.A}", "", ""),
    Shape("var p=process;", "", ""),
    Shape("var p=process;function f(){return p.env.A}", "", ""),
    Shape("const e#=process.env;e#.A;", "", ""),
    Shape("const{env:e#}=process;e#.A;", "", ""),
    Shape("function f#(){const g=globalThis;return g.x}", "", ""),
    Shape("function f#(){const g=globalThis;return g.process.env.A}", "", ""),
    Shape("(()=>{let t=process||{};return t.env.A})();", "", ""),
    Shape("f#(process.env);", "", ""),
    Shape("e=process.env;", "", ""),
    Shape("eval('a');", "", ""),
    Shape("function f#(){eval('q.env.A');return q.env.A}", "", ""),
    Shape("var t#={#:(e,t,n)=>{e.exports=process}};function r#(e){return t#[e]}", "", ""),
    Shape("#,(e,t,n)=>{t.exports=process},", "", ""),
    Shape("require('process').env.A;", "", ""),
    Shape("//# sourceMappingURL=a\n", "", ""),
    Shape("//# sourceMappingURL=", "a", ""),
    Shape("//# sourceMappingURL=data:,{}\n", "", ""),
    Shape("/* */", "q", ""),
    Shape("x=/[(]/;", "", ""),
    Shape("'\\x41\\u0041%41&#65;';", "", ""),
    Shape("__capy_A#;", "", ""),
    Shape("x='A';y={A:1,B:2};", "", ""),
    Shape("import a# from 'process';", "", ""),
    Shape("export const e#=process.env;", "", ""),
    Shape("QUJDREVGR0hJSktMTU5PUFFS\n+", "q", ""),
    Shape("115,107,", "0", ""),
    Shape("'ab'+'cd'+\n", "'e'", ""),
    Shape("                env", "", ""),
    Shape("process                ", "", ""),
    Shape("\\n", "", ""),
    Shape("%2541", "", ""),
    // Functions that become text, and environments of children.
    Shape("const h#=()=>q.env.A;x=`(${h#})()`;", "", ""),
    Shape("h#=h;h=h#;x=`(${h#})()`;", "", ""),
    Shape("x=`(${o.k})()`;o.k=()=>q.env.A;", "", ""),
    Shape("o.k(h#);o.k=function(e){return`(${e})()`};", "", ""),
    Shape("h.push(()=>q.env.A);h.map(e=>eval(`(${e})()`));", "", ""),
    Shape("e={...e,...process.env,A:1};", "", ""),
    Shape("e=a(a({},e),{A:e});", "", ""),
    Shape("e.k#=1;fork('child_process',{env:e});", "", ""),
    Shape("delete e.A;e={...process.env};new Worker(q,{env:e});", "", ""),
];

/// Begins every text: only a tree tells what becomes of the name.
const HEAD: &str = "let q=process;f(q.env[z]);";

fn text(shape: &Shape, size: usize) -> String {
    let Shape(open, middle, close) = shape;
    let count = size / (open.len() + close.len());
    let repeated =
        |part: &str| -> String { (0..count).map(|number| part.replace('#', &number.to_string())).collect() };
    // `#` of a module's number is also one of a comment.
    let plain = open.contains("//#") || open.contains("&#");
    let repeated = |part: &str| if plain { part.repeat(count) } else { repeated(part) };
    let body = format!("{}{middle}{}", repeated(open), repeated(close));
    match *open {
        "#,(e,t,n)=>{t.exports=process}," => format!("{HEAD}x.push([{body}]);"),
        "\\n" | "%2541" | "QUJDREVGR0hJSktMTU5PUFFS\n+" => format!("{HEAD}`{body}`;"),
        _ => format!("{HEAD}\n{body}"),
    }
}

/// What a process reports: its time on a processor in hundredths of a second, its memory in KiB, and what it found.
struct Outcome {
    time: u64,
    memory: u64,
    found: String,
}

const SHAPE: &str = "CAPY_HOSTILE_SHAPE";

fn shapes() -> impl Iterator<Item = (bool, &'static Shape)> {
    NESTED.iter().map(|shape| (true, shape)).chain(IN_A_ROW.iter().map(|shape| (false, shape)))
}

/// Inlines the text of one shape. It is no test of its own: the others start it.
#[test]
fn one_text() {
    let Some(asked) = std::env::var_os(SHAPE) else { return };
    let (index, size) = asked.to_str().unwrap().split_once(' ').unwrap();
    let (_, shape) = shapes().nth(index.parse().unwrap()).unwrap();
    let mut values = EnvMap::new();
    for name in ["A", "KEY"] {
        values.try_insert(name, SecretValue::new(format!("canary.{name}.x9"))).unwrap();
    }
    let size: usize = size.parse().unwrap();
    if size == DEEPEST {
        deepest(shape, &values);
        tell("outcome 0 0 read");
        return;
    }
    let text = text(shape, size);
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &text).unwrap();
    };
    write(&folder.path().join("server/x.js"));
    write(&folder.path().join("public/x.html"));
    let mut request = Request::new(&values);
    request.server.push(folder.path().join("server"));
    request.public.push(folder.path().join("public"));
    let before = time();
    let report = inline(&request).unwrap();
    let spent = time() - before;
    let is = |reason: Reason| report.findings.iter().any(|finding| finding.reason == reason);
    let found = match () {
        () if is(Reason::NestedTooDeeply) => "deep",
        () if is(Reason::NotUnderstood) => "unclear",
        () if is(Reason::NotJavaScript) => "no program",
        () => "read",
    };
    assert!(!(report.written && found == "deep"), "nothing is written");
    tell(&format!("outcome {spent} {} {found}", memory()));
}

/// Past the capture of the test harness.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Of this process, in hundredths of a second (proc_pid_stat(5)).
fn time() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
fn outcome(index: usize, size: usize) -> Result<Outcome, String> {
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &support::test_name(module_path!(), "one_text"), "--nocapture"])
        .env(SHAPE, format!("{index} {size}"))
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&out.stdout);
    let line = stdout.lines().find_map(|line| line.split_once("outcome ")).map(|(_, line)| line);
    let Some(line) = line.filter(|_| out.status.success()) else {
        return Err(format!("{:?} {}", out.status, String::from_utf8_lossy(&out.stderr)));
    };
    let mut words = line.splitn(3, ' ');
    let mut number = || words.next().unwrap().parse().unwrap();
    Ok(Outcome { time: number(), memory: number(), found: words.next().unwrap().to_owned() })
}

/// Ten times the text takes at most twelve times the time, and no text ends the process. A time below the floor says
/// nothing: a process starts threads, and the clock ticks a hundred times a second.
#[cfg(target_os = "linux")]
#[test]
fn no_text_takes_more_than_its_share_or_ends_the_process() {
    const FLOOR: u64 = 30;
    let is_full = std::env::var_os("CAPY_TESTS").is_some_and(|tests| tests == "full");
    let only = std::env::var("CAPY_HOSTILE_ONLY").ok();
    let sizes: &[usize] = if is_full { &[10_000, 100_000, 1_000_000] } else { &[10_000, 100_000] };
    let mut wrong = Vec::new();
    for (index, (is_nested, Shape(open, middle, close))) in shapes().enumerate() {
        let name = format!("{open} {middle} {close}");
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let mut before = FLOOR;
        for size in sizes {
            match outcome(index, *size) {
                Err(how) => wrong.push(format!("{name}, {size}: {how}")),
                Ok(Outcome { time, memory, found }) => {
                    if time > before * 12 {
                        wrong.push(format!("{name}, {size}: {time}0 ms after {before}0 ms"));
                    }
                    if memory > 400 << 10 && *size < 1_000_000 {
                        wrong.push(format!("{name}, {size}: {memory} KiB"));
                    }
                    if is_nested && *size >= 100_000 && found == "read" {
                        wrong.push(format!("{name}, {size}: read"));
                    }
                    if std::env::var_os("CAPY_HOSTILE_SHOW").is_some() {
                        tell(&format!("{name}, {size}: {time}0 ms, {memory} KiB, {found}"));
                    }
                    before = time.max(FLOOR);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What people ship must go on being understood: a good deal more than is known of any of it.
#[test]
fn long_chains_of_real_programs_are_read() {
    let chain = |open: &str, middle: &str, close: &str, count: usize| {
        format!("{}{middle}{}", open.repeat(count), close.repeat(count))
    };
    let mut values = EnvMap::new();
    values.try_insert("A", SecretValue::new("canary.A.x9".to_owned())).unwrap();
    for (what, text) in [
        ("a sum of 10,000 texts", chain("'a'+", "q.env.A", "", 10_000)),
        ("600 conditions in a row", chain("a?b:", "q.env.A", "", 600)),
        ("600 cases by `else if`", chain("if(a)b;else ", "q.env.A", "", 600)),
        ("600 assignments", chain("a=", "q.env.A", "", 600)),
        ("200 functions in each other", chain("f(function(){return ", "q.env.A", "})", 200)),
        ("5,000 calls of one builder", format!("f(q.env.A){}", ".b(1)".repeat(5_000))),
        ("8,000 alternatives", chain("a||", "q.env.A", "", 8_000)),
        ("500 brackets", chain("[", "q.env.A", "]", 500)),
    ] {
        let out = support::inline(&format!("(()=>{{let q=process;{text}}})()"), &values);
        assert!(out.text.contains("__capy_A()"), "{what}: {:?}", out.report.findings);
    }
}

/// The deepest text of each shape that is read is read to its end: neither the parser, nor a walk over its tree, nor the
/// end of the tree wants more stack than a thread has.
#[cfg(target_os = "linux")]
#[test]
fn the_deepest_texts_that_are_read_fit_on_the_stack() {
    let mut wrong = Vec::new();
    for (index, (_, Shape(open, middle, close))) in shapes().enumerate() {
        if let Err(how) = outcome(index, DEEPEST) {
            wrong.push(format!("{open} {middle} {close}: {how}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Asks for the deepest text that is read in place of one of a certain size.
const DEEPEST: usize = 0;

/// The longest text of a shape that is not refused, up to more repetitions than the bound lets pass.
fn deepest(shape: &Shape, values: &EnvMap) {
    let one = shape.0.len() + shape.2.len();
    for count in [
        30_000, 23_900, 20_000, 12_000, 8_000, 6_000, 4_000, 3_000, 1_990, 1_900, 1_500, 990, 900, 660, 490,
        300,
    ] {
        let text = text(shape, one * count);
        let out = support::inline(&text, values);
        if !out.report.findings.iter().any(|finding| finding.reason == Reason::NestedTooDeeply) {
            return;
        }
    }
    panic!("300 of these are refused");
}
