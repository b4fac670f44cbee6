//! A head on frozen latents.

use std::path::Path;

use leap_binder::Result;
use leap_binder::contract::DataState;
use leap_binder::explore::{MislabeledOptions, mislabeled_samples};
use leap_binder::model::{Weights, save};
use leap_binder::pneumonia::shipped;
use leap_binder::train::{HeadFit, HeadOptions, LabelledRows};

use super::{Job, PATIENT};

pub(crate) fn fit(job: &Job<'_>, weights: Option<&Path>, unseen: bool) -> Result<()> {
    let weights = Weights::open(weights.map_or_else(shipped::weights, Path::to_path_buf))?;
    let known = [DataState::Training, DataState::Validation];
    let evaluation = job.evaluate(&weights, &known)?;
    // Cross-validation by patient judges here, so that all known X-rays train.
    let rows = LabelledRows::latents(&evaluation.table, &known, Some(PATIENT))?;
    let fit = HeadFit::new(&rows, &HeadOptions { seed: job.args.seed, ..HeadOptions::default() })?;
    println!(
        "Head on {} latents of {} values: C = {:e} by cross-validated log loss, {} steps, {}.",
        rows.len(),
        fit.head.width(),
        fit.c,
        fit.iterations,
        if fit.converged { "converged" } else { "NOT converged" }
    );
    for score in &fit.scores {
        println!("  C {:>8.0e}: log loss {:.4}", score.c, score.mean);
    }
    if unseen && let Some(held_out) = &fit.out_of_fold {
        let table = rows.rescored(&evaluation.table, &held_out.probabilities)?;
        let options = MislabeledOptions { out_of_sample: true, ..MislabeledOptions::default() };
        println!("\nLabels to look at, by probabilities out of fold:");
        for insight in mislabeled_samples(&table, None, &options)? {
            println!("  {}", insight.sentence);
        }
    } else if !unseen {
        println!(
            "Out of fold for the head only: what the network itself has learnt from these X-rays is in its latents, and flatters \
             these numbers. (--unseen says that it has not.)"
        );
    }
    let (_, variables) = weights.trainable(&leap_binder::model::device("cpu")?)?;
    fit.head.install(&variables, weights.card())?;
    let path = job.out.join("head.safetensors");
    let card = job.card(weights.card()).with("recipe", format!("head fitted to latents, C = {:e}", fit.c));
    save(&path, &variables, &card, job.save_as()?)?;
    job.report(&path)
}
