//! Build tools of web applications, and bundlers, which may build one.
//!
//! Knows their names, also as packages and as files, and which of their subcommands build. Their
//! configuration files are not read.

use super::wrangler_words::WranglerWords;

/// What a tool does with its arguments.
pub(super) enum Does {
    Build,
    /// It writes bundles, and its arguments do not say for what.
    Bundle,
    Else,
}

/// Build tools and the subcommands that build. Without subcommands, the tool does nothing else.
const TOOLS: &[(&str, &[&str])] = &[
    ("next", &["build", "export"]),
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
    ("ntl", &["build"]),
    ("opennextjs-cloudflare", &["build"]),
    ("open-next", &["build"]),
    ("next-on-pages", &[]),
    ("react-scripts", &["build"]),
    ("react-app-rewired", &["build"]),
    ("craco", &["build"]),
    ("preact", &["build"]),
    ("gatsby", &["build"]),
    ("eleventy", &[]),
    ("ng", &["build", "b"]),
    ("vue-cli-service", &["build"]),
    ("quasar", &["build"]),
    ("ember", &["build", "b"]),
    ("docusaurus", &["build"]),
    ("vitepress", &["build"]),
    ("vuepress", &["build"]),
    ("vuepress-vite", &["build"]),
    ("storybook", &["build"]),
    ("build-storybook", &[]),
    ("hexo", &["generate", "g"]),
    ("hugo", &["build"]),
    ("jekyll", &["build", "b"]),
    ("zola", &["build"]),
    ("mkdocs", &["build"]),
    ("expo", &["export"]),
    ("umi", &["build"]),
    ("max", &["build"]),
    ("waku", &["build"]),
    ("qwik", &["build"]),
    ("rw", &["build"]),
    ("redwood", &["build"]),
    ("blitz", &["build"]),
    ("payload", &["build"]),
    ("keystone", &["build"]),
    ("strapi", &["build"]),
    ("ionic", &["build"]),
    ("stencil", &["build"]),
];

/// Tools that bundle, unless their arguments tell them to serve, watch or test.
const BUNDLERS: [&str; 18] = [
    "webpack",
    "webpack-cli",
    "rollup",
    "esbuild",
    "tsup",
    "tsdown",
    "rolldown",
    "ncc",
    "parcel",
    "rspack",
    "rsbuild",
    "rslib",
    "unbuild",
    "gulp",
    "grunt",
    "serverless",
    "sls",
    "sst",
];
const NOT_BUNDLING: [&str; 14] = [
    "serve", "s", "server", "dev", "watch", "start", "preview", "test", "lint", "-w", "--watch", "--serve",
    "deploy", "offline",
];

/// Packages whose programs have another name, and whose files do not tell it.
const PACKAGES: [(&str, &str); 9] = [
    ("@angular/cli", "ng"),
    ("@opennextjs/cloudflare", "opennextjs-cloudflare"),
    ("@opennextjs/aws", "open-next"),
    ("@react-router/dev", "react-router"),
    ("@remix-run/dev", "remix"),
    ("@vue/cli-service", "vue-cli-service"),
    ("@docusaurus/core", "docusaurus"),
    ("netlify-cli", "netlify"),
    ("@builder.io/qwik", "qwik"),
];

/// The program that a word names, without folders, the extension of a script, a version or `npm:`.
pub(super) fn name(program: &str) -> String {
    let program = program.strip_prefix("npm:").or(program.strip_prefix("jsr:")).unwrap_or(program);
    let path = program.replace('\\', "/");
    if let Some((_, name)) = PACKAGES.iter().find(|(package, _)| is_of_package(&path, package)) {
        return (*name).to_owned();
    }
    let file = path.rsplit('/').next().unwrap_or(&path);
    let name = without_ending(file.split('@').next().unwrap_or(file));
    let package = path.rsplit_once("node_modules/").and_then(|(_, inside)| inside.split('/').next());
    match (name, package) {
        ("cli" | "index" | "main" | "bin" | "cmd", Some(package)) => package.to_owned(),
        // Releases of yarn that are committed to the repository: `.yarn/releases/yarn-4.1.0.cjs`.
        (name, _) if name.starts_with("yarn-") => "yarn".to_owned(),
        ("yarnpkg", _) => "yarn".to_owned(),
        (name, _) => name.to_owned(),
    }
}

fn without_ending(name: &str) -> &str {
    let endings = [".js", ".mjs", ".cjs", ".cmd", ".exe", ".ts"];
    endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Whether a path is the package itself, with a version or without, or one of its files.
fn is_of_package(path: &str, package: &str) -> bool {
    let inside = path.rsplit_once("node_modules/").map_or(path, |(_, inside)| inside);
    inside.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', '/']))
}

pub(super) fn is_known(tool: &str) -> bool {
    tool == "wrangler" || BUNDLERS.contains(&tool) || TOOLS.iter().any(|(name, _)| *name == tool)
}

pub(super) fn effect(tool: &str, rest: &[&str]) -> Does {
    let builds = match tool {
        // Without `--dry-run`, wrangler deploys what it built, and there is nothing left to inline.
        "wrangler" => {
            let (words, all) = (without_flags(rest), rest.iter().map(|word| (*word).to_owned()));
            WranglerWords::parse(&all.collect::<Vec<_>>()).is_dry_run()
                || words.starts_with(&["build"])
                || words.starts_with(&["pages", "functions", "build"])
        }
        "eleventy" => {
            !rest.iter().any(|word| matches!(*word, "--serve" | "--watch" | "--help" | "--version"))
        }
        "hugo" => without_flags(rest).first().is_none_or(|word| *word == "build"),
        bundler if BUNDLERS.contains(&bundler) => {
            let bundles = !rest.iter().any(|word| NOT_BUNDLING.contains(word));
            return if bundles { Does::Bundle } else { Does::Else };
        }
        tool => {
            let subcommands =
                TOOLS.iter().find(|(name, _)| *name == tool).map(|(_, subcommands)| *subcommands);
            subcommands.is_some_and(|subcommands| subcommands.is_empty() || has_subcommand(rest, subcommands))
        }
    };
    if builds { Does::Build } else { Does::Else }
}

/// The folder that a build tool is told to work in: `next build web`, `vite build web`.
pub(super) fn folder<'b>(tool: &str, rest: &[&'b str]) -> Option<&'b str> {
    if let Some(at) = rest.iter().position(|word| matches!(*word, "--cwd" | "--root" | "--project-root")) {
        return rest.get(at + 1).copied();
    }
    let takes_folder = ["next", "vite", "nuxt", "nuxi", "remix", "react-router", "vitepress", "vuepress"];
    let at = rest.iter().position(|word| matches!(*word, "build" | "generate" | "vite:build"))?;
    // Only the word right after the subcommand: a later one may be the value of a flag.
    let word = rest.get(at + 1).copied()?;
    (takes_folder.contains(&tool) && !word.starts_with(['-', '$'])).then_some(word)
}

fn has_subcommand(rest: &[&str], subcommands: &[&str]) -> bool {
    let mut after_flag = false;
    for word in rest {
        if word.starts_with('-') {
            after_flag = !word.contains('=');
        } else if subcommands.contains(word) {
            return true;
        } else if after_flag {
            // This may be the value of that flag.
            after_flag = false;
        } else {
            return false;
        }
    }
    false
}

fn without_flags<'b>(rest: &[&'b str]) -> Vec<&'b str> {
    rest.iter().copied().filter(|word| !word.starts_with('-')).collect()
}
