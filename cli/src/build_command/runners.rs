//! Task runners: finds the task among their words, and the task's text.
//!
//! There are two kinds. Runners of packages (turbo, nx) run scripts of the same name in every
//! package, so the name of a task tells what it does. Runners with a file of their own (make, just)
//! have this file read. What cannot be read counts as unknown.

use super::{At, Reader, files, is_build_name, is_server_name, options};

/// Runners of packages' scripts. Any of their words may be the task.
const OF_PACKAGES: [&str; 8] = ["turbo", "nx", "lerna", "moon", "rush", "wsrun", "lage", "ultra"];

/// Programs whose words are several scripts or commands to run.
const OF_SEVERAL: [&str; 5] = ["npm-run-all", "npm-run-all2", "run-s", "run-p", "concurrently"];

/// Runners with a file of their own.
const OF_FILES: [(&str, &[&str]); 7] = [
    ("make", &["GNUmakefile", "makefile", "Makefile"]),
    ("gmake", &["GNUmakefile", "makefile", "Makefile"]),
    ("bmake", &["makefile", "Makefile"]),
    ("just", &["justfile", "Justfile", ".justfile"]),
    ("task", &["Taskfile.yml", "Taskfile.yaml", "taskfile.yml", "taskfile.yaml"]),
    ("go-task", &["Taskfile.yml", "Taskfile.yaml", "taskfile.yml", "taskfile.yaml"]),
    ("mask", &[]),
];

/// Programs whose tasks cannot be read here.
const UNREADABLE: [&str; 27] = [
    "mage",
    "rake",
    "bazel",
    "bazelisk",
    "gradle",
    "gradlew",
    "mvn",
    "mvnw",
    "ant",
    "cmake",
    "ninja",
    "scons",
    "earthly",
    "dagger",
    "pants",
    "buck2",
    "composer",
    "mix",
    "poe",
    "nps",
    "wireit",
    "docker",
    "podman",
    "nerdctl",
    "docker-compose",
    "devbox",
    "mise",
];

/// The most tasks of one file that are read.
const MAX_TASKS: usize = 64;

impl Reader<'_> {
    /// Reads the tasks if the program is a runner, and returns whether it is one.
    pub(super) fn runner(&mut self, name: &str, rest: &[&str], at: &At) -> bool {
        if OF_PACKAGES.contains(&name) {
            self.of_packages(name, rest, at);
        } else if OF_SEVERAL.contains(&name) {
            self.of_several(name, rest, at);
        } else if let Some((_, names)) = OF_FILES.iter().find(|(runner, _)| *runner == name) {
            self.of_file(name, names, rest, at);
        } else if UNREADABLE.contains(&name) {
            self.of_nobody(name, rest, at);
        } else {
            return false;
        }
        true
    }

    fn of_packages(&mut self, name: &str, rest: &[&str], at: &At) {
        if let ("lerna" | "nx", Some("exec")) = (name, rest.first().copied()) {
            let (_, wrapped) = options::split(&rest[1..], &["--scope", "--ignore"]);
            return self.command(wrapped, at);
        }
        let (flags, _) = options::everywhere(rest, &["--cwd"]);
        let at = options::value(&flags, &["--cwd"]).map_or_else(|| at.clone(), |folder| at.inside(folder));
        let mut tasks = rest.iter().take_while(|word| **word != "--").map(|word| task_word(word));
        if tasks.clone().any(is_build_task) {
            self.note_build(&at);
        } else if rest.contains(&"run") && !tasks.any(is_server_name_of_runner) {
            self.note_unknown(None);
        }
    }

    fn of_several(&mut self, name: &str, rest: &[&str], at: &At) {
        for word in rest.iter().filter(|word| !word.starts_with('-')) {
            match word.strip_prefix("npm:").or(word.strip_prefix("pnpm:")).or(word.strip_prefix("yarn:")) {
                Some(script) => self.package_script(script, at),
                None if name == "concurrently" => self.script(word, at),
                None => self.package_script(word.split_whitespace().next().unwrap_or_default(), at),
            }
        }
    }

    /// Reads `make`, `just` or `task`, whose file says what a task runs.
    fn of_file(&mut self, runner: &str, names: &[&str], rest: &[&str], at: &At) {
        const VALUED: [&str; 14] = [
            "-C",
            "--directory",
            "-f",
            "--file",
            "--makefile",
            "--justfile",
            "-d",
            "--dir",
            "--working-directory",
            "-j",
            "-t",
            "--taskfile",
            "-o",
            "-I",
        ];
        let (flags, mut tasks) = options::everywhere(rest, &VALUED);
        tasks.retain(|task| !task.contains('='));
        let folder = options::value(&flags, &["-C", "--directory", "-d", "--dir", "--working-directory"]);
        let at = folder.map_or_else(|| at.clone(), |folder| at.inside(folder));
        let named = options::value(&flags, &["-f", "--file", "--makefile", "--justfile", "-t", "--taskfile"]);
        let names: Vec<&str> = named.map_or_else(|| names.to_vec(), |name| vec![name]);
        let text = names.into_iter().find_map(|name| self.read(&files::join(&at.folder, name.as_ref())));
        let before = (self.builds.len(), self.unknown);
        if let Some(text) = &text {
            let file = TaskFile::new(text, runner);
            let wanted = if tasks.is_empty() { file.first() } else { tasks.clone() };
            file.commands(&wanted).iter().for_each(|command| self.script(command, &at));
        }
        if self.builds.len() > before.0 {
            return;
        }
        self.unknown = before.1;
        if tasks.is_empty() || tasks.iter().any(|task| !is_server_name(task)) {
            self.note_unknown(tasks.iter().copied().find(|task| is_build_name(task)));
        }
    }

    fn of_nobody(&mut self, name: &str, rest: &[&str], at: &At) {
        let word = rest.iter().copied().find(|word| !word.starts_with('-')).unwrap_or_default();
        match name {
            // The build of an image leaves its output in the image.
            "docker" | "podman" | "nerdctl" | "docker-compose" => {
                if rest.iter().take(3).any(|word| matches!(*word, "run" | "exec")) {
                    self.note_unknown(None);
                }
                return;
            }
            // Both run plain commands as well as tasks.
            "mise" | "devbox" => {
                if let Some(wrapped) = options::after_dashes(rest) {
                    return self.command(wrapped, at);
                }
                if matches!(word, "exec" | "x") {
                    return self.command_after(rest, at);
                }
                if !matches!(word, "run" | "r") {
                    return;
                }
            }
            _ => {}
        }
        let mut tasks = rest.iter().filter(|task| !task.starts_with('-') && !matches!(**task, "run" | "r"));
        if tasks.clone().count() == 0 || tasks.clone().any(|task| !is_server_name(task)) {
            self.note_unknown(tasks.find(|task| is_build_name(task)).copied());
        }
    }
}

/// The task in a word for a runner: `-t=build`, `--target=build`, `web#build`.
fn task_word(word: &str) -> &str {
    match word.split_once('=') {
        Some(("-t" | "--target" | "--targets", task)) => task,
        Some(_) => "",
        None if word.starts_with('-') => "",
        None => word,
    }
}

/// Whether a word names a task that builds: `build`, `web:build:production`, `web#build`; but not
/// `build-tools`, which may be a package.
fn is_build_task(word: &str) -> bool {
    word.split([':', '#']).any(|part| part == "build" || part == "rebuild")
}

fn is_server_name_of_runner(task: &str) -> bool {
    task != "run" && is_server_name(task)
}

/// The tasks of a makefile, a justfile or a Taskfile: names, dependencies and indented commands.
struct TaskFile<'t> {
    tasks: Vec<Task<'t>>,
    variables: Vec<(&'t str, &'t str)>,
}

struct Task<'t> {
    name: &'t str,
    needs: Vec<&'t str>,
    lines: Vec<&'t str>,
}

impl<'t> TaskFile<'t> {
    fn new(text: &'t str, runner: &str) -> Self {
        let is_yaml = runner.ends_with("task");
        // In a Taskfile, all tasks are indented below one key.
        let level = if is_yaml { 2 } else { 0 };
        let mut file = Self { tasks: Vec::new(), variables: Vec::new() };
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            let content = line.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if indent > level || indent > 0 && !is_yaml {
                if let Some(task) = file.tasks.last_mut() {
                    task.lines.push(content);
                }
            } else if let Some((name, value)) = assignment(content) {
                file.variables.push((name, value));
            } else if let Some((names, needs)) = content.split_once(':') {
                let needs = needs.trim_start_matches(':');
                let (needs, inline) =
                    needs.split_once(';').map_or((needs, None), |(needs, line)| (needs, Some(line)));
                // just: `@build target="x": clean`.
                let name = names.split_whitespace().next().unwrap_or_default().trim_start_matches('@');
                let needs = needs.split_whitespace().map(|need| need.trim_matches(['(', ')'])).collect();
                file.tasks.push(Task { name, needs, lines: inline.into_iter().map(str::trim).collect() });
            }
        }
        file
    }

    /// The task that runs when none is named.
    fn first(&self) -> Vec<&'t str> {
        let named = |name: &str| self.tasks.iter().any(|task| task.name == name);
        let first = self.tasks.iter().find(|task| !task.name.starts_with('.')).map(|task| task.name);
        if named("default") { vec!["default"] } else { first.into_iter().collect() }
    }

    /// The commands of these tasks and of their dependencies.
    fn commands(&self, wanted: &[&str]) -> Vec<String> {
        let mut open: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let (mut seen, mut commands) = (Vec::<String>::new(), Vec::new());
        while let Some(name) = open.pop() {
            if seen.contains(&name) || seen.len() > MAX_TASKS {
                continue;
            }
            for task in self.tasks.iter().filter(|task| task.name == name) {
                open.extend(task.needs.iter().map(|need| (*need).to_owned()));
                let mut folder = None;
                for line in task.lines.iter().map(|line| command_of(line)) {
                    if let Some(task) = line.strip_prefix("task:") {
                        open.push(task.trim().to_owned());
                    } else if let Some(named) = line.strip_prefix("dir:") {
                        folder = Some(named.trim().trim_matches(['"', '\'']));
                    } else {
                        let inside = folder.map(|folder| format!("cd {folder} && ")).unwrap_or_default();
                        commands.push(inside + &self.expanded(line));
                    }
                }
            }
            seen.push(name);
        }
        commands
    }

    /// Expands the file's own variables. Other variables stay, and count as unknown.
    fn expanded(&self, line: &str) -> String {
        let mut line = line
            .replace("$(MAKE)", "make")
            .replace("${MAKE}", "make")
            .replace("{{just_executable()}}", "just");
        for (name, value) in &self.variables {
            for written in [
                format!("$({name})"),
                format!("${{{name}}}"),
                format!("{{{{{name}}}}}"),
                format!("{{{{ {name} }}}}"),
            ] {
                line = line.replace(&written, value);
            }
        }
        line.replace("$(", "$").replace("$$", "$")
    }
}

/// Parses `NAME := value`, with any assignment operator of make and just.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end_matches([':', '?', '+', '!']).trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    is_name.then(|| (name, value.trim().trim_matches(['"', '\''])))
}

/// A recipe's line without what make, just and YAML put before a command.
fn command_of(line: &str) -> &str {
    let line = line.strip_prefix("- ").unwrap_or(line).trim_start_matches(['@', '+']);
    let line = line.strip_prefix("cmd:").or(line.strip_prefix("cmds:")).unwrap_or(line);
    let line = line.trim_start_matches('-').trim();
    let unquoted = line.strip_prefix(['"', '\'']).and_then(|rest| rest.strip_suffix(['"', '\'']));
    unquoted.unwrap_or(line)
}
