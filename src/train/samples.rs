use crate::Result;
use crate::binder::Registry;
use crate::contract::{DataState, SampleId};
use crate::evaluate::SampleFailure;

/// Which samples train a model and which judge it: each with the subset of the binder that it is loaded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// What the model learns from.
    pub training: Vec<(DataState, SampleId)>,
    /// What it is judged by after each epoch. May be empty: then there is nothing to monitor and nothing stops early.
    pub validation: Vec<(DataState, SampleId)>,
}

impl Samples {
    /// The binder's own training and validation subsets; for others see [`Cohort::split`](super::Cohort::split).
    ///
    /// # Errors
    ///
    /// [`Error::Contract`](crate::Error::Contract) when preprocess fails.
    pub fn of_subsets(binder: &Registry) -> Result<Self> {
        let subsets = binder.subsets()?;
        let of = |state: DataState| {
            let subset = subsets.iter().filter(|subset| subset.state == state);
            subset.flat_map(|subset| subset.sample_ids.iter().map(|id| (state, id.clone()))).collect()
        };
        Ok(Self { training: of(DataState::Training), validation: of(DataState::Validation) })
    }
}

/// A sample that can be loaded, with its class.
#[derive(Debug, Clone)]
pub(super) struct Labelled {
    pub(super) state: DataState,
    pub(super) id: SampleId,
    pub(super) label: usize,
}

/// What a first look at all samples found.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) samples: Vec<Labelled>,
    pub(super) failures: Vec<SampleFailure>,
}

impl Scanned {
    /// Samples of each of `classes`.
    pub(super) fn counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        self.samples.iter().for_each(|sample| counts[sample.label] += 1);
        counts
    }
}
