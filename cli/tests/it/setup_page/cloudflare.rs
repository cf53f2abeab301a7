//! The part of Cloudflare's API that `wrangler pages secret` talks to, on loopback.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::stand_in::read_request;

/// Answers for one Pages project, and keeps the variables that it is given. Stops on drop.
pub(crate) struct PagesApi {
    address: SocketAddr,
    project: Arc<Mutex<Value>>,
    stopped: Arc<AtomicBool>,
}

impl PagesApi {
    pub(crate) fn start(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let configs = json!({ "production": { "env_vars": {} }, "preview": { "env_vars": {} } });
        let project = json!({ "name": name, "production_branch": "main", "deployment_configs": configs });
        let (project, stopped) = (Arc::new(Mutex::new(project)), Arc::new(AtomicBool::new(false)));
        let (shared, stop) = (Arc::clone(&project), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, project, stopped }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/client/v4", self.address)
    }

    /// What a build in this environment is given.
    pub(crate) fn variables(&self, environment: &str) -> BTreeMap<String, String> {
        let project = self.project.lock().unwrap();
        let held = project["deployment_configs"][environment]["env_vars"].as_object().unwrap();
        held.iter().map(|(name, held)| (name.clone(), held["value"].as_str().unwrap().to_owned())).collect()
    }
}

impl Drop for PagesApi {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// One request: a PATCH is merged into the project, and the project is the answer.
fn serve(mut stream: &TcpStream, project: &Mutex<Value>) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let Some(request) = read_request(&mut BufReader::new(stream)) else { return };
    let mut project = project.lock().unwrap();
    if request.method == "PATCH" {
        merge(&mut project, &serde_json::from_str(&request.body).unwrap());
    }
    let answer = json!({ "success": true, "errors": [], "messages": [], "result": *project }).to_string();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    );
}

fn merge(into: &mut Value, change: &Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (name, value) in change {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, change) => *into = change.clone(),
    }
}
