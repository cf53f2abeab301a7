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
