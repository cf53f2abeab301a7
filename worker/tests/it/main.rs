//! All tests of the key service in one program: what takes long is to link it.

mod api_page;
mod migrations;
mod service;
mod sql;
