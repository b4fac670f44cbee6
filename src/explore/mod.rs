//! Where a model fails and why: the latent space of a table of samples, and what stands out in it.

mod columns;
mod differences;
mod features;
mod insights;
mod matrix;
mod neighbours;
mod shortcuts;
pub mod statistics;

pub use columns::{Column, ColumnKind, Columns, Family};
pub use differences::{Difference, differences};
pub use insights::{Context, Evidence, Gap, Insight, InsightKind, InsightOptions, LabelIssue, Pair, domain_gap, low_performance};
pub use matrix::Matrix;
pub use neighbours::{Metric, Neighbours};
pub use shortcuts::{Shortcut, ShortcutOptions, Shortcuts, shortcuts};
