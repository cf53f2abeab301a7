//! Generated programs: aliases, scopes, shadows, writes, temporaries, patterns, keys.
//!
//! Each program runs three times: as it was, with the variables; inlined, with the variables; and
//! inlined, without the variables about which nothing was reported. All three must print the same.
//! `CAPY_GENERATED=10000` makes more programs, `CAPY_SEED=7` others.

use crate::programs;
use crate::support;

use std::fs;

use capy_inliner::testing::parses;
use programs::{Dice, VARIABLES, xorshift};
use support::{canary, has_node, inline, map, node};

/// Runs every program of `programs.json` three times and prints those that differ.
const DRIVER: &str = r#"
const vm = require("vm"), fs = require("fs");
const run = (text, env) => {
  const out = [], process = {env: {...env}};
  const log = (value) => out.push(typeof value === "object" || typeof value === "function" ? typeof value : String(value));
  const require = (name) => name === "process" || name === "node:process" ? process : {};
  const sandbox = {process, log, require, yes: true, no: false};
  try { vm.runInNewContext(text, sandbox, {timeout: 1000}) } catch (error) { out.push("threw " + error.name) }
  return out.join("\n");
};
let ran = 0, different = [];
for (const [before, after, all, some] of JSON.parse(fs.readFileSync("programs.json"))) {
  const expected = run(before, all);
  if (/^threw SyntaxError/m.test(expected)) continue;
  ran++;
  for (const env of some ? [all, some] : [all]) {
    const got = run(after, env);
    if (got !== expected) { different.push({before, after, env, expected, got}); break }
  }
}
console.log(JSON.stringify({ran, different: different.slice(0, 5)}, null, 1));
process.exitCode = different.length ? 1 : 0;
"#;

#[test]
fn made_up_programs_answer_alike() {
    if !has_node() {
        return;
    }
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let (count, seed) = (number("CAPY_GENERATED", 600), number("CAPY_SEED", 1));
    let values = map(&VARIABLES);
    let mut dice = Dice::new(xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
    let (mut programs, mut replaced, mut without) = (Vec::new(), 0, 0);
    for _ in 0..count {
        let before = dice.program();
        if !parses(&before) {
            continue;
        }
        let out = inline(&before, &values);
        assert!(parses(&out.text), "{before}\nbecame\n{}", out.text);
        assert_eq!(inline(&out.text, &values).text, out.text, "{before}");
        replaced += usize::from(out.text != before);
        let nameless = out.report.findings.iter().any(|finding| finding.name.is_none());
        let set = |all: bool| -> serde_json::Map<String, serde_json::Value> {
            let reported =
                |name: &str| out.report.findings.iter().any(|finding| finding.name.as_deref() == Some(name));
            let names = VARIABLES.iter().filter(|name| all || reported(name));
            names.map(|name| ((*name).to_owned(), canary(name).into())).collect()
        };
        without += usize::from(!nameless);
        let some = (!nameless).then(|| set(false));
        programs.push(serde_json::json!([before, out.text, set(true), some]));
    }
    assert!(replaced > programs.len() / 4 && without > programs.len() / 20, "{replaced} {without}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("programs.json"), serde_json::to_vec(&programs).unwrap()).unwrap();
    fs::write(folder.path().join("driver.js"), DRIVER).unwrap();
    let out = node(folder.path(), "driver.js", &[]);
    assert!(
        out.status.success(),
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}
