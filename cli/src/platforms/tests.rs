//! Every platform's file is complete and renders; detection and limits.

use std::fs;

use super::*;

const NAMES: [&str; 3] = ["CAPY_SERVICE_URL", "PROJECT_KEY", "SECRETS_BLOB"];

fn guide(platform: &Platform) -> Guide {
    let environment = platform.environment(None).unwrap();
    let commands = Commands::default();
    platform.guide(&Setting { environment: environment.as_deref(), names: &NAMES, commands: &commands })
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") && !text.contains(' ')
}

#[test]
fn every_platform_file_is_complete_and_built_in() {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/platforms")).unwrap();
    assert_eq!(files.count(), FILES.len());
    assert!(FILES.len() >= 25);
    for platform in all() {
        let id = platform.id;
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{id}");
        assert!(
            !platform.name.is_empty() && !platform.steps.is_empty() && !platform.search.is_empty(),
            "{id}"
        );
        assert!(is_url(&platform.docs) || id == "other", "{id}");
        assert!(platform.command.contains("capy") && !platform.place.is_empty(), "{id}");
        let limits = &platform.limits;
        let says_a_number = [limits.value, limits.total, limits.count].iter().any(Option::is_some);
        assert_eq!(
            says_a_number,
            limits.source.as_deref().is_some_and(is_url),
            "{id}: a limit has its source"
        );
        assert_eq!(limits.careful.is_some(), limits.careful_why.is_some(), "{id}");
        assert_eq!(find(id).unwrap().name, platform.name);
    }
}

#[test]
fn every_platform_renders_without_a_placeholder_left() {
    let placeholders = ["{environment}", "{NAME}", "{build}", "{start}", "{start_json}", "{entries}"];
    for platform in all() {
        let guide = guide(&platform);
        let lines: Vec<_> = [guide.steps, guide.cli, vec![guide.command, guide.place]].concat();
        for line in &lines {
            assert!(!line.is_empty(), "{}", platform.id);
            for placeholder in placeholders {
                assert!(!line.contains(placeholder), "{}: {line}", platform.id);
            }
        }
        let pushed = platform.push.iter().flat_map(|push| push.run.iter().chain(&push.list));
        for word in pushed.filter(|word| word.contains('{')) {
            let known = word == "{NAME}" || word == "{environment}" && !platform.environments.is_empty();
            assert!(known, "{}: {word}", platform.id);
        }
    }
}

#[test]
fn a_value_is_never_an_argument_of_a_command_to_paste() {
    for platform in all() {
        for line in guide(&platform).cli {
            assert!(!NAMES.iter().any(|name| line.contains(&format!("{name}="))), "{}: {line}", platform.id);
        }
        let Some(push) = &platform.push else { continue };
        let named = push.run.iter().any(|word| word == "{NAME}");
        assert_eq!(
            named,
            push.stdin == Stdin::Value,
            "{}: one run for each name, or one for all",
            platform.id
        );
        assert_eq!(push.list.is_empty(), push.stdin == Stdin::HerokuApi, "{}", platform.id);
        assert!(!push.list.iter().any(|word| word == "{NAME}"), "{}", platform.id);
    }
}

#[test]
fn lines_for_each_variable_are_written_for_each() {
    let action = guide(&find("github-actions").unwrap());
    for name in NAMES {
        assert!(
            action.command.contains(&format!("    {name}: ${{{{ secrets.{name} }}}}")),
            "{}",
            action.command
        );
        assert!(action.cli.contains(&format!("gh secret set {name}")), "{:?}", action.cli);
    }
    let task = guide(&find("aws-ecs").unwrap());
    let json = format!("{{{}}}", task.command);
    let task: serde_json::Value =
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!(task["secrets"].as_array().unwrap().len(), 3);
}

#[test]
fn the_repository_says_where_it_goes_and_how_it_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let signs = Signs::of(folder.path());
    assert!(all().iter().all(|platform| signs.of_platform(platform).is_none()));
    assert_eq!(signs.commands(), Commands::default());

    fs::write(folder.path().join("fly.toml"), "").unwrap();
    fs::write(folder.path().join("wrangler.toml"), "name = \"a\"\n").unwrap();
    let found: Vec<_> = all().into_iter().filter(|platform| signs.of_platform(platform).is_some()).collect();
    let ids: Vec<_> = found.iter().map(|platform| platform.id).collect();
    assert_eq!(ids, ["cloudflare-workers", "fly"]);
    fs::write(folder.path().join("wrangler.toml"), "pages_build_output_dir = \"dist\"\n").unwrap();
    assert_eq!(signs.of_platform(&find("cloudflare-pages").unwrap()), Some("wrangler.toml"));

    fs::write(folder.path().join("package.json"), r#"{"scripts":{"build":"x","start":"y"}}"#).unwrap();
    fs::write(folder.path().join("pnpm-lock.yaml"), "").unwrap();
    let commands = signs.commands();
    assert_eq!((commands.build.as_str(), commands.start.as_str()), ("pnpm run build", "pnpm start"));
    assert_eq!(commands.start_json(), r#"["pnpm", "start"]"#);
    fs::write(folder.path().join("package.json"), "not json").unwrap();
    assert_eq!(signs.commands(), Commands::default());
}

#[test]
fn what_does_not_fit_is_told_with_numbers() {
    let lambda = find("aws-lambda-image").unwrap().limits;
    assert_eq!(lambda.check(&[("AB", 4094)]), Ok(()));
    assert_eq!(lambda.check(&[("AB", 4095)]), Err(Misfit::Total { bytes: 4097, limit: 4096 }));
    let pages = find("cloudflare-pages").unwrap().limits;
    let misfit = pages.check(&[("A", 1), ("B", 5121)]).unwrap_err();
    assert_eq!(misfit.to_string(), "B has 5121 bytes, 5120 are allowed in one variable");
    let vercel = find("vercel").unwrap().limits;
    assert_eq!(vercel.check(&[("A", 6000)]), Ok(()));
    assert!(vercel.warning(&[("A", 6000)]).unwrap().contains("edge functions"));
    assert_eq!(vercel.warning(&[("A", 5120)]), None);
    assert_eq!(find("other").unwrap().limits.check(&[("A", 10_000_000)]), Ok(()));
}

#[test]
fn an_environment_is_one_of_the_platforms_own() {
    let vercel = find("vercel").unwrap();
    assert_eq!(vercel.environment(None).unwrap().as_deref(), Some("production"));
    assert_eq!(vercel.environment(Some("preview")).unwrap().as_deref(), Some("preview"));
    assert_eq!(vercel.environment(Some("staging")).unwrap_err().code(), "ENVIRONMENT_UNKNOWN");
    assert_eq!(find("docker").unwrap().environment(None).unwrap(), None);
}
