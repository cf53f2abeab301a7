//! A Worker for the test of `entry.mjs`: by its path it panics at once, panics after a wait, waits or counts.
//! Owns no part of the service, and is built by that test only.
#![cfg(target_family = "wasm")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use worker::{Context, Delay, Env, Request, Response, Result, event};

/// Lives in wasm memory, so that it starts again at 1 when the instance is replaced.
static CALLS: AtomicU32 = AtomicU32::new(0);

#[event(fetch)]
async fn fetch(request: Request, _env: Env, _ctx: Context) -> Result<Response> {
    let count = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    match request.path().as_str() {
        "/panic" => panic!("canary.PANIC.x9"),
        "/panic-later" => {
            Delay::from(Duration::from_millis(300)).await;
            panic!("canary.PANIC.x9")
        }
        "/trap" => std::process::abort(),
        "/wait" => Delay::from(Duration::from_millis(1500)).await,
        "/overflow" => return Response::ok(overflow(1).to_string()),
        _ => {}
    }
    Response::ok(count.to_string())
}

#[expect(unconditional_recursion, reason = "it is to exhaust the stack")]
fn overflow(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 512]);
    overflow(frame[0] + 1) + std::hint::black_box(frame)[511]
}
