//! Reads incoming bodies: of requests, and of answers to the service's own requests.

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ReadableStream, ReadableStreamDefaultReader, Request};

use super::bindings::property;
use crate::body::BodyFault;

/// Reads the body of a request, at most `max` bytes. A body with a `content-length` is read in one
/// piece.
pub(crate) async fn body_of(request: &Request, max: usize) -> Result<Vec<u8>, BodyFault> {
    let told = request.headers().get("content-length").ok().flatten();
    match told.and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length > max => Err(BodyFault::TooLarge),
        Some(_) => {
            let bytes = request.array_buffer().map_err(broken)?;
            let bytes = Uint8Array::new(&bytes.await.map_err(broken)?);
            let fits = bytes.length() as usize <= max;
            fits.then(|| bytes.to_vec()).ok_or(BodyFault::TooLarge)
        }
        None => match request.body() {
            Some(stream) => drain(&stream, max).await,
            None => Ok(Vec::new()),
        },
    }
}

/// Reads a stream piece by piece, and stops as soon as there are more than `max` bytes.
pub(crate) async fn drain(stream: &ReadableStream, max: usize) -> Result<Vec<u8>, BodyFault> {
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let (mut pieces, mut length) = (Vec::new(), 0);
    loop {
        let next = reader.read().await.map_err(broken)?;
        if present(&next, "done").is_none_or(|done| done.is_truthy()) {
            break;
        }
        let piece: Uint8Array = present(&next, "value").ok_or(BodyFault::Broken)?.unchecked_into();
        length += piece.length() as usize;
        if length > max {
            // Nothing waits for the cancellation.
            let _ = reader.cancel();
            return Err(BodyFault::TooLarge);
        }
        pieces.push(piece);
    }
    // Allocated once at full size: a buffer that grows leaves copies behind that are not zeroized.
    let mut bytes = vec![0; length];
    let mut rest = bytes.as_mut_slice();
    for piece in pieces {
        let (here, after) = rest.split_at_mut(piece.length() as usize);
        piece.copy_to(here);
        rest = after;
    }
    Ok(bytes)
}

/// A property that is neither null nor undefined.
pub(crate) fn present(object: &JsValue, name: &str) -> Option<JsValue> {
    property(object, name).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

fn broken(_: JsValue) -> BodyFault {
    BodyFault::Broken
}
