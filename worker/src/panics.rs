//! Catches panics, so that a bug in one call is a 500 of that call only. On Workers a panic ends
//! the whole instance, and the JavaScript entry module answers; everywhere else it is caught here,
//! and the answer has the request id under which it is logged. A database transaction that was open
//! is rolled back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use crate::call::Outcome;
use crate::error::ApiError;
use crate::future::BoxFuture;

/// Runs work that may panic: a panic becomes a 500. The process prints where and why, as for every
/// panic.
pub(crate) async fn catch_panic(mut work: BoxFuture<'static, Outcome>) -> Outcome {
    std::future::poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            .unwrap_or(Poll::Ready(Err(ApiError::Panicked)))
    })
    .await
}
