//! One run: epochs of steps, each judged, each remembered.

use std::collections::BTreeMap;
use std::time::Instant;

use candle_core::{DType, Tensor};

use super::average::Average;
use super::loader::Loader;
use super::optimiser::{self, State as OptimiserState};
use super::own_loss::OwnLoss;
use super::samples::Labelled;
use super::state::{Files, State, Sums, identity};
use super::stem::Stem;
use super::step::batches;
use super::{Epoch, Scores, TrainOptions, Trainee};
use crate::evaluate::SampleFailure;
use crate::model::{Checkpoint, Model};
use crate::progress::Progress;
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
    /// A loss of the binder's, where that is what is minimised.
    pub(super) loss: Option<OwnLoss<'a>>,
    pub(super) optimiser: OptimiserState,
    pub(super) average: Option<Average>,
    /// The best values so far.
    best: Option<BTreeMap<String, Tensor>>,
    pub(super) stem: Stem,
}

impl<'a> Run<'a> {
    /// Begins, or goes on from the checkpoint in the options' folder.
    pub(super) fn begin(
        trainee: &'a Trainee,
        options: &'a TrainOptions,
        loader: &'a Loader<'a>,
        (training, validation): (&'a [Labelled], &'a [Labelled]),
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
            state: State {
                identity: identity(options, trainee, &loader.interface.given, (training, validation))?,
                ..State::default()
            },
            failures: Vec::new(),
            loss: options.loss.as_deref().map(|name| OwnLoss::new(loader.interface.binder, name)).transpose()?,
            optimiser: OptimiserState::new(options.optimiser),
            average,
            best: None,
            stem: Stem::default(),
        };
        run.resume()?;
        Ok(run)
    }

    fn resume(&mut self) -> Result<()> {
        let Some(files) = self.files.clone() else { return Ok(()) };
        if !self.options.resume {
            return Ok(());
        }
        files.tidy()?;
        let Some((state, file)) = files.load(&self.state.identity)? else { return Ok(()) };
        self.trainee.set(&tensors_below(&file, "variable/", self.trainee)?)?;
        if let Some(average) = &mut self.average {
            average.values = tensors_below(&file, "average/", self.trainee)?;
        }
        let saved = tensors_below(&file, "optimiser/", self.trainee)?;
        self.optimiser = OptimiserState::from_tensors(self.options.optimiser, &saved)?;
        if state.best.is_some() {
            self.best = Some(self.trainee.load(&files.best())?);
        }
        self.state = state;
        self.tell(&files)
    }

    /// Writes log and curve.
    fn tell(&self, files: &Files) -> Result<()> {
        self.state.history.write_log(&files.log())?;
        self.state.history.write_curve(&files.curve(), self.options.monitor)
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_over(&self) -> bool {
        self.state.stopped || self.state.epoch >= self.options.epochs
    }

    /// Steps of an epoch.
    pub(super) fn steps(&self) -> usize {
        batches(self.training.len(), self.options.batch_size).len().div_ceil(self.options.accumulation)
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
        self.check_values()?;
        let validation = self.judge()?;
        self.state.sums.seconds += started.elapsed().as_secs_f64();
        self.close(validation)
    }

    /// Why the run cannot go on.
    pub(super) fn diverged(&self, expected: &str, found: String) -> Error {
        Error::Training {
            epoch: self.state.epoch + 1,
            step: self.state.steps + 1,
            expected: expected.to_owned(),
            found,
        }
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
            frozen_stages: self.frozen[self.state.epoch],
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
        self.tell(&files)
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

    /// Refuses to go on with values that are not finite, before they take the place of good ones.
    fn check_values(&self) -> Result<()> {
        let values = self.trainee.values()?;
        if optimiser::global_norm(values.values())?.is_finite() {
            return Ok(());
        }
        let mut names = Vec::new();
        for (name, value) in &values {
            if !optimiser::global_norm(std::iter::once(value))?.is_finite() {
                names.push(name.as_str());
            }
        }
        Err(self.diverged("finite values after the last step", format!("others in {}", names.join(", "))))
    }

    /// Writes where the run stands.
    pub(super) fn checkpoint(&self) -> Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        self.check_values()?;
        let below = |prefix: &'static str, tensors: BTreeMap<String, Tensor>| {
            tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor))
        };
        let mut tensors: BTreeMap<String, Tensor> = below("variable/", self.trainee.values()?).collect();
        if let Some(average) = &self.average {
            tensors.extend(below("average/", average.values.clone()));
        }
        tensors.extend(below("optimiser/", self.optimiser.to_tensors()?));
        files.save(&self.state, tensors)
    }

    /// Leaves the best values in the variables and on the disk; where nothing was judged, the last ones or their average.
    pub(super) fn finish(self) -> Result<(State, Vec<SampleFailure>)> {
        let last = self.average.map(|average| average.values);
        let judged = self.best.is_some();
        if let Some(values) = self.best.or(last) {
            self.trainee.set(&values)?;
        }
        if let Some(files) = self.files.filter(|_| !judged) {
            self.trainee.save(&files.best(), |card| card)?;
        }
        Ok((self.state, self.failures))
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
