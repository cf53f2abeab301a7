//! A function as Lambda starts it: its runtime's command, the documented variables, and the wrapper
//! of the layer.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use capy_journeys::programs;
use capy_journeys::python::Python;
use capy_test_support::{needs, setup, workspace_root};
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use crate::lambda::runtime_api::{Call, RuntimeApi};

/// What `/var/runtime/bootstrap` of a managed runtime does with the wrapper.
const BOOTSTRAP: &str = r#"
[ -z "$AWS_LAMBDA_EXEC_WRAPPER" ] || exec "$AWS_LAMBDA_EXEC_WRAPPER" "$@"
exec "$@"
"#;
/// How long Lambda lets a start take.
pub(crate) const INIT_MAX: Duration = Duration::from_secs(10);
/// How long a call may take on a busy machine.
const CALL_MAX: Duration = Duration::from_secs(60);

/// A runtime: the command that Lambda starts, and the variables that it sets for it.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    pub(crate) name: &'static str,
    command: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
}

impl Runtime {
    /// Node with the client of Lambda's runtimes, from npm. `None` if the test has to be skipped.
    pub(crate) fn node() -> Option<Self> {
        let node = setup::node_tool("node");
        if !needs(node.is_ok(), "node") {
            return None;
        }
        Some(Self::of_node(&node.unwrap()))
    }

    /// The same with this Node.
    pub(crate) fn of_node(node: &Path) -> Self {
        // Tests run in parallel; one of them installs the client for all.
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| setup::npm_ci("tests/lambda").expect("the runtime's client is installed"));
        let start = workspace_root().join("tests/lambda/runtime.mjs");
        Self { name: "nodejs", command: vec![node.into(), start.into()], variables: Vec::new() }
    }

    /// Python with the client of Lambda's runtimes, from PyPI. `None` if the test has to be
    /// skipped.
    pub(crate) fn python() -> Option<Self> {
        let python = Python::require("tests/lambda/requirements.txt")?;
        let command = vec![python.program.into(), "-m".into(), "awslambdaric".into()];
        Some(Self { name: "python", command, variables: vec![("PYTHONPATH", python.packages.into())] })
    }

    /// All runtimes that can be started here.
    pub(crate) fn all() -> Vec<Self> {
        [Self::node(), Self::python()].into_iter().flatten().collect()
    }
}

/// The unpacked layer, with the `capy` that cargo built. Lambda has it in `/opt`.
#[derive(Debug)]
pub(crate) struct Layer {
    folder: TempDir,
}

impl Layer {
    pub(crate) fn new() -> Self {
        let layer = Self { folder: TempDir::with_prefix("capy layer ").unwrap() };
        fs::copy(workspace_root().join("packaging/lambda/capy-wrapper"), layer.wrapper()).unwrap();
        fs::set_permissions(layer.wrapper(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(layer.folder.path().join("bin")).unwrap();
        symlink(programs().join("capy"), layer.folder.path().join("bin/capy")).unwrap();
        layer
    }

    /// `/opt/capy-wrapper` on Lambda.
    pub(crate) fn wrapper(&self) -> PathBuf {
        self.folder.path().join("capy-wrapper")
    }
}

/// What a function is configured with.
#[derive(Debug, Clone)]
pub(crate) struct Config<'a> {
    pub(crate) runtime: &'a Runtime,
    /// The package, which is `/var/task` on Lambda.
    pub(crate) task: &'a Path,
    /// Where the runtime starts; Lambda starts it in the package.
    pub(crate) folder: &'a Path,
    pub(crate) handler: &'a str,
    /// The variables that a user sets.
    pub(crate) variables: BTreeMap<String, String>,
}

/// A started function. Killed on drop.
#[derive(Debug)]
pub(crate) struct Function {
    api: RuntimeApi,
    process: Child,
    log: NamedTempFile,
}

/// A start that ended before the runtime waited for an event.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Option<i32>,
    /// The type of the error that the runtime reported.
    pub(crate) kind: Option<String>,
    pub(crate) log: String,
    pub(crate) after: Duration,
}

impl Function {
    /// A cold start, up to the runtime's first wait for an event.
    pub(crate) fn start(config: &Config<'_>) -> Result<Self, Failure> {
        let (api, log) = (RuntimeApi::start(), NamedTempFile::new().unwrap());
        let began = Instant::now();
        let process = spawn(config, api.address(), log.as_file());
        let mut function = Self { api, process, log };
        let mut kind = None;
        loop {
            let ended = function.process.try_wait().unwrap();
            match function.api.call_within(Duration::from_millis(20)) {
                Some(Call::Next) => return Ok(function),
                Some(Call::InitError { kind: reported }) => kind = Some(reported),
                Some(other) => panic!("at the start: {other:?}\n{}", function.log()),
                None => {}
            }
            if let Some(status) = ended {
                let (code, log, after) = (status.code(), function.log(), began.elapsed());
                return Err(Failure { code, kind, log, after });
            }
            assert!(began.elapsed() < CALL_MAX, "the start does not end:\n{}", function.log());
        }
    }

    /// The function's answer to an event.
    #[track_caller]
    pub(crate) fn invoke(&self, event: Value) -> Value {
        self.api.send(event);
        match self.api.call_within(CALL_MAX) {
            Some(Call::Response(answer)) => {
                assert_eq!(self.api.call_within(CALL_MAX), Some(Call::Next), "{}", self.log());
                answer
            }
            other => panic!("to the event: {other:?}\n{}", self.log()),
        }
    }

    /// The id of the process that Lambda started.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// All that was printed, which Lambda writes to CloudWatch.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log.path()).unwrap()).into_owned()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(config: &Config<'_>, api: &str, log: &File) -> Child {
    let Config { runtime, task, folder, handler, variables } = config;
    let mut bootstrap = Command::new("/bin/sh");
    // Python's client takes the handler as its argument; Node's has no argument.
    bootstrap.args(["-c", BOOTSTRAP, "bootstrap"]).args(&runtime.command).arg(handler);
    bootstrap.current_dir(folder).env_clear();
    let documented: [(&str, &OsStr); 20] = [
        ("_HANDLER", handler.as_ref()),
        ("_X_AMZN_TRACE_ID", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".as_ref()),
        ("AWS_ACCESS_KEY_ID", "canary.AWS_ACCESS_KEY_ID.x9".as_ref()),
        ("AWS_DEFAULT_REGION", "eu-central-1".as_ref()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_of_a_test".as_ref()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".as_ref()),
        ("AWS_LAMBDA_FUNCTION_NAME", "shop".as_ref()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".as_ref()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".as_ref()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/shop".as_ref()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/12/01/[$LATEST]0".as_ref()),
        ("AWS_LAMBDA_RUNTIME_API", api.as_ref()),
        ("AWS_REGION", "eu-central-1".as_ref()),
        ("AWS_SECRET_ACCESS_KEY", "canary.AWS_SECRET_ACCESS_KEY.x9".as_ref()),
        ("AWS_SESSION_TOKEN", "canary.AWS_SESSION_TOKEN.x9".as_ref()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".as_ref()),
        ("LAMBDA_TASK_ROOT", task.as_ref()),
        ("LANG", "en_US.UTF-8".as_ref()),
        ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin".as_ref()),
        ("TZ", ":UTC".as_ref()),
    ];
    bootstrap.envs(documented).envs(runtime.variables.iter().cloned()).envs(variables);
    let [output, errors] = [0; 2].map(|_| log.try_clone().unwrap());
    bootstrap.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().expect("the bootstrap starts")
}
