//! HTTP load generator on loopback, as a closed loop: each client keeps one connection, and sends
//! its next request once it has the answer.
//!
//! The client does little work, since it shares the machine with the server that it measures.
//! Requests are prepared bytes. Of an answer the client reads the status and the length, and
//! searches it for the expected text.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use memchr::memmem::{self, Finder};

/// How many clients send requests at once.
pub(crate) const CLIENTS: usize = 16;

const DEADLINE: Duration = Duration::from_secs(10);

/// A request, and a text that every answer to it holds.
#[derive(Debug, Clone)]
pub(crate) struct PreparedRequest {
    request: Vec<u8>,
    expected: Finder<'static>,
}

impl PreparedRequest {
    /// A `POST` of JSON with the headers that a platform's proxy would send.
    pub(crate) fn post(path: &str, body: &str, expected: &str) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
            cf-connecting-ip: 192.0.2.1\r\nuser-agent: capy-bench\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self { request: (head + body).into_bytes(), expected: Finder::new(expected).into_owned() }
    }
}

/// Sends requests for `time`, and counts the answers. Each client starts at another one of the
/// `asks`.
///
/// # Errors
/// At the first answer that is not a 200 with the expected text, and when a connection fails.
pub(crate) fn run(url: &str, asks: &[PreparedRequest], time: Duration) -> Result<Throughput> {
    let address = url.strip_prefix("http://").context("not on loopback")?;
    let start = Instant::now();
    let end = start + time;
    let count = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|first| scope.spawn(move || client(address, asks, first, end))).collect();
        clients
            .into_iter()
            .map(|client| client.join().map_err(|_| anyhow!("a client panicked"))?)
            .sum::<Result<u64>>()
    })?;
    Ok(Throughput { count, took: start.elapsed() })
}

/// How many answers came in how much time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Throughput {
    pub(crate) count: u64,
    pub(crate) took: Duration,
}

impl Throughput {
    pub(crate) fn per_second(self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }
}

fn client(address: &str, asks: &[PreparedRequest], first: usize, end: Instant) -> Result<u64> {
    let mut connection = TcpStream::connect(address).with_context(|| address.to_owned())?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(DEADLINE))?;
    connection.set_write_timeout(Some(DEADLINE))?;
    let mut buffer = Vec::new();
    let mut count = 0;
    for ask in asks.iter().cycle().skip(first) {
        if Instant::now() >= end {
            break;
        }
        connection.write_all(&ask.request)?;
        read_answer(&mut connection, &mut buffer)?;
        let expected = buffer.starts_with(b"HTTP/1.1 200 ") && ask.expected.find(&buffer).is_some();
        ensure!(expected, "not the expected answer:\n{}", String::from_utf8_lossy(&buffer));
        count += 1;
    }
    Ok(count)
}

/// Reads one whole answer, by its length or in chunks.
fn read_answer(connection: &mut impl Read, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    let mut chunk = [0; 4096];
    while !is_whole(buffer)? {
        match connection.read(&mut chunk).context("no answer")? {
            0 => bail!("the connection was closed in an answer:\n{}", String::from_utf8_lossy(buffer)),
            read => buffer.extend_from_slice(&chunk[..read]),
        }
    }
    Ok(())
}

fn is_whole(answer: &[u8]) -> Result<bool> {
    let Some(end) = memmem::find(answer, b"\r\n\r\n") else {
        return Ok(false);
    };
    let (head, body) = (String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase(), &answer[end + 4..]);
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    match (field("content-length:"), field("transfer-encoding:")) {
        (Some(length), _) => Ok(body.len() >= length.parse::<usize>()?),
        (None, Some("chunked")) => Ok(body.ends_with(b"0\r\n\r\n")),
        (None, _) => bail!("an answer without a length:\n{head}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_at_its_length_or_its_last_chunk() {
        for (answer, whole) in [
            ("HTTP/1.1 200 OK\r\ncontent-le", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", true),
        ] {
            assert_eq!(is_whole(answer.as_bytes()).unwrap(), whole, "{answer:?}");
        }
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n\r\nabc").is_err());
    }

    #[test]
    fn an_answer_in_pieces_is_read_whole() {
        let mut pieces = (&b"HTTP/1.1 200 OK\r\ncontent-"[..]).chain(&b"length: 2\r\n\r\nab"[..]);
        let mut buffer = Vec::new();
        read_answer(&mut pieces, &mut buffer).unwrap();
        assert!(buffer.ends_with(b"ab"));
        assert!(
            read_answer(&mut &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na"[..], &mut buffer).is_err()
        );
    }
}
