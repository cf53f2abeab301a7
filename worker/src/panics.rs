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
pub(crate) async fn caught(mut work: BoxFuture<'static, Outcome>) -> Outcome {
    std::future::poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            .unwrap_or(Poll::Ready(Err(ApiError::Panicked)))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use crate::app::{App, Clock};
    use crate::hosts::faulty::Faulty;
    use crate::log::Log;
    use crate::router;
    use crate::secrets::Secrets;

    #[tokio::test]
    async fn a_panic_is_a_500_with_a_code_and_the_id_that_the_log_has() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let app = Arc::new(App {
            host: Faulty::new().unwrap(),
            secrets: Arc::new(Secrets::parse(|_| None)),
            clock: Clock::new(|| panic!("on purpose")),
            issuers: Arc::default(),
            refusal_throttle: Arc::default(),
            log: Log::new(move |line| sink.lock().unwrap().push(line.to_owned())),
        });
        let response =
            router(app).oneshot(Request::get("/health").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], br#"{"error":"internal error","code":"INTERNAL"}"#);
        let lines = lines.lock().unwrap();
        assert!(lines.len() == 1 && lines[0].contains(&id) && lines[0].contains("500"), "{lines:?}");
    }
}
