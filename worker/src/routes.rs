//! The whole route table.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

use crate::app::App;
use crate::error::ApiError;
use crate::handlers::{decrypt, deploys, health};
use crate::log::observe;
use crate::store::Store;

/// The service over `app`. Every answer is JSON, and none may be cached.
pub fn router<S: Store>(app: Arc<App<S>>) -> Router {
    Router::new()
        .route("/deploy", post(deploys::register::<S>))
        .route("/deploy/{id}", delete(deploys::revoke::<S>))
        .route("/deploy/{id}/decrypt", post(decrypt::decrypt::<S>))
        .route("/projects/{project_id}/deploys", get(deploys::list::<S>))
        .route("/health", get(health::health::<S>))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(from_fn_with_state(Arc::clone(&app), observe::<S>))
        .with_state(app)
}
