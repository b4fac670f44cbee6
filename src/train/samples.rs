use std::collections::HashMap;

use super::Split;
use crate::binder::Registry;
use crate::contract::{DataState, SampleId};
use crate::evaluate::SampleFailure;
use crate::{Error, Result};

/// Which samples train a model and which judge it: each with the subset of the binder that it is loaded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// What the model learns from.
    pub training: Vec<(DataState, SampleId)>,
    /// What it is judged by after each epoch. May be empty: then there is nothing to monitor and nothing stops early.
    pub validation: Vec<(DataState, SampleId)>,
}

impl Samples {
    /// The binder's own training and validation subsets.
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

    /// The two parts of `split`, each sample from the first subset that has its id.
    ///
    /// # Errors
    ///
    /// [`Error::Contract`](crate::Error::Contract) when preprocess fails; [`Error::Argument`] naming an id that no subset has.
    pub fn of_split(binder: &Registry, split: &Split) -> Result<Self> {
        let mut states = HashMap::new();
        for subset in binder.subsets()? {
            for id in subset.sample_ids {
                states.entry(id).or_insert(subset.state);
            }
        }
        let find = |id: &SampleId| match states.get(id) {
            Some(state) => Ok((*state, id.clone())),
            None => Err(Error::argument("Samples::of_split", "ids of the binder's subsets", id.to_string())),
        };
        let part = |ids: &[SampleId]| ids.iter().map(find).collect::<Result<_>>();
        Ok(Self { training: part(&split.training)?, validation: part(&split.validation)? })
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
