//! Tests of the platforms: every file is complete and renders; detection and limits.

use crate::error::LimitExceeded;
use std::fs;

use super::limits::{Counts, Usage};
use super::*;

const NAMES: [&str; 3] = ["CAPY_SERVICE_URL", "PROJECT_KEY", "SECRETS_BLOB"];

fn guide(platform: &Platform) -> Guide {
    let environment = platform.environment(None).unwrap();
    let commands = Commands::default();
    guide_for(platform, environment.as_deref(), &commands)
}

fn guide_for(platform: &Platform, environment: Option<&str>, commands: &Commands) -> Guide {
    platform.guide(&Setting { environment, short_id: "0123456789ab", names: &NAMES, commands })
}

/// All fields that a file may have. serde cannot refuse unknown fields in a struct with a flattened
/// part.
const FIELDS: [&str; 21] = [
    "name",
    "kind",
    "pattern",
    "search",
    "docs",
    "environments",
    "own_environments",
    "only_environment",
    "detect",
    "steps",
    "place",
    "command",
    "entry",
    "between",
    "cli",
    "cli_note",
    "in_environment",
    "limits",
    "push",
    "no_push",
    "sets",
];

fn known_fields(id: &str) -> Vec<String> {
    let (_, text) = FILES.iter().find(|(known, _)| *known == id).unwrap();
    toml::from_str::<toml::Table>(text).unwrap().keys().cloned().collect()
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") && !text.contains(' ')
}

#[test]
fn every_platform_file_is_complete_and_built_in() {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/platforms")).unwrap();
    assert_eq!(files.count(), FILES.len());
    assert!(FILES.len() >= 27);
    for platform in all() {
        let id = platform.id;
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{id}");
        assert!(
            !platform.name.is_empty() && !platform.words.steps.is_empty() && !platform.search.is_empty(),
            "{id}"
        );
        assert!(is_url(&platform.docs) || id == "other", "{id}");
        for words in [Some(&platform.words), platform.in_environment.as_ref()].into_iter().flatten() {
            assert!(words.command.contains("capy") && !words.place.is_empty(), "{id}");
        }
        let limits = &platform.limits;
        let says_a_number = [limits.value, limits.total, limits.count].iter().any(Option::is_some)
            || limits.partial.is_some();
        assert_eq!(
            says_a_number,
            limits.source.as_deref().is_some_and(is_url),
            "{id}: a limit has its source"
        );
        assert!(limits.partial.iter().all(|part| part.value.or(part.total).is_some()), "{id}");
        assert_eq!(platform.own_variables.is_some(), id != "other", "{id}: what it sets itself");
        if let Some(sets) = &platform.own_variables {
            let is_plain = |name: &String| {
                let name = name.strip_suffix('*').unwrap_or(name);
                !name.is_empty()
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            };
            assert!(!sets.names.is_empty() && sets.names.iter().all(is_plain), "{id}: {:?}", sets.names);
            assert!(is_url(&sets.source), "{id}: {}", sets.source);
            let (year, month) = sets.read.split_once('-').unwrap();
            let month: u32 = month.parse().unwrap();
            assert!(year.parse::<u32>().unwrap() >= 2026 && (1..=12).contains(&month), "{id}: {}", sets.read);
        }
        let known = known_fields(id);
        assert!(known.iter().all(|field| FIELDS.contains(&field.as_str())), "{id}: {known:?}");
        assert_eq!(find(id).unwrap().name, platform.name);
    }
}

#[test]
fn every_platform_renders_without_a_placeholder_left() {
    let placeholders =
        ["{environment}", "{short}", "{NAME}", "{build}", "{start}", "{start_json}", "{entries}"];
    for (platform, environment) in all().into_iter().flat_map(with_environments) {
        let guide = guide_for(&platform, environment.as_deref(), &Commands::default());
        let lines: Vec<_> = [guide.steps, guide.cli, vec![guide.command, guide.place]].concat();
        for line in &lines {
            assert!(!line.is_empty(), "{}", platform.id);
            for placeholder in placeholders {
                assert!(!line.contains(placeholder), "{}: {line}", platform.id);
            }
        }
        let pushed =
            platform.push.iter().flat_map(|push| push.run.iter().chain(&push.list).chain(&push.remove));
        for word in pushed.filter(|word| word.contains('{')) {
            let known = word == "{NAME}" || word == "{environment}" && !platform.environments.is_empty();
            assert!(known, "{}: {word}", platform.id);
        }
    }
}

/// The platform with each of its environments, and with a custom one if it allows these.
fn with_environments(platform: Platform) -> Vec<(Platform, Option<String>)> {
    let own = platform.own_environments.then(|| "my own".to_owned());
    let named = platform.environments.iter().cloned().chain(own).map(Some);
    let none = platform.environments.is_empty().then_some(None);
    named.chain(none).map(|environment| (platform.clone(), environment)).collect()
}

#[test]
fn a_command_to_paste_means_the_same_in_every_shell_and_names_its_environment() {
    for (platform, environment) in all().into_iter().flat_map(with_environments) {
        let guide = guide_for(&platform, environment.as_deref(), &Commands::default());
        let text = guide.cli.join("\n");
        assert!(!text.lines().any(|line| line.trim_start().starts_with('#')), "{}", platform.id);
        assert_eq!(
            text.contains("rm capy"),
            text.contains("&& rm capy") || text.contains("&&\n  rm capy") || text.contains("&&\nrm capy"),
            "{}: {text}",
            platform.id
        );
        if environment.as_deref() == Some("my own") {
            assert!(text.contains("'my own'"), "{}: {text}", platform.id);
        }
    }
    let netlify = find("netlify").unwrap();
    assert!(netlify.sets(Some("all")) && !netlify.sets(Some("production")));
    let production = guide_for(&netlify, Some("production"), &Commands::default());
    assert!(production.cli.is_empty() && production.cli_note.is_some());
}

#[test]
fn a_push_names_what_it_sets_once_and_can_list_it() {
    for platform in all() {
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
        for environment in push.secret.iter().flat_map(|secret| &secret.environments) {
            assert!(platform.environments.contains(environment), "{}: {environment}", platform.id);
        }
    }
}

#[test]
fn what_a_platform_sets_itself_is_told_with_whose_value_counts() {
    let told = |id: &str, names: &[&str]| find(id).unwrap().sets_itself(names.iter().copied());
    assert_eq!(
        told("vercel", &["DATABASE_URL", "VERCEL_URL", "VERCEL", "VERCELS", "MY_VERCEL_URL"]),
        [
            "Vercel sets VERCEL_URL, VERCEL itself (https://vercel.com/docs/environment-variables/system-environment-variables, 2026-12): the build gets your value and inlines it; code that reads it at run time gets the platform's value"
        ]
    );
    let heroku = told("heroku", &["PORT", "PORTS", "NODE_ENV", "PATH", "STRIPE_KEY"]);
    assert_eq!(
        heroku,
        [
            "Heroku sets PORT itself (https://devcenter.heroku.com/articles/dyno-startup-behavior, 2026-12): `capy run` gives the program your value, but the platform uses its own",
            "the system there sets NODE_ENV, PATH itself: `capy run` gives the program your value, but the platform uses its own",
        ]
    );
    assert!(
        told("aws-lambda-image", &["AWS_REGION"])[0].starts_with("AWS Lambda (image) sets AWS_REGION itself")
    );
    for (id, name) in [
        ("google-cloud-run", "K_SERVICE"),
        ("dokku", "DOKKU_APP_TYPE"),
        ("fly", "PRIMARY_REGION"),
        ("netlify", "COMMIT_REF"),
    ] {
        assert!(told(id, &[name])[0].contains(&format!("sets {name} itself")), "{id}");
    }
    // Every platform notes PATH, HOME and NODE_ENV once, whether the platform or the system sets
    // them.
    for platform in all() {
        for name in ["PATH", "HOME", "NODE_ENV"] {
            let told = platform.sets_itself([name].into_iter());
            assert!(
                told.len() == 1 && told[0].contains(&format!("sets {name} itself")),
                "{}: {told:?}",
                platform.id
            );
        }
        assert!(platform.sets_itself(["DATABASE_URL", "Path", ""].into_iter()).is_empty(), "{}", platform.id);
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
    let folder = folder.path();
    assert!(all().iter().all(|platform| platform.marker_in(folder).is_none()));
    assert_eq!(Commands::detect(folder), Commands::default());

    fs::write(folder.join("fly.toml"), "").unwrap();
    fs::write(folder.join("wrangler.toml"), "name = \"a\"\n").unwrap();
    let found: Vec<_> = all().into_iter().filter(|platform| platform.marker_in(folder).is_some()).collect();
    let ids: Vec<_> = found.iter().map(|platform| platform.id).collect();
    assert_eq!(ids, ["cloudflare-workers", "fly"]);
    fs::write(folder.join("wrangler.toml"), "pages_build_output_dir = \"dist\"\n").unwrap();
    assert_eq!(find("cloudflare-pages").unwrap().marker_in(folder), Some("wrangler.toml"));

    fs::write(folder.join("package.json"), r#"{"scripts":{"build":"x","start":"y"}}"#).unwrap();
    fs::write(folder.join("pnpm-lock.yaml"), "").unwrap();
    let commands = Commands::detect(folder);
    assert_eq!((commands.build.as_str(), commands.start.as_str()), ("pnpm run build", "pnpm start"));
    assert_eq!(commands.start_json(), r#"["pnpm", "start"]"#);
    fs::write(folder.join("package.json"), "not json").unwrap();
    assert_eq!(Commands::detect(folder), Commands::default());
}

#[test]
fn what_does_not_fit_is_told_with_numbers() {
    let lambda = find("aws-lambda-image").unwrap().limits;
    // {"AB":"…"}
    assert_eq!(lambda.check(&[("AB", 4087)]), Ok(()));
    assert_eq!(lambda.check(&[("AB", 4088)]), Err(LimitExceeded::Total { bytes: 4097, limit: 4096 }));
    // {"A":"…","B":"…"}
    assert_eq!(lambda.check(&[("A", 4000), ("B", 81)]), Ok(()));
    assert!(lambda.check(&[("A", 4000), ("B", 82)]).is_err());
    let secret = find("kubernetes").unwrap().limits;
    assert_eq!(secret.counts, Counts::Values);
    let netlify = find("netlify").unwrap().limits;
    assert_eq!(netlify.check(&[("A", 5000)]), Ok(()));
    assert!(netlify.warning(&[("A", 2000), ("B", 3000)]).unwrap().contains("functions take 4 KB in all"));
    let pages = find("cloudflare-pages").unwrap().limits;
    let exceeded = pages.check(&[("A", 1), ("B", 5121)]).unwrap_err();
    assert_eq!(exceeded.to_string(), "B has 5121 bytes, 5120 are allowed in one variable");
    let vercel = find("vercel").unwrap().limits;
    assert_eq!(vercel.check(&[("A", 6000)]), Ok(()));
    assert!(vercel.warning(&[("A", 6000)]).unwrap().contains("edge functions"));
    assert_eq!(vercel.warning(&[("A", 5120)]), None);
    assert_eq!(vercel.split_len(), Some(5120));
    assert_eq!(vercel.usage(&[("A", 100)]).map(|usage| usage.limit), Some(65536));
    let ecs = find("aws-ecs").unwrap().limits;
    assert_eq!(ecs.usage(&[("A", 9)]), Some(Usage { bytes: 17, limit: 65536, of_one_variable: false }));
    assert_eq!(find("other").unwrap().limits.check(&[("A", 10_000_000)]), Ok(()));
}

#[test]
fn an_environment_is_one_of_the_platforms_own() {
    let vercel = find("vercel").unwrap();
    assert_eq!(vercel.environment(None).unwrap().as_deref(), Some("production"));
    assert_eq!(vercel.environment(Some("preview")).unwrap().as_deref(), Some("preview"));
    assert_eq!(vercel.environment(Some("staging")).unwrap_err().code(), "ENVIRONMENT_UNKNOWN");
    assert_eq!(find("docker").unwrap().environment(None).unwrap(), None);
    for (id, none) in [("github-actions", None), ("railway", Some("production"))] {
        let platform = find(id).unwrap();
        assert_eq!(platform.environment(None).unwrap().as_deref(), none);
        assert_eq!(platform.environment(Some("staging")).unwrap().as_deref(), Some("staging"));
        for bad in ["-x", " ", "a\nb"] {
            assert_eq!(platform.environment(Some(bad)).unwrap_err().code(), "ENVIRONMENT_UNKNOWN", "{bad:?}");
        }
    }
}
