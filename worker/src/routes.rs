//! The whole route table.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};

use crate::app::App;
use crate::error::ApiError;
use crate::handlers::{audit, decrypt, deploys, health, losses, projects, roots, rows, tokens, trusts};
use crate::host::Host;
use crate::log::observe;
use crate::panics::caught;

/// The service over `app`. Every answer is JSON, and none may be cached.
pub fn router<H: Host>(app: Arc<App<H>>) -> Router {
    Router::new()
        .route("/deploy", post(deploys::register::<H>))
        .route("/deploy/{id}", delete(deploys::revoke::<H>))
        .route("/deploy/{id}/decrypt", post(decrypt::decrypt::<H>))
        .route("/projects/{project_id}/deploys", get(deploys::list::<H>).delete(deploys::revoke_all::<H>))
        .route("/projects/{project_id}/audit", get(audit::list::<H>))
        .route("/admin/wrap-roots", get(roots::list::<H>))
        .route("/admin/audit", get(audit::list_of_service::<H>))
        .route("/admin/audit/verify", get(audit::verify::<H>))
        .route("/admin/audit/give-up", post(losses::give_up::<H>))
        .route("/tokens", post(tokens::create::<H>).get(tokens::list::<H>))
        .route("/tokens/self", get(tokens::of_bearer))
        .route("/tokens/{id}", delete(tokens::revoke::<H>))
        .route("/oidc/trusts", post(trusts::add::<H>).get(trusts::list::<H>))
        .route("/oidc/trusts/{id}", delete(trusts::remove::<H>))
        .route("/api/project", post(projects::create::<H>))
        .route("/api/project/projects", get(projects::list::<H>))
        .route(
            "/api/project/projects/{project_id}",
            get(projects::show::<H>).put(projects::change::<H>).delete(projects::remove::<H>),
        )
        .route("/api/project/secret/{id}", delete(projects::remove_secret::<H>))
        .route("/api/build/projects/{project_id}/rows", get(rows::of_project::<H>))
        .route("/admin/store/keys", get(rows::keys::<H>))
        .route("/admin/store/rotate", post(rows::rotate::<H>))
        .route("/health", get(health::health::<H>))
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(from_fn(caught))
        .layer(from_fn_with_state(Arc::clone(&app), observe::<H>))
        .with_state(app)
}
