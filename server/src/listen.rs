//! The listener: from settings to answered requests, until it is told to stop.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum_server::tls_rustls::RustlsConfig;
use axum_server::{Handle, Server as HttpServer};
use capy_worker::app::{App, Clock};
use capy_worker::host::Limit;
use capy_worker::host::limiter::Limiter;
use capy_worker::log::Log;
use capy_worker::secrets::Secrets;
use capy_worker::{router, too_slow};
use hyper_util::rt::TokioTimer;
use tokio::signal::unix::{SignalKind, signal};

use crate::database::Database;
use crate::host::Machine;
use crate::metrics::Metrics;
use crate::settings::{Settings, Tls};
use crate::{Error, Result, access_log, peer};

/// The longest that a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often what was written to the audit trail is sealed, as on Workers.
const SEAL_EVERY: Duration = Duration::from_secs(300);
/// The longest that an answer may take, the body's arrival included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A service that holds its database and its sockets, and does not answer yet.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    app: Arc<App<Machine>>,
    routes: Router,
    metrics: Metrics,
    reread: Reread,
    public: TcpListener,
    private: Option<TcpListener>,
    log: Log,
}

/// Reads the secrets again: those that can be used, or why they cannot.
pub struct Reread(Box<dyn Fn() -> std::result::Result<Secrets, String> + Send>);

impl Reread {
    /// They are what `read` says.
    pub fn new(read: impl Fn() -> std::result::Result<Secrets, String> + Send + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl fmt::Debug for Reread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reread(…)")
    }
}

/// Where a service listens.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// The routes.
    pub routes: SocketAddr,
    /// `/metrics`.
    pub metrics: Option<SocketAddr>,
}

impl Server {
    /// Opens the database and listens. Nothing is answered before [`Server::run`]. `reread` is asked on SIGHUP.
    ///
    /// # Errors
    /// When a folder, a file or an address cannot be had.
    pub fn bind(settings: Settings, secrets: Secrets, reread: Reread, log: Log) -> Result<Self> {
        let database = Database::open(&settings.data)?;
        let (of_deploy, from_address) = (settings.deploy_limit, settings.address_limit);
        let limiter = Limiter::new(|limit| match limit {
            Limit::DecryptsOfDeploy => of_deploy,
            Limit::DecryptsFromAddress => from_address,
        });
        let app = Arc::new(App {
            host: Machine { database, limiter },
            secrets: Arc::new(secrets),
            clock: Clock::new(now),
            issuers: Arc::default(),
            refusals: Arc::default(),
            log: log.clone(),
        });
        let metrics = Metrics::new();
        let routes = router(Arc::clone(&app))
            .layer(from_fn(in_time))
            .layer(from_fn_with_state(Arc::from(settings.trusted_proxies.as_slice()), peer::tell))
            .layer(from_fn_with_state((metrics.clone(), log.clone()), access_log::observe));
        let public = listen(settings.listen)?;
        let private = settings.metrics.map(listen).transpose()?;
        Ok(Self { settings, app, routes, metrics, reread, public, private, log })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// [`Error::Server`] when the system does not tell.
    pub fn listening(&self) -> Result<Listening> {
        let address = |listener: &TcpListener| listener.local_addr().map_err(Error::Server);
        Ok(Listening {
            routes: address(&self.public)?,
            metrics: self.private.as_ref().map(address).transpose()?,
        })
    }

    /// Answers until SIGINT or SIGTERM; then calls in flight may end, for as long as the settings say. SIGHUP reads the
    /// certificate and the secrets again. A second SIGINT or SIGTERM does not wait.
    ///
    /// # Errors
    /// [`Error::Tls`] for a certificate that cannot be used, [`Error::Server`].
    pub fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.map_err(Error::Server)?.block_on(self.answer())
    }

    async fn answer(self) -> Result<()> {
        let handle = Handle::new();
        let tls = match &self.settings.tls {
            Some(files) => Some(load(files).await?),
            None => None,
        };
        let stop = stop(handle.clone(), self.settings.grace).map_err(Error::Server)?;
        tokio::spawn(stop);
        let renewed = self.settings.tls.zip(tls.clone());
        let app = Arc::downgrade(&self.app);
        tokio::spawn(reload(renewed, self.reread, app, self.log).map_err(Error::Server)?);
        tokio::spawn(seal(Arc::downgrade(&self.app)));
        if let Some(listener) = self.private {
            let metrics = self.metrics;
            let page =
                Router::new().route("/metrics", get(async move |headers: HeaderMap| metrics.page(&headers)));
            let server = axum_server::from_tcp(listener).map_err(Error::Server)?;
            tokio::spawn(server.handle(handle.clone()).serve(page.into_make_service()));
        }
        let routes = self.routes.into_make_service_with_connect_info::<SocketAddr>();
        let served = match tls {
            None => {
                let server = axum_server::from_tcp(self.public).map_err(Error::Server)?.handle(handle);
                limited(server).serve(routes).await
            }
            Some(tls) => {
                let server = axum_server::from_tcp_rustls(self.public, tls).map_err(Error::Server)?;
                limited(server.handle(handle)).serve(routes).await
            }
        };
        served.map_err(Error::Server)
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source| Error::Listen { address, source })
}

/// A client that says nothing, or sends its head letter by letter, holds no connection for ever. HTTP/1 only: to find out
/// the version, the server would wait for a first byte without a limit.
fn limited<A: axum_server::Address, T>(mut server: HttpServer<A, T>) -> HttpServer<A, T> {
    let mut http = server.http_builder().http1();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    server.http1_only()
}

/// Seals the audit trail now and then; the app itself logs what fails. Ends with the service.
async fn seal(app: Weak<App<Machine>>) {
    let mut ticks = tokio::time::interval(SEAL_EVERY);
    loop {
        ticks.tick().await;
        let Some(app) = app.upgrade() else { return };
        capy_worker::checkpoint(&app).await;
    }
}

async fn in_time(request: Request, next: Next) -> Response {
    tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await.unwrap_or_else(|_| too_slow())
}

/// The signals are caught from here on; what is returned waits for them.
fn stop(handle: Handle<SocketAddr>, grace: Duration) -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        for asked in 1.. {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
            match asked {
                1 => handle.graceful_shutdown(Some(grace)),
                _ => handle.shutdown(),
            }
        }
    })
}

/// What cannot be read leaves the old one in use.
fn reload(
    renewed: Option<(Tls, RustlsConfig)>,
    reread: Reread,
    app: Weak<App<Machine>>,
    log: Log,
) -> io::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            let Some(app) = app.upgrade() else { return };
            match (reread.0)() {
                Ok(secrets) => app.secrets.replace(secrets),
                Err(fault) => log.warn(&fault),
            }
            let Some((files, tls)) = &renewed else { continue };
            if let Err(source) = tls.reload_from_pem_file(&files.certificate, &files.key).await {
                log.warn(&unusable(files, source));
            }
        }
    })
}

async fn load(files: &Tls) -> Result<RustlsConfig> {
    let read = RustlsConfig::from_pem_file(&files.certificate, &files.key).await;
    read.map_err(|source| unusable(files, source))
}

fn unusable(files: &Tls, source: io::Error) -> Error {
    Error::Tls { certificate: files.certificate.clone(), key: files.key.clone(), source }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
