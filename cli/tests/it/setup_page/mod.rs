//! The setup page of `capy deploy`, in a real browser and under attack.

mod attacks;
mod cloudflare;
mod driver;
mod flow;
mod journeys;
mod opening;
mod page;
mod sitting;
