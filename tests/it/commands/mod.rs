//! The commands, and what the documents say of them.

mod binary;
mod check;
mod cli;
mod convert;
mod documents;
mod export;
mod moving_in;
mod nginx;
mod terminal;
