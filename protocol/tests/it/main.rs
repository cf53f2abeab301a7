//! All tests of the protocol in one program.

mod json;
mod parsers;
mod vectors;
