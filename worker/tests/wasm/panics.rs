//! A Worker for the test of `entry.mjs`: by its path it panics at once, panics after a wait, waits or counts.
//! Owns no part of the service, and is built by that test only.
#![cfg(target_family = "wasm")]

#[path = "../../src/workers/console.rs"]
mod console;

use std::sync::atomic::{AtomicU32, Ordering};

use js_sys::futures::future_to_promise;
use js_sys::{Promise, global};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Request, Response, WorkerGlobalScope};

/// Lives in wasm memory, so that it starts again at 1 when the instance is replaced.
static CALLS: AtomicU32 = AtomicU32::new(0);

#[wasm_bindgen]
pub fn fetch(request: Request) -> Promise {
    future_to_promise(answer(request.url()))
}

async fn answer(url: String) -> Result<JsValue, JsValue> {
    let count = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    let said = match url.rsplit('/').next() {
        Some("panic") => panic!("canary.PANIC.x9"),
        Some("panic-later") => {
            pause(300).await?;
            panic!("canary.PANIC.x9")
        }
        Some("trap") => std::process::abort(),
        Some("wait") => {
            pause(1500).await?;
            count.to_string()
        }
        Some("overflow") => overflow(1).to_string(),
        _ => count.to_string(),
    };
    Response::new_with_opt_str(Some(&said)).map(JsValue::from)
}

async fn pause(millis: i32) -> Result<JsValue, JsValue> {
    let scope: WorkerGlobalScope = global().unchecked_into();
    Promise::new(&mut |resolve, _| {
        // A refusal leaves the promise open, and the test fails by its deadline.
        let _ = scope.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis);
    })
    .await
}

#[expect(unconditional_recursion, reason = "it is to exhaust the stack")]
fn overflow(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 512]);
    overflow(frame[0] + 1) + std::hint::black_box(frame)[511]
}
