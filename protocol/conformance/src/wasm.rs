//! The checks as a wasm function for the Workers runtime: a vector file arrives as a JavaScript
//! value.

use wasm_bindgen::prelude::*;

use crate::VectorFile;

/// Checks a parsed vector file and returns an array of `{case, fault}`.
///
/// # Errors
/// When the value has the shape of no known vector file.
#[wasm_bindgen]
pub fn check(file: JsValue) -> Result<JsValue, JsValue> {
    let file: VectorFile = serde_wasm_bindgen::from_value(file)?;
    Ok(serde_wasm_bindgen::to_value(&file.check())?)
}
