//! Transfer learning and fine-tuning over any [`Binder`](crate::Binder) and any [`Model`].
//!
//! [`train()`] is the one loop: it takes a binder's samples, a [`Trainee`] (a network of the catalogue with any start, or a model of one's
//! own) and [`TrainOptions`], and leaves the best weights in the trainee. The stages below a split point can stand still
//! ([`Frozen`]): then they are evaluated by the fast engine, and once only where nothing is augmented.
//!
//! ```no_run
//! use leap_binder::model::{Architecture, Card, Checkpoint, Weights, device, save};
//! use leap_binder::pneumonia::{ChestXrays, Config, binder};
//! use leap_binder::train::{Frozen, Samples, Sampling, TrainOptions, Trainee, train};
//!
//! let binder = binder(ChestXrays::open("chest_xray", Config::default())?)?;
//! let card = Card::new(Architecture::DenseNet201, ["NORMAL", "bacteria", "virus"]);
//! let start = Weights::load_backbone(Checkpoint::open("densenet201.pth")?, card, 0)?;
//! let trainee = Trainee::new(&start, &device("cpu")?)?;
//! let options = TrainOptions {
//!     frozen: Frozen::Through("features.transition3".to_owned()),
//!     sampling: Sampling::Balanced,
//!     folder: Some("out/train".into()),
//!     ..TrainOptions::default()
//! };
//! let report = train(&binder, &trainee, &Samples::of_subsets(&binder)?, &options, &())?;
//! println!("{} epochs", report.history.epochs.len());
//! # Ok::<(), leap_binder::Error>(())
//! ```

mod augment;
mod average;
mod criterion;
mod curve;
mod features;
mod head;
mod history;
mod judge;
mod loader;
mod optimiser;
mod options;
mod own_loss;
mod range;
mod run;
mod samples;
mod sampling;
mod schedule;
mod scores;
mod split;
mod stages;
mod state;
mod stem;
mod step;
mod trainee;

pub use augment::Augmentation;
pub use criterion::{ClassWeights, Criterion};
pub use head::{CandidateScore, HeadFit, HeadOptions, LabelledRows, LinearHead, OutOfFold, Scoring};
pub use history::{Epoch, History};
pub use judge::predict;
pub use optimiser::Optimiser;
pub use options::{TrainOptions, Unfreeze};
pub use samples::Samples;
pub use sampling::Sampling;
pub use schedule::{Decay, Schedule};
pub use scores::{Monitor, Scores};
pub use split::{Audit, AuditedSubset, Cohort, Folds, SharedGroup, SplitOptions};
pub use stages::Frozen;
pub use trainee::Trainee;

use std::collections::HashSet;

use crate::binder::Registry;
use crate::evaluate::{Interface, SampleFailure};
use crate::model::Model;
use crate::progress::Progress;
use crate::{Error, Result};
use loader::Loader;
use run::Run;
use samples::Scanned;
use state::manifest;

/// What a training came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrainReport {
    /// The epochs, those before a resumption included.
    pub history: History,
    /// Whether it ended because no epoch got better for as long as `patience` says.
    pub stopped_early: bool,
    /// Samples that were left out, each as often as that happened, since this call began.
    pub failures: Vec<SampleFailure>,
    /// Training samples of each class.
    pub class_counts: Vec<usize>,
    /// SHA-256 of the training samples' subsets, ids and classes, in order, for [`Card::DATA_MANIFEST`](crate::model::Card::DATA_MANIFEST).
    pub data_manifest: String,
}

/// Trains `trainee` on the binder's samples and leaves in it the values of the best epoch by [`TrainOptions::monitor`] (of the last
/// one, where there are no validation samples).
///
/// Each sample is read once at the beginning, to know its class; those that cannot be read are left out and told. Then, epoch by epoch,
/// batches are decoded and augmented while the model learns from the one before.
///
/// # Files
///
/// In [`TrainOptions::folder`]: `checkpoint.safetensors`, from which a stopped run goes on ([`TrainOptions::resume`]);
/// `best.safetensors` (the last values where nothing judges), a weights file that [`Weights::open`](crate::model::Weights::open) reads for a network of the catalogue;
/// `log.jsonl`, one [`Epoch`] a line; `curve.svg`. Each is written beside its place and renamed, so a run that is killed or finds the disk
/// full leaves the last good one. A folder with files of an earlier run is refused unless it is resumed.
///
/// # Determinism
///
/// On the CPU equal arguments give equal weights, bit by bit, for any number of threads; so does a run that was stopped anywhere and
/// resumed. On a GPU sums have no fixed order.
///
/// # Errors
///
/// [`Error::Config`] and [`Error::Mismatch`] for options, samples, binder and model that do not go together; [`Error::Training`] when a loss, a
/// gradient or a value is not finite or no sample of a step can be loaded; [`Error::Argument`] when no sample can be read at the beginning, or one that
/// judges cannot be read later or gets a logit that is not finite; [`Error::Io`] and [`Error::Weights`] for the files; [`Error::Tensor`] from
/// the model. The trainee's values are then those of the last step.
pub fn train(
    binder: &Registry,
    trainee: &Trainee,
    samples: &Samples,
    options: &TrainOptions,
    progress: &dyn Progress,
) -> Result<TrainReport> {
    options.validate()?;
    let model = trainee.model();
    options.frozen_by_epoch(model.split_points())?;
    apart(samples)?;
    options.check_folder()?;
    let interface = Interface::new("train", binder, &**model, options.input.as_deref())?;
    let loader = Loader::new(interface, &**model, options.augmentation, options.seed);
    let training = usable("training", loader.scan("training", &samples.training, progress))?;
    let validation = match samples.validation.as_slice() {
        [] => Scanned::default(),
        some => usable("validation", loader.scan("validation", some, progress))?,
    };
    let class_counts = training.counts(model.classes().len());
    let judging = validation.counts(model.classes().len());
    if options.monitor == Monitor::MacroRocAuc && judging.iter().filter(|count| **count > 0).count() == 1 {
        return Err(Error::config("monitor", "a score that validation samples of one class have", "macro ROC-AUC"));
    }
    options.criterion.validate(model.classes(), &class_counts)?;
    let judged = (training.samples.as_slice(), validation.samples.as_slice());
    let mut run = Run::begin(trainee, options, &loader, judged, progress)?;
    let data_manifest = manifest(&training.samples);
    run.failures = training.failures.into_iter().chain(validation.failures).collect();
    while !run.is_over() {
        run.epoch()?;
    }
    let (state, failures) = run.finish()?;
    Ok(TrainReport { history: state.history, stopped_early: state.stopped, failures, class_counts, data_manifest })
}

/// Refuses a sample that both trains and judges.
fn apart(samples: &Samples) -> Result<()> {
    let training: HashSet<_> = samples.training.iter().collect();
    match samples.validation.iter().find(|sample| training.contains(sample)) {
        None => Ok(()),
        Some((state, id)) => {
            let found = format!("{id} of {state} in both");
            Err(Error::argument("train", "samples that either train or validate", found))
        }
    }
}

/// Refuses samples none of which can be read.
fn usable(what: &str, scanned: Scanned) -> Result<Scanned> {
    if !scanned.samples.is_empty() {
        return Ok(scanned);
    }
    let found = match scanned.failures.first() {
        None => "no samples".to_owned(),
        Some(failure) => format!("{} that fail, the first: {}", scanned.failures.len(), failure.message),
    };
    Err(Error::argument("train", format!("{what} samples that can be read"), found))
}
