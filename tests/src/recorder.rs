//! A proxy that records every byte between clients and the key service, in both directions.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A recording proxy. It runs until the test's process ends.
pub struct Recorder {
    address: SocketAddr,
    record: Arc<Mutex<Vec<u8>>>,
}

impl Recorder {
    /// Starts the proxy on loopback, in front of the service at `http://HOST:PORT`.
    ///
    /// # Panics
    /// If no port is free.
    pub fn start(service: &str) -> Self {
        let target = service.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let record = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&record);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (target, record) = (target.clone(), Arc::clone(&shared));
                thread::spawn(move || connect(client, &target, &record));
            }
        });
        Self { address, record }
    }

    /// The proxy's own URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All bytes that have passed so far.
    ///
    /// # Panics
    /// If a recording thread panicked.
    pub fn record(&self) -> Vec<u8> {
        self.record.lock().expect("no thread panicked").clone()
    }
}

fn connect(client: TcpStream, target: &str, record: &Arc<Mutex<Vec<u8>>>) {
    let Ok(server) = TcpStream::connect(target) else {
        return;
    };
    let (Ok(client_in), Ok(server_in)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let answers = Arc::clone(record);
    let back = thread::spawn(move || pump(server_in, client, &answers));
    pump(client_in, server, record);
    let _ = back.join();
}

fn pump(mut from: TcpStream, mut to: TcpStream, record: &Mutex<Vec<u8>>) {
    let _ = from.set_read_timeout(Some(Duration::from_secs(60)));
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        record.lock().expect("no thread panicked").extend_from_slice(&buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
