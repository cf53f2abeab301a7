//! The setup page of `capy deploy`, in a real browser and under attack.

#[path = "../../../client/tests/support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod stand_in;

#[path = "../cli/sandbox.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod sandbox;

mod attacks;
mod cloudflare;
mod driver;
mod flow;
mod journeys;
mod opening;
mod page;
mod sitting;
