//! Where a model fails and why: the latent space of a table of samples, and what stands out in it.
//!
//! [`explore()`] does all of it on a [`SampleTable`](crate::evaluate::SampleTable): a population map, clusters, similar
//! samples, shortcuts, and [`Insight`]s in plain sentences. Each part is a function of its own as well:
//!
//! | question | ask |
//! |---|---|
//! | how do the samples lie? | [`Projection::fit`]; [`Projection::place`] for new ones |
//! | which groups are there? | [`Clustering::hdbscan`], [`Clustering::kmeans`] |
//! | what is like these samples? | [`similar`], [`Neighbours::of`] |
//! | what sets two groups apart? | [`differences`] |
//! | can metadata alone tell the label? | [`shortcuts`] |
//! | where does the model do badly? | [`low_performance`] |
//! | do subsets come from one population? | [`domain_gap`] |
//! | what is there twice, or in two subsets? | [`duplication`], [`data_leakage`] |
//! | what is unlike all else? | [`out_of_distribution`] |
//! | which labels are wrong? | [`mislabeled_samples`], [`confident_learning`] |

mod clusters;
mod columns;
pub mod confident_learning;
mod differences;
mod exploration;
mod features;
mod insights;
mod label_noise;
mod matrix;
mod neighbours;
mod product;
mod projection;
mod shortcuts;
pub mod statistics;
mod tail;

pub use clusters::{ClusterMethod, ClusterOptions, Clustering, Purity, davies_bouldin, silhouette};
pub use columns::{Column, ColumnKind, Columns, Family};
pub use differences::{Difference, differences};
pub use exploration::{Exploration, ExploreOptions, LatentSpace, explore};
pub use insights::{
    Context, DuplicateOptions, Evidence, Gap, Insight, InsightKind, InsightOptions, LabelIssue, MislabeledOptions,
    OutlierOptions, Pair, data_leakage, domain_gap, duplication, low_performance, mislabeled_samples,
    out_of_distribution,
};
pub use matrix::Matrix;
pub use neighbours::{Metric, Neighbours, similar};
pub use projection::{Affinities, Pca, Projection, ProjectionMethod, ProjectionOptions, Quality};
pub use shortcuts::{Shortcut, ShortcutOptions, Shortcuts, shortcuts};
