//! The setup page of `capy deploy`: a small web page on loopback, for one browser and one run.
//!
//! The server listens before anybody learns its address. It ends when the user is done, on a
//! signal, or after ten idle minutes, and prints what became of each deployment. Values stay in
//! this process and end with it. Only the first visitor is let in, and idle connections cannot keep
//! this visitor out.

mod browser;
mod choice;
mod gate;
mod routes;
mod session;
mod view;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use capy_client::private_memory;
use capy_client::signals::Interrupt;
use capy_server::Limits;
use capy_server::http::{self, ReservationPolicy, Shutdown};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

pub(crate) use browser::OpenMethod;

use crate::deployment::{DeployContext, PartialRequest};
use crate::error::{Error, Result};
use crate::printer;
use browser::Redirect;
use gate::Gate;
use session::Session;

/// How long the page stays without a request of the user's.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The most connections. A browser opens at most six. Others on this machine may hold the rest, and
/// have to make room.
const MAX_CONNECTIONS: usize = 32;
/// How long to wait for a platform's program to be stopped.
const PUSH_STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait, at the end, for answers that are being sent.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Idle,
    Signal,
}

/// Serves the page until it ends.
pub(crate) fn serve(context: DeployContext, request: PartialRequest, method: &OpenMethod) -> Result<()> {
    private_memory::forbid_reading();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::SetupPage)?;
    let port = listener.local_addr().map_err(Error::SetupPage)?.port();
    listener.set_nonblocking(true).map_err(Error::SetupPage)?;
    let interrupt = Interrupt::catch().map_err(Error::SetupPage)?;
    let session = Arc::new(Session::new(Gate::new(port)?, context, request, interrupt.clone()));
    let redirect = method.open(&session.gate.url(), port);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::SetupPage)?;
    let end = runtime.block_on(run(listener, &session, &interrupt, redirect));
    // Calls to the service that still wait are abandoned.
    runtime.shutdown_background();
    let end = end.map_err(Error::SetupPage)?;
    report_end(&session, end);
    interrupt.end();
    Ok(())
}

async fn run(
    listener: TcpListener,
    session: &Arc<Session>,
    interrupt: &Interrupt,
    redirect: Redirect,
) -> std::io::Result<End> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (shutdown, shutdown_signal) = watch::channel(Shutdown::NotYet);
    let router = routes::router(Arc::clone(session));
    let server = tokio::spawn(http::serve(
        listener,
        router,
        Limits::of(MAX_CONNECTIONS),
        ReservationPolicy::SUCCESS,
        shutdown_signal,
    ));
    let end = wait_for_end(session, interrupt, redirect).await;
    // The signal stops a platform's program, too. Waits for that, so that nothing is left running.
    let start = Instant::now();
    while end == End::Signal && session.is_pushing() && start.elapsed() < PUSH_STOP_TIMEOUT {
        sleep(POLL_INTERVAL).await;
    }
    let _ = shutdown.send(Shutdown::Graceful);
    let _ = timeout(DRAIN_TIMEOUT, server).await;
    Ok(end)
}

/// Waits for the end, and prints what the user at the terminal should know until then.
async fn wait_for_end(session: &Session, interrupt: &Interrupt, redirect: Redirect) -> End {
    // The browser needs the file until it is there.
    let mut redirect = Some(redirect);
    loop {
        if session.gate.is_claimed() && redirect.take().is_some() {
            printer::note("the page is open in a browser; capy ends when you are done there, or with Ctrl-C");
        }
        if session.gate.take_refused() {
            printer::note(
                "warning: another browser tried to open the page and got nothing\n\nhint: press Ctrl-C if that was not you",
            );
        }
        let signal = interrupt.stop().load(Ordering::SeqCst);
        let idle = Instant::now().duration_since(session.last_activity());
        if let Some(end) = ended(signal, session.is_done(), idle) {
            return end;
        }
        sleep(POLL_INTERVAL).await;
    }
}

fn ended(signal: bool, done: bool, idle: Duration) -> Option<End> {
    let reasons = [(signal, End::Signal), (done, End::Done), (idle >= IDLE_TIMEOUT, End::Idle)];
    reasons.into_iter().find_map(|(is_so, end)| is_so.then_some(end))
}

/// Prints why the page ended, and what became of each deployment.
fn report_end(session: &Session, end: End) {
    match end {
        End::Done => {}
        End::Idle => printer::note("the page ended: nobody used it for ten minutes"),
        End::Signal => printer::note("the page ended"),
    }
    let deployments = session.deployments();
    for deployment in &deployments {
        let (short, name) = (deployment.short_id(), &deployment.platform.name);
        if deployment.is_revoked() {
            printer::note(&format!("deployment {short} for {name} was revoked"));
        } else if deployment.is_delivered() {
            printer::note(&format!(
                "deployment {short} for {name}; to revoke it: capy deploy revoke {short}"
            ));
        } else {
            // Nobody can ever open the blob that is in the file now.
            if let Err(error) = deployment.restore_blob_file() {
                printer::note(&format!("warning: {error}"));
            }
            printer::note(&format!(
                "warning: nobody copied the values of deployment {short} for {name}, so nobody can use it\n\nhint: run `capy deploy revoke {short}`"
            ));
        }
    }
    if deployments.is_empty() {
        printer::note("nothing was deployed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_idle_minutes_a_signal_or_being_done_end_the_page() {
        let (short, long) = (IDLE_TIMEOUT - POLL_INTERVAL, IDLE_TIMEOUT);
        for (signal, done, idle, end) in [
            (false, false, Duration::ZERO, None),
            (false, false, short, None),
            (false, false, long, Some(End::Idle)),
            (false, true, long, Some(End::Done)),
            (true, true, long, Some(End::Signal)),
        ] {
            assert_eq!(ended(signal, done, idle), end, "{signal} {done} {idle:?}");
        }
        assert_eq!(IDLE_TIMEOUT.as_secs(), 600);
    }
}
