//! Recognises a command that builds a web application, so that inlining follows it.
//!
//! Wrong in either direction costs little: a build that is not recognised takes `--inline`, and after a command
//! that only looks like one nothing is touched but what it wrote, if that is a known output at all.

use std::ffi::OsString;

/// Build tools and the subcommands that build; none means that the tool does nothing else.
const TOOLS: [(&str, &[&str]); 15] = [
    ("next", &["build"]),
    ("vite", &["build"]),
    ("nuxt", &["build", "generate"]),
    ("nuxi", &["build", "generate"]),
    ("astro", &["build"]),
    ("react-router", &["build"]),
    ("remix", &["build", "vite:build"]),
    ("nitro", &["build"]),
    ("nitropack", &["build"]),
    ("vinxi", &["build"]),
    ("vercel", &["build"]),
    ("vc", &["build"]),
    ("netlify", &["build"]),
    ("opennextjs-cloudflare", &["build"]),
    ("next-on-pages", &[]),
];

/// Task runners: any of their words may be the task.
const RUNNERS: [&str; 3] = ["turbo", "nx", "lerna"];

/// Commands, and words of the shell, that run the command after them.
const WRAPPERS: [&str; 16] = [
    "env",
    "cross-env",
    "time",
    "nice",
    "nohup",
    "exec",
    "command",
    "corepack",
    "dotenv",
    "dotenvx",
    "varlock",
    "{",
    "!",
    "then",
    "do",
    "else",
];

/// Deeper nesting of wrappers is no build that a person wrote.
const MAX_DEPTH: usize = 6;

/// Whether `command` builds.
pub(crate) fn is_build(command: &[OsString]) -> bool {
    let words: Option<Vec<_>> = command.iter().map(|word| word.to_str()).collect();
    words.is_some_and(|words| builds(&words, 0))
}

fn builds(words: &[&str], depth: usize) -> bool {
    let words = without_assignments(words);
    let Some((program, rest)) = words.split_first() else {
        return false;
    };
    if depth > MAX_DEPTH {
        return false;
    }
    let next = |words: &[&str]| builds(words, depth + 1);
    match tool_name(program) {
        "sh" | "bash" | "dash" | "ash" | "zsh" => {
            shell_script(rest).is_some_and(|text| script_builds(text, depth))
        }
        "node" | "nodejs" => {
            next(after_flags(rest, &["-r", "--require", "--import", "--loader", "--env-file"]))
        }
        "npx" | "bunx" | "pnpx" => next(after_flags(rest, &["-p", "--package"])),
        manager @ ("npm" | "pnpm" | "yarn" | "bun") => manager_builds(manager, rest, depth),
        wrapper if WRAPPERS.contains(&wrapper) => next(after_dashes(rest)) || next(after_wrapper(rest)),
        runner if RUNNERS.contains(&runner) => rest.iter().any(|word| is_build_script(word)),
        tool => tool_builds(tool, rest),
    }
}

/// The last part of a path, without the ending of a script or a version: `…/bin/vite.js`, `next@16`.
fn tool_name(program: &str) -> &str {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    let name = name.split('@').next().unwrap_or(name);
    [".js", ".mjs", ".cjs", ".cmd", ".exe"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
}

fn tool_builds(tool: &str, rest: &[&str]) -> bool {
    if tool == "wrangler" {
        // Without that flag it deploys what it built, and there is nothing left to inline.
        return rest.contains(&"deploy") && rest.contains(&"--dry-run");
    }
    let Some((_, subcommands)) = TOOLS.iter().find(|(name, _)| *name == tool) else {
        return false;
    };
    if subcommands.is_empty() {
        return true;
    }
    let mut after_flag = false;
    for word in rest {
        if word.starts_with('-') {
            after_flag = !word.contains('=');
        } else if subcommands.contains(word) {
            return true;
        } else if after_flag {
            // Perhaps that flag's value.
            after_flag = false;
        } else {
            return false;
        }
    }
    false
}

fn manager_builds(manager: &str, rest: &[&str], depth: usize) -> bool {
    let valued: &[&str] = match manager {
        "npm" => &["-w", "--workspace", "--prefix", "-C"],
        "pnpm" => &["-F", "--filter", "-C", "--dir"],
        "yarn" => &["--cwd"],
        _ => &["-F", "--filter", "--cwd"],
    };
    let Some((subcommand, rest)) = after_flags(rest, valued).split_first() else {
        return false;
    };
    match *subcommand {
        "run" | "run-script" => after_flags(rest, valued).first().is_some_and(|name| is_build_script(name)),
        "exec" | "dlx" | "x" => builds(after_flags(rest, &["-c", "--package", "-p"]), depth + 1),
        "workspace" if manager == "yarn" => manager_builds(manager, rest.get(1..).unwrap_or_default(), depth),
        "workspaces" if manager == "yarn" => {
            let rest = rest.strip_prefix(&["foreach"]).unwrap_or(rest);
            let flags = ["--from", "--include", "--exclude", "-j", "--jobs"];
            manager_builds(manager, after_flags(rest, &flags), depth)
        }
        // `npm build` runs no script, and `bun build` is a bundler of its own.
        name if manager == "pnpm" || manager == "yarn" => {
            is_build_script(name) || tool_builds(tool_name(name), rest)
        }
        name => manager == "bun" && tool_builds(tool_name(name), rest),
    }
}

fn is_build_script(name: &str) -> bool {
    name == "build" || name.starts_with("build:") || name.ends_with(":build") || name == "vercel-build"
}

/// What follows the flags; those in `valued` take the next word along. `--` ends them.
fn after_flags<'a, 'b>(mut words: &'a [&'b str], valued: &[&str]) -> &'a [&'b str] {
    while let Some((word, rest)) = words.split_first() {
        if *word == "--" {
            return rest;
        }
        if !word.starts_with('-') {
            break;
        }
        let skipped = usize::from(valued.contains(word)).min(rest.len());
        words = &rest[skipped..];
    }
    words
}

/// What follows the first `--`: the wrapped command, or that command's own arguments.
fn after_dashes<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    let at = words.iter().position(|word| *word == "--");
    at.map_or(&[], |at| &words[at + 1..])
}

/// The wrapped command: after flags, and a `run` with flags of its own, as `dotenvx` has it.
fn after_wrapper<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    const VALUED: [&str; 6] = ["-u", "--unset", "-n", "-e", "-f", "--env-file"];
    let words = after_flags(words, &VALUED);
    match words.split_first() {
        Some((&"run", rest)) => after_flags(rest, &VALUED),
        _ => words,
    }
}

fn without_assignments<'a, 'b>(mut words: &'a [&'b str]) -> &'a [&'b str] {
    let is_assignment = |word: &str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
    };
    while let Some((word, rest)) = words.split_first()
        && is_assignment(word)
    {
        words = rest;
    }
    words
}

/// The argument of `-c`, also as `-ec` or `-lc`.
fn shell_script<'a>(words: &[&'a str]) -> Option<&'a str> {
    let is_c = |word: &&str| word.starts_with('-') && !word.starts_with("--") && word.contains('c');
    let at = words.iter().position(is_c)?;
    words.get(at + 1).copied()
}

/// Whether one of a script's simple commands builds. Quotes are understood, expansions are not.
fn script_builds(script: &str, depth: usize) -> bool {
    let Ok(words) = shell_words::split(&with_operators_apart(script)) else {
        return false;
    };
    words
        .split(|word| word == OPERATOR)
        .any(|command| builds(&command.iter().map(String::as_str).collect::<Vec<_>>(), depth + 1))
}

/// A word that no argument can be.
const OPERATOR: &str = "\0";

/// Each operator of a script as a word of its own: [`OPERATOR`], whichever it is.
fn with_operators_apart(script: &str) -> String {
    let (mut apart, mut quote, mut escaped) = (String::with_capacity(2 * script.len()), None, false);
    for c in script.chars() {
        let is_plain = quote.is_none() && !escaped;
        if is_plain && matches!(c, ';' | '&' | '|' | '(' | ')' | '\n') {
            apart.extend([" ", OPERATOR, " "]);
        } else {
            apart.push(c);
        }
        quote = match quote {
            None if is_plain && matches!(c, '\'' | '"') => Some(c),
            Some(open) if !escaped && c == open => None,
            same => same,
        };
        escaped = c == '\\' && !escaped && quote != Some('\'');
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str) -> bool {
        let words = shell_words::split(command).unwrap();
        is_build(&words.into_iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn builds_are_recognised() {
        for command in [
            "next build",
            "next build --webpack",
            "next --experimental-build-mode compile build",
            "./node_modules/.bin/next build",
            "node node_modules/next/dist/bin/next build",
            "node --max-old-space-size=4096 -r ./x.js node_modules/vite/bin/vite.js build",
            "vite build",
            "vite --config x.ts build",
            "nuxt build",
            "nuxt generate",
            "nuxi build --preset=cloudflare",
            "astro build",
            "react-router build",
            "remix vite:build",
            "vercel build --prod",
            "opennextjs-cloudflare build",
            "next-on-pages",
            "npm run build",
            "npm run build:prod -- --debug",
            "npm --prefix web run build",
            "npm run -w web build",
            "npm run-script build",
            "npm exec -- next build",
            "npm exec next build",
            "npx next build",
            "npx --yes next@16 build",
            "npx -p next next build",
            "bunx vite build",
            "pnpm build",
            "pnpm run build",
            "pnpm --filter web build",
            "pnpm -r build",
            "pnpm exec next build",
            "pnpm dlx next build",
            "pnpm next build",
            "yarn build",
            "yarn run build",
            "yarn next build",
            "yarn dlx astro build",
            "yarn workspace web build",
            "yarn --cwd web build",
            "bun run build",
            "bun --bun run build",
            "bun x next build",
            "bun next build",
            "corepack pnpm build",
            "turbo build",
            "turbo run build --filter=web",
            "npx turbo run build",
            "nx build",
            "lerna run build",
            "sh -c 'next build'",
            "sh -c 'prisma generate && next build'",
            "bash -lc 'cd web; npm run build'",
            "sh -ec 'A=1 exec next build'",
            "sh -c 'next build;true'",
            "sh -c 'next build|tee log'",
            "sh -c 'next build 2>&1 | tee log'",
            "sh -c 'test -d out||next build'",
            "sh -c '(next build)'",
            "sh -c '(cd web&&next build)&'",
            "sh -c '{ next build; }'",
            "sh -c 'if true; then npm run build -- --debug; fi'",
            "sh -c 'echo \"a;b\";next build'",
            "env NODE_ENV=production next build",
            "env A=1 npm run build -- --debug",
            "env -u X A=1 npm run build",
            "cross-env NODE_ENV=production vite build",
            "dotenv -e .env.production -- next build",
            "dotenvx run -- next build",
            "dotenvx run -f .env -- next build",
            "dotenvx run -f .env next build",
            "npx dotenvx run --env-file=.env -- npm run build -- --debug",
            "yarn workspaces run build",
            "yarn workspaces foreach -A run build",
            "yarn workspaces foreach --all --exclude docs -j 2 run build",
            "time next build",
            "NODE_ENV=production next build",
            "npx wrangler deploy --dry-run --outdir dist",
        ] {
            assert!(check(command), "{command}");
        }
    }

    #[test]
    fn other_commands_are_not() {
        for command in [
            "next start",
            "next dev",
            "next",
            "next dev build",
            "vite",
            "vite preview",
            "astro dev",
            "node build",
            "node server.js build",
            "npm start",
            "npm run dev",
            "npm run prebuild",
            "npm run start build",
            "npm build",
            "npm test",
            "npm install build",
            "pnpm dev",
            "pnpm install",
            "yarn",
            "yarn add build",
            "bun build ./index.ts",
            "bun run dev",
            "cargo build",
            "go build",
            "make build",
            "docker build .",
            "build",
            "./build",
            "echo next build",
            "sh -c 'echo next build'",
            "sh -c 'echo \"; next build\"'",
            "sh -c 'echo \\; next build'",
            "sh -c 'echo a\\\"; next start'",
            "yarn workspaces foreach run dev",
            "yarn workspaces list",
            "dotenvx run -f .env -- next start",
            "sh next build",
            "sh -c 'next start'",
            "sh -c 'unclosed \" next build'",
            "env",
            "env A=1",
            "npx",
            "turbo dev",
            "wrangler deploy",
            "wrangler dev",
            "true",
        ] {
            assert!(!check(command), "{command}");
        }
    }
}
