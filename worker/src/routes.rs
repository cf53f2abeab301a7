//! The route table, and the dispatch of requests to handlers.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use crate::app::App;
use crate::call::{Answer, Call, Outcome, Request};
use crate::error::ApiError;
use crate::future::BoxFuture;
use crate::handlers::{audit, decrypt, deploys, health, projects, roots, row_seals, rows, tokens, trusts};
use crate::host::Host;
use crate::log;

/// Whether a route answers calls without a valid bearer token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// The handler refuses a call without a valid token: 401.
    Bearer,
    /// The handler asks for no token.
    Anyone,
}

/// One method of one route.
struct Route<H> {
    access: Access,
    method: &'static str,
    /// Path segments after slashes. One in braces matches any segment that is not empty.
    pattern: &'static str,
    handle: fn(Arc<App<H>>, Call) -> BoxFuture<'static, Outcome>,
}

/// Makes the table generic over the host.
struct Table<H>(PhantomData<H>);

/// `Access METHOD pattern => handler`
macro_rules! routes {
    ($($access:ident $method:ident $pattern:literal => $handle:path;)*) => {
        &[$(Route {
            access: Access::$access,
            method: stringify!($method),
            pattern: $pattern,
            handle: |app, call| Box::pin($handle(app, call)),
        }),*]
    };
}

impl<H: Host> Table<H> {
    const ROUTES: &[Route<H>] = routes! {
        Bearer POST "/deploy" => deploys::register;
        Bearer DELETE "/deploy/{id}" => deploys::revoke;
        Anyone POST "/deploy/{id}/decrypt" => decrypt::decrypt;
        Bearer GET "/projects/{project_id}/deploys" => deploys::list;
        Bearer DELETE "/projects/{project_id}/deploys" => deploys::revoke_all;
        Bearer GET "/projects/{project_id}/audit" => audit::list;
        Bearer GET "/admin/wrap-roots" => roots::list;
        Bearer GET "/admin/audit" => audit::list_of_service;
        Bearer GET "/admin/audit/verify" => audit::verify;
        Bearer POST "/admin/audit/give-up" => audit::write_off;
        Bearer GET "/admin/rows/verify" => row_seals::verify;
        Bearer POST "/admin/rows/seal" => row_seals::seal;
        Bearer POST "/tokens" => tokens::create;
        Bearer GET "/tokens" => tokens::list;
        Bearer GET "/tokens/self" => tokens::of_bearer;
        Bearer DELETE "/tokens/{id}" => tokens::revoke;
        Bearer POST "/oidc/trusts" => trusts::add;
        Bearer GET "/oidc/trusts" => trusts::list;
        Bearer DELETE "/oidc/trusts/{id}" => trusts::remove;
        Bearer POST "/api/project" => projects::create;
        Bearer GET "/api/project/projects" => projects::list;
        Bearer GET "/api/project/projects/{project_id}" => projects::show;
        Bearer PUT "/api/project/projects/{project_id}" => projects::change;
        Bearer DELETE "/api/project/projects/{project_id}" => projects::remove;
        Bearer DELETE "/api/project/secret/{id}" => projects::remove_secret;
        Bearer GET "/api/build/projects/{project_id}/rows" => rows::of_project;
        Bearer GET "/admin/store/keys" => rows::keys;
        Bearer POST "/admin/store/rotate" => rows::rotate;
        Anyone GET "/health" => health::health;
    };
}

/// Answers a request. Every answer is JSON, is not cacheable and has a request id.
pub async fn answer<H: Host>(app: &Arc<App<H>>, request: Request) -> Answer {
    let id = log::request_id(&request.peer);
    let method = request.method.clone();
    let found = find::<H>(&request.path);
    let pattern = found.as_ref().map_or("", |found| found.pattern);
    let route = found.as_ref().and_then(|found| found.route(&method));
    let needs_bearer = route.is_some_and(|route| route.access == Access::Bearer);
    let outcome = match found {
        Some(found) => found.call(app, request).await,
        None => Err(ApiError::NotFound),
    };
    let mut answer = outcome.unwrap_or_else(|error| Answer::from_error(&error));
    answer.route = pattern;
    answer.needs_bearer = needs_bearer;
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
    /// The route of a method. A route with GET also answers HEAD.
    fn route(&self, method: &str) -> Option<&'static Route<H>> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.routes.iter().copied().find(|route| route.method == method)
    }

    async fn call(self, app: &Arc<App<H>>, request: Request) -> Outcome {
        let Some(route) = self.route(&request.method) else {
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

/// Catches a panic, so that a bug in one call is a 500 of that call only. The process prints where
/// and why, as for every panic, and a database transaction that was open is rolled back. On Workers
/// a panic ends the whole instance, and the JavaScript entry module answers; everywhere else it is
/// caught here, and the answer has the request id under which it is logged.
async fn catch_panic(mut work: BoxFuture<'static, Outcome>) -> Outcome {
    std::future::poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            .unwrap_or(Poll::Ready(Err(ApiError::Panicked)))
    })
    .await
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
