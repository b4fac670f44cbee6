//! One run: epochs of steps, each judged, each remembered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Tensor};

use super::average::Average;
use super::features::Features;
use super::loader::{Batch, Loader};
use super::optimiser::{self, State as OptimiserState};
use super::samples::{Labelled, Samples};
use super::state::{Files, State, Sums, identity};
use super::{Epoch, Scores, TrainOptions, Trainee};
use crate::evaluate::SampleFailure;
use crate::metrics::Predictions;
use crate::model::{Checkpoint, Mode, Model, softmax};
use crate::progress::Progress;
use crate::rng::SplitMix64;
use crate::{Error, Result};

/// Everything that a run holds.
pub(super) struct Run<'a> {
    pub(super) trainee: &'a Trainee,
    pub(super) options: &'a TrainOptions,
    pub(super) loader: &'a Loader<'a>,
    pub(super) training: &'a [Labelled],
    pub(super) validation: &'a [Labelled],
    pub(super) counts: Vec<usize>,
    pub(super) progress: &'a dyn Progress,
    /// Stages that stand still, by epoch.
    pub(super) frozen: Vec<usize>,
    pub(super) files: Option<Files>,
    pub(super) state: State,
    pub(super) failures: Vec<SampleFailure>,
    optimiser: OptimiserState,
    average: Option<Average>,
    /// The best values so far.
    best: Option<BTreeMap<String, Tensor>>,
    stem: Stem,
}

/// What stands before the stages that learn.
#[derive(Default)]
struct Stem {
    frozen: usize,
    /// The model and the last of its stages that stand still.
    still: Option<(Arc<dyn Model>, String)>,
    training: Option<Features>,
    validation: Option<Features>,
}

impl<'a> Run<'a> {
    /// Begins, or goes on from the checkpoint in the options' folder.
    pub(super) fn begin(
        trainee: &'a Trainee,
        options: &'a TrainOptions,
        loader: &'a Loader<'a>,
        (training, validation): (&'a [Labelled], &'a [Labelled]),
        samples: &Samples,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let model = trainee.model();
        let mut counts = vec![0; model.classes().len()];
        training.iter().for_each(|sample| counts[sample.label] += 1);
        let average = match options.ema {
            Some(decay) => Some(Average::new(decay, trainee.values()?)),
            None => None,
        };
        let mut run = Self {
            trainee,
            options,
            loader,
            training,
            validation,
            counts,
            progress,
            frozen: options.frozen_by_epoch(model.split_points())?,
            files: options.folder.as_deref().map(Files::new).transpose()?,
            state: State { identity: identity(options, &**model, training, samples), ..State::default() },
            failures: Vec::new(),
            optimiser: OptimiserState::new(options.optimiser.clone()),
            average,
            best: None,
            stem: Stem { frozen: usize::MAX, ..Stem::default() },
        };
        run.resume()?;
        Ok(run)
    }

    fn resume(&mut self) -> Result<()> {
        let Some(files) = self.files.clone() else { return Ok(()) };
        if !self.options.resume {
            if files.checkpoint().exists() {
                let found = format!("{}; resume it, or begin in another folder", files.checkpoint().display());
                return Err(Error::config("folder", "a folder without a checkpoint", found));
            }
            return Ok(());
        }
        let Some((state, file)) = files.load(&self.state.identity)? else { return Ok(()) };
        self.trainee.set(&tensors_below(&file, "variable/", self.trainee)?)?;
        if let Some(average) = &mut self.average {
            average.values = tensors_below(&file, "average/", self.trainee)?;
        }
        let saved = tensors_below(&file, "optimiser/", self.trainee)?;
        self.optimiser = OptimiserState::restore(self.options.optimiser.clone(), saved)?;
        if state.best.is_some() {
            self.best = Some(self.trainee.load(&files.best())?);
        }
        self.state = state;
        Ok(())
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_over(&self) -> bool {
        self.state.stopped || self.state.epoch >= self.options.epochs
    }

    /// Batches of an epoch.
    fn batches(&self) -> usize {
        self.training.len().div_ceil(self.options.batch_size)
    }

    /// Steps of an epoch.
    fn steps(&self) -> usize {
        self.batches().div_ceil(self.options.accumulation)
    }

    /// The rest of the epoch that is going on, and its judgement.
    pub(super) fn epoch(&mut self) -> Result<()> {
        let epoch = self.state.epoch;
        self.prepare_stem(self.frozen[epoch])?;
        let labels: Vec<usize> = self.training.iter().map(|sample| sample.label).collect();
        let order = self.options.sampling.order(&labels, self.counts.len(), self.options.seed, epoch)?;
        self.progress.begin(&format!("epoch {} of {}", epoch + 1, self.options.epochs), order.len());
        let done = self.steps_of(epoch, &order);
        self.progress.end();
        done?;
        let started = Instant::now();
        let validation = self.judge()?;
        self.state.sums.seconds += started.elapsed().as_secs_f64();
        self.close(validation)
    }

    fn steps_of(&mut self, epoch: usize, order: &[usize]) -> Result<()> {
        let size = self.options.batch_size;
        let first = self.state.step * self.options.accumulation;
        self.progress.advance((first * size).min(order.len()));
        let chunks: Vec<(usize, &[usize])> = order.chunks(size).enumerate().skip(first).collect();
        let mut chunks = chunks.into_iter();
        let mut ready = chunks.next().map(|(at, places)| self.load(epoch, at * size, places));
        while ready.is_some() {
            let started = Instant::now();
            let mut step = Step::default();
            for _ in 0..self.options.accumulation {
                let Some(batch) = ready.take() else { break };
                let next = chunks.next();
                let micro = step.batches;
                let (learned, loaded) = rayon::join(
                    || self.gradients(batch?, micro),
                    || next.map(|(at, places)| self.load(epoch, at * size, places)),
                );
                ready = loaded;
                step.add(learned?)?;
            }
            let asked = step.asked;
            self.take(step, epoch)?;
            self.state.sums.seconds += started.elapsed().as_secs_f64();
            self.progress.advance(asked);
            let between = self.options.checkpoint_steps.is_some_and(|every| self.state.step % every == 0);
            if between && ready.is_some() {
                self.checkpoint()?;
            }
        }
        Ok(())
    }

    /// The next batch for the stages that learn, or for those before them where nothing is kept.
    fn load(&self, epoch: usize, first: usize, places: &[usize]) -> Result<Batch> {
        if let Some(features) = &self.stem.training {
            return features.batch(places);
        }
        let samples: Vec<&Labelled> = places.iter().map(|&place| &self.training[place]).collect();
        self.loader.batch(&samples, Some((epoch, first)))
    }

    /// Loss and gradients of a batch.
    fn gradients(&self, batch: Batch, micro: usize) -> Result<Learned> {
        let asked = batch.places.len() + batch.failures.len();
        let Some(inputs) = batch.inputs else {
            return Ok(Learned { asked, failures: batch.failures, ..Learned::default() });
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
        let loss = self.options.criterion.compute(&output.logits, &targets, &self.counts)?;
        let value = loss.to_dtype(DType::F64).and_then(|loss| loss.to_scalar::<f64>()).map_err(Error::tensor("loss"))?;
        if !value.is_finite() {
            let sample = batch.places.first().map_or(0, |place| *place);
            return Err(self.diverged("a finite loss", format!("{value} (first place of the batch: {sample})")));
        }
        let mut store = loss.backward().map_err(Error::tensor("gradients"))?;
        let learning = self.trainee.parameters().iter().filter(|parameter| parameter.stage >= self.stem.frozen);
        let gradients = learning
            .filter_map(|parameter| Some((parameter.name.clone(), store.remove(parameter.var.as_tensor())?)))
            .collect();
        Ok(Learned { gradients, loss: value, samples: count, asked, failures: batch.failures })
    }

    /// One step of the optimiser.
    fn take(&mut self, step: Step, epoch: usize) -> Result<()> {
        let Step { mut gradients, loss, samples, failures, .. } = step;
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
        let norm = optimiser::global_norm(gradients.values())?;
        if !norm.is_finite() {
            return Err(self.diverged("finite gradients", format!("a norm of {norm}")));
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
        debug_assert_eq!(state.epoch, epoch);
        match &mut self.average {
            Some(average) => average.update(self.trainee.variables(), self.state.steps),
            None => Ok(()),
        }
    }

    /// The head's rate at the coming step.
    fn rate(&self) -> f64 {
        let steps = self.steps() * self.options.epochs;
        self.options.learning_rate * self.options.schedule.factor(self.state.steps, steps)
    }

    fn diverged(&self, expected: &str, found: String) -> Error {
        Error::Training {
            epoch: self.state.epoch + 1,
            step: self.state.steps + 1,
            expected: expected.to_owned(),
            found,
        }
    }

    /// The model, or its average, on the validation samples.
    fn judge(&mut self) -> Result<Option<Scores>> {
        if self.validation.is_empty() {
            return Ok(None);
        }
        let Some(average) = &self.average else { return self.score().map(Some) };
        let own = self.trainee.values()?;
        self.trainee.set(&average.values)?;
        let scores = self.score();
        self.trainee.set(&own)?;
        scores.map(Some)
    }

    fn score(&self) -> Result<Scores> {
        let scorer = self.trainee.scorer()?;
        let whole: Vec<(usize, &Labelled)> = self.validation.iter().enumerate().collect();
        let load = |chunk: &[(usize, &Labelled)]| match &self.stem.validation {
            Some(features) => features.batch(&chunk.iter().map(|(place, _)| *place).collect::<Vec<_>>()),
            None => self.loader.batch(&chunk.iter().map(|(_, sample)| *sample).collect::<Vec<_>>(), None),
        };
        let (mut truths, mut probabilities) = (Vec::new(), Vec::new());
        self.progress.begin("validation", whole.len());
        let mut chunks = whole.chunks(self.options.batch_size);
        let mut ready = chunks.next().map(|chunk| (chunk, load(chunk)));
        while let Some((chunk, batch)) = ready {
            let scored = || -> Result<(Vec<usize>, Vec<Vec<f32>>)> {
                let batch = batch?;
                let Some(inputs) = &batch.inputs else { return Ok(Default::default()) };
                let output = match &self.stem {
                    Stem { validation: Some(_), still: Some((_, split)), .. } => scorer.forward_from(split, inputs)?,
                    _ => scorer.forward(inputs)?,
                };
                let labels = batch.places.iter().map(|&at| chunk[at].1.label).collect();
                let logits = output.logits.to_vec2::<f32>().map_err(Error::tensor("logits"))?;
                Ok((labels, logits))
            };
            let (scored, next) = rayon::join(scored, || chunks.next().map(|chunk| (chunk, load(chunk))));
            ready = next;
            let (labels, logits) = scored.inspect_err(|_| self.progress.end())?;
            self.progress.advance(chunk.len());
            if logits.iter().flatten().any(|logit| !logit.is_finite()) {
                self.progress.end();
                return Err(self.diverged("finite logits on the validation samples", "others".to_owned()));
            }
            truths.extend(labels);
            probabilities.extend(logits.iter().flat_map(|logits| softmax(logits)));
        }
        self.progress.end();
        let classes = self.trainee.model().classes().iter().cloned();
        Scores::of(&Predictions::new(classes, truths, probabilities)?)
    }

    /// Notes the epoch, keeps the values if they are the best, and writes all files.
    fn close(&mut self, validation: Option<Scores>) -> Result<()> {
        let goodness = validation.map(|scores| self.options.monitor.goodness(&scores));
        let best = match (goodness, self.state.best) {
            (Some(now), Some(before)) => now > before,
            (now, before) => now.is_some() && before.is_none(),
        };
        let sums = std::mem::take(&mut self.state.sums);
        // The schedule at the last step that was made.
        self.state.steps -= 1;
        let learning_rate = self.rate();
        self.state.steps += 1;
        self.state.history.epochs.push(Epoch {
            epoch: self.state.epoch + 1,
            steps: self.state.steps,
            frozen_stages: self.stem.frozen,
            learning_rate,
            train_loss: sums.loss / sums.samples as f64,
            gradient_norm: sums.norm / self.state.step as f64,
            validation,
            best,
            failures: sums.failures,
            seconds: sums.seconds,
        });
        if best {
            self.state.best = goodness;
            self.state.waiting = 0;
            self.best = Some(match &self.average {
                Some(average) => average.values.clone(),
                None => self.trainee.values()?,
            });
        } else {
            self.state.waiting += 1;
        }
        let patient = self.options.patience.is_none_or(|patience| self.state.waiting < patience);
        self.state.stopped = validation.is_some() && !patient;
        self.state.epoch += 1;
        self.state.step = 0;
        self.state.sums = Sums::default();
        let Some(files) = self.files.clone() else { return Ok(()) };
        if best {
            self.save_best(&files, &validation)?;
        }
        self.checkpoint()?;
        self.state.history.write_log(&files.log())?;
        self.state.history.write_curve(&files.curve(), self.options.monitor)
    }

    fn save_best(&self, files: &Files, validation: &Option<Scores>) -> Result<()> {
        let Some(best) = &self.best else { return Ok(()) };
        let own = self.trainee.values()?;
        self.trainee.set(best)?;
        let metrics = validation.map(|scores| {
            BTreeMap::from([
                ("validation_balanced_accuracy".to_owned(), scores.balanced_accuracy),
                ("validation_log_loss".to_owned(), scores.log_loss),
            ])
        });
        let saved = self.trainee.save(&files.best(), |card| card.with_metrics(&metrics.unwrap_or_default()));
        self.trainee.set(&own)?;
        saved
    }

    fn checkpoint(&self) -> Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        let below = |prefix: &'static str, tensors: BTreeMap<String, Tensor>| {
            tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor))
        };
        let mut tensors: BTreeMap<String, Tensor> = below("variable/", self.trainee.values()?).collect();
        if let Some(average) = &self.average {
            tensors.extend(below("average/", average.values.clone()));
        }
        tensors.extend(below("optimiser/", self.optimiser.tensors()?));
        files.save(&self.state, tensors)
    }

    /// Leaves the best values in the variables, or the average where nothing was judged.
    pub(super) fn finish(self) -> Result<(State, Vec<SampleFailure>)> {
        let last = self.average.map(|average| average.values);
        if let Some(values) = self.best.or(last) {
            self.trainee.set(&values)?;
        }
        Ok((self.state, self.failures))
    }

    /// Makes the frozen stages ready, and keeps what flows out of them where it is the same in every epoch.
    fn prepare_stem(&mut self, frozen: usize) -> Result<()> {
        if self.stem.frozen == frozen {
            return Ok(());
        }
        self.stem = Stem { frozen, ..Stem::default() };
        let Some(split) = frozen.checked_sub(1).and_then(|last| self.trainee.model().split_points().get(last)) else {
            return Ok(());
        };
        let (still, split) = (self.trainee.still()?, split.clone());
        let memory = self.options.feature_memory;
        let mut compute = |samples: &[Labelled], memory: usize| {
            let size = (self.options.batch_size, memory);
            let of = (&*still, split.as_str());
            Features::compute(self.loader, of, samples, size, &mut self.failures, self.progress)
        };
        let validation = compute(self.validation, memory)?;
        let left = memory.saturating_sub(validation.as_ref().map_or(0, Features::bytes));
        let training =
            if self.options.augmentation.is_none() { compute(self.training, left)? } else { None };
        self.stem = Stem { frozen, still: Some((still, split)), training, validation };
        Ok(())
    }
}

/// What one batch taught.
#[derive(Default)]
struct Learned {
    gradients: BTreeMap<String, Tensor>,
    /// The mean over the samples.
    loss: f64,
    samples: usize,
    /// Samples that were to be loaded.
    asked: usize,
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
    asked: usize,
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
        self.asked += learned.asked;
        self.batches += 1;
        self.failures.extend(learned.failures);
        Ok(())
    }
}

/// The tensors of a checkpoint whose names begin with `prefix`, without it, on the model's device.
fn tensors_below(file: &Checkpoint, prefix: &str, trainee: &Trainee) -> Result<BTreeMap<String, Tensor>> {
    let device = trainee.model().device();
    let names = file.names().filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
    let read = |(name, own): (&str, &str)| {
        let dtype = file.entry(name).map_or(DType::F32, |entry| entry.dtype());
        Ok((own.to_owned(), file.tensor(name, dtype, device)?))
    };
    names.map(read).collect()
}
