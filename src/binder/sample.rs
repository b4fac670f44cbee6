use candle_core::Tensor;

use super::registry::Registry;
use super::{AnySample, guarded};
use crate::contract::{DataState, MetadataValue, SampleId, Violation, Visualization};
use crate::{Error, Result};

/// What a binder's functions say of one sample (Tensorleap: `DatasetSample`).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EncodedSample {
    /// Each input encoder's tensor, in registration order, without a batch axis.
    pub inputs: Vec<Tensor>,
    /// Each ground-truth encoder's tensor; none for unlabeled samples.
    pub ground_truths: Vec<Tensor>,
    /// Metadata columns under their contract names.
    pub metadata: Vec<(String, MetadataValue)>,
}

impl Registry {
    /// Loads one sample and runs its encoders and metadata functions (Tensorleap: `get_sample`).
    ///
    /// The functions' results are handed on as they are; `check` is what holds them against the contract's rules.
    ///
    /// # Errors
    /// [`Error::Contract`] with `BND-201` to `BND-203` when the sample cannot be loaded or a function fails or panics.
    pub fn get_sample(&self, state: DataState, id: &SampleId) -> Result<EncodedSample> {
        Ok(self.encode(state, id).map_err(|violation| violation.on(state, Some(id)))?)
    }

    pub(crate) fn encode(&self, state: DataState, id: &SampleId) -> Result<EncodedSample, Violation> {
        let sample = guarded("load", || self.dataset.load(id, state)).map_err(Violation::loading)?;
        let sample: &AnySample = sample.as_ref();
        let encode = |kind: &str, name: &str, encode: &dyn Fn(&AnySample) -> _| {
            guarded(&format!("{kind}::{name}"), || encode(sample))
        };
        let inputs = self.inputs.iter().map(|f| encode("input_encoder", &f.name, &f.encode));
        let labelled = state != DataState::Unlabeled;
        let truths = self.ground_truths.iter().filter(|_| labelled);
        let truths = truths.map(|f| encode("gt_encoder", &f.name, &f.encode));
        let (inputs, ground_truths) = (inputs.collect::<Result<_, _>>()?, truths.collect::<Result<_, _>>()?);
        let mut metadata = Vec::new();
        for function in &self.metadata {
            let values = guarded(&format!("metadata::{}", function.name), || (function.compute)(sample))?;
            metadata.extend(values.into_columns(&function.name));
        }
        Ok(EncodedSample { inputs, ground_truths, metadata })
    }

    /// Runs a visualizer on tensors of one sample, in the order of its arguments (Tensorleap: `run_visualizer`).
    ///
    /// # Errors
    /// [`Error::Config`] when there is no visualizer of that name; [`Error::Contract`] when it fails or panics.
    pub fn run_visualizer(&self, name: &str, tensors: &[&Tensor]) -> Result<Visualization> {
        let Some(visualizer) = self.visualizers.iter().find(|visualizer| visualizer.name == name) else {
            let known: Vec<&str> = self.visualizers.iter().map(|visualizer| &*visualizer.name).collect();
            return Err(Error::config("visualizer", format!("one of {known:?}"), format!("{name:?}")));
        };
        Ok(guarded(&format!("visualizer::{name}"), || (visualizer.compute)(tensors))?)
    }
}
