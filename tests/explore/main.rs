//! `explore()` from end to end: planted truths, pure noise, odd tables, any number of threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod draw;
mod planted;

mod found;
mod noise;
mod nothing_else;
mod odd;
mod threads;
