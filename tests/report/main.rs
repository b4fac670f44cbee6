//! The report: what is on the page, that nothing breaks out of it, and what stands beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod comparison;
mod odd;
mod page;
mod privacy;
mod size;
mod tables;
