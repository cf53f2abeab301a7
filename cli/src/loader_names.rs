//! List of environment variables that make a program run code, or load its code or settings from
//! another place.
//!
//! Set by a `.env` that nobody has read, they would run what its author wrote, whatever the command
//! is. Sources: the manuals of the programs named. A name that is missing here is a security bug;
//! one too many costs only a question.

/// Prefixes of names, each with what the variables do. Case does not matter, because it does not on
/// Windows and in npm.
const PREFIXES: &[(&str, &str)] = &[
    ("LD_", LINKER),
    ("DYLD_", LINKER),
    ("_RLD", LINKER),
    ("BASH_FUNC_", SHELL),
    ("NPM_CONFIG_", PACKAGES),
    ("YARN_", PACKAGES),
    ("COREPACK_", PACKAGES),
    ("PIP_", PACKAGES),
    ("UV_", PACKAGES),
    ("POETRY_", PACKAGES),
    ("BUNDLE_", PACKAGES),
    ("COMPOSER_", PACKAGES),
    ("TS_NODE_", NODE),
    ("PYTHON", PYTHON),
    ("RUBY", RUBY),
    ("PERL5", PERL),
    ("PERL_M", PERL),
    ("LUA_", OTHERS),
    ("R_PROFILE", OTHERS),
    ("R_ENVIRON", OTHERS),
    ("R_LIBS", OTHERS),
    ("JULIA_", OTHERS),
    ("ERL_", OTHERS),
    ("GUILE_", OTHERS),
    ("CORECLR_", DOTNET),
    ("COR_", DOTNET),
    ("COMPLUS_", DOTNET),
    ("MSBUILD", DOTNET),
    ("GIT_", GIT),
    ("CARGO_", COMPILER),
    ("RUSTUP_", COMPILER),
    ("CMAKE_", COMPILER),
    ("PKG_CONFIG", COMPILER),
    ("CGO_", COMPILER),
    ("TF_CLI_", TOOLS),
    ("ANSIBLE_", TOOLS),
    ("CLOUDSDK_PYTHON", TOOLS),
    ("GTK_", MODULES),
    ("GST_PLUGIN", MODULES),
    ("QT_PLUGIN", MODULES),
];

/// Exact names.
const NAMES: &[(&str, &[&str])] = &[
    (LINKER, &["GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "NLSPATH", "LIBPATH", "SHLIB_PATH"]),
    (
        SHELL,
        &[
            "BASH_ENV",
            "ENV",
            "SHELLOPTS",
            "BASHOPTS",
            "PS4",
            "PROMPT_COMMAND",
            "ZDOTDIR",
            "FPATH",
            "IFS",
            "CDPATH",
            "SHELL",
            "COMSPEC",
            "PSMODULEPATH",
        ],
    ),
    (PROGRAMS, &["PATH", "PATHEXT", "SYSTEMROOT", "WINDIR"]),
    (
        HOME,
        &[
            "HOME",
            "USERPROFILE",
            "APPDATA",
            "LOCALAPPDATA",
            "XDG_CONFIG_HOME",
            "XDG_CONFIG_DIRS",
            "XDG_DATA_HOME",
            "XDG_DATA_DIRS",
        ],
    ),
    (
        NODE,
        &[
            "NODE_OPTIONS",
            "NODE_PATH",
            "NODE_REPL_EXTERNAL_MODULE",
            "NODE_COMPILE_CACHE",
            "NODE_ICU_DATA",
            "BUN_OPTIONS",
            "BUN_INSPECT_PRELOAD",
            "DENO_DIR",
            "ELECTRON_RUN_AS_NODE",
            "TSX_TSCONFIG_PATH",
            "ESBUILD_BINARY_PATH",
            "SWC_BINARY_PATH",
            "NAPI_RS_NATIVE_LIBRARY_PATH",
            "PRISMA_QUERY_ENGINE_LIBRARY",
            "PRISMA_QUERY_ENGINE_BINARY",
            "PRISMA_SCHEMA_ENGINE_BINARY",
            "PUPPETEER_EXECUTABLE_PATH",
            "CHROME_BIN",
            "CHROME_PATH",
            "LAUNCH_EDITOR",
            "REACT_EDITOR",
        ],
    ),
    (
        PACKAGES,
        &["NPM_EXECPATH", "NPM_NODE_EXECPATH", "GEM_HOME", "GEM_PATH", "VIRTUAL_ENV", "PIPENV_PIPFILE"],
    ),
    (PERL, &["PERLLIB"]),
    (PHP, &["PHPRC", "PHP_INI_SCAN_DIR"]),
    (
        OTHERS,
        &[
            "IRBRC",
            "TCLLIBPATH",
            "OCAMLPATH",
            "CAML_LD_LIBRARY_PATH",
            "ELIXIR_ERL_OPTIONS",
            "GHC_PACKAGE_PATH",
        ],
    ),
    (
        JAVA,
        &[
            "JAVA_TOOL_OPTIONS",
            "_JAVA_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "JAVA_OPTS",
            "IBM_JAVA_OPTIONS",
            "OPENJ9_JAVA_OPTIONS",
            "JAVA_HOME",
            "CLASSPATH",
            "MAVEN_OPTS",
            "MAVEN_ARGS",
            "GRADLE_OPTS",
            "GRADLE_USER_HOME",
            "SBT_OPTS",
            "ANT_OPTS",
            "ANT_ARGS",
            "CATALINA_OPTS",
            "JRUBY_OPTS",
            "GROOVY_CONF",
        ],
    ),
    (
        DOTNET,
        &[
            "DOTNET_STARTUP_HOOKS",
            "DOTNET_ADDITIONAL_DEPS",
            "DOTNET_SHARED_STORE",
            "DOTNET_ROOT",
            "DOTNET_HOST_PATH",
            "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES",
        ],
    ),
    (GIT, &["SSH_ASKPASS", "SUDO_ASKPASS", "SVN_SSH", "CVS_RSH", "RSYNC_RSH", "HGRCPATH", "HGEDITOR"]),
    (
        TOOLS,
        &[
            "EDITOR",
            "VISUAL",
            "PAGER",
            "MANPAGER",
            "BROWSER",
            "LESSOPEN",
            "LESSCLOSE",
            "VIMINIT",
            "EXINIT",
            "PSQLRC",
            "PSQL_EDITOR",
            "PSQL_PAGER",
            "DOCKER_CONFIG",
            "KUBECONFIG",
            "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE",
            "BOTO_CONFIG",
            "TERMINFO",
            "TERMCAP",
        ],
    ),
    (
        COMPILER,
        &[
            "CC",
            "CXX",
            "CPP",
            "AR",
            "CFLAGS",
            "CXXFLAGS",
            "CPPFLAGS",
            "LDFLAGS",
            "MAKEFLAGS",
            "GNUMAKEFLAGS",
            "MAKEFILES",
            "RUSTC",
            "RUSTDOC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
            "RUSTDOCFLAGS",
            "GOFLAGS",
            "GOROOT",
            "GOENV",
            "GOTOOLCHAIN",
            "GOCACHEPROG",
            "GOPROXY",
            "CCACHE_PREFIX",
        ],
    ),
    (
        MODULES,
        &[
            "OPENSSL_CONF",
            "OPENSSL_MODULES",
            "OPENSSL_ENGINES",
            "GIO_EXTRA_MODULES",
            "GDK_PIXBUF_MODULE_FILE",
            "QML_IMPORT_PATH",
            "QML2_IMPORT_PATH",
            "LIBGL_DRIVERS_PATH",
            "VK_ICD_FILENAMES",
            "ALSA_CONFIG_PATH",
        ],
    ),
];

/// Exceptions: names that have one of the prefixes, but do not run code. They are common in a
/// `.env`.
const HARMLESS: &[&str] = &[
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONUTF8",
    "RUBY_ENV",
    "GIT_SHA",
    "GIT_COMMIT",
    "GIT_COMMIT_SHA",
    "GIT_BRANCH",
    "GIT_TAG",
    "GIT_TOKEN",
];

const LINKER: &str = "the system loads what it names into every program";
const SHELL: &str = "a shell runs what it names";
const PROGRAMS: &str = "it says where programs are found";
const HOME: &str = "it says where programs find their settings";
const NODE: &str = "Node.js and its tools run what it names";
const PACKAGES: &str = "package managers take scripts and code from where it says";
const PYTHON: &str = "Python runs what it names";
const RUBY: &str = "Ruby runs what it names";
const PERL: &str = "Perl runs what it names";
const PHP: &str = "PHP takes its settings from where it says";
const JAVA: &str = "Java loads what it names";
const DOTNET: &str = ".NET loads what it names";
const OTHERS: &str = "a language's runtime loads what it names";
const GIT: &str = "git and its like run what it names";
const TOOLS: &str = "command line tools run what it names";
const COMPILER: &str = "compilers and builds run what it names";
const MODULES: &str = "libraries load what it names";

/// How the variable makes a program run code; `None` for an ordinary variable.
pub(crate) fn reason(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    if HARMLESS.contains(&&*name) {
        return None;
    }
    let whole = NAMES.iter().find(|(_, names)| names.contains(&&*name)).map(|(reason, _)| *reason);
    whole.or_else(|| PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, reason)| *reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_run_code_are_told_from_plain_ones() {
        for name in [
            "LD_PRELOAD",
            "LD_AUDIT",
            "DYLD_INSERT_LIBRARIES",
            "NODE_OPTIONS",
            "BASH_ENV",
            "ENV",
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "RUBYOPT",
            "PERL5OPT",
            "GIT_SSH_COMMAND",
            "GIT_CONFIG_COUNT",
            "PATH",
            "Path",
            "JAVA_TOOL_OPTIONS",
            "npm_config_script_shell",
            "NPM_CONFIG_REGISTRY",
            "BASH_FUNC_ls%%",
            "HOME",
            "GLIBC_TUNABLES",
            "DOTNET_STARTUP_HOOKS",
            "KUBECONFIG",
            "RUSTC_WRAPPER",
        ] {
            assert!(reason(name).is_some(), "{name}");
        }
        for name in [
            "DATABASE_URL",
            "PORT",
            "HOST",
            "NODE_ENV",
            "API_KEY",
            "PATHS",
            "HOMEPAGE",
            "ENVIRONMENT",
            "APP_ENV",
            "PYTHONUNBUFFERED",
            "GITHUB_TOKEN",
            "GIT_SHA",
            "DOTNET_ENVIRONMENT",
            "AWS_REGION",
            "AWS_PROFILE",
            "NODE_EXTRA_CA_CERTS",
            "LDAP_URL",
            "NEXT_PUBLIC_SITE",
            "my.key",
            "",
        ] {
            assert_eq!(reason(name), None, "{name}");
        }
    }

    #[test]
    fn the_lists_are_in_capitals_and_name_nothing_twice() {
        let all: Vec<_> = NAMES.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let prefixes: Vec<_> = PREFIXES.iter().map(|(prefix, _)| *prefix).collect();
        for (index, name) in all.iter().chain(&prefixes).enumerate() {
            assert_eq!(*name, name.to_ascii_uppercase());
            assert!(!all[index.min(all.len()) + usize::from(index < all.len())..].contains(name), "{name}");
        }
        for name in HARMLESS {
            assert!(prefixes.iter().any(|prefix| name.starts_with(prefix)), "{name} needs no exception");
        }
    }
}
