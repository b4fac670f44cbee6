use candle_core::{DType, Device, Tensor};

use super::SampleFailure;
use crate::binder::{Loss, Place, Registry, guarded};
use crate::contract::{Argument, Code, DataState, SampleId, Source, Violation};

/// A batch with the model's answer, as losses and metrics read it: batched tensors on the CPU.
pub(super) struct Scored<'a> {
    pub(super) binder: &'a Registry,
    pub(super) state: DataState,
    pub(super) ids: Vec<SampleId>,
    pub(super) inputs: Vec<Tensor>,
    pub(super) ground_truths: Vec<Tensor>,
    /// The probabilities as one f32 tensor `(n, classes)`.
    pub(super) prediction: Tensor,
    pub(super) probabilities: Vec<Vec<f64>>,
    pub(super) latents: Vec<Vec<f32>>,
}

impl Scored<'_> {
    /// What a loss or metric gives for each sample; none where it cannot be computed.
    ///
    /// When it fails on the batch it is run again on each sample alone, so that the samples at fault are found and no other
    /// suffers for being in their batch.
    pub(super) fn each<T>(
        &self,
        name: &str,
        arguments: &[Argument],
        compute: impl Fn(&str, &[&Tensor], Place<'_>) -> Result<Vec<T>, Violation>,
        failures: &mut Vec<SampleFailure>,
    ) -> Vec<Option<T>> {
        // Unlabeled samples have no ground truth to compute a loss from.
        let tensors: Option<Vec<&Tensor>> = arguments.iter().map(|argument| self.tensor(argument)).collect();
        let Some(tensors) = tensors else { return self.ids.iter().map(|_| None).collect() };
        let place = |ids| Place { state: self.state, ids };
        if let Ok(values) = compute(name, &tensors, place(&self.ids)) {
            return values.into_iter().map(Some).collect();
        }
        let ids = self.ids.iter().enumerate();
        ids.map(|(index, id)| {
            let value = guarded(name, || {
                Ok(tensors.iter().map(|xs| xs.narrow(0, index, 1)).collect::<candle_core::Result<Vec<_>>>()?)
            })
            .and_then(|alone| compute(name, &alone.iter().collect::<Vec<_>>(), place(std::slice::from_ref(id))));
            match value {
                Ok(values) => values.into_iter().next(),
                Err(violation) => {
                    failures.push(SampleFailure::new(id, self.state, violation));
                    None
                }
            }
        })
        .collect()
    }

    fn tensor(&self, argument: &Argument) -> Option<&Tensor> {
        let binder = self.binder;
        match &argument.source {
            Source::Input(name) => self.inputs.get(binder.inputs.iter().position(|f| &f.name == name)?),
            Source::GroundTruth(name) => {
                self.ground_truths.get(binder.ground_truths.iter().position(|f| &f.name == name)?)
            }
            Source::Prediction(_) => Some(&self.prediction),
            Source::Wired => None,
        }
    }
}

/// A loss's value for each sample.
pub(super) fn loss_values(
    name: &str,
    loss: &Loss,
    tensors: &[&Tensor],
    place: Place<'_>,
) -> Result<Vec<f32>, Violation> {
    let values = guarded(name, || {
        let values = (loss.compute)(tensors, place)?.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        Ok(values.flatten_all()?.to_vec1::<f32>()?)
    })?;
    let samples = place.ids.len();
    if values.len() == samples {
        return Ok(values);
    }
    let expected = format!("one value for each of {samples} samples");
    Err(Violation::new(Code::WrongShape, name, expected, format!("{} values", values.len())))
}
