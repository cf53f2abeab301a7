//! bytes
extern crate alloc;
pub mod env_map;
