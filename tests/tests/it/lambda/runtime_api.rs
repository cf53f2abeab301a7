//! A stand-in for the Runtime API of AWS Lambda, on loopback: it hands events to one runtime, and
//! checks every call of it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

/// Lambda takes no larger response.
const LARGEST: usize = 6 * 1024 * 1024;

/// A call of the runtime.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// It waits for an event: its start is over.
    Next,
    /// The function answered.
    Response(Value),
    /// The function failed.
    Error { kind: String },
    /// The runtime could not load the function.
    InitError { kind: String },
    /// The API has no such call, or not at this time.
    Wrong(String),
}

/// A running stand-in for one runtime. Stopped on drop.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: String,
    calls: Receiver<Call>,
    events: Option<UnboundedSender<Value>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (seen, calls) = mpsc::channel();
        let (events, waiting) = unbounded_channel();
        let shared = Arc::new(Shared {
            calls: seen,
            events: AsyncMutex::new(waiting),
            requests: Mutex::new(Requests { begun: 0, is_open: false }),
        });
        let router = Router::new().fallback(move |request| answer(Arc::clone(&shared), request));
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    served = async { axum::serve(listener, router).await } => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address, calls, events: Some(events), stop: Some(stop), thread: Some(thread) }
    }

    /// `HOST:PORT`, the value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Hands out an event at the next, or the present, wait of the runtime.
    pub(crate) fn send(&self, event: Value) {
        self.events.as_ref().unwrap().send(event).unwrap();
    }

    /// The next call of the runtime, in the order in which they came; `None` if there is none in
    /// time.
    pub(crate) fn call_within(&self, time: Duration) -> Option<Call> {
        match self.calls.recv_timeout(time) {
            Ok(call) => Some(call),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the stand-in ended"),
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        drop(self.events.take());
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[derive(Debug)]
struct Shared {
    calls: Sender<Call>,
    events: AsyncMutex<UnboundedReceiver<Value>>,
    requests: Mutex<Requests>,
}

#[derive(Debug)]
struct Requests {
    begun: u32,
    /// Whether the last one has no answer yet.
    is_open: bool,
}

impl Shared {
    /// Holds the call until there is an event, as Lambda does while it freezes the process.
    async fn next(&self) -> Response {
        if self.requests.lock().unwrap().is_open {
            return self.take(Call::Wrong("next, before the last event was answered".into()));
        }
        self.calls.send(Call::Next).unwrap();
        let Some(event) = self.events.lock().await.recv().await else {
            return StatusCode::GONE.into_response();
        };
        let id = {
            let mut requests = self.requests.lock().unwrap();
            requests.begun += 1;
            requests.is_open = true;
            requests.id()
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let headers = [
            (CONTENT_TYPE.as_str(), "application/json".to_owned()),
            ("lambda-runtime-aws-request-id", id),
            ("lambda-runtime-deadline-ms", (now + 3000).to_string()),
            ("lambda-runtime-invoked-function-arn", ARN.to_owned()),
            ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned()),
        ];
        (headers, event.to_string()).into_response()
    }

    /// Ends the request with this id; `false` if it is not the open one.
    fn ends(&self, id: &str) -> bool {
        let mut requests = self.requests.lock().unwrap();
        let is_it = requests.is_open && requests.id() == id;
        requests.is_open &= !is_it;
        is_it
    }

    fn take(&self, call: Call) -> Response {
        let is_wrong = matches!(call, Call::Wrong(_));
        let status = if is_wrong { StatusCode::FORBIDDEN } else { StatusCode::ACCEPTED };
        // The test may have ended.
        let _ = self.calls.send(call);
        (status, [(CONTENT_TYPE, "application/json")], "{\"status\":\"OK\"}\n").into_response()
    }
}

const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:shop";

impl Requests {
    fn id(&self) -> String {
        format!("8476a536-e9f4-11e8-9739-{:012}", self.begun)
    }
}

async fn answer(shared: Arc<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(body, LARGEST).await.unwrap_or_default();
    let json = serde_json::from_slice::<Value>(&body).ok();
    let kind = parts.headers.get("lambda-runtime-function-error-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let path: Vec<&str> = parts.uri.path().split('/').collect();
    let call = match (parts.method.as_str(), &path[..], json) {
        ("GET", ["", "2018-06-01", "runtime", "invocation", "next"], None) => return shared.next().await,
        ("POST", ["", "2018-06-01", "runtime", "invocation", id, "response"], Some(answer))
            if shared.ends(id) =>
        {
            Call::Response(answer)
        }
        ("POST", ["", "2018-06-01", "runtime", "invocation", id, "error"], Some(_)) if shared.ends(id) => {
            Call::Error { kind }
        }
        ("POST", ["", "2018-06-01", "runtime", "init", "error"], Some(_)) => Call::InitError { kind },
        (method, ..) => Call::Wrong(format!("{method} {}", parts.uri)),
    };
    shared.take(call)
}
