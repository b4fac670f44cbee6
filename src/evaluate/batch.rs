use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::layout::Layout;
use super::sample::Loaded;
use super::scored::{Scored, loss_values};
use super::{Plan, Run, SampleFailure, SampleRow};
use crate::binder::{EncodedSample, Place};
use crate::contract::{DataState, SampleId};
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
    pub(super) fn score(&self, batch: Batch, run: &mut Run) -> Result<()> {
        let Batch { state, mut samples, failures } = batch;
        run.failures.extend(failures);
        samples.retain(|sample| {
            match run.layout.get_or_insert_with(|| Layout::of(sample)).accept(self.interface.binder, sample) {
                Ok(()) => true,
                Err(violation) => {
                    run.failures.push(SampleFailure::new(&sample.id, state, violation));
                    false
                }
            }
        });
        if samples.is_empty() {
            return Ok(());
        }
        let scored = self.forward(state, &samples)?;
        let losses = self.interface.binder.losses.iter();
        let losses: Vec<_> = losses
            .map(|loss| {
                let compute =
                    |name: &str, tensors: &[&Tensor], place: Place<'_>| loss_values(name, loss, tensors, place);
                scored.each(&format!("loss::{}", loss.name), &loss.arguments, compute, &mut run.failures)
            })
            .collect();
        for (metric, columns) in self.interface.binder.metrics.iter().zip(&mut run.metrics) {
            columns.score(metric, &scored, &mut run.failures);
        }
        let of = |values: &[Vec<Option<f32>>], index: usize| values.iter().map(|values| values[index]).collect();
        for (index, ((sample, probabilities), latent)) in
            samples.into_iter().zip(scored.probabilities).zip(scored.latents).enumerate()
        {
            run.table.rows.push(SampleRow {
                id: sample.id,
                state,
                attributes: sample.attributes.into_iter().map(|(_, value)| value).collect(),
                label: sample.label,
                prediction: arg_max(&probabilities),
                probabilities,
                losses: of(&losses, index),
                metrics: Vec::new(),
                metadata: sample.encoded.metadata.into_iter().map(|(_, value)| value).collect(),
                latent,
                fingerprint: sample.fingerprint,
                thumbnail: sample.thumbnail,
            });
        }
        Ok(())
    }

    /// The model's answer to a batch.
    fn forward(&self, state: DataState, samples: &[Loaded]) -> Result<Scored<'_>> {
        let stack = |pick: fn(&EncodedSample) -> &[Tensor]| {
            let count = samples.first().map_or(0, |sample| pick(&sample.encoded).len());
            let stack_one =
                |index| Tensor::stack(&samples.iter().map(|s| &pick(&s.encoded)[index]).collect::<Vec<_>>(), 0);
            (0..count).map(stack_one).collect::<candle_core::Result<Vec<_>>>()
        };
        let inputs = stack(|sample| &sample.inputs).map_err(Error::tensor("stacking inputs"))?;
        let ground_truths = stack(|sample| &sample.ground_truths).map_err(Error::tensor("stacking ground truths"))?;
        let output = self.model.forward(&self.model.input().prepare(
            &self.interface.given,
            &inputs[self.interface.input],
            self.model.device(),
        )?)?;
        let classes = self.interface.prediction.labels.len();
        let logits = self.rows("logits", &output.logits, (samples.len(), classes))?;
        let latents = self.rows("latent", &output.latent, (samples.len(), self.model.latent_dim()))?;
        if let Some(place) = logits.iter().position(|logits| logits.iter().any(|logit| !logit.is_finite())) {
            let found = format!("{:?} for sample {}", logits[place], samples[place].id);
            return Err(Error::argument("evaluate", "finite logits from the model", found));
        }
        let probabilities: Vec<Vec<f64>> = logits.iter().map(|logits| softmax(logits)).collect();
        let flat: Vec<f32> = probabilities.iter().flatten().map(|&p| p as f32).collect();
        let tensor = Tensor::from_vec(flat, (samples.len(), classes), &Device::Cpu);
        let tensor = tensor.map_err(Error::tensor("probabilities"))?;
        let ids = samples.iter().map(|sample| sample.id.clone()).collect();
        Ok(Scored {
            binder: self.interface.binder,
            state,
            ids,
            inputs,
            ground_truths,
            prediction: tensor,
            probabilities,
            latents,
        })
    }

    /// A model's output as rows on the CPU, if it has the shape that the model promised.
    fn rows(&self, what: &str, xs: &Tensor, shape: (usize, usize)) -> Result<Vec<Vec<f32>>> {
        if xs.dims() != [shape.0, shape.1] {
            return Err(Error::Mismatch {
                subject: "model outputs".to_owned(),
                left: format!("the model {} promises {what} of shape {shape:?}", self.model.name()),
                right: format!("it gave {:?}", xs.dims()),
            });
        }
        let rows = || xs.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.to_vec2::<f32>();
        rows().map_err(Error::tensor(what))
    }
}
