use serde::Serialize;

/// Where a custom latent space is computed (Tensorleap: `CustomLatentSpaceComputedAt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ComputedAt {
    /// From a sample, when it is loaded.
    Dataset,
    /// From the model's inputs and outputs, batch by batch.
    Model,
}

/// How a wide latent space is made narrow (Tensorleap: `LatentSpaceReduction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum LatentSpaceReduction {
    /// The mean over all axes but `channel_axis`, which may count from the end.
    MeanPool {
        /// The axis that stays.
        channel_axis: i64,
    },
    /// A random projection to `n_components` numbers.
    RandomProjection {
        /// Width after the projection, at least 1.
        n_components: usize,
    },
}

/// What a custom latent space is registered with, beside its function.
///
/// ```
/// use leap_binder::contract::{LatentSpaceOptions, LatentSpaceReduction};
/// let options = LatentSpaceOptions::default()
///     .for_analysis()
///     .reduce(LatentSpaceReduction::RandomProjection { n_components: 64 });
/// assert!(options.use_for_analysis);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LatentSpaceOptions {
    /// Whether the analysis uses this space instead of the model's own; at most one does.
    pub use_for_analysis: bool,
    /// How it is reduced; none by default.
    pub reduce: Option<LatentSpaceReduction>,
}

impl LatentSpaceOptions {
    /// Lets the analysis use this space.
    #[must_use]
    pub const fn for_analysis(mut self) -> Self {
        self.use_for_analysis = true;
        self
    }

    /// Reduces the space.
    #[must_use]
    pub const fn reduce(mut self, reduction: LatentSpaceReduction) -> Self {
        self.reduce = Some(reduction);
        self
    }
}
