//! Time limits for asynchronous work.

use std::future::{IntoFuture, poll_fn};
use std::pin::pin;
use std::task::Poll;

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(then: &Function, millis: u32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// Runs work with a time limit: `None` when it takes longer.
pub(super) async fn with_timeout<T>(millis: u32, work: impl Future<Output = T>) -> Option<T> {
    let mut timer = JsValue::UNDEFINED;
    let elapsed = Promise::new(&mut |resolve, _| timer = set_timeout(&resolve, millis));
    let (mut work, mut elapsed) = (pin!(work), pin!(elapsed.into_future()));
    let done = poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => elapsed.as_mut().poll(context).map(|_| None),
    });
    let done = done.await;
    clear_timeout(&timer);
    done
}
