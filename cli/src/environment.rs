//! The environment variables that `capy`, `capy-inline` and `capy serve` read: `capy environment`
//! prints the table, and `capy --help` its first part.

/// Variables, and what they say.
type Row = (&'static str, &'static str);

/// What most people set.
const USUAL: &[Row] = &[
    ("SECRETS_BLOB, PROJECT_KEY", "credentials, as `capy deploy` prints them"),
    ("_CAPY_SECRETS_BLOB, _CAPY_DEPLOY_KEY", "the same with --credential deploy-key"),
    ("CAPY_SERVICE_URL", "the key service, in place of the one in capy.toml"),
    ("CAPY_TIMEOUT", "seconds to wait for the service (30)"),
    ("CAPY_TOKEN", "API token for CI; needs CAPY_SERVICE_URL, too"),
    ("CAPY_CONFIG_DIR", "logins and local keys (~/.config/capy; %APPDATA%\\capy)"),
    ("CAPY_STATE_DIR", "folders and logs of builds (~/.local/state/capy)"),
    ("CAPY_ALLOW_HTTP=1", "allows plain http to another machine, for a private network"),
    ("SSL_CERT_FILE", "PEM file of the only certificate authorities to trust"),
];

/// All variables, by what reads them.
const GROUPS: &[(&str, &[Row])] = &[
    ("What most people set", USUAL),
    (
        "Credentials that are not in one variable",
        &[
            ("SECRETS_BLOB_2 to SECRETS_BLOB_16", "further parts of a blob that --split made"),
            ("SECRETS_BLOB_FILE", "the file with the blob, in place of SECRETS_BLOB: --blob-file"),
            ("_CAPY_SECRETS_BLOB_2 to _CAPY_SECRETS_BLOB_16", "the same with --credential deploy-key"),
            ("_CAPY_SECRETS_BLOB_FILE", "the same with --credential deploy-key"),
        ],
    ),
    (
        "The way to the key service",
        &[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "where a GitHub job gets its identity, if no token is set"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the job's token for that"),
            ("HTTPS_PROXY, HTTP_PROXY, ALL_PROXY", "proxies; not for loopback addresses"),
            ("NO_PROXY", "hosts that are asked without a proxy"),
        ],
    ),
    (
        "This machine",
        &[
            ("XDG_CONFIG_HOME, HOME, APPDATA", "where logins and local keys are, without CAPY_CONFIG_DIR"),
            ("XDG_STATE_HOME, HOME", "where builds are, without CAPY_STATE_DIR"),
            ("PATH, PATHEXT", "where programs are"),
            ("TERM", "progress is shown unless it is `dumb`"),
            ("LISTEN_PID", "`capy run` as PID 1: if it is this process, the command takes its place"),
        ],
    ),
    (
        "`capy run`",
        &[
            ("CLOUDFLARE_ENV", "the environment of wrangler's configuration, as wrangler reads it"),
            (
                "_CAPY_OUTER_RUN",
                "set by a `capy run` for one inside of it: names of its variables, and its `.env`",
            ),
        ],
    ),
    (
        "The page of `capy deploy`",
        &[
            ("BROWSER", "commands that open a page, with colons between them"),
            ("DISPLAY, WAYLAND_DISPLAY", "whether there is a screen"),
            ("SSH_CONNECTION, USER", "over SSH: the command that forwards the page's port"),
        ],
    ),
    ("`capy deploy --push`", &[("HEROKU_HOST", "Heroku's host, as Heroku's own command line reads it")]),
    (
        "`capy build`",
        &[
            ("ENCRYPTION_KEY", "the keys that open the store's secrets, the newest first"),
            ("ENCRYPTION_KEY_FILE", "a private file with them"),
            ("CAPY_BUILD_HOSTS", "hosts that repositories may be fetched from, as with --allow-host"),
            ("GIT_SSH_COMMAND", "how git starts ssh, in place of capy's own way"),
            ("DOCKER_HOST, CONTAINER_HOST", "passed on, as other settings of docker and podman are"),
        ],
    ),
    (
        "`capy service verify`",
        &[
            ("CLOUDFLARE_API_TOKEN", "a token that may read Workers scripts"),
            ("CLOUDFLARE_ACCOUNT_ID", "the account's id"),
            ("CLOUDFLARE_API_BASE_URL", "another address of the API, for tests"),
        ],
    ),
    (
        "`capy serve`",
        &[
            ("ADMIN_TOKEN, ADMIN_TOKEN_FILE", "the token of the operator, or a private file with it"),
            ("WRAP_ROOTS, WRAP_ROOTS_FILE", "the service's wrap roots, or a private file with them"),
            (
                "ENCRYPTION_KEY, ENCRYPTION_KEY_FILE",
                "the keys of the project store, which is off without them",
            ),
            ("CREDENTIALS_DIRECTORY", "systemd's folder of credentials, whose files may be the group's"),
        ],
    ),
];

/// The part that `capy --help` shows.
pub(crate) fn usual() -> String {
    lines(USUAL)
}

/// The whole table as text.
pub(crate) fn table() -> String {
    let groups: Vec<_> = GROUPS.iter().map(|(title, rows)| format!("{title}:\n{}", lines(rows))).collect();
    groups.join("\n")
}

fn lines(rows: &[Row]) -> String {
    rows.iter().map(|(names, meaning)| format!("  {names:37}  {meaning}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use capy_test_support::reference::{assert_current, cell};
    use capy_test_support::workspace_root;

    use super::*;

    /// Variables that only a compiler or a test reads.
    const NOT_OURS: [&str; 6] =
        ["CAPY_BUILT_FROM", "CAPY_TARGET", "CAPY_DOCS_URL", "CAPY_FUZZ_SECONDS", "ENV_FILE_SEED", "CI"];

    /// All names of the table.
    fn names() -> BTreeSet<&'static str> {
        let rows = GROUPS.iter().flat_map(|(_, rows)| *rows);
        let names = rows.flat_map(|(names, _)| names.split([',', ' ', '=']));
        names.filter(|name| is_name(name)).collect()
    }

    fn is_name(text: &str) -> bool {
        text.len() > 1
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    }

    /// Names in a source that are read from the environment, or begin as capy's own.
    fn read_by(source: &str) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let mut parts = line.split('"');
            let mut before = parts.next().unwrap_or_default();
            while let Some(text) = parts.next() {
                let is_read = ["var(", "var_os(", "set(", "path_in(", "lookup("]
                    .iter()
                    .any(|call| before.ends_with(call));
                let is_capys =
                    ["CAPY_", "_CAPY_"].iter().any(|start| text.starts_with(start) && text != *start);
                if is_name(text) && (is_read || is_capys) {
                    names.insert(text);
                }
                before = parts.next().unwrap_or_default();
            }
        }
        names
    }

    /// Calls `found` with each source of a folder, without its tests.
    fn sources(folder: &Path, found: &mut impl FnMut(&Path, &str)) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                let text = fs::read_to_string(&path).unwrap();
                found(&path, text.split("#[cfg(test)]\nmod tests").next().unwrap());
            }
        }
    }

    #[test]
    fn every_variable_that_a_program_reads_is_in_the_table() {
        let names = names();
        let mut seen = 0;
        for folder in ["cli/src", "client/src", "inliner/src", "server/src", "protocol/src"] {
            sources(&workspace_root().join(folder), &mut |path, text| {
                for name in read_by(text).into_iter().filter(|name| !NOT_OURS.contains(name)) {
                    assert!(
                        names.contains(name),
                        "{name} of {} is not in cli/src/environment.rs",
                        path.display()
                    );
                    seen += 1;
                }
            });
        }
        assert!(seen > 15, "{seen}");
    }

    #[test]
    fn every_variable_of_the_table_is_in_a_source() {
        let mut all = String::new();
        for folder in ["cli/src", "client/src", "inliner/src", "server/src", "protocol/src"] {
            sources(&workspace_root().join(folder), &mut |path, text| {
                if !path.ends_with("environment.rs") {
                    all.push_str(text);
                }
            });
        }
        // A file's variable is made from the secret's; the rest is read by the library for HTTP.
        let made =
            ["ADMIN_TOKEN_FILE", "WRAP_ROOTS_FILE", "HTTP_PROXY", "SECRETS_BLOB_16", "_CAPY_SECRETS_BLOB_16"];
        for name in names().into_iter().filter(|name| !made.contains(name)) {
            let name = name.strip_suffix("_2").unwrap_or(name);
            assert!(all.contains(&format!("\"{name}\"")), "{name} is read nowhere");
        }
    }

    #[test]
    fn the_reference_of_the_environment_is_current() {
        let mut page = String::from(
            "# Environment variables\n\nWhat `capy`, `capy-inline` and `capy serve` read. `capy environment` prints this \
             table.\n",
        );
        for (title, rows) in GROUPS {
            page.push_str(&format!("\n## {title}\n| variable | meaning |\n|---|---|\n"));
            for (names, meaning) in *rows {
                let names: Vec<_> = names
                    .split(", ")
                    .map(|names| {
                        names.split(" to ").map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" to ")
                    })
                    .collect();
                page.push_str(&format!("| {} | {} |\n", names.join(", "), cell(meaning)));
            }
        }
        assert_current("environment.md", &page);
    }
}
