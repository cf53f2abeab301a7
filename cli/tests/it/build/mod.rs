//! `capy build` in real containers: what reaches them, what comes out, and that nothing stays, whatever goes wrong.
//!
//! They need podman, runc, git and busybox-static, as CI has them. Elsewhere a test that lacks one says so and is skipped.

mod bench;
mod engine;
mod faults;
mod hostile;
mod output;
mod owners;
mod records;
mod secrets;
mod source;
mod stopping;
