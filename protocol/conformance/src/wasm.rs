//! The checks as the Workers runtime calls them: a vector file comes in as a JavaScript value.

use wasm_bindgen::prelude::*;

use crate::VectorFile;

/// Takes a parsed vector file, returns an array of `{case, fault}`.
///
/// # Errors
/// When the value has the shape of no vector file.
#[wasm_bindgen]
pub fn check(file: JsValue) -> Result<JsValue, JsValue> {
    let file: VectorFile = serde_wasm_bindgen::from_value(file)?;
    Ok(serde_wasm_bindgen::to_value(&file.check())?)
}
