//! HTTP/1.1 server, with or without TLS, that limits how long a client may take for each step.
//! HTTP/2 is not offered.
//!
//! ```text
//! TLS handshake, a request's head, the pause before one   10 s
//! an answer of which the client takes nothing             10 s
//! a request's body                                        30 s
//! a connection; then it is closed with its last answer    5 min
//! the client reads that last answer                       30 s
//! ```

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, CONNECTION, HeaderValue};
use axum::http::{Request, Response};
use axum::{BoxError, Router};
use capy_worker::Route;
use capy_worker::overloaded;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower_service::Service;

use crate::connections::{Connection, Connections, Counters, Limits};

/// Timeout for the TLS handshake, for a request's head, and for the pause before one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for a client that reads nothing of what is written to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for a whole request body, from the first wait for the client on.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest life of a connection. After it, the connection is closed with its next answer.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(300);
/// Timeout for the client to read that last answer.
const LAST_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The size of a connection's buffers in bytes: the longest request head, and how much of an answer
/// is kept for a client that does not read. A URI of the greatest length that is parsed fits in, so
/// that a longer one is answered with 414.
const BUFFER_MAX: usize = 128 * 1024;
/// How long the listener pauses after the system had no file descriptor for a new connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(20);

/// The stages of a server's shutdown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Shutdown {
    /// The server runs.
    NotYet,
    /// No connection is accepted any more; calls in flight may finish.
    Graceful,
    /// All connections are closed at once.
    Now,
}

/// Which calls are answered in a reserved place, and which answers make their connection one to
/// keep.
#[derive(Clone, Copy, Debug)]
pub struct ReservationPolicy {
    /// Whether the call is answered in a reserved place.
    pub may_use: fn(&Request<Body>) -> bool,
    /// Whether the answer shows a client whose connection is kept.
    pub keeps_connection: fn(&Response<Body>) -> bool,
}

impl ReservationPolicy {
    /// Answers calls with an `authorization` header and `/health`; keeps connections whose bearer
    /// was accepted.
    pub const BEARER: Self = Self {
        may_use: |request| request.headers().contains_key(AUTHORIZATION) || request.uri().path() == "/health",
        keeps_connection: is_accepted_bearer,
    };
    /// Answers every call; keeps connections with a successful answer.
    pub const SUCCESS: Self =
        Self { may_use: |_| true, keeps_connection: |response| response.status().is_success() };
}

/// Whether an answer shows that the call's bearer was accepted: a success, on a route that needs
/// one.
fn is_accepted_bearer(response: &Response<Body>) -> bool {
    let route = response.extensions().get::<Route>();
    response.status().is_success() && route.is_some_and(|route| route.needs_bearer)
}

/// A certificate with its key, which can be replaced while connections are open.
#[derive(Clone)]
pub(crate) struct Certificate(Arc<RwLock<Arc<ServerConfig>>>);

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(…)")
    }
}

impl Certificate {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// Uses `config` for all handshakes from now on.
    pub(crate) fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Serves `router` without TLS, within `limits`, until `shutdown` reports the shutdown.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    reservation: ReservationPolicy,
    shutdown: watch::Receiver<Shutdown>,
) {
    let connections = Connections::new(limits, Counters::default(), |_| {});
    Server { router, connections, reservation, certificate: None, shutdown }.serve(listener).await;
}

/// The state that all connections of a listener share.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) connections: Arc<Connections>,
    pub(crate) reservation: ReservationPolicy,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) shutdown: watch::Receiver<Shutdown>,
}

impl Server {
    /// Accepts connections until the shutdown. Returns once all of them have ended, or at
    /// `Shutdown::Now`.
    pub(crate) async fn serve(mut self, listener: TcpListener) {
        let (open, mut all_closed) = mpsc::channel::<()>(1);
        while let Some(accepted) =
            before_shutdown(&mut self.shutdown, Shutdown::Graceful, listener.accept()).await
        {
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(fault) if is_client_abort(&fault) => continue,
                Err(_) => {
                    sleep(EXHAUSTED_PAUSE).await;
                    continue;
                }
            };
            // Dropping the stream closes a connection that is not admitted.
            let Some(connection) = self.connections.admit(address.ip()) else { continue };
            let (server, open) = (self.clone(), open.clone());
            tokio::spawn(async move {
                server.connect(stream, address, Arc::new(connection)).await;
                drop(open);
            });
        }
        drop((listener, open));
        let _ = before_shutdown(&mut self.shutdown, Shutdown::Now, all_closed.recv()).await;
    }

    async fn connect(mut self, stream: TcpStream, address: SocketAddr, connection: Arc<Connection>) {
        let mut shutdown = self.shutdown.clone();
        let client = Arc::clone(&connection);
        // Each answer is one write, so there is nothing for Nagle's algorithm to collect.
        let _ = stream.set_nodelay(true);
        let stream = TimedStream { stream, connection: Arc::clone(&connection), stalled: None };
        let served = async move {
            match self.certificate.take() {
                None => self.serve_http(stream, address, connection).await,
                Some(certificate) => {
                    let handshake = timeout(HEAD_TIMEOUT, certificate.acceptor().accept(stream));
                    if let Ok(Ok(stream)) = handshake.await {
                        self.serve_http(stream, address, connection).await;
                    }
                }
            }
        };
        tokio::select! {
            () = client.closed() => (),
            _ = before_shutdown(&mut shutdown, Shutdown::Now, served) => (),
        }
    }

    async fn serve_http<S>(mut self, stream: S, address: SocketAddr, connection: Arc<Connection>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let client = Arc::clone(&connection);
        let (router, reservation) = (self.router, self.reservation);
        let service = service_fn(move |request| {
            answer(router.clone(), reservation, request, address, Arc::clone(&connection))
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(BUFFER_MAX);
        let mut spoken = pin!(http.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            _ = spoken.as_mut() => return,
            () = sleep(CONNECTION_LIFETIME) => (),
            () = shutdown_reached(&mut self.shutdown, Shutdown::Graceful) => (),
        }
        spoken.as_mut().graceful_shutdown();
        while timeout(LAST_READ_TIMEOUT, spoken.as_mut()).await.is_err() {
            if client.is_waiting() {
                return;
            }
        }
    }
}

async fn answer(
    mut router: Router,
    reservation: ReservationPolicy,
    request: Request<Incoming>,
    address: SocketAddr,
    connection: Arc<Connection>,
) -> Result<Response<Body>, std::convert::Infallible> {
    connection.answer();
    let of = Arc::clone(&connection);
    let mut request = request.map(|body| Body::new(TimedBody { body, connection: of, late: None }));
    request.extensions_mut().insert(ConnectInfo(address));
    let mut response = if connection.is_reserved() && !(reservation.may_use)(&request) {
        overloaded()
    } else {
        router.call(request).await.unwrap_or_else(|never| match never {})
    };
    if (reservation.keeps_connection)(&response) {
        connection.keep();
    }
    if connection.is_reserved() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    connection.wait_for_client();
    Ok(response)
}

/// The result of `work`; `None` if the shutdown gets to `reached` first.
async fn before_shutdown<T>(
    shutdown: &mut watch::Receiver<Shutdown>,
    reached: Shutdown,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        () = shutdown_reached(shutdown, reached) => None,
        done = work => Some(done),
    }
}

/// Resolves once the shutdown has come to `so_far`. Never resolves if the sender is gone, since
/// then nothing can end the server.
async fn shutdown_reached(shutdown: &mut watch::Receiver<Shutdown>, so_far: Shutdown) {
    if shutdown.wait_for(|stage| *stage >= so_far).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether accepting failed because the client went away first.
fn is_client_abort(fault: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(fault.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A request body that marks its connection as waiting for the client, with a timeout.
struct TimedBody {
    body: Incoming,
    connection: Arc<Connection>,
    late: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, connection, late } = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(context) else {
            // One timer for the whole body, from the first wait on: a client that sends it byte by
            // byte gets no more time, and counts as waited for until the body ends.
            let late = late.get_or_insert_with(|| {
                connection.wait_for_client();
                Box::pin(sleep(BODY_TIMEOUT))
            });
            ready!(late.as_mut().poll(context));
            return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())));
        };
        if !matches!(frame, Some(Ok(_))) || body.is_end_stream() {
            connection.answer();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket with a timeout on writes that the client does not read.
struct TimedStream {
    stream: TcpStream,
    connection: Arc<Connection>,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl TimedStream {
    fn watch(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for TimedStream {
    fn drop(&mut self) {
        // Reset the connection: otherwise the system keeps what the client did not read, and goes
        // on sending it.
        if self.stalled.is_some() || self.connection.was_closed() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Instant;

    use axum::http::StatusCode;
    use axum::routing::post;

    use super::*;

    #[test]
    fn only_a_success_on_a_route_that_needs_a_bearer_keeps_the_connection() {
        for (status, needs_bearer, is_kept) in [
            (StatusCode::OK, Some(true), true),
            (StatusCode::UNAUTHORIZED, Some(true), false),
            (StatusCode::OK, Some(false), false),
            (StatusCode::OK, None, false),
        ] {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            if let Some(needs_bearer) = needs_bearer {
                response.extensions_mut().insert(Route { pattern: "/tokens", needs_bearer });
            }
            assert_eq!(is_accepted_bearer(&response), is_kept, "{status} {needs_bearer:?}");
        }
    }

    /// The router has no timeout of its own, like the setup page's, which may wait for a platform's
    /// program.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_body_that_trickles_is_given_up_and_what_is_being_answered_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let body = post(async |body: Bytes| (StatusCode::OK, body));
        let slow = post(async || sleep(BODY_TIMEOUT + Duration::from_secs(5)).await);
        let router = Router::new().route("/body", body).route("/slow", slow);
        let (_tell, end) = watch::channel(Shutdown::NotYet);
        tokio::spawn(serve(listener, router, Limits::of(8), ReservationPolicy::SUCCESS, end));
        let ask = move |path: &str| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream
        };
        let answer = |mut stream: std::net::TcpStream| {
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            String::from_utf8(head.to_vec()).unwrap()
        };
        let trickle = tokio::task::spawn_blocking(move || {
            let (began, mut stream) = (Instant::now(), ask("/body"));
            let reader = stream.try_clone().unwrap();
            let answered = std::thread::spawn(move || answer(reader));
            while !answered.is_finished() && began.elapsed() < BODY_TIMEOUT * 2 {
                let _ = stream.write_all(b"a");
                std::thread::sleep(Duration::from_millis(500));
            }
            (answered.join().unwrap(), began.elapsed())
        });
        let mut whole = ask("/slow");
        whole.write_all(&[b'a'; 1000]).unwrap();
        let waited_for = tokio::task::spawn_blocking(move || answer(whole)).await.unwrap();
        assert_eq!(waited_for, "HTTP/1.1 200");
        let (given_up, took) = trickle.await.unwrap();
        assert_eq!(given_up, "HTTP/1.1 400");
        assert!(took < BODY_TIMEOUT + Duration::from_secs(5), "{took:?}");
    }
}
