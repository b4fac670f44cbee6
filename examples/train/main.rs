//! Transfer learning on chest X-rays: a head on frozen latents, the end of a network, or a network from nothing.
//!
//! Validation is taken from the patients outside the test subset, so that none stands on both sides; the test subset is looked at
//! once, at the end. Without arguments for data it works on the shipped sample, which is meant to show the way in minutes: for
//! weights worth having give `--data` the whole set.

mod args;
mod head;
mod memory;
mod network;
#[path = "../pneumonia/progress.rs"]
mod progress;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use candle_core::DType;
use clap::Parser;
use leap_binder::binder::Binder;
use leap_binder::contract::{DataState, SampleId};
use leap_binder::evaluate::{Evaluation, evaluate};
use leap_binder::metrics::{Bootstrap, Predictions, Temperature};
use leap_binder::model::{Card, Classifier, Weights, device};
use leap_binder::pneumonia::{ChestXrays, Config, binder};
use leap_binder::train::{Audit, Cohort, Samples, SplitOptions, predict};
use leap_binder::{Error, Result};

use args::{Args, Way};
use progress::Console;

/// The attribute that tells patients.
const PATIENT: &str = "patient";

fn main() -> ExitCode {
    memory::keep_freed_memory();
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// What every way of training is given.
struct Job<'a> {
    args: &'a Args,
    out: PathBuf,
    binder: Binder<ChestXrays>,
    samples: Samples,
    progress: Console,
}

fn run(args: &Args) -> Result<()> {
    let out = args.out();
    std::fs::create_dir_all(&out).map_err(|source| Error::Io { action: "create", path: out.clone(), source })?;
    let binder = binder(ChestXrays::open(args.data(), Config::default())?)?;
    let audit = Audit::of_binder(&binder, PATIENT, ChestXrays::PATIENT_RULE)?;
    println!("The split as it was given\n{audit}\n");
    let cohort = Cohort::of_binder(&binder, &[DataState::Training, DataState::Validation], Some(PATIENT))?;
    cohort.left_out().iter().for_each(|failure| println!("left out: {} ({})", failure.id, failure.message));
    let options = SplitOptions {
        share: args.validation,
        judging: Some(DataState::Validation),
        seed: args.seed,
        ..SplitOptions::default()
    };
    let samples = cohort.split(&options)?;
    write_split(&out.join("split.json"), &samples)?;
    if !matches!(args.way, Way::Head { .. }) {
        println!(
            "Split anew by patient: {} X-rays train, {} judge.\n",
            samples.training.len(),
            samples.validation.len()
        );
    }
    let job = Job { args, out, binder, samples, progress: Console::default() };
    match &args.way {
        Way::Head { weights, unseen } => head::fit(&job, weights.as_deref(), *unseen),
        Way::Finetune { weights, frozen, run } => network::finetune(&job, weights.as_deref(), frozen, run),
        Way::Scratch { network, run } => network::from_scratch(&job, *network, run),
    }
}

/// Notes which X-rays train and which judge.
fn write_split(path: &Path, samples: &Samples) -> Result<()> {
    let ids = |part: &[(DataState, SampleId)]| part.iter().map(|(_, id)| id.to_string()).collect::<Vec<_>>();
    let split = serde_json::json!({"training": ids(&samples.training), "validation": ids(&samples.validation)});
    let failed = |source| Error::Io { action: "write", path: path.to_path_buf(), source };
    std::fs::write(path, format!("{split:#}\n")).map_err(failed)
}

impl Job<'_> {
    /// Scores the X-rays of `states` with `weights`.
    fn evaluate(&self, weights: &Weights, states: &[DataState]) -> Result<Evaluation> {
        let model = Classifier::new(weights, &device(&self.args.device)?)?;
        evaluate(&self.binder, &model, states, &Default::default(), &self.progress)
    }

    /// The card of weights that were made of those of `start`: what was said of the latter's values no longer holds.
    fn card(&self, start: &Card) -> Card {
        let mut card = Card { provenance: BTreeMap::new(), ..start.clone() };
        if let Some(source) = self.args.source.as_ref().or(start.provenance.get(Card::DATA)) {
            card = card.with(Card::DATA, source);
        }
        card
    }

    /// The type that weights files get.
    fn save_as(&self) -> Result<DType> {
        match self.args.save_as.as_str() {
            "f32" => Ok(DType::F32),
            "f16" => Ok(DType::F16),
            other => Err(Error::Config {
                option: "--save-as".to_owned(),
                expected: "f32 or f16".to_owned(),
                found: other.to_owned(),
            }),
        }
    }

    /// What `weights` say of the X-rays that judge.
    fn judged(&self, weights: &Weights) -> Result<Predictions> {
        let model = Classifier::new(weights, &device(&self.args.device)?)?;
        let (predictions, _) = predict(&self.binder, &model, &self.samples.validation, 16, &self.progress)?;
        Ok(predictions)
    }

    /// What the weights file at `path` says of the test subset, printed unless that is not to be looked at.
    fn report(&self, path: &Path) -> Result<()> {
        println!("written: {}\n", path.display());
        if self.args.no_test {
            return Ok(());
        }
        let evaluation = self.evaluate(&Weights::open(path)?, &[DataState::Test])?;
        let predictions = evaluation.predictions(&[])?;
        println!("Test subset\n{}", evaluation.report(&[], &Bootstrap::default())?);
        let merged = predictions.merge(&[("NORMAL", &["NORMAL"]), ("pneumonia", &["bacteria", "virus"])])?;
        let merged = leap_binder::metrics::ClassificationReport::new(&merged, &Bootstrap::default())?;
        let counts = predictions.confusion_matrix().support();
        let largest = counts.iter().max().copied().unwrap_or_default() as f64 / predictions.y_true().len() as f64;
        println!(
            "Normal against pneumonia: accuracy {:.4}, ROC-AUC {:.4}. Always naming the largest class: accuracy {largest:.4}, \
             balanced accuracy {:.4}.",
            merged.accuracy.value.unwrap_or(f64::NAN),
            merged.macro_roc_auc.value.unwrap_or(f64::NAN),
            1.0 / counts.len() as f64
        );
        Ok(())
    }
}

/// The temperature that the judging samples ask for; 1 where they say nothing.
fn temperature(validation: &Predictions) -> Temperature {
    Temperature::fit(validation).unwrap_or_default()
}
