//! The service from start to shutdown: opens database and sockets, answers requests, handles
//! signals.

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
use capy_worker::app::{App, Clock};
use capy_worker::host::Limit;
use capy_worker::hosts::limiter::Limiter;
use capy_worker::log::Log;
use capy_worker::secrets::Secrets;
use capy_worker::{router, too_slow};
use tokio::sync::watch;

use crate::connections::{Connections, Counters, Limits};
use crate::database::Database;
use crate::host::SqliteHost;
use crate::http::{self, Certificate, ReservationPolicy, Shutdown};
use crate::metrics::Metrics;
use crate::settings::{Settings, Tls};
use crate::signals::{Reload, Stop};
use crate::{Error, Result, access_log, descriptors, peer, tls};

/// The most connections to `/metrics`: enough for one or two scrapers.
const METRICS_CONNECTIONS: usize = 8;
/// How often new events of the audit trail are sealed; the same as on Workers.
const SEAL_INTERVAL: Duration = Duration::from_secs(300);
/// How long the shutdown waits for reads of the database that are still running.
const READS_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout for an answer, including the arrival of the request's body.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A service with its database open and its sockets listening, which does not answer yet.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    app: Arc<App<SqliteHost>>,
    routes: Router,
    metrics: Metrics,
    limits: Limits,
    certificate: Option<Certificate>,
    reload_secrets: ReloadSecrets,
    public: TcpListener,
    private: Option<TcpListener>,
    log: Log,
}

/// Reads the secrets again on SIGHUP: returns usable secrets, or why they are not usable.
pub struct ReloadSecrets(Box<dyn Fn() -> std::result::Result<Secrets, String> + Send>);

impl ReloadSecrets {
    /// Calls `read` each time.
    pub fn new(read: impl Fn() -> std::result::Result<Secrets, String> + Send + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl fmt::Debug for ReloadSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReloadSecrets(…)")
    }
}

/// The addresses that a service listens on.
#[derive(Clone, Copy, Debug)]
pub struct ListenAddresses {
    /// The address of the routes.
    pub routes: SocketAddr,
    /// The address of `/metrics`.
    pub metrics: Option<SocketAddr>,
}

impl Server {
    /// Opens the database and listens; [`Server::run`] answers. SIGHUP calls `reload_secrets`.
    ///
    /// # Errors
    /// If a folder, a file or an address cannot be opened, a certificate cannot be used, or there
    /// are too few file descriptors.
    pub fn bind(
        settings: Settings,
        secrets: Secrets,
        reload_secrets: ReloadSecrets,
        log: Log,
    ) -> Result<Self> {
        let limits = limits(&settings)?;
        let certificate = match &settings.tls {
            Some(files) => Some(Certificate::new(tls::load(files)?)),
            None => None,
        };
        let database = Database::open(&settings.data)?;
        let (of_deploy, from_address) = (settings.deploy_limit, settings.address_limit);
        let limiter = Limiter::new(|limit| match limit {
            Limit::DecryptsOfDeploy => of_deploy,
            Limit::DecryptsFromAddress => from_address,
        });
        let app = Arc::new(App {
            host: SqliteHost { database, limiter },
            secrets: Arc::new(secrets),
            clock: Clock::new(now),
            issuers: Arc::default(),
            refusal_throttle: Arc::default(),
            log: log.clone(),
        });
        let metrics = Metrics::new();
        let routes = router(Arc::clone(&app))
            .layer(from_fn(with_time_limit))
            .layer(from_fn_with_state(Arc::from(settings.trusted_proxies.as_slice()), peer::resolve))
            .layer(from_fn_with_state((metrics.clone(), log.clone()), access_log::observe));
        let public = listen(settings.listen)?;
        let private = settings.metrics.map(listen).transpose()?;
        Ok(Self { settings, app, routes, metrics, limits, certificate, reload_secrets, public, private, log })
    }

    /// The addresses that the service listens on, with the ports that the system chose for port 0.
    ///
    /// # Errors
    /// [`Error::Server`] if the system does not tell them.
    pub fn listen_addresses(&self) -> Result<ListenAddresses> {
        let address = |listener: &TcpListener| listener.local_addr().map_err(Error::Server);
        Ok(ListenAddresses {
            routes: address(&self.public)?,
            metrics: self.private.as_ref().map(address).transpose()?,
        })
    }

    /// Answers requests until SIGINT or SIGTERM (on Windows: Ctrl-C, Ctrl-Break, or the end of the
    /// console or session). Then calls in flight may finish within the grace period of the
    /// settings; a second such signal ends it at once. SIGHUP reads the certificate and the secrets
    /// again.
    ///
    /// # Errors
    /// [`Error::Server`] if the system refuses threads, signals or sockets.
    pub fn run(self) -> Result<()> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Server)?;
        let served = runtime.block_on(self.answer());
        // A read that hangs on a slow disk must not keep the process from ending.
        runtime.shutdown_timeout(READS_TIMEOUT);
        served
    }

    async fn answer(self) -> Result<()> {
        let (stages, shutdown) = watch::channel(Shutdown::NotYet);
        tokio::spawn(stop(stages, self.settings.grace).map_err(Error::Server)?);
        let renewed = self.settings.tls.zip(self.certificate.clone());
        let app = Arc::downgrade(&self.app);
        tokio::spawn(reload(renewed, self.reload_secrets, app, self.log.clone()).map_err(Error::Server)?);
        tokio::spawn(seal(Arc::downgrade(&self.app)));
        let counters = Counters::default();
        self.metrics.watch(&counters);
        if let Some(listener) = self.private {
            let metrics = self.metrics;
            let page =
                Router::new().route("/metrics", get(async move |headers: HeaderMap| metrics.page(&headers)));
            let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::Server)?;
            let limits = Limits::of(METRICS_CONNECTIONS);
            tokio::spawn(http::serve(listener, page, limits, ReservationPolicy::SUCCESS, shutdown.clone()));
        }
        let listener = tokio::net::TcpListener::from_std(self.public).map_err(Error::Server)?;
        let log = self.log;
        let connections = Connections::new(self.limits, counters, move |text| log.warn(&text));
        let (router, certificate) = (self.routes, self.certificate);
        http::Server { router, connections, reservation: ReservationPolicy::BEARER, certificate, shutdown }
            .serve(listener)
            .await;
        Ok(())
    }
}

/// The connection limits: as many connections as the operator asks for, else as many as there are
/// file descriptors for, up to [`descriptors::DEFAULT_CONNECTIONS`].
fn limits(settings: &Settings) -> Result<Limits> {
    let room = descriptors::room_for_connections();
    let connections = match settings.connections {
        Some(asked) if asked.get() <= room => asked.get(),
        None if room >= descriptors::MIN_CONNECTIONS => room.min(descriptors::DEFAULT_CONNECTIONS),
        _ => return Err(Error::Descriptors { room }),
    };
    let mut limits = Limits::of(connections);
    if let Some(asked) = settings.address_connections {
        limits.from_network = asked.get();
    }
    limits.shared = settings.trusted_proxies.clone();
    Ok(limits)
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source| Error::Listen { address, source })
}

/// Seals the audit trail periodically, until the service ends. `checkpoint` itself logs what fails.
async fn seal(app: Weak<App<SqliteHost>>) {
    let mut ticks = tokio::time::interval(SEAL_INTERVAL);
    loop {
        ticks.tick().await;
        let Some(app) = app.upgrade() else { return };
        capy_worker::checkpoint(&app).await;
    }
}

async fn with_time_limit(request: Request, next: Next) -> Response {
    tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await.unwrap_or_else(|_| too_slow())
}

/// Catches the signals to stop from this call on; the returned future waits for them and reports
/// the shutdown to `stages`.
fn stop(stages: watch::Sender<Shutdown>, grace: Duration) -> io::Result<impl Future<Output = ()>> {
    let mut stop = Stop::catch()?;
    Ok(async move {
        stop.received().await;
        let _ = stages.send(Shutdown::Graceful);
        let _ = tokio::time::timeout(grace, stop.received()).await;
        let _ = stages.send(Shutdown::Now);
        // Keeps `stages` open: the server learns of the shutdown from it.
        std::future::pending().await
    })
}

/// Catches SIGHUP from this call on; the returned future reloads secrets and certificate at each.
/// What cannot be read is logged, and the old one stays in use.
fn reload(
    renewed: Option<(Tls, Certificate)>,
    reload_secrets: ReloadSecrets,
    app: Weak<App<SqliteHost>>,
    log: Log,
) -> io::Result<impl Future<Output = ()>> {
    let mut hangup = Reload::catch()?;
    Ok(async move {
        while hangup.received().await.is_some() {
            let Some(app) = app.upgrade() else { return };
            match (reload_secrets.0)() {
                Ok(secrets) => app.secrets.replace(secrets),
                Err(fault) => log.warn(&fault),
            }
            let Some((files, certificate)) = &renewed else { continue };
            match tls::load(files) {
                Ok(config) => certificate.replace(config),
                Err(fault) => log.warn(&fault),
            }
        }
    })
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
