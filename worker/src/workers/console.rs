//! The log on Workers, and the panic hook. A module of its own because the test Worker that panics
//! on request uses it too.

use js_sys::JsString;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::console;

/// Logs a line.
pub(crate) fn log(line: &str) {
    console::error_1(&JsString::from(line));
}

/// Installs a panic hook, once in each instance. A panic ends the instance, and without the hook
/// its message would be lost.
#[wasm_bindgen(start, private)]
fn start() {
    std::panic::set_hook(Box::new(|panic| log(&panic.to_string())));
}
