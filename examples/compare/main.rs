//! Which network is better, and is that more than chance? Compares networks on the same chest X-rays, and beside them a linear
//! head on pixel statistics.
//!
//! Without arguments it works on the shipped sample and weights. The comparison goes to standard output, progress to
//! standard error, files to `--out`. Exit code 0: compared; 2: it could not run.

mod args;
mod baseline;
#[path = "../pneumonia/progress.rs"]
mod progress;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use args::Args;
use baseline::{Patients, baseline};
use clap::Parser;
use leap_binder::compare::{CompareOptions, Comparison, Contender, SpeedOptions, compare, evaluate_models};
use leap_binder::contract::Dataset;
use leap_binder::evaluate::{EvaluateOptions, SampleTable};
use leap_binder::imaging::{ImageSpec, Resampling};
use leap_binder::metrics::Bootstrap;
use leap_binder::model::{Adapted, Classifier, Model, Weights, device};
use leap_binder::pneumonia::{ChestXrays, Config, binder};
use leap_binder::report::Report;
use leap_binder::{Error, Result};

/// What counts as ill, for the ROC-AUC.
const PNEUMONIA: [&str; 2] = ["bacteria", "virus"];

const NOTICE: &str =
    "Research software, not a diagnostic device: no decision about a patient may rest on these results.";

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if args.json {
                print(&serde_json::json!({"error": error.to_string()}));
            }
            eprintln!("error: {error}");
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

fn run(args: &Args) -> Result<()> {
    let progress = progress::Console::default();
    let data = ChestXrays::open(args.data(), Config::default())?;
    let (spec, patients) = (data.config().image_spec(), patients(&data));
    let binder = binder(data)?;
    let options = CompareOptions {
        subset: args.subset,
        positive: PNEUMONIA.map(str::to_owned).to_vec(),
        bootstrap: Bootstrap { resamples: args.resamples, seed: args.seed, ..Bootstrap::default() },
        ranking: args.rank_by,
        ..CompareOptions::default()
    };
    let states = options.states(&binder)?;
    let networks = args.networks();
    let models = networks.iter().map(|(name, file)| Ok((name.as_str(), model(args, name, file, &spec)?)));
    let models: Vec<(&str, Box<dyn Model>)> = models.collect::<Result<_>>()?;
    let models: Vec<(&str, &dyn Model)> = models.iter().map(|(name, model)| (*name, &**model)).collect();
    let evaluating = EvaluateOptions { batch_size: args.batch_size, ..EvaluateOptions::default() };
    let speed = SpeedOptions { images: args.batch_size, ..SpeedOptions::default() };
    let mut contenders = evaluate_models(&binder, &models, &states, &evaluating, Some(&speed), &progress)?;
    if args.has_baseline() {
        contenders.push(baseline(&binder, &patients, &states, args.seed)?);
    }
    let comparison = compare(&contenders, &options)?;
    if args.json {
        print(&serde_json::json!({"notice": NOTICE, "comparison": comparison}));
    } else {
        print(&format!("{comparison}\n\n{NOTICE}"));
    }
    match &args.out {
        Some(out) => write(out, &contenders, &comparison, args),
        None => Ok(()),
    }
}

fn patients(data: &ChestXrays) -> Patients {
    let ids = data.subsets().iter().flat_map(|subset| subset.sample_ids.iter().map(|id| (subset.state, id)));
    let patient = ids.filter_map(|(state, id)| {
        let attributes = data.attributes(id, state);
        attributes.into_iter().find(|(name, _)| name == "patient").map(|(_, patient)| (id.clone(), patient))
    });
    patient.collect()
}

/// The network of a weights file; images are resampled to what it wants where that is not what the binder gives.
fn model(args: &Args, name: &str, file: &Path, spec: &ImageSpec) -> Result<Box<dyn Model>> {
    let classifier = Classifier::new(&Weights::open(file)?, &device(&args.device)?)?;
    if classifier.input().accepts(spec).is_ok() {
        return Ok(Box::new(classifier));
    }
    eprintln!("{name} wants {}: each image ({spec}) is resampled to that", classifier.input());
    Ok(Box::new(Adapted::new(classifier, spec.clone(), Resampling::PilBilinear)))
}

/// The comparison as JSON, as a page on the samples of whoever is ahead, and as tables.
fn write(out: &Path, contenders: &[Contender], comparison: &Comparison, args: &Args) -> Result<()> {
    let failed = |action, path: &Path| {
        let path = path.to_path_buf();
        move |source: std::io::Error| Error::Io { action, path, source }
    };
    std::fs::create_dir_all(out).map_err(failed("create", out))?;
    let path = out.join("comparison.json");
    let text = serde_json::to_string_pretty(comparison).map_err(|error| failed("write", &path)(error.into()))?;
    std::fs::write(&path, text).map_err(failed("write", &path))?;
    let ahead = comparison.ranking.groups.iter().flatten().next();
    let leading = contenders.iter().find(|one| ahead.is_some_and(|name| name == one.name()));
    let none = SampleTable::new(comparison.classes.iter().cloned());
    let mut report = Report::new("Chest X-rays: models compared", leading.map_or(&none, Contender::table))
        .comparison(comparison)
        .facts([("data", args.data().display().to_string()), ("seed", args.seed.to_string())]);
    for standing in comparison.contenders.iter().filter(|one| ahead == Some(&one.name)) {
        report = report.metrics(comparison.subset, &standing.report).facts([("samples below", standing.name.as_str())]);
    }
    report.write(out.join("comparison.html"))?;
    report.write_tables(out.join("tables"))?;
    if !args.json {
        print(&format!("Written: {}", out.display()));
    }
    Ok(())
}
