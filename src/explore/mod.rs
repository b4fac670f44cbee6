//! Where a model fails and why: the latent space of a table of samples, and what stands out in it.

mod columns;
mod differences;
mod insights;
mod matrix;
mod neighbours;
pub mod statistics;

pub use columns::{Column, ColumnKind, Columns, Family};
pub use differences::{Difference, differences};
pub use insights::{Evidence, Gap, Insight, InsightKind, LabelIssue, Pair};
pub use matrix::Matrix;
pub use neighbours::{Metric, Neighbours};
