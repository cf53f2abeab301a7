//! JavaScript bindings that the service uses: a database (D1), a key-value namespace, a rate
//! limiter, a call's context and timers. The `worker` crate has them too, together with much that
//! is unused here and cannot be left out of the upload.

use std::future::{IntoFuture, poll_fn};
use std::pin::pin;
use std::task::Poll;

use js_sys::{Array, Error, Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

type Thrown<T> = std::result::Result<T, JsValue>;

#[wasm_bindgen]
extern "C" {
    #[derive(Debug)]
    pub(super) type Database;

    #[wasm_bindgen(method, catch)]
    pub(super) fn prepare(this: &Database, sql: &str) -> Thrown<Statement>;

    /// Runs the statements as one transaction.
    #[wasm_bindgen(method, catch)]
    pub(super) fn batch(this: &Database, statements: &Array) -> Thrown<Promise>;

    pub(super) type Statement;

    #[wasm_bindgen(method, catch, variadic)]
    pub(super) fn bind(this: &Statement, values: &Array) -> Thrown<Statement>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn all(this: &Statement) -> Thrown<Promise>;

    /// A row of an answer: an object with its columns as properties.
    pub(super) type Record;

    #[wasm_bindgen(method, indexing_getter)]
    pub(super) fn column(this: &Record, name: &str) -> JsValue;

    #[derive(Debug)]
    pub(super) type Namespace;

    #[wasm_bindgen(method, catch)]
    pub(super) fn get(this: &Namespace, key: &str) -> Thrown<Promise>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn put(this: &Namespace, key: &str, value: &str) -> Thrown<Promise>;

    #[derive(Debug)]
    pub(super) type Limiter;

    #[wasm_bindgen(method, catch)]
    pub(super) fn limit(this: &Limiter, of: &Object) -> Thrown<Promise>;

    /// The context of one call, which can keep work running after its answer.
    #[derive(Debug)]
    pub type Context;

    #[wasm_bindgen(method, catch, js_name = waitUntil)]
    pub(super) fn wait_until(this: &Context, work: &Promise) -> Thrown<()>;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(then: &Function, millis: u32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// The binding with this name in `wrangler.toml`. The type is not checked: a wrong binding fails
/// when it is used.
pub(super) fn bound<T: JsCast>(env: &Object, name: &str) -> std::result::Result<T, String> {
    let binding = property(env, name).map_err(|error| text(&error))?;
    match binding.is_undefined() {
        true => Err(format!("there is no binding {name}")),
        false => Ok(binding.unchecked_into()),
    }
}

/// A property of an object.
pub(super) fn property(object: &JsValue, name: &str) -> Thrown<JsValue> {
    Reflect::get(object, &JsValue::from_str(name))
}

/// Awaits the promise that a call returned.
pub(super) async fn settled(promise: Thrown<Promise>) -> Thrown<JsValue> {
    promise?.await
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

/// The message of a thrown value.
pub(super) fn text(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<Error>() {
        Some(error) => error.message().into(),
        None => thrown.as_string().unwrap_or_else(|| "something that is no error was thrown".into()),
    }
}
