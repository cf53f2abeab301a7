//! Work that takes time, and what a host may do with it.

use std::pin::Pin;

/// Work that is under way.
#[cfg(not(target_family = "wasm"))]
pub type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// Work that is under way.
#[cfg(target_family = "wasm")]
pub type Work<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// `Send` where a call may move from thread to thread. On Workers there is but one, which JavaScript's promises never
/// leave.
#[cfg(not(target_family = "wasm"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_family = "wasm"))]
impl<T: Send> MaybeSend for T {}

/// `Send` where a call may move from thread to thread: not here.
#[cfg(target_family = "wasm")]
pub trait MaybeSend {}
#[cfg(target_family = "wasm")]
impl<T> MaybeSend for T {}
