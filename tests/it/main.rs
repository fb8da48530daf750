//! The tests of the program as a whole, by subject. Those in `lab` need more than Rust: tests/run
//! runs them, and any other that is marked as ignored.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod file;
mod http;
mod lab;
mod load;
mod server;
mod support;
