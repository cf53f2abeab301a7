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
use capy_worker::app::{App, Clock};
use capy_worker::host::Limit;
use capy_worker::hosts::limiter::Limiter;
use capy_worker::log::Log;
use capy_worker::secrets::Secrets;
use capy_worker::{router, too_slow};
use tokio::sync::watch;

use crate::connections::{Connections, Counters, Limits};
use crate::database::Database;
use crate::host::Machine;
use crate::http::{self, Certificate, End, Rights};
use crate::metrics::Metrics;
use crate::settings::{Settings, Tls};
use crate::signals::{Reload, Stop};
use crate::{Error, Result, access_log, descriptors, peer, tls};

/// Connections to `/metrics`: one or two scrapers.
const METRICS_CONNECTIONS: usize = 8;
/// How often what was written to the audit trail is sealed, as on Workers.
const SEAL_EVERY: Duration = Duration::from_secs(300);
/// The longest that reads of the database, which nobody waits for, are waited for at the end.
const LAST_READS: Duration = Duration::from_secs(2);
/// The longest that an answer may take, the body's arrival included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A service that holds its database and its sockets, and does not answer yet.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    app: Arc<App<Machine>>,
    routes: Router,
    metrics: Metrics,
    limits: Limits,
    certificate: Option<Certificate>,
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
    /// When a folder, a file or an address cannot be had, a certificate cannot be used, or there are too few file
    /// descriptors.
    pub fn bind(settings: Settings, secrets: Secrets, reread: Reread, log: Log) -> Result<Self> {
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
        Ok(Self { settings, app, routes, metrics, limits, certificate, reread, public, private, log })
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

    /// Answers until SIGINT or SIGTERM, or Ctrl-C on Windows; then calls in flight may end, for as long as the settings say. SIGHUP reads the
    /// certificate and the secrets again. A second SIGINT or SIGTERM does not wait.
    ///
    /// # Errors
    /// [`Error::Server`].
    pub fn run(self) -> Result<()> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Server)?;
        let served = runtime.block_on(self.answer());
        // A database that stands still does not keep the end away.
        runtime.shutdown_timeout(LAST_READS);
        served
    }

    async fn answer(self) -> Result<()> {
        let (tell, end) = watch::channel(End::NotYet);
        tokio::spawn(stop(tell, self.settings.grace).map_err(Error::Server)?);
        let renewed = self.settings.tls.zip(self.certificate.clone());
        let app = Arc::downgrade(&self.app);
        tokio::spawn(reload(renewed, self.reread, app, self.log.clone()).map_err(Error::Server)?);
        tokio::spawn(seal(Arc::downgrade(&self.app)));
        let counters = Counters::default();
        self.metrics.watch(&counters);
        if let Some(listener) = self.private {
            let metrics = self.metrics;
            let page =
                Router::new().route("/metrics", get(async move |headers: HeaderMap| metrics.page(&headers)));
            let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::Server)?;
            let limits = Limits::of(METRICS_CONNECTIONS);
            tokio::spawn(http::serve(listener, page, limits, Rights::SUCCESS, end.clone()));
        }
        let listener = tokio::net::TcpListener::from_std(self.public).map_err(Error::Server)?;
        let log = self.log;
        let connections = Connections::new(self.limits, counters, move |text| log.warn(&text));
        let (router, certificate) = (self.routes, self.certificate);
        http::Server { router, connections, rights: Rights::BEARER, certificate, end }.serve(listener).await;
        Ok(())
    }
}

/// As many connections as are asked for, or as there are descriptors for.
fn limits(settings: &Settings) -> Result<Limits> {
    let room = descriptors::room_for_connections();
    let connections = match settings.connections {
        Some(asked) if asked.get() <= room => asked.get(),
        None if room >= descriptors::LEAST => room.min(descriptors::USUAL),
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
fn stop(tell: watch::Sender<End>, grace: Duration) -> io::Result<impl Future<Output = ()>> {
    let mut stop = Stop::catch()?;
    Ok(async move {
        stop.asked().await;
        let _ = tell.send(End::Graceful);
        let _ = tokio::time::timeout(grace, stop.asked()).await;
        let _ = tell.send(End::Now);
        // Who serves knows the end from here.
        std::future::pending().await
    })
}

/// What cannot be read leaves the old one in use.
fn reload(
    renewed: Option<(Tls, Certificate)>,
    reread: Reread,
    app: Weak<App<Machine>>,
    log: Log,
) -> io::Result<impl Future<Output = ()>> {
    let mut hangup = Reload::catch()?;
    Ok(async move {
        while hangup.asked().await.is_some() {
            let Some(app) = app.upgrade() else { return };
            match (reread.0)() {
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
