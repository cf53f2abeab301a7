//! The log on Workers, and what a panic leaves there. Apart, for the test Worker that panics on request.

use js_sys::JsString;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::console;

/// One line.
pub(crate) fn log(line: &str) {
    console::error_1(&JsString::from(line));
}

/// Runs once in each instance. A panic ends it, and its words would be lost with it.
#[wasm_bindgen(start, private)]
fn start() {
    std::panic::set_hook(Box::new(|panic| log(&panic.to_string())));
}
