//! A generator of programs: aliases, scopes, shadows, writes, temporaries, patterns, keys, texts
//! of functions.
//!
//! The caller makes the choices: from a seed in the tests, from the fuzzer's bytes in
//! `fuzz/fuzz_targets/programs_answer_alike.rs`. Some of the programs do not parse.

use std::fmt::Write as _;

/// What the programs read.
pub(crate) const VARIABLES: [&str; 3] = ["A", "B", "AB"];

/// Rolls of a die, and what is already decided about the program.
pub(crate) struct Dice<R> {
    /// A number below the one that it is given.
    roll: R,
    /// Functions are taken to run after the file's own names have their values: only then may there be some.
    functions: bool,
}

/// Xorshift: any will do, as long as a seed gives the same program everywhere.
pub(crate) fn xorshift(mut state: u64) -> impl FnMut(usize) -> usize {
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % sides
    }
}

impl<R: FnMut(usize) -> usize> Dice<R> {
    pub(crate) fn new(roll: R) -> Self {
        Self { roll, functions: false }
    }

    fn roll(&mut self, sides: usize) -> usize {
        (self.roll)(sides)
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn name(&mut self) -> &'static str {
        self.pick(&["e", "p", "q", "r", "s"])
    }

    fn variable(&mut self) -> &'static str {
        self.pick(&VARIABLES)
    }

    fn test(&mut self) -> &'static str {
        self.pick(&[
            "yes",
            "no",
            "typeof process !== 'undefined'",
            "process && process.env",
            "typeof process < 'u'",
        ])
    }

    /// Something that may be `process`, its environment, or neither.
    fn object(&mut self, depth: usize) -> String {
        if depth == 0 {
            let simple = [
                "process",
                "process.env",
                "process.env",
                "globalThis.process",
                "require('process')",
                "{env: {A: 'no'}}",
            ];
            return match self.roll(8) {
                0 => "({env: {A: 'other'}})".to_owned(),
                1..4 => self.name().to_owned(),
                _ => self.pick(&simple[..5]).to_owned(),
            };
        }
        let name = self.name();
        match self.roll(16) {
            0 => format!("({} || {{}})", self.object(depth - 1)),
            1 => format!("({} ? {} : {})", self.test(), self.object(depth - 1), self.object(depth - 1)),
            2 => format!("({} && {})", self.object(depth - 1), self.object(depth - 1)),
            3 => format!("(0, {})", self.object(depth - 1)),
            4 => format!("({name} = {})", self.object(depth - 1)),
            5 => format!("(({name} = {}) == null ? void 0 : {name}.env)", self.object(depth - 1)),
            6 => format!(
                "(({name} = {}) === null || {name} === void 0 || ({name} = {name}.env) === null || {name} === void 0 ? void 0 : {name})",
                self.object(depth - 1)
            ),
            7 => format!("({} == null ? {{}} : {})", self.object(0), self.object(depth - 1)),
            // Never the environment: what an unknown function does with that is reported, and cannot be followed.
            8 => format!("star({})", self.pick(&["process", "require('process')", "(s = process)"])),
            9 => format!("dflt({}).default", self.pick(&["process", "globalThis.process"])),
            10 => format!("(() => {})()", self.object(depth - 1)),
            11 => format!("({name} = {}, {name})", self.object(depth - 1)),
            12 => format!("{}?.env", self.object(depth - 1)),
            13 => format!("{}.env", self.object(depth - 1)),
            14 => format!("({name} ? {name}.env : {})", self.object(depth - 1)),
            _ => self.object(0),
        }
    }

    fn key(&mut self) -> String {
        match self.roll(6) {
            0 => "k".to_owned(),
            1 => "'A' + 'B'".to_owned(),
            2 => "`${k}B`".to_owned(),
            3 => "k + l".to_owned(),
            _ => format!("'{}'", self.variable()),
        }
    }

    fn read(&mut self) -> String {
        let depth = self.roll(4);
        let object = self.object(depth);
        match self.roll(7) {
            0 => format!("{object}?.{}", self.variable()),
            1 => format!("{object}.env.{}", self.variable()),
            2 => format!("{object}?.env?.{}", self.variable()),
            3 => format!("{object}[{}]", self.key()),
            4 => {
                let name = self.name();
                format!("(null == ({name} = {object}) ? void 0 : {name}.{})", self.variable())
            }
            _ => format!("{object}.{}", self.variable()),
        }
    }

    fn pattern(&mut self) -> String {
        let (name, variable) = (self.name(), self.variable());
        match self.roll(5) {
            0 => format!("{{{variable}: {name}}}"),
            1 => format!("{{{variable}: {name} = 'd'}}"),
            2 => format!("{{env: {name}}}"),
            3 => format!("{{env: {{{variable}: {name}}}}}"),
            _ => format!("{{{variable}: {name}, ...rest}}"),
        }
    }

    fn statement(&mut self, depth: usize, out: &mut String) {
        let (name, deep) = (self.name(), self.roll(3));
        let _ = match self.roll(if depth == 0 {
            20
        } else if self.functions {
            30
        } else {
            24
        }) {
            0..3 => write!(out, "var {name} = {};", self.object(deep)),
            3 => write!(out, "{name} = {};", self.object(deep)),
            4 => write!(out, "var {} = {};", self.pattern(), self.object(deep)),
            5 => write!(out, "({} = {});", self.pattern(), self.object(deep)),
            6..12 => writeln!(out, "try {{ log({}) }} catch (error) {{ log(error.name) }}", self.read()),
            12..15 => write!(out, "log({});", self.read()),
            15 => write!(out, "k = {};", self.key()),
            16 => write!(out, "var {} = {};", self.pick(&["k", "l"]), self.key()),
            17 => {
                let write = self.pick(&[" = 'w'", " ||= 'w'", " += 'w'", "++"]);
                match self.roll(12) {
                    0 => writeln!(
                        out,
                        "try {{ log({}.{}{write}) }} catch (error) {{ log(error.name) }}",
                        self.object(deep),
                        self.variable()
                    ),
                    1 => writeln!(
                        out,
                        "try {{ log(delete {}.{}) }} catch (error) {{ log(error.name) }}",
                        self.object(deep),
                        self.variable()
                    ),
                    2 => writeln!(
                        out,
                        "try {{ log({}['{}'] = 'w') }} catch (error) {{ log(error.name) }}",
                        self.object(deep),
                        self.variable()
                    ),
                    3 => write!(
                        out,
                        "t(() => Object.assign({}, {{{}: 'w'}}));",
                        self.object(deep),
                        self.variable()
                    ),
                    4 => writeln!(
                        out,
                        "try {{ log('{}' in {}) }} catch (error) {{ log(error.name) }}",
                        self.variable(),
                        self.object(deep)
                    ),
                    5 => write!(out, "process = {};", self.object(0)),
                    6 => writeln!(
                        out,
                        "try {{ log(process.env = {}) }} catch (error) {{ log(error.name) }}",
                        self.object(deep)
                    ),
                    _ => writeln!(
                        out,
                        "try {{ log(typeof {}) }} catch (error) {{ log(error.name) }}",
                        self.read()
                    ),
                }
            }
            18 => writeln!(out, "try {{ log({name}) }} catch (error) {{ log(error.name) }}"),
            19 => write!(out, "log(typeof {name});"),
            25 | 26 => {
                self.around(depth, out, &format!("function f{depth}({name}) "), &format!("f{depth}"), deep)
            }
            27 => self.around(depth, out, &format!("(({name}) => "), ")", deep),
            28 | 29 => self.text_of_a_function(depth, out, name),
            20 => {
                let _ = write!(out, "if ({})", self.test());
                self.block(depth - 1, out);
                Ok(())
            }
            21 => {
                out.push_str("for (let i = 0; i < 2; i++)");
                self.block(depth - 1, out);
                Ok(())
            }
            22 => {
                let kind = self.pick(&["let", "const"]);
                let _ = write!(out, "{{ {kind} {name} = {};", self.object(deep));
                self.block(depth - 1, out);
                out.push('}');
                Ok(())
            }
            23 => {
                out.push_str("try ");
                self.block(depth - 1, out);
                let _ = write!(out, "catch ({name})");
                self.block(depth - 1, out);
                Ok(())
            }
            _ => {
                let _ = write!(out, "(function () {{ var process = {}, {name};", self.object(0));
                self.block(depth - 1, out);
                out.push_str("})();");
                Ok(())
            }
        };
        out.push('\n');
    }

    /// A function with a parameter, and its call.
    fn around(
        &mut self,
        depth: usize,
        out: &mut String,
        head: &str,
        call: &str,
        deep: usize,
    ) -> std::fmt::Result {
        out.push_str(head);
        self.block(depth - 1, out);
        write!(out, "{}{call}({});", if call == ")" { "" } else { ";" }, self.object(deep))
    }

    /// A function, and its text: what is read in it stays as it is.
    fn text_of_a_function(&mut self, depth: usize, out: &mut String, name: &str) -> std::fmt::Result {
        let function = format!("g{}", self.roll(3));
        let head = match self.roll(3) {
            0 => format!("function {function}({name}) "),
            1 => format!("var {function} = ({name}) => "),
            _ => format!("var {function} = function () "),
        };
        out.push_str(&head);
        self.block(depth - 1, out);
        let text = match self.roll(6) {
            0 => format!("log(String({function}))"),
            1 => format!("log(`(${{{function}}})()`)"),
            2 => format!("log('(' + {function} + ')')"),
            3 => format!("var h = {function}; log(h.toString())"),
            4 => format!("log([{function}].map((one) => one.toString())[0])"),
            _ => format!("(function (one) {{ log(`${{one}}`) }})({function})"),
        };
        write!(out, ";{text};")
    }

    fn block(&mut self, depth: usize, out: &mut String) {
        out.push_str("{\n");
        for _ in 0..1 + self.roll(4) {
            self.statement(depth, out);
        }
        out.push('}');
    }

    pub(crate) fn program(&mut self) -> String {
        let mut out = "function star(m) { if (m && m.__esModule) return m; var r = {}; for (var x in m) r[x] = m[x]; r.default = m; return r }\n\
                       var dflt = (m) => m && m.__esModule ? m : {default: m};\n"
            .to_owned();
        out.push_str(self.pick(&[
            "var k = 'A', l = 'B';\n",
            "const k = 'A', l = 'B';\n",
            "let k, l = 'B';\n",
        ]));
        self.functions = self.roll(2) == 0;
        let names: Vec<String> =
            ["e", "p", "q", "r", "s"].iter().map(|name| format!("{name} = {}", self.object(1))).collect();
        match self.roll(if self.functions { 1 } else { 3 }) {
            0 => out.push_str(&format!("var {};\n", names.join(", "))),
            1 => out.push_str("var e, p, q, r, s;\n"),
            _ => {}
        }
        for _ in 0..2 + self.roll(7) {
            self.statement(2, &mut out);
        }
        out
    }
}
