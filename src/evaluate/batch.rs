use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::sample::Loaded;
use super::{Plan, SampleFailure, SampleRow, SampleTable};
use crate::binder::{EncodedSample, guarded};
use crate::contract::{Argument, Code, DataState, HandlerResult, SampleId, Source, Violation};
use crate::metrics::arg_max;
use crate::model::softmax;
use crate::{Error, Result};

/// Samples of one subset that go through the model together.
pub(super) struct Batch {
    state: DataState,
    samples: Vec<Loaded>,
    failures: Vec<SampleFailure>,
}

impl Batch {
    /// Samples that were asked for, the failed ones included.
    pub(super) const fn len(&self) -> usize {
        self.samples.len() + self.failures.len()
    }
}

impl Plan<'_> {
    /// Loads samples in parallel; their order is kept.
    pub(super) fn load(&self, state: DataState, ids: &[SampleId]) -> Batch {
        let loaded: Vec<_> = ids.par_iter().map(|id| self.load_one(state, id)).collect();
        let mut batch = Batch { state, samples: Vec::with_capacity(ids.len()), failures: Vec::new() };
        for sample in loaded {
            match sample {
                Ok(sample) => batch.samples.push(sample),
                Err(failure) => batch.failures.push(failure),
            }
        }
        batch
    }

    /// Runs the model and what reads its output, and appends the rows.
    pub(super) fn score(&self, batch: Batch, table: &mut SampleTable, failures: &mut Vec<SampleFailure>) -> Result<()> {
        let Batch { state, mut samples, failures: failed } = batch;
        failures.extend(failed);
        samples.retain(|sample| match table.accept(sample) {
            Ok(()) => true,
            Err(violation) => {
                failures.push(SampleFailure::new(&sample.id, state, violation));
                false
            }
        });
        if samples.is_empty() {
            return Ok(());
        }
        let stack = |pick: &dyn Fn(&EncodedSample) -> &[Tensor], count: usize| -> candle_core::Result<Vec<Tensor>> {
            (0..count)
                .map(|index| Tensor::stack(&samples.iter().map(|s| &pick(&s.encoded)[index]).collect::<Vec<_>>(), 0))
                .collect()
        };
        let inputs = stack(&|s| &s.inputs, self.binder.inputs.len()).map_err(Error::tensor("stacking inputs"))?;
        let truths = samples.first().map_or(0, |sample| sample.encoded.ground_truths.len());
        let ground_truths = stack(&|s| &s.ground_truths, truths).map_err(Error::tensor("stacking ground truths"))?;
        let xs = self.channel_last(&inputs[self.input]).map_err(Error::tensor("input"))?;
        let output = self.model.forward(&self.model.input().prepare(&self.given, &xs, self.model.device())?)?;
        let rows = |xs: &Tensor| xs.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.to_vec2::<f32>();
        let logits = rows(&output.logits).map_err(Error::tensor("logits"))?;
        let latents = rows(&output.latent).map_err(Error::tensor("latent"))?;
        let probabilities: Vec<Vec<f64>> = logits.iter().map(|logits| softmax(logits)).collect();
        let flat: Vec<f32> = probabilities.iter().flatten().map(|&p| p as f32).collect();
        let shape = (samples.len(), self.prediction.labels.len());
        let probabilities_tensor =
            Tensor::from_vec(flat, shape, &Device::Cpu).map_err(Error::tensor("probabilities"))?;
        let ids = samples.iter().map(|sample| sample.id.clone()).collect();
        let scored = Scored { plan: self, state, ids, inputs, ground_truths, probabilities: probabilities_tensor };
        let losses: Vec<_> = self
            .binder
            .losses
            .iter()
            .map(|loss| scored.values("loss", &loss.name, &loss.arguments, &loss.compute, failures))
            .collect();
        let metrics: Vec<_> = self
            .binder
            .metrics
            .iter()
            .map(|metric| scored.values("metric", &metric.name, &metric.arguments, &metric.compute, failures))
            .collect();
        let of = |values: &[Option<Vec<f32>>], index: usize| {
            values.iter().map(|values| values.as_ref().map(|values| values[index])).collect()
        };
        for (index, ((sample, probabilities), latent)) in
            samples.into_iter().zip(probabilities).zip(latents).enumerate()
        {
            table.rows.push(SampleRow {
                id: sample.id,
                state,
                attributes: sample.attributes.into_iter().map(|(_, value)| value).collect(),
                label: sample.label,
                prediction: arg_max(&probabilities),
                probabilities,
                losses: of(&losses, index),
                metrics: of(&metrics, index),
                metadata: sample.encoded.metadata.into_iter().map(|(_, value)| value).collect(),
                latent,
            });
        }
        Ok(())
    }

    fn channel_last(&self, xs: &Tensor) -> candle_core::Result<Tensor> {
        if self.binder.inputs[self.input].channel_dim == 1 {
            xs.permute((0, 2, 3, 1))?.contiguous()
        } else {
            Ok(xs.clone())
        }
    }
}

/// A batch with the model's answer, as losses and metrics read it: batched tensors on the CPU.
struct Scored<'a> {
    plan: &'a Plan<'a>,
    state: DataState,
    ids: Vec<SampleId>,
    inputs: Vec<Tensor>,
    ground_truths: Vec<Tensor>,
    probabilities: Tensor,
}

impl Scored<'_> {
    /// A loss's or metric's values, one for each sample; none where it cannot be computed.
    fn values(
        &self,
        kind: &str,
        name: &str,
        arguments: &[Argument],
        compute: &dyn Fn(&[&Tensor]) -> HandlerResult<Tensor>,
        failures: &mut Vec<SampleFailure>,
    ) -> Option<Vec<f32>> {
        let name = format!("{kind}::{name}");
        // Unlabeled samples have no ground truth to compute a loss from.
        let arguments: Vec<&Tensor> = arguments.iter().map(|argument| self.tensor(argument)).collect::<Option<_>>()?;
        let values = guarded(&name, || {
            let values = compute(&arguments)?.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            Ok(values.flatten_all()?.to_vec1::<f32>()?)
        });
        let violation = match values {
            Ok(values) if values.len() == self.ids.len() => return Some(values),
            Ok(values) => {
                let expected = format!("one value for each of {} samples", self.ids.len());
                Violation::new(Code::WrongShape, name, expected, format!("{} values", values.len()))
            }
            Err(violation) => violation,
        };
        // It failed on the batch as a whole, which is named by its first sample.
        failures.extend(self.ids.first().map(|id| SampleFailure::new(id, self.state, violation)));
        None
    }

    fn tensor(&self, argument: &Argument) -> Option<&Tensor> {
        let binder = self.plan.binder;
        match &argument.source {
            Source::Input(name) => self.inputs.get(binder.inputs.iter().position(|f| &f.name == name)?),
            Source::GroundTruth(name) => {
                self.ground_truths.get(binder.ground_truths.iter().position(|f| &f.name == name)?)
            }
            Source::Prediction(_) => Some(&self.probabilities),
        }
    }
}
