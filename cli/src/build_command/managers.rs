//! Package managers: finds which script of which package runs, or which package's program.
//!
//! Knows their subcommands, and the flags that name a folder or a workspace. A script's text
//! decides what it does. The script's name decides where there is no text, and where the text leads
//! to a program that cannot be read.

use serde_json::Value;

use super::{At, Reader, files, is_build_name, options, tools};

/// Flags of a manager that take the next word as their value, and which of them name a folder or a
/// workspace.
struct Flags {
    valued: &'static [&'static str],
    folders: &'static [&'static str],
    workspaces: &'static [&'static str],
}

const NPM: Flags = Flags {
    valued: &[
        "-w",
        "--workspace",
        "--prefix",
        "-C",
        "-c",
        "--call",
        "-p",
        "--package",
        "--loglevel",
        "--script-shell",
    ],
    folders: &["--prefix", "-C"],
    workspaces: &["-w", "--workspace"],
};
const PNPM: Flags = Flags {
    valued: &[
        "-F",
        "--filter",
        "--filter-prod",
        "-C",
        "--dir",
        "--package",
        "--loglevel",
        "--reporter",
        "--workspace-concurrency",
    ],
    folders: &["-C", "--dir"],
    workspaces: &["-F", "--filter", "--filter-prod"],
};
const YARN: Flags =
    Flags { valued: &["--cwd", "-p", "--package", "-B"], folders: &["--cwd"], workspaces: &[] };
const BUN: Flags = Flags {
    valued: &["-F", "--filter", "--cwd", "--env-file", "-c", "--config", "-p", "--package"],
    folders: &["--cwd"],
    workspaces: &["-F", "--filter"],
};

/// Subcommands of pnpm, yarn and bun. Any other word is a script or a package's program.
const OWN: [&str; 37] = [
    "add",
    "install",
    "i",
    "ci",
    "remove",
    "rm",
    "uninstall",
    "un",
    "update",
    "up",
    "upgrade",
    "link",
    "unlink",
    "import",
    "rebuild",
    "rb",
    "prune",
    "fetch",
    "audit",
    "list",
    "ls",
    "outdated",
    "why",
    "publish",
    "pack",
    "config",
    "set",
    "get",
    "init",
    "create",
    "store",
    "root",
    "bin",
    "setup",
    "env",
    "patch",
    "licenses",
];

impl Reader<'_> {
    pub(super) fn manager(&mut self, manager: &str, words: &[&str], at: &At) {
        let flags = match manager {
            "npm" => &NPM,
            "pnpm" => &PNPM,
            "yarn" => &YARN,
            _ => &BUN,
        };
        let (at, words) = self.located(flags, words, at);
        let Some((subcommand, rest)) = words.split_first() else {
            return;
        };
        match (manager, *subcommand) {
            (_, "run" | "run-script" | "rum" | "urn") => {
                // npm accepts its own flags after the script's name, too: `npm run build -w web`.
                let (at, rest) = self.located(flags, rest, &at);
                let Some((script, behind)) = rest.split_first() else { return };
                let at = if manager == "npm" { self.located_anywhere(flags, behind, &at) } else { at };
                self.script_or_program(manager, script, behind, &at.in_call(manager, behind));
            }
            ("npm", "start" | "test" | "t" | "stop" | "restart") => {
                let at = self.located_anywhere(flags, rest, &at);
                self.package_script(if *subcommand == "t" { "test" } else { subcommand }, &at);
            }
            (_, "exec" | "dlx" | "x") => self.npx_as(flags, rest, &at),
            ("npm", "explore") => {
                if let Some(wrapped) = options::after_dashes(rest) {
                    self.command(wrapped, &at);
                }
            }
            ("yarn", "workspace") => {
                if let Some((workspace, rest)) = rest.split_first() {
                    let folder = self.workspace(&at.folder, workspace);
                    let at = At { folder: folder.unwrap_or(at.folder.clone()), ..at.deeper() };
                    self.manager("yarn", rest, &at);
                }
            }
            ("yarn", "workspaces") => {
                let rest = rest.strip_prefix(&["foreach"]).unwrap_or(rest);
                let (_, rest) = options::split(rest, &["--from", "--include", "--exclude", "-j", "--jobs"]);
                self.manager("yarn", rest, &at.deeper());
            }
            ("yarn", "node") | ("pnpm", "node") => self.node(rest, &at),
            ("pnpm", "recursive" | "multi" | "m") => self.manager("pnpm", rest, &at.deeper()),
            // `npm build` runs no script.
            ("npm", _) => {}
            // `bun build` is bun's own bundler.
            ("bun", "build") => self.note_unknown(None),
            // `pnpm deploy` copies a workspace's package; the others have no such subcommand.
            ("pnpm", "deploy") => {}
            (_, own) if OWN.contains(&own) => {}
            (_, name) => self.script_or_program(manager, name, rest, &at.in_call(manager, rest)),
        }
    }

    /// Where the manager's flags lead, and the words after the flags.
    fn located<'a, 'b>(&mut self, flags: &Flags, words: &'a [&'b str], at: &At) -> (At, &'a [&'b str]) {
        let (given, rest) = options::split(words, flags.valued);
        (self.at_flags(flags, &given, at), rest)
    }

    /// Like `located`, for flags between other words.
    fn located_anywhere(&mut self, flags: &Flags, words: &[&str], at: &At) -> At {
        let (given, _) = options::everywhere(words, flags.valued);
        self.at_flags(flags, &given, at)
    }

    fn at_flags(&mut self, flags: &Flags, given: &[options::Flag<'_>], at: &At) -> At {
        let mut at = at.clone();
        if let Some(folder) = options::value(given, flags.folders) {
            at = at.inside(folder);
        }
        if let Some(name) = options::value(given, flags.workspaces)
            && let Some(folder) = self.workspace(&at.folder, name)
        {
            at.folder = folder;
        }
        at
    }

    /// Reads `npx`, `bunx` and `pnpx`.
    pub(super) fn npx(&mut self, words: &[&str], at: &At) {
        self.npx_as(&NPM, words, at);
    }

    fn npx_as(&mut self, flags: &Flags, words: &[&str], at: &At) {
        let valued = [flags.valued, &["-p", "--package", "-c", "--call"]].concat();
        let (given, rest) = options::split(words, &valued);
        let at = self.at_flags(flags, &given, at);
        // pnpm's `-c` takes no value: the words after it are the script.
        match options::value(&given, &["-c", "--call"]) {
            Some(script) => self.script(&[&[script], rest].concat().join(" "), &at),
            None => self.command(rest, &at),
        }
    }

    /// Reads `pnpm NAME`, `yarn run NAME` or `bun NAME`: a script of the package, or the program of
    /// an installed package.
    fn script_or_program(&mut self, manager: &str, name: &str, rest: &[&str], at: &At) {
        let scripts = self.package(&at.folder).map(|(_, scripts)| scripts).unwrap_or_default();
        let is_script = scripts.contains_key(name) || is_build_name(name) && !tools::is_known(name);
        if is_script || manager == "npm" {
            self.package_script(name, at);
        } else if !name.contains('/') || name.contains("node_modules") {
            self.command(&[&[name], rest].concat(), &at.in_program());
        }
    }

    /// Reads `rushx NAME` and the like.
    pub(super) fn package_script_of(&mut self, words: &[&str], at: &At) {
        if let (_, [script, ..]) = options::split(words, &[]) {
            self.package_script(script, at);
        }
    }

    /// Reads a script of the nearest package. `build:*` means every script whose name begins so.
    pub(super) fn package_script(&mut self, name: &str, at: &At) {
        let (folder, scripts) =
            self.package(&at.folder).unwrap_or_else(|| (at.folder.clone(), Default::default()));
        let has = |beside: &str| scripts.contains_key(&format!("{beside}{name}"));
        let text_at = At { folder: folder.clone(), ..at.in_text(has("pre"), has("post")).deeper() };
        let at = At { folder, ..at.in_text(true, true).deeper() };
        let fits = |script: &str| match name.split_once('*') {
            Some((begins, _)) => script.starts_with(begins),
            None => script == name || script == format!("pre{name}") || script == format!("post{name}"),
        };
        let before = (self.builds.len(), self.capy_runs);
        for (script, text) in scripts.iter().filter(|(script, _)| fits(script)) {
            if let Some(text) = text.as_str() {
                self.script(text, if script == name { &text_at } else { &at });
            }
        }
        if self.builds.len() == before.0 && is_build_name(name) {
            // What builds is behind the `capy run` of the script, if it has one.
            let under_capy = at.under_capy || self.capy_runs > before.1;
            self.note_build(&At { under_capy, ..at });
        }
    }

    /// Reads `deno task`, and programs of npm and jsr that deno runs.
    pub(super) fn deno(&mut self, words: &[&str], at: &At) {
        const VALUED: [&str; 6] = ["-c", "--config", "--cwd", "--env-file", "--node-modules-dir", "-f"];
        let Some((subcommand, rest)) = words.split_first() else {
            return;
        };
        let (flags, rest) = options::split(rest, &VALUED);
        let at = options::value(&flags, &["--cwd"]).map_or_else(|| at.clone(), |folder| at.inside(folder));
        let Some((first, _)) = rest.split_first() else {
            return;
        };
        match *subcommand {
            "task" => self.deno_task(first, &at),
            "run" | "x" if first.starts_with("npm:") || first.starts_with("jsr:") => self.command(rest, &at),
            _ => {}
        }
    }

    fn deno_task(&mut self, name: &str, at: &At) {
        let mut texts = ["deno.json", "deno.jsonc"].into_iter();
        let text = texts.find_map(|file| self.read(&files::join(&at.folder, file.as_ref())));
        let parsed: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
        let task = parsed.as_ref().and_then(|file| file.get("tasks")?.get(name));
        // A task is a command, or an object that holds one.
        let command = task.and_then(|task| task.as_str().or_else(|| task.get("command")?.as_str()));
        let Some(command) = command else {
            return self.package_script(name, at);
        };
        let before = self.builds.len();
        self.script(command, at);
        if self.builds.len() == before && is_build_name(name) {
            self.note_build(at);
        }
    }
}
