//! A database that takes a long time to answer.

use std::time::Instant;

use crate::service::support::Service;
use capy_worker_testing::Faults;
use serde_json::json;

#[tokio::test]
async fn health_says_within_seconds_that_the_database_does_not_answer() {
    let service = Service::new();
    service.inject(Faults { database_waits: true, ..Faults::default() });
    let began = Instant::now();
    let health = service.call("GET", "/health", serde_json::Value::Null).await;
    assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
    assert_eq!((health.status.as_u16(), &health.json["bindings"]["database"]), (503, &json!("error")));
    assert!(service.log().contains("no answer within 2000 milliseconds"), "{}", service.log());
    service.inject(Faults::default());
    assert_eq!(service.call("GET", "/health", serde_json::Value::Null).await.status, 200);
}
