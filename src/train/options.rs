use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::state::Files;
use super::{Augmentation, ClassWeights, Criterion, Decay, Frozen, Monitor, Optimiser, Sampling, Schedule};
use crate::{Error, Result};

/// How a training runs.
///
/// Serialised it is what a checkpoint remembers: a run goes on only under the options that it began with, `folder`, `resume`,
/// `checkpoint_steps` and `feature_memory` apart, which change no number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainOptions {
    /// Passes over as many samples as there are for training. Default: 10.
    pub epochs: usize,
    /// Samples that go through the model together; batch normalisation takes its statistics over them. The last batch of an epoch has what is
    /// left; a single sample joins the batch before it. Default: 16.
    pub batch_size: usize,
    /// Batches whose gradients are averaged, by their sizes, for one step. Default: 1.
    pub accumulation: usize,
    /// What turns gradients into steps. Default: AdamW.
    pub optimiser: Optimiser,
    /// The rate of the head at the schedule's top. Default: 1e-3.
    pub learning_rate: f64,
    /// What the rate is multiplied by from each stage to the one before it, in (0, 1]. Default: 1, all learn at one rate.
    pub layer_decay: f64,
    /// How all rates move over the run. Default: a tenth of warm-up, then a cosine to zero.
    pub schedule: Schedule,
    /// The largest norm of all gradients together; larger ones are scaled down to it. Default: 5.
    pub clip_norm: Option<f64>,
    /// What is minimised. Default: cross-entropy.
    pub criterion: Criterion,
    /// A loss of the binder that is minimised instead: its mean over the batch. It must read nothing but the first ground truth and the
    /// prediction, and its operations must have gradients, as the built-in losses' do. Default: none.
    pub loss: Option<String>,
    /// In which order, and how often, samples are taken. Default: shuffled.
    pub sampling: Sampling,
    /// How training images are varied. Default: not at all.
    pub augmentation: Augmentation,
    /// The stages that stand still from the beginning. Default: none.
    pub frozen: Frozen,
    /// Gradual unfreezing: from an epoch on (counted from 0), these stages stand still instead. Epochs must rise, and what learns once
    /// goes on learning. Default: never.
    pub unfreeze: Vec<Unfreeze>,
    /// Whether stages that learn normalise by their batch's statistics, and move the stored ones. Without, they normalise by the stored ones:
    /// for small batches; dropout is then off as well. Default: yes.
    pub batch_statistics: bool,
    /// Averages all values over the steps, `average = decay * average + (1 - decay) * value` with a decay that begins small, `min(decay, (1 +
    /// step) / (10 + step))`; the average is what is judged and kept. Default: none.
    pub ema: Option<f64>,
    /// What tells the best epoch. Default: balanced accuracy.
    pub monitor: Monitor,
    /// Stops after so many epochs without a better one. Default: never.
    pub patience: Option<usize>,
    /// Where all that is random begins. Default: 0.
    pub seed: u64,
    /// The input encoder that feeds the model. Default: the first.
    pub input: Option<String>,
    /// Bytes that what flows out of the frozen stages may take when it is kept in memory instead of computed anew in each epoch, which is
    /// done where nothing is augmented. Default: 4 GiB.
    pub feature_memory: usize,
    /// Where checkpoints, the best weights, the log and the curve are written (see [`train`](super::train())). Default: nowhere.
    #[serde(skip)]
    pub folder: Option<PathBuf>,
    /// Steps between two checkpoints inside an epoch; there is always one at its end. Default: none inside.
    pub checkpoint_steps: Option<usize>,
    /// Goes on from the checkpoint in `folder`, if there is one, with a trainee that has the values that the run began with. Default: begins
    /// anew, and refuses a folder with files of another run.
    #[serde(skip)]
    pub resume: bool,
}

/// A step of gradual unfreezing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unfreeze {
    /// The first epoch, counted from 0.
    pub epoch: usize,
    /// What stands still from then on.
    pub frozen: Frozen,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 16,
            accumulation: 1,
            optimiser: Optimiser::adamw(),
            learning_rate: 1e-3,
            layer_decay: 1.0,
            schedule: Schedule { warm_up: 0.1, decay: Decay::Cosine, floor: 0.0 },
            clip_norm: Some(5.0),
            criterion: Criterion::CrossEntropy { label_smoothing: 0.0, class_weights: ClassWeights::None },
            loss: None,
            sampling: Sampling::Shuffled,
            augmentation: Augmentation::NONE,
            frozen: Frozen::Nothing,
            unfreeze: Vec::new(),
            batch_statistics: true,
            ema: None,
            monitor: Monitor::BalancedAccuracy,
            patience: None,
            seed: 0,
            input: None,
            feature_memory: 4 << 30,
            folder: None,
            checkpoint_steps: None,
            resume: false,
        }
    }
}

impl TrainOptions {
    /// Checks the values that types leave open.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] naming the option.
    pub fn validate(&self) -> Result<()> {
        let least_one = [
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("accumulation", self.accumulation),
            ("checkpoint_steps", self.checkpoint_steps.unwrap_or(1)),
            ("patience", self.patience.unwrap_or(1)),
        ];
        if let Some((name, _)) = least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::config(name, "at least 1", "0"));
        }
        let positive = |name: &str, value: f64, most: f64| {
            if value > 0.0 && value <= most && value.is_finite() {
                return Ok(());
            }
            let most = if most.is_finite() { format!(" and at most {most}") } else { String::new() };
            Err(Error::config(name, format!("a number above 0{most}"), value.to_string()))
        };
        positive("learning_rate", self.learning_rate, f64::INFINITY)?;
        positive("layer_decay", self.layer_decay, 1.0)?;
        positive("clip_norm", self.clip_norm.unwrap_or(1.0), f64::INFINITY)?;
        if let Some(decay) = self.ema.filter(|decay| !(0.0..1.0).contains(decay)) {
            return Err(Error::config("ema", "a decay from 0 to below 1", decay.to_string()));
        }
        if !self.unfreeze.windows(2).all(|pair| pair[0].epoch < pair[1].epoch) {
            let epochs: Vec<usize> = self.unfreeze.iter().map(|step| step.epoch).collect();
            return Err(Error::config("unfreeze", "epochs that rise", format!("{epochs:?}")));
        }
        if self.resume && self.folder.is_none() {
            return Err(Error::config("resume", "a folder with a checkpoint", "no folder"));
        }
        self.optimiser.validate()?;
        self.schedule.validate()?;
        self.augmentation.validate()
    }

    /// Refuses a folder with the files of another run.
    pub(super) fn check_folder(&self) -> Result<()> {
        let Some(folder) = self.folder.as_deref().filter(|folder| !self.resume && folder.exists()) else {
            return Ok(());
        };
        match Files::new(folder)?.existing().first() {
            None => Ok(()),
            Some(path) => {
                let found = format!("{}; resume the run, or begin in another folder", path.display());
                Err(Error::config("folder", "a folder without files of a training", found))
            }
        }
    }

    /// How many stages stand still in each epoch.
    pub(super) fn frozen_by_epoch(&self, split_points: &[String]) -> Result<Vec<usize>> {
        let mut counts = vec![self.frozen.count(split_points)?; self.epochs];
        for step in &self.unfreeze {
            let count = step.frozen.count(split_points)?;
            counts.iter_mut().skip(step.epoch).for_each(|frozen| *frozen = count);
        }
        if counts.windows(2).any(|pair| pair[1] > pair[0]) {
            let found = format!("{counts:?} frozen stages by epoch");
            return Err(Error::config("unfreeze", "what learns once to go on learning", found));
        }
        Ok(counts)
    }
}
