//! The loop over a network or its end.

use std::path::Path;

use leap_binder::Result;
use leap_binder::metrics::{Bootstrap, ClassificationReport};
use leap_binder::model::{Architecture, Card, Weights, device, save};
use leap_binder::pneumonia::{Config, shipped};
use leap_binder::train::{Epoch, Frozen, Scores, TrainOptions, Trainee, train};

use super::args::Run;
use super::{Job, temperature};

pub(crate) fn finetune(job: &Job<'_>, weights: Option<&Path>, frozen: &str, run: &Run) -> Result<()> {
    let weights = Weights::open(weights.map_or_else(shipped::weights, Path::to_path_buf))?;
    let frozen = match frozen {
        "none" => Frozen::Nothing,
        "all-but-head" => Frozen::AllButHead,
        stage => Frozen::Through(stage.to_owned()),
    };
    let before = ClassificationReport::new(&job.judged(&weights)?, &Bootstrap::NONE)?;
    println!(
        "Before, on the X-rays that judge: log loss {:.4}, balanced accuracy {:.4}. Those that the network has learnt from already\n\
         flatter these numbers and those below.\n",
        before.log_loss.value.unwrap_or(f64::NAN),
        before.balanced_accuracy.value.unwrap_or(f64::NAN)
    );
    learn(job, &weights, run.options(job.args, frozen, false), !run.uncalibrated)
}

pub(crate) fn from_scratch(job: &Job<'_>, network: Architecture, run: &Run) -> Result<()> {
    let side = Config::default().side;
    let input = network.input();
    let input = leap_binder::imaging::ImageSpec {
        width: side,
        height: side,
        colours: if input.channels() == 1 { input.colours } else { Config::default().image_spec().colours },
        ..input
    };
    let card = Card::new(network, Config::default().classes.labels().iter().copied()).with_input(input);
    learn(job, &Weights::random(card, job.args.seed)?, run.options(job.args, Frozen::Nothing, true), !run.uncalibrated)
}

fn learn(job: &Job<'_>, weights: &Weights, options: TrainOptions, calibrate: bool) -> Result<()> {
    let trainee = Trainee::new(weights, &device(&job.args.device)?)?;
    let report = train(&job.binder, &trainee, &job.samples, &options, &job.progress)?;
    println!("epoch  training loss  validation: log loss  balanced accuracy   seconds");
    for Epoch { epoch, train_loss, validation, best, seconds, .. } in &report.history.epochs {
        let scores = validation.as_ref();
        println!(
            "{epoch:>5}  {train_loss:>13.4}  {:>20.4}  {:>17.4}  {seconds:>8.1}{}",
            scores.map_or(f64::NAN, |scores| scores.log_loss),
            scores.map_or(f64::NAN, |scores| scores.balanced_accuracy),
            if *best { "  best" } else { "" }
        );
    }
    report.failures.iter().for_each(|failure| println!("left out: {} ({})", failure.id, failure.message));
    // The judging samples calibrate too: the head is divided by their temperature.
    let judged = job.judged(&trainee.weights()?)?;
    let temperature = temperature(&judged);
    println!("\nTemperature of the validation samples: {:.3}", temperature.value());
    let mut card = job.card(weights.card()).with(Card::DATA_MANIFEST, report.data_manifest);
    let mut final_scores = Scores::of(&judged)?;
    if calibrate {
        trainee.calibrate(temperature)?;
        final_scores = Scores::of(&temperature.apply(&judged)?)?;
        card = card.with("temperature", format!("{:.6}, folded into the head", temperature.value()));
    }
    let metrics = [
        ("validation_log_loss", final_scores.log_loss),
        ("validation_balanced_accuracy", final_scores.balanced_accuracy),
    ];
    let card = card.with_metrics(&metrics.map(|(name, value)| (name.to_owned(), value)).into());
    let card = card.with("recipe", serde_json::to_string(&options).unwrap_or_default());
    let path = job.out.join(format!("{}.safetensors", weights.architecture()));
    save(&path, trainee.variables(), &card, job.save_as()?)?;
    job.report(&path)
}
