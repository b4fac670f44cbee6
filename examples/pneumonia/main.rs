//! The main job: proves the pneumonia binder, classifies the X-rays, says how good the answers are, and where and why they are not.
//!
//! Without arguments it works on the shipped sample and weights. Results go to standard output, progress to standard
//! error, files to `--out`. Exit code 0: the binder is valid and every file could be used; 1: not so; 2: it could not run.

mod analysis;
mod args;
mod output;
mod progress;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use leap_binder::binder::flow::{SampleChoice, TestOptions};
use leap_binder::check::{CheckOptions, check_with};
use leap_binder::contract::DataState;
use leap_binder::evaluate::{EvaluateOptions, Evaluation, evaluate};
use leap_binder::imaging::ImageSpec;
use leap_binder::metrics::Bootstrap;
use leap_binder::model::{Adapted, AsLeapModel, Classifier, Model, Weights, device, dtype};
use leap_binder::pneumonia::{ChestXrays, binder};
use leap_binder::{Error, Result};

use args::Args;
use output::{Outcome, SubsetOutcome};

/// The longer side of the small pictures in the report, in pixels.
const THUMBNAIL: usize = 64;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
                print(&serde_json::json!({"error": error.to_string()}));
            }
            error.exit()
        }
    };
    match run(&args) {
        Ok(outcome) => {
            if args.json {
                print(&outcome.json());
            }
            if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            if args.json {
                print(&serde_json::json!({"error": error.to_string()}));
            }
            eprintln!("error: {error}");
            if matches!(&error, Error::Mismatch { subject, .. } if subject != "classes") {
                eprintln!("  `--adapt` resamples the binder's images to what the weights want");
            }
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::from(2)
        }
    }
}

/// Writes a line to standard output. A reader that has gone away is no reason to stop writing files.
fn print(text: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn run(args: &Args) -> Result<Outcome> {
    let show = |text: &str| {
        if !args.json {
            print(&text);
        }
    };
    let progress = progress::Console::default();
    let data = ChestXrays::open(args.data(), args.config())?;
    for state in args.states() {
        if !data.subsets().iter().any(|subset| subset.state == state) {
            let known: Vec<_> = data.subsets().iter().map(|subset| subset.state.as_str()).collect();
            let (expected, found) = (format!("one of {known:?}"), state.to_string());
            return Err(Error::Config { option: "--subset".to_owned(), expected, found });
        }
    }
    clear(&args.out)?;
    show(&output::data_text(&data));
    let mut outcome = Outcome::new(&data);
    let spec = data.config().image_spec();
    let binder = binder(data)?;

    let report = check_with(&binder, &CheckOptions::strict(), &progress);
    show(&format!("{report}\n"));
    outcome.wrote("check", write_json(args.out.join("check.json"), &report)?);
    let valid = report.passed();
    outcome.check = Some(report);
    if args.check_only || !valid {
        show(&outcome.files_text());
        return Ok(outcome);
    }

    let weights = Weights::open(args.weights())?;
    let model = model(args, &weights, &spec)?;
    outcome.model = output::model_json(&*model, &weights, &args.weights());
    if args.adapts() {
        show(&format!(
            "The weights want {}; the binder gives {spec}. Each image is resampled ({}) to what the weights want.\n",
            weights.card().input,
            args::ADAPTING
        ));
    }
    let wired = TestOptions::default().model(AsLeapModel::new(Arc::clone(&model), spec.clone())?);
    let test = binder.integration_test_with(DataState::Training, SampleChoice::First, &wired);
    show(&format!("{test}\n"));
    let wired = test.passed();
    outcome.integration_test = Some(test);
    if !wired {
        show(&outcome.files_text());
        return Ok(outcome);
    }

    let evaluation = evaluate(&binder, &model, &args.states(), &options(args), &progress)?;
    summarise(&evaluation, &mut outcome)?;
    outcome.wrote("metrics", write_json(args.out.join("metrics.json"), &outcome.subsets)?);
    show(&outcome.evaluation_text());
    if !evaluation.table.rows.is_empty() {
        evaluation.table.write_latents(args.out.join("latents.safetensors"))?;
        outcome.wrote("latents", args.out.join("latents.safetensors"));
        let untrained = self::model(args, &Weights::random(weights.card().clone(), args.seed)?, &spec)?;
        let models: (&dyn Model, &dyn Model) = (&model, &untrained);
        let check = outcome.check.as_ref();
        let found = analysis::analyse(args, &binder, models, check, &evaluation, &progress)?;
        outcome.analysed(found);
        show(&outcome.insights_text());
    }
    show(&outcome.files_text());
    Ok(outcome)
}

/// The network of `weights`, with images resampled where that was asked for.
fn model(args: &Args, weights: &Weights, spec: &ImageSpec) -> Result<Arc<dyn Model>> {
    let classifier = Classifier::with_engine(weights, &device(&args.device)?, dtype(&args.dtype)?, args.engine)?;
    Ok(if args.adapts() {
        Arc::new(Adapted::new(classifier, spec.clone(), args::ADAPTING))
    } else {
        Arc::new(classifier)
    })
}

/// Makes the folder for results and takes those of an earlier run out of it.
fn clear(out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).map_err(|source| Error::Io { action: "create", path: out.to_path_buf(), source })?;
    let files = ["check.json", "metrics.json", "latents.safetensors", "report.html"].map(str::to_owned);
    let tables =
        ["samples", "map", "insights", "differences", "clusters", "shortcuts", "metrics", "confusion", "check"];
    let tables =
        tables.iter().flat_map(|table| ["csv", "json", "parquet"].map(|kind| format!("tables/{table}.{kind}")));
    for path in files.into_iter().chain(tables).map(|name| out.join(name)) {
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Io { action: "remove", path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

fn options(args: &Args) -> EvaluateOptions {
    EvaluateOptions { batch_size: args.batch_size, thumbnail_side: Some(THUMBNAIL), ..EvaluateOptions::default() }
}

/// Metrics of each evaluated subset, and what the run as a whole showed.
fn summarise(evaluation: &Evaluation, outcome: &mut Outcome) -> Result<()> {
    outcome.images = evaluation.table.rows.len();
    outcome.seconds = evaluation.elapsed.as_secs_f64();
    outcome.failures.clone_from(&evaluation.failures);
    outcome.worst = output::worst(&evaluation.table, 10);
    for state in DataState::ALL {
        if evaluation.table.rows.iter().any(|row| row.state == state && row.label.is_some()) {
            let report = evaluation.report(&[state], &Bootstrap::default())?;
            let predictions = evaluation.predictions(&[state])?;
            outcome.subsets.insert(state, SubsetOutcome::new(report, &predictions)?);
        }
    }
    Ok(())
}

fn write_json(path: PathBuf, value: &impl serde::Serialize) -> Result<PathBuf> {
    let failed = |source| Error::Io { action: "write", path: path.clone(), source };
    let text = serde_json::to_string_pretty(value).map_err(|error| failed(error.into()))?;
    std::fs::write(&path, text).map_err(failed)?;
    Ok(path)
}
