//! The file: what is valid, what is not, and the schema.

mod bad_files;
mod good_files;
mod schema;
