use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use candle_core::{DType, Tensor};

use super::loader::Batch;
use super::optimiser;
use super::run::Run;
use super::samples::Labelled;
use crate::evaluate::SampleFailure;
use crate::model::{Mode, Model};
use crate::rng::SplitMix64;
use crate::{Error, Result};

/// What one batch taught.
#[derive(Default)]
struct Learned {
    gradients: BTreeMap<String, Tensor>,
    /// The mean over the samples.
    loss: f64,
    samples: usize,
    /// Places of the samples that were to be loaded.
    places: Vec<usize>,
    failures: Vec<SampleFailure>,
}

/// Sums over the batches of a step.
#[derive(Default)]
struct Step {
    /// Weighted by samples.
    gradients: BTreeMap<String, Tensor>,
    /// The sum over the samples.
    loss: f64,
    samples: usize,
    places: Vec<usize>,
    batches: usize,
    failures: Vec<SampleFailure>,
}

impl Step {
    fn add(&mut self, learned: Learned) -> Result<()> {
        let weight = learned.samples as f64;
        for (name, gradient) in learned.gradients {
            let weighted = gradient.affine(weight, 0.0).and_then(|gradient| match self.gradients.remove(&name) {
                Some(sum) => sum + gradient,
                None => Ok(gradient),
            });
            self.gradients.insert(name, weighted.map_err(Error::tensor("gradients"))?);
        }
        self.loss += learned.loss * weight;
        self.samples += learned.samples;
        self.places.extend(learned.places);
        self.batches += 1;
        self.failures.extend(learned.failures);
        Ok(())
    }
}

/// The batches of an epoch of `samples`: `size` to each, the rest in the last. A single sample that is left over joins the batch before
/// it, since there are no statistics over one.
pub(super) fn batches(samples: usize, size: usize) -> Vec<Range<usize>> {
    let whole = (0..samples).step_by(size).map(|start| start..(start + size).min(samples));
    let mut batches: Vec<Range<usize>> = whole.collect();
    if let [.., before, last] = batches.as_mut_slice()
        && last.len() == 1
        && size > 1
    {
        before.end = last.end;
        batches.pop();
    }
    batches
}

impl Run<'_> {
    /// The steps of the epoch that are left.
    pub(super) fn steps_of(&mut self, epoch: usize, order: &[usize]) -> Result<()> {
        let first = self.state.step * self.options.accumulation;
        let mut left = batches(order.len(), self.options.batch_size).into_iter().skip(first).peekable();
        self.progress.advance(left.peek().map_or(order.len(), |batch| batch.start));
        let load = |run: &Self, batch: Range<usize>| (batch.clone(), run.load(epoch, batch.start, &order[batch]));
        let mut ready = left.next().map(|batch| load(self, batch));
        while ready.is_some() {
            let started = Instant::now();
            let mut step = Step::default();
            for _ in 0..self.options.accumulation {
                let Some((places, batch)) = ready.take() else { break };
                let next = left.next();
                let micro = step.batches;
                let (learned, loaded) = rayon::join(
                    || self.gradients(batch?, &order[places], micro),
                    || next.map(|batch| load(self, batch)),
                );
                ready = loaded;
                step.add(learned?)?;
            }
            let asked = step.places.len();
            self.take(step)?;
            self.state.sums.seconds += started.elapsed().as_secs_f64();
            self.progress.advance(asked);
            let between = self.options.checkpoint_steps.is_some_and(|every| self.state.step.is_multiple_of(every));
            if between && ready.is_some() {
                self.checkpoint()?;
            }
        }
        Ok(())
    }

    /// A batch for the stages that learn, or for those before them where nothing is kept. `first` is its place in the epoch.
    fn load(&self, epoch: usize, first: usize, places: &[usize]) -> Result<Batch> {
        if let Some(features) = &self.stem.training {
            return features.batch(places);
        }
        let samples: Vec<&Labelled> = places.iter().map(|&place| &self.training[place]).collect();
        self.loader.batch(&samples, Some((epoch, first)))
    }

    /// Loss and gradients of a batch, which is made of the training samples at `places`.
    fn gradients(&self, batch: Batch, places: &[usize], micro: usize) -> Result<Learned> {
        let Some(inputs) = batch.inputs else {
            return Ok(Learned { places: places.to_vec(), failures: batch.failures, ..Learned::default() });
        };
        let count = batch.places.len();
        let targets = Tensor::from_vec(batch.targets, (count, self.counts.len()), inputs.device());
        let targets = targets.map_err(Error::tensor("targets"))?;
        let model = self.trainee.model();
        let mode = if self.options.batch_statistics {
            let draws = format!("step {} {micro}", self.state.steps);
            Mode::Train { seed: SplitMix64::named(self.options.seed, &draws).next_u64() }
        } else {
            Mode::Eval
        };
        let output = match &self.stem.still {
            None => model.forward_t(&inputs, mode)?,
            Some((_, split)) if self.stem.training.is_some() => model.forward_from_t(split, &inputs, mode)?,
            Some((still, split)) => {
                let features = still.forward_to(split, &inputs)?.detach();
                model.forward_from_t(split, &features, mode)?
            }
        };
        let loss = match &self.loss {
            None => self.options.criterion.compute(&output.logits, &targets, &self.counts)?,
            Some(loss) => {
                let samples: Vec<&Labelled> = batch.places.iter().map(|&at| &self.training[places[at]]).collect();
                loss.compute(&output.logits, &targets, &samples)?
            }
        };
        let value =
            loss.to_dtype(DType::F64).and_then(|loss| loss.to_scalar::<f64>()).map_err(Error::tensor("loss"))?;
        if !value.is_finite() {
            return Err(self.diverged("a finite loss", format!("{value} on the samples {}", self.ids(places))));
        }
        let mut store = loss.backward().map_err(Error::tensor("gradients"))?;
        let frozen = self.stem.frozen.unwrap_or_default();
        let learning = self.trainee.parameters().iter().filter(|parameter| parameter.stage >= frozen);
        let gradients = learning
            .filter_map(|parameter| Some((parameter.name.clone(), store.remove(parameter.var.as_tensor())?)))
            .collect();
        Ok(Learned { gradients, loss: value, samples: count, places: places.to_vec(), failures: batch.failures })
    }

    /// The ids of training samples, for errors.
    fn ids(&self, places: &[usize]) -> String {
        places.iter().map(|&place| self.training[place].id.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// One step of the optimiser.
    fn take(&mut self, step: Step) -> Result<()> {
        let Step { mut gradients, loss, samples, failures, places, .. } = step;
        self.state.sums.failures += failures.len();
        self.failures.extend(failures);
        if samples == 0 {
            let last = self.failures.last().map_or(String::new(), |failure| format!("; the last: {}", failure.message));
            return Err(self.diverged("a sample that can be loaded in every step", format!("none{last}")));
        }
        let mean = 1.0 / samples as f64;
        for gradient in gradients.values_mut() {
            *gradient = gradient.affine(mean, 0.0).map_err(Error::tensor("gradients"))?;
        }
        if gradients.is_empty() {
            let found = "one that has no gradient, as after `to_vec` or a comparison";
            return Err(Error::config("loss", "a loss whose gradient reaches what learns", found));
        }
        let norm = optimiser::global_norm(gradients.values())?;
        if !norm.is_finite() {
            return Err(
                self.diverged("finite gradients", format!("a norm of {norm} on the samples {}", self.ids(&places)))
            );
        }
        let clip = self.options.clip_norm.map_or(1.0, |most| optimiser::clip_factor(norm, most));
        let rate = self.rate();
        let head = self.trainee.model().split_points().len();
        for parameter in self.trainee.parameters() {
            let Some(gradient) = gradients.remove(&parameter.name) else { continue };
            let own = rate * self.options.layer_decay.powi((head - parameter.stage.min(head)) as i32);
            let stepped = || {
                let gradient = if clip < 1.0 { gradient.affine(clip, 0.0)? } else { gradient };
                self.optimiser.step(&parameter.name, &parameter.var, &gradient, own, parameter.decays())
            };
            stepped().map_err(Error::tensor(format!("step of {}", parameter.name)))?;
        }
        let state = &mut self.state;
        state.step += 1;
        state.steps += 1;
        state.sums.loss += loss;
        state.sums.samples += samples;
        state.sums.norm += norm;
        match &mut self.average {
            Some(average) => average.update(self.trainee.variables(), self.state.steps),
            None => Ok(()),
        }
    }

    /// The head's rate at the coming step.
    pub(super) fn rate(&self) -> f64 {
        let steps = self.steps() * self.options.epochs;
        self.options.learning_rate * self.options.schedule.factor(self.state.steps, steps)
    }
}
