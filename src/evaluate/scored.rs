use candle_core::{DType, Device, Tensor};

use super::SampleFailure;
use crate::binder::{Place, Registry, guarded};
use crate::contract::{Argument, Code, DataState, HandlerResult, SampleId, Source, Violation};

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
    /// A loss's or metric's value for each sample; none where it cannot be computed.
    ///
    /// When it fails on the batch it is run again on each sample alone, so that the samples at fault are found and no other
    /// suffers for being in their batch.
    pub(super) fn values(
        &self,
        kind: &str,
        name: &str,
        arguments: &[Argument],
        compute: &dyn Fn(&[&Tensor], Place<'_>) -> HandlerResult<Tensor>,
        failures: &mut Vec<SampleFailure>,
    ) -> Vec<Option<f32>> {
        let name = format!("{kind}::{name}");
        // Unlabeled samples have no ground truth to compute a loss from.
        let tensors: Option<Vec<&Tensor>> = arguments.iter().map(|argument| self.tensor(argument)).collect();
        let Some(tensors) = tensors else { return vec![None; self.ids.len()] };
        let place = |ids| Place { state: self.state, ids };
        if let Ok(values) = run(&name, &tensors, place(&self.ids), compute) {
            return values.into_iter().map(Some).collect();
        }
        let ids = self.ids.iter().enumerate();
        ids.map(|(index, id)| {
            let value = guarded(&name, || {
                Ok(tensors.iter().map(|xs| xs.narrow(0, index, 1)).collect::<candle_core::Result<Vec<_>>>()?)
            })
            .and_then(|alone| run(&name, &alone.iter().collect::<Vec<_>>(), place(std::slice::from_ref(id)), compute));
            match value {
                Ok(values) => values.first().copied(),
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

fn run(
    name: &str,
    tensors: &[&Tensor],
    place: Place<'_>,
    compute: &dyn Fn(&[&Tensor], Place<'_>) -> HandlerResult<Tensor>,
) -> Result<Vec<f32>, Violation> {
    let values = guarded(name, || {
        let values = compute(tensors, place)?.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        Ok(values.flatten_all()?.to_vec1::<f32>()?)
    })?;
    let samples = place.ids.len();
    if values.len() == samples {
        return Ok(values);
    }
    let expected = format!("one value for each of {samples} samples");
    Err(Violation::new(Code::WrongShape, name, expected, format!("{} values", values.len())))
}
