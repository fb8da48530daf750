//! The answers to requests.

mod allocations;
mod answers;
mod hostile;
mod limits;
mod pkgsite;
