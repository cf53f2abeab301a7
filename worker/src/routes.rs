//! The route table, and the dispatch of requests to handlers.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::app::App;
use crate::call::{Answer, Call, Outcome, Request};
use crate::error::ApiError;
use crate::future::BoxFuture;
use crate::handlers::{
    audit, decrypt, deploys, health, projects, root_loss, roots, row_seals, rows, tokens, trusts,
};
use crate::host::Host;
use crate::log;
use crate::panics::catch_panic;

/// One method of one route.
struct Route<H> {
    method: &'static str,
    /// Path segments after slashes. One in braces matches any segment that is not empty.
    pattern: &'static str,
    handle: fn(Arc<App<H>>, Call) -> BoxFuture<'static, Outcome>,
}

/// Makes the table generic over the host.
struct Table<H>(PhantomData<H>);

/// `METHOD pattern => handler`
macro_rules! routes {
    ($($method:ident $pattern:literal => $handle:path;)*) => {
        &[$(Route {
            method: stringify!($method),
            pattern: $pattern,
            handle: |app, call| Box::pin($handle(app, call)),
        }),*]
    };
}

impl<H: Host> Table<H> {
    const ROUTES: &[Route<H>] = routes! {
        POST "/deploy" => deploys::register;
        DELETE "/deploy/{id}" => deploys::revoke;
        POST "/deploy/{id}/decrypt" => decrypt::decrypt;
        GET "/projects/{project_id}/deploys" => deploys::list;
        DELETE "/projects/{project_id}/deploys" => deploys::revoke_all;
        GET "/projects/{project_id}/audit" => audit::list;
        GET "/admin/wrap-roots" => roots::list;
        GET "/admin/audit" => audit::list_of_service;
        GET "/admin/audit/verify" => audit::verify;
        POST "/admin/audit/give-up" => root_loss::write_off;
        GET "/admin/rows/verify" => row_seals::verify;
        POST "/admin/rows/seal" => row_seals::seal;
        POST "/tokens" => tokens::create;
        GET "/tokens" => tokens::list;
        GET "/tokens/self" => tokens::of_bearer;
        DELETE "/tokens/{id}" => tokens::revoke;
        POST "/oidc/trusts" => trusts::add;
        GET "/oidc/trusts" => trusts::list;
        DELETE "/oidc/trusts/{id}" => trusts::remove;
        POST "/api/project" => projects::create;
        GET "/api/project/projects" => projects::list;
        GET "/api/project/projects/{project_id}" => projects::show;
        PUT "/api/project/projects/{project_id}" => projects::change;
        DELETE "/api/project/projects/{project_id}" => projects::remove;
        DELETE "/api/project/secret/{id}" => projects::remove_secret;
        GET "/api/build/projects/{project_id}/rows" => rows::of_project;
        GET "/admin/store/keys" => rows::keys;
        POST "/admin/store/rotate" => rows::rotate;
        GET "/health" => health::health;
    };
}

/// Answers a request. Every answer is JSON, is not cacheable and has a request id.
pub async fn answer<H: Host>(app: &Arc<App<H>>, request: Request) -> Answer {
    let id = log::request_id(&request.peer);
    let method = request.method.clone();
    let found = find::<H>(&request.path);
    let pattern = found.as_ref().map_or("", |found| found.pattern);
    let outcome = match found {
        Some(found) => found.call(app, request).await,
        None => Err(ApiError::NotFound),
    };
    let mut answer = outcome.unwrap_or_else(|error| Answer::from_error(&error));
    answer.route = pattern;
    if answer.status >= 500 {
        app.log.failed(&id, &method, &answer);
    }
    if method == "HEAD" {
        answer.headers.push(("content-length", answer.body.len().to_string()));
        answer.body.clear();
    }
    answer.headers.extend([("cache-control", "no-store".to_owned()), ("x-request-id", id)]);
    answer
}

/// The routes that a path matches.
struct RouteMatch<H: 'static> {
    pattern: &'static str,
    /// One route per method.
    routes: Vec<&'static Route<H>>,
    parameter: Option<String>,
}

/// Finds the routes of a path. A literal match takes precedence over a pattern: `/tokens/self` is
/// not the id of a token.
fn find<H: Host>(path: &str) -> Option<RouteMatch<H>> {
    let routes = Table::<H>::ROUTES;
    let (pattern, parameter) = match routes.iter().find(|route| route.pattern == path) {
        Some(route) => (route.pattern, None),
        None => routes
            .iter()
            .find_map(|route| Some((route.pattern, Some(path_parameter(route.pattern, path)?))))?,
    };
    let routes = routes.iter().filter(|route| route.pattern == pattern).collect();
    Some(RouteMatch { pattern, routes, parameter: parameter.map(str::to_owned) })
}

/// The path segment at the pattern's `{…}`, when the path matches. A pattern has at most one.
fn path_parameter<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let (before, after) = pattern.split_once('{')?;
    let (_, after) = after.split_once('}')?;
    let open = path.strip_prefix(before)?.strip_suffix(after)?;
    (!open.is_empty() && !open.contains('/')).then_some(open)
}

impl<H: Host> RouteMatch<H> {
    async fn call(self, app: &Arc<App<H>>, request: Request) -> Outcome {
        // A route with GET also answers HEAD.
        let method = if request.method == "HEAD" { "GET" } else { &request.method };
        let Some(route) = self.routes.iter().find(|route| route.method == method) else {
            return Ok(self.method_not_allowed());
        };
        catch_panic((route.handle)(Arc::clone(app), Call::new(request, self.parameter))).await
    }

    fn method_not_allowed(&self) -> Answer {
        let mut answer = Answer::from_error(&ApiError::MethodNotAllowed);
        let methods = self.routes.iter().map(|route| match route.method {
            "GET" => "GET,HEAD",
            method => method,
        });
        answer.headers.push(("allow", methods.collect::<Vec<_>>().join(",")));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_leaves_one_segment_open() {
        assert_eq!(path_parameter("/deploy/{id}", "/deploy/ab"), Some("ab"));
        assert_eq!(path_parameter("/deploy/{id}/decrypt", "/deploy/ab/decrypt"), Some("ab"));
        for (pattern, path) in [
            ("/health", "/health"),
            ("/deploy/{id}", "/deploy/"),
            ("/deploy/{id}", "/deploy"),
            ("/deploy/{id}", "/deploy/a/b"),
            ("/deploy/{id}/decrypt", "/deploy//decrypt"),
            ("/deploy/{id}/decrypt", "/deploy/decrypt"),
        ] {
            assert_eq!(path_parameter(pattern, path), None, "{pattern} {path}");
        }
    }
}
