//! The routes, called natively over a store that fails on request.

mod audit;
mod contract;
mod damage;
mod decrypt;
mod deploys;
mod http;
mod issuer;
mod limits;
mod oidc;
mod panics;
mod projects;
mod projects_limits;
mod repeats;
mod root_loss;
mod roots;
mod rotation;
mod row_seals;
mod seals;
mod stalls;
mod support;
mod terms;
mod tokens;
