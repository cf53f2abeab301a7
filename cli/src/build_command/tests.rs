//! A table of command lines: what each does, and in which folder.

use std::fs;
use std::path::Path;

use super::*;

fn read(command: &str, here: &Path) -> Effect {
    let words = shell_words::split(command).unwrap();
    effect(&words.into_iter().map(OsString::from).collect::<Vec<_>>(), here)
}

/// The effect of a command in an empty folder.
fn bare(command: &str) -> Effect {
    read(command, tempfile::tempdir().unwrap().path())
}

fn build_in(folders: &[&str]) -> Effect {
    Effect::Build { folders: folders.iter().map(PathBuf::from).collect() }
}

/// Creates a folder with these files.
fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn builds_are_recognised_by_their_words() {
    let commands = [
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
        "wrangler versions upload --dryRun --outdir dist",
        // Package managers' programs, runners, wrappers.
        "pnpm turbo build",
        "yarn turbo run build",
        "timeout 900 next build",
        "timeout -k 5 --signal=KILL 15m npm run build",
        "doppler run -- next build",
        "doppler run -p web -c prd -- npm run build",
        "doppler run --command 'next build && echo done'",
        "op run -- next build",
        "op run --env-file=.env.op -- npm run build",
        "infisical run --env=prod -- next build",
        "aws-vault exec prod -- next build",
        "chamber exec web -- next build",
        "capy run -- next build",
        "railway run next build",
        "some-wrapper --flag x -- next build",
        "sudo -E npm run build",
        "sudo -u node -E next build",
        "doas -u node next build",
        "gosu node next build",
        "su node -c 'next build'",
        "tini -- npm run build",
        "tini -g -p SIGTERM -- next build",
        "dumb-init -- next build",
        "dumb-init npm run build",
        "catatonit -- next build",
        "nice -n 10 next build",
        "ionice -c 3 nice next build",
        "nohup next build",
        "stdbuf -oL next build",
        "setsid -w next build",
        "xvfb-run -a npm run build",
        "flock -n /tmp/lock next build",
        "flock /tmp/lock -c 'next build'",
        "script -qec 'npm run build' /dev/null",
        "env -S 'next build'",
        "env-cmd -f .env.ci next build",
        "varlock run -- next build",
        "deno task build",
        "deno run -A npm:vite build",
        "npx -c 'next build'",
        "npx --call 'vite build'",
        "npm exec -c 'next build'",
        "npx --no-install next build",
        "npx turbo run build --filter=web",
        "bunx --bun vite build",
        "pnpm exec -c 'next build'",
        "pnpm dlx @opennextjs/cloudflare build",
        "yarn run -T turbo build",
        "yarn run -T next build",
        "npm run build -w web",
        "npm run build --workspace=web --if-present",
        "npm run build --workspaces",
        "pnpm -r --parallel run build",
        "pnpm recursive run build",
        "node .yarn/releases/yarn-4.1.0.cjs build",
        "node --run build",
        "node node_modules/@angular/cli/bin/ng.js build",
        "node node_modules/gatsby/cli.js build",
        "node node_modules/.pnpm/next@16.0.0/node_modules/next/dist/bin/next build",
        "corepack yarn@4.1.0 build",
        "volta run --node 22 next build",
        "mise exec -- next build",
        "mise x node@22 -- npm run build",
        "fnm exec --using=22 next build",
        "nvm exec 22 npm run build",
        "asdf exec next build",
        "nix develop -c next build",
        "nix develop .#web --command npm run build",
        "nix-shell --run 'npm run build'",
        "devbox run -- next build",
        "turbo run web#build",
        "nx run web:build:production",
        "nx run-many --target=build",
        "nx run-many -t build",
        "nx affected -t=build",
        "lerna exec -- next build",
        "moon run web:build",
        "rush build",
        "rushx build",
        "concurrently 'next build' 'echo 1'",
        "concurrently npm:build:*",
        "npm-run-all clean build",
        "run-s build:*",
        "wrangler pages functions build",
        "vercel env run -- next build",
        "netlify build",
        "react-scripts build",
        "gatsby build",
        "npx @11ty/eleventy",
        "npx @angular/cli build",
        "ng build --configuration production",
        "vue-cli-service build",
        "docusaurus build",
        "vitepress build",
        "hugo --minify",
        "bash -o pipefail -c 'next build | tee log'",
        "sh -c 'for i in 1; do next build; done'",
        "sh -c '# the site\nnext build'",
        "sh -c 'cat <<END\nnothing\nEND\nnext build'",
        "sh -c '\"$@\"' sh next build",
        "sh -c 'eval \"next build\"'",
        "sh -c 'N=$(nproc) && next build'",
    ];
    let builds = |command: &&str| matches!(bare(command), Effect::Build { .. });
    let wrong: Vec<_> = commands.into_iter().filter(|command| !builds(command)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn other_commands_are_no_builds() {
    let commands = [
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
        "npm t",
        "node --run start",
        "timeout 900 next start",
        "doppler run -- next start",
        "sudo -E npm start",
        "tini -- node server.js",
        "dumb-init node build/server.js",
        "deno task start",
        "deno run build.ts",
        "npx -c 'next start'",
        "npx serve build",
        "pnpm turbo dev",
        "turbo run test",
        "nx test build-utils",
        "make test",
        "just test",
        "make start",
        "git commit -m x -- next build",
        "ssh host -- next build",
        "docker build -t web .",
        "hugo server",
        "eleventy --serve",
        "webpack serve",
        "concurrently 'next dev' 'tsc -w'",
        "sh -c 'cat <<END\nnext build\nEND'",
        "sh -c '# next build\nnext start'",
        "npm run build:watch",
        "python manage.py build",
        "java -jar build.jar",
    ];
    let builds = |command: &&str| matches!(bare(command), Effect::Build { .. });
    let wrong: Vec<_> = commands.into_iter().filter(|command| builds(command)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The parent process of a server must not stay, as it would hold a deployment's credentials for
/// nothing.
#[test]
fn servers_and_programs_of_ones_own_are_not_waited_for() {
    let project = project(&[
        ("package.json", r#"{"scripts":{"start":"node dist/server.js","dev":"vite"}}"#),
        ("start.sh", "#!/bin/sh\nset -e\nnode migrate.js\nexec node server.js\n"),
        ("entrypoint.sh", "#!/bin/sh\nexec \"$@\"\n"),
        ("serve.sh", "#!/bin/sh\nexec $SERVER\n"),
        ("tool.py", "#!/usr/bin/env python3\nprint()\n"),
        ("Makefile", "start:\n\tnode server.js\n"),
    ]);
    for command in [
        "node server.js",
        "npm start",
        "pnpm dev",
        "bun server.ts",
        "python app.py",
        "next start",
        "vite preview",
        "./start.sh",
        "sh start.sh",
        "./entrypoint.sh node server.js",
        "tini -- ./entrypoint.sh next start",
        "./serve.sh",
        "./tool.py build",
        "./missing.sh",
        "make start",
        "sh -c 'node server.js'",
        "sh -c 'echo $A'",
        "docker build .",
    ] {
        assert_eq!(read(command, project.path()), Effect::Other, "{command}");
    }
}

#[test]
fn a_build_is_looked_for_where_its_spelling_says() {
    let project = project(&[
        ("package.json", r#"{"scripts":{"build":"turbo run build","site":"cd site && vite build"}}"#),
        ("apps/web/package.json", r#"{"name":"@acme/web","scripts":{"build":"next build"}}"#),
        ("apps/docs/package.json", r#"{"name":"docs","scripts":{"build":"cd out && vite build"}}"#),
    ]);
    let mut wrong = Vec::new();
    for (command, folders) in [
        ("next build", &["."][..]),
        ("next build apps/web", &["apps/web"]),
        ("npm run build", &["."]),
        ("npm run site", &["site"]),
        ("npm --prefix apps/web run build", &["apps/web"]),
        ("npm run --prefix=apps/web build", &["apps/web"]),
        ("npm run build -w @acme/web", &["apps/web"]),
        ("npm run build --workspace=apps/web", &["apps/web"]),
        ("npm -w docs run build", &["apps/docs/out"]),
        ("pnpm --filter web build", &["apps/web"]),
        ("pnpm --filter ./apps/web... build", &["apps/web"]),
        ("pnpm -C apps/web build", &["apps/web"]),
        ("pnpm -F web exec next build", &["apps/web"]),
        ("yarn workspace @acme/web build", &["apps/web"]),
        ("yarn --cwd apps/web build", &["apps/web"]),
        ("bun run --filter web build", &["apps/web"]),
        ("turbo run build --cwd apps/web", &["apps/web"]),
        ("env -C apps/web next build", &["apps/web"]),
        ("sudo -D apps/web next build", &["apps/web"]),
        ("direnv exec apps/web next build", &["apps/web"]),
        ("sh -c 'cd apps/web && next build'", &["apps/web"]),
        ("sh -c 'cd apps; cd ./web/../docs; vite build'", &["apps/docs"]),
        ("sh -c 'cd apps/web && next build && cd ../docs && vite build'", &["apps/docs", "apps/web"]),
        ("make -C apps/web build", &[]),
    ] {
        match read(command, project.path()) {
            Effect::Unknown { says_build: true } if folders.is_empty() => {}
            effect if effect != build_in(folders) => wrong.push((command, effect)),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn scripts_that_are_named_are_read() {
    let project = project(&[
        (
            "package.json",
            r#"{"scripts":{"release":"run-s clean compile","compile":"vite build","deploy":"./ci.sh"}}"#,
        ),
        (
            "deno.json",
            r#"{"tasks":{"site":"deno run -A npm:vite build","bundle":{"command":"npx astro build"}}}"#,
        ),
        (
            "build.sh",
            "#!/usr/bin/env bash\nset -euo pipefail\n# builds\nexport NODE_ENV=production\nnpm ci\nnext build\n",
        ),
        ("ci.sh", "#!/bin/sh\ncd web || exit 1\nexec ./node_modules/.bin/next build \"$@\"\n"),
        ("run.sh", "#!/bin/sh\nset -- next \"$@\"\nexec \"$@\"\n"),
        ("deep.sh", "#!/bin/sh\n. ./common.sh\n./ci.sh\n"),
        ("circle.sh", "#!/bin/sh\n./circle.sh\n"),
        (
            "Makefile",
            "NEXT := node_modules/.bin/next\n.PHONY: build site all\nall: site\nbuild: clean\n\t@$(NEXT) build\n\
             site:\n\t$(MAKE) -C docs html\n\tcd web && vite build\nclean:\n\trm -rf .next\ngo:\n\tgo build ./...\n\
             test:\n\tnext start & playwright test\nindirect: build\n",
        ),
        ("docs/Makefile", "html:\n\tsphinx-build . out\n"),
        (
            "justfile",
            "default: site\n\nsite target='x': prepare\n    npx astro build\n\nprepare:\n    echo 1\n",
        ),
        (
            "Taskfile.yml",
            "version: '3'\ntasks:\n  build:\n    dir: web\n    deps: [clean]\n    cmds:\n      - next build\n  clean:\n    cmd: rm -rf .next\n",
        ),
    ]);
    let mut wrong = Vec::new();
    for (command, folders) in [
        ("npm run release", &["."][..]),
        ("npm run deploy", &["web"]),
        ("deno task site", &["."]),
        ("deno task bundle", &["."]),
        ("./build.sh", &["."]),
        ("bash build.sh prod", &["."]),
        ("bash -e ./build.sh", &["."]),
        ("timeout 900 ./ci.sh", &["web"]),
        ("./deep.sh", &["web"]),
        ("sh -c './build.sh && echo done'", &["."]),
        ("make build", &["."]),
        ("make", &["web"]),
        ("make -j 4 NODE_ENV=production site", &["web"]),
        ("make indirect", &["."]),
        ("make -f Makefile build", &["."]),
        ("just", &["."]),
        ("just site", &["."]),
        ("task build", &["web"]),
        ("./run.sh build", &[]),
    ] {
        match read(command, project.path()) {
            effect if !folders.is_empty() && effect != build_in(folders) => wrong.push((command, effect)),
            effect @ Effect::Build { .. } if folders.is_empty() => wrong.push((command, effect)),
            _ => {}
        }
    }
    for (command, says_build) in [
        ("make go", false),
        ("make missing", false),
        ("just build", true),
        ("mage build", true),
        ("bazel build //web", true),
        ("./gradlew assemble", false),
        ("docker run -v .:/app node npm run build", false),
        ("webpack --mode production", false),
        ("esbuild src/index.ts --bundle --outfile=dist/index.js", false),
        ("sh -c '$BUILD'", false),
    ] {
        let effect = read(command, project.path());
        if effect != (Effect::Unknown { says_build }) {
            wrong.push((command, effect));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for command in ["./circle.sh", "make test"] {
        assert!(!matches!(read(command, project.path()), Effect::Build { .. }), "{command}");
    }
}

#[test]
fn what_is_read_is_bounded() {
    let long = format!("#!/bin/sh\n{}next build\n", "#\n".repeat(300_000));
    let many: String = (0..5000).map(|number| format!("tool{number}\n")).collect();
    let circle: Vec<String> =
        (0..100).map(|number| format!(r#""s{number}":"npm run s{0} && npm run s{0}""#, number + 1)).collect();
    let project = project(&[
        ("long.sh", &long),
        ("many.sh", &format!("#!/bin/sh\n{many}")),
        ("package.json", &format!(r#"{{"scripts":{{{}}}}}"#, circle.join(","))),
    ]);
    assert_eq!(read("./long.sh", project.path()), Effect::Other);
    for command in ["./many.sh", "npm run s0"] {
        assert_eq!(read(command, project.path()), Effect::Unknown { says_build: false }, "{command}");
    }
}

fn uploaded(command: &str, here: &Path) -> Option<Upload> {
    let words = shell_words::split(command).unwrap();
    upload(&words.into_iter().map(OsString::from).collect::<Vec<_>>(), here)
}

/// Program, words of an upload with `ENTRY`, folder and the script's command of a Worker's upload.
fn worker(command: &str, here: &Path) -> Option<(String, String, PathBuf, Option<String>)> {
    let Some(Upload::Worker(command)) = uploaded(command, here) else { return None };
    let words = command.words.rewritten(&["ENTRY"], Keep::OptionsOnly, &["minify"]);
    let script = command.script.map(|script| script.command.join(" "));
    Some((command.program.join(" "), words.join(" "), command.folder, script))
}

#[test]
fn an_upload_that_bundles_is_taken_apart_into_words() {
    let empty = tempfile::tempdir().unwrap();
    for (command, program, words, folder) in [
        ("wrangler deploy", "wrangler", "deploy ENTRY", "."),
        ("npx wrangler@4 deploy --minify", "npx wrangler@4", "deploy ENTRY", "."),
        ("npx --yes wrangler versions upload", "npx --yes wrangler", "versions upload ENTRY", "."),
        ("pnpm exec wrangler deploy src/a.ts -e x", "pnpm exec wrangler", "deploy ENTRY -e x", "."),
        ("pnpm wrangler deploy", "pnpm wrangler", "deploy ENTRY", "."),
        ("yarn wrangler deploy", "yarn wrangler", "deploy ENTRY", "."),
        ("wrangler -c a/wrangler.toml deploy", "wrangler", "-c a/wrangler.toml deploy ENTRY", "."),
        ("wrangler deploy --var A:1 B:2 --minify true", "wrangler", "deploy ENTRY --var A:1 B:2", "."),
        ("wrangler deploy --dryRun=false", "wrangler", "deploy ENTRY --dryRun=false", "."),
        ("timeout 900 npx wrangler deploy", "timeout 900 npx wrangler", "deploy ENTRY", "."),
        ("env -C web wrangler deploy", "env -C web wrangler", "deploy ENTRY", "web"),
        ("doppler run -- wrangler deploy", "doppler run -- wrangler", "deploy ENTRY", "."),
        ("env -- npx wrangler deploy --site s", "env -- npx wrangler", "deploy ENTRY --site s", "."),
        (
            "node node_modules/wrangler/bin/wrangler.js deploy",
            "node node_modules/wrangler/bin/wrangler.js",
            "deploy ENTRY",
            ".",
        ),
    ] {
        let expected = (program.to_owned(), words.to_owned(), PathBuf::from(folder), None);
        assert_eq!(worker(command, empty.path()), Some(expected), "{command}");
    }
    for command in [
        "wrangler deploy --dry-run --outdir dist",
        "wrangler deploy --dryRun",
        "wrangler deploy --help",
        "wrangler dev",
        "wrangler deployments list",
        "wrangler versions deploy",
        "echo wrangler deploy",
        "pnpm deploy out",
    ] {
        assert_eq!(uploaded(command, empty.path()), None, "{command}");
    }
}

#[test]
fn an_upload_at_the_end_of_a_packages_script_is_taken_apart() {
    let text = r#"{"scripts":{"build":"vite build","deploy":"npm run build && CLOUDFLARE_ENV=x npx wrangler deploy --minify",
        "late":"wrangler deploy && echo done","piped":"wrangler deploy | cat","after":"wrangler deploy","postafter":"echo",
        "out":"wrangler deploy --outdir dist","pages":"wrangler pages deploy dist","both":"vite build && wrangler pages deploy dist",
        "nested":"npm run deploy","exported":"export CLOUDFLARE_ENV=x && wrangler deploy","assigned":"A=1; wrangler deploy",
        "sourced":". ./a.sh && wrangler deploy","home":"cd ~/web && wrangler deploy","inside":"cd web && wrangler deploy",
        "wrapped":"capy run -- wrangler deploy","behind":"capy run -- vite build && wrangler deploy"}}"#;
    let project = project(&[("package.json", text), ("web/package.json", text)]);
    for (command, words, folder, script) in [
        ("npm run deploy", "deploy ENTRY", ".", "npm run deploy --"),
        ("npm run deploy -- -e y", "deploy ENTRY -e y", ".", "npm run deploy -- -e y"),
        ("npm --prefix web run deploy", "deploy ENTRY", "web", "npm --prefix web run deploy --"),
        ("pnpm run deploy", "deploy ENTRY", ".", "pnpm run deploy"),
        ("yarn deploy --name x", "deploy ENTRY --name x", ".", "yarn deploy --name x"),
        ("bun run deploy", "deploy ENTRY", ".", "bun run deploy"),
    ] {
        let expected =
            ("npx wrangler".to_owned(), words.to_owned(), PathBuf::from(folder), Some(script.to_owned()));
        assert_eq!(worker(command, project.path()), Some(expected), "{command}");
    }
    let Some(Upload::Worker(command)) = uploaded("npm run deploy", project.path()) else {
        panic!("no upload")
    };
    assert_eq!(command.script.unwrap().assignments, [("CLOUDFLARE_ENV".to_owned(), "x".to_owned())]);
    let Some(Upload::Worker(command)) = uploaded("npm run inside", project.path()) else {
        panic!("no upload")
    };
    assert_eq!(command.folder, PathBuf::from("web"));
    assert_eq!(uploaded("npm run wrapped", project.path()), None);
    assert!(matches!(uploaded("npm run behind", project.path()), Some(Upload::Worker(_))));
    for command in
        ["late", "piped", "after", "out", "both", "nested", "exported", "assigned", "sourced", "home"]
    {
        assert_eq!(
            uploaded(&format!("npm run {command}"), project.path()),
            Some(Upload::Hidden),
            "{command}"
        );
    }
    assert!(matches!(uploaded("npm run pages", project.path()), Some(Upload::Pages(_))));
    for command in ["sh -c 'wrangler deploy'", "node --run deploy", "npx -c 'wrangler deploy'"] {
        assert_eq!(uploaded(command, project.path()), Some(Upload::Hidden), "{command}");
    }
    assert_eq!(
        uploaded("npx opennextjs-cloudflare deploy", project.path()),
        Some(Upload::OpenNext { folder: PathBuf::from(".") })
    );
}

#[test]
fn a_capy_run_inside_of_a_command_is_found_and_what_builds_outside_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let scripts = r#"{"scripts":{"build":"capy run -- next build","build:pack":"capy run -- webpack","both":"capy run -- next build && vite build","plain":"next build","task":"capy run -- next build && $BUNDLE"}}"#;
    std::fs::write(folder.path().join("package.json"), scripts).unwrap();
    for (command, runs_capy, builds_elsewhere, is_unknown_elsewhere) in [
        ("npm run build", true, false, false),
        ("pnpm build", true, false, false),
        ("npm run build:pack", true, false, false),
        ("capy run -- next build", true, false, false),
        ("npm run both", true, true, false),
        ("npm run plain", false, true, false),
        ("capy list", false, false, false),
        ("node server.js", false, false, false),
        ("npm run task", true, false, true),
    ] {
        let words: Vec<_> = command.split(' ').map(OsString::from).collect();
        let expected = Nested { runs_capy, builds_elsewhere, is_unknown_elsewhere };
        assert_eq!(nested(&words, folder.path()), expected, "{command}");
    }
    assert!(is_one_command("next build --name 'a && b'") && !is_one_command("a && b"));
    assert!(!is_one_command("a 'b"));
}
