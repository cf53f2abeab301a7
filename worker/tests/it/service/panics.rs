//! A bug in one call is a 500 of that call alone.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use capy_worker::app::{App, Clock};
use capy_worker::log::Log;
use capy_worker::router;
use capy_worker::secrets::Secrets;
use capy_worker_testing::FaultyHost;
use http_body_util::BodyExt;
use tower::ServiceExt;

#[tokio::test]
async fn a_panic_is_a_500_with_a_code_and_the_id_that_the_log_has() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let app = Arc::new(App {
        host: FaultyHost::new().unwrap(),
        secrets: Arc::new(Secrets::parse(|_| None)),
        clock: Clock::new(|| panic!("on purpose")),
        issuers: Arc::default(),
        refusal_throttle: Arc::default(),
        log: Log::new(move |line| sink.lock().unwrap().push(line.to_owned())),
    });
    let response = router(app).oneshot(Request::get("/health").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], br#"{"error":"internal error","code":"INTERNAL"}"#);
    let lines = lines.lock().unwrap();
    assert!(lines.len() == 1 && lines[0].contains(&id) && lines[0].contains("500"), "{lines:?}");
}
