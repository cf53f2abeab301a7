//! Signals that stop a running service, or make it read its files again.

#[cfg(unix)]
mod unix {
    //! Unix signals: SIGINT and SIGTERM to stop, SIGHUP to reload.

    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// SIGINT and SIGTERM, caught from [`Stop::catch`] on.
    pub(crate) struct Stop {
        interrupt: Signal,
        terminate: Signal,
    }

    impl Stop {
        pub(crate) fn catch() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }

        /// Waits for the next signal.
        pub(crate) async fn received(&mut self) {
            tokio::select! {
                _ = self.interrupt.recv() => (),
                _ = self.terminate.recv() => (),
            }
        }
    }

    /// SIGHUP, caught from [`Reload::catch`] on.
    pub(crate) struct Reload(Signal);

    impl Reload {
        pub(crate) fn catch() -> io::Result<Self> {
            signal(SignalKind::hangup()).map(Self)
        }

        /// Waits for the next signal; `None` if none can come any more.
        pub(crate) async fn received(&mut self) -> Option<()> {
            self.0.recv().await
        }
    }
}

#[cfg(windows)]
mod windows {
    //! Windows console events that stop the service: Ctrl-C, Ctrl-Break, and the ends of the console
    //! and of the session.

    use std::io;

    use tokio::signal::windows::{
        CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
    };

    /// All of these events, caught from [`Stop::catch`] on.
    pub(crate) struct Stop {
        key: CtrlC,
        other_key: CtrlBreak,
        close: CtrlClose,
        shutdown: CtrlShutdown,
    }

    impl Stop {
        pub(crate) fn catch() -> io::Result<Self> {
            Ok(Self {
                key: ctrl_c()?,
                other_key: ctrl_break()?,
                close: ctrl_close()?,
                shutdown: ctrl_shutdown()?,
            })
        }

        /// Waits for the next event.
        pub(crate) async fn received(&mut self) {
            tokio::select! {
                _ = self.key.recv() => (),
                _ = self.other_key.recv() => (),
                _ = self.close.recv() => (),
                _ = self.shutdown.recv() => (),
            }
        }
    }

    /// Windows has no signal to reload: the service has to be restarted.
    pub(crate) struct Reload;

    impl Reload {
        #[expect(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
        pub(crate) fn catch() -> io::Result<Self> {
            Ok(Self)
        }

        #[expect(clippy::unused_async, reason = "on Unix it waits")]
        pub(crate) async fn received(&mut self) -> Option<()> {
            None
        }
    }
}

#[cfg(unix)]
pub(crate) use unix::{Reload, Stop};
#[cfg(windows)]
pub(crate) use windows::{Reload, Stop};
