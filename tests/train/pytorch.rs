//! The loop against PyTorch: equal weights, data and order give equal losses, gradient norms and weights.

use std::collections::BTreeMap;

use leap_binder::train::{Samples, TrainOptions, train};
use serde::Deserialize;

use crate::common::{Patterns, binder, small_cnn, trainee};

/// The weights that `make_training.py` begins with.
#[path = "../networks/formula.rs"]
#[allow(dead_code)]
mod formula;

#[derive(Deserialize)]
struct Golden {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    samples: i64,
    options: TrainOptions,
    epochs: Vec<Epoch>,
    values: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
struct Epoch {
    train_loss: f64,
    gradient_norm: f64,
}

/// The first values of a tensor after the last step, and the root of the sum of all squares.
#[derive(Deserialize)]
struct Values {
    head: Vec<f64>,
    norm: f64,
}

#[test]
fn losses_and_weights_are_pytorchs() {
    let golden: Golden = serde_json::from_str(include_str!("../fixtures/train/training.json")).unwrap();
    assert_eq!(golden.runs.len(), 4);
    for (number, run) in golden.runs.iter().enumerate() {
        let binder = binder(Patterns { training: run.samples, validation: 1, ..Patterns::default() });
        let any = trainee(&small_cnn(0));
        for (name, var) in any.variables().data().lock().unwrap().iter() {
            var.set(&formula::tensor(name, var.dims())).unwrap();
        }
        let trainee = trainee(&any.weights().unwrap());
        let samples = Samples { validation: vec![], ..Samples::of_subsets(&binder).unwrap() };
        let report = train(&binder, &trainee, &samples, &run.options, &()).unwrap();

        assert_eq!(report.history.epochs.len(), run.epochs.len());
        for (found, expected) in report.history.epochs.iter().zip(&run.epochs) {
            let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-3 * expected.abs().max(1.0);
            let place = format!("run {number}, epoch {}", found.epoch);
            assert!(
                close(found.train_loss, expected.train_loss),
                "{place}: {}, not {}",
                found.train_loss,
                expected.train_loss
            );
            let (norm, pytorchs) = (found.gradient_norm, expected.gradient_norm);
            assert!(close(norm, pytorchs), "{place}: norm {norm}, not {pytorchs}");
        }
        let data = trainee.variables().data().lock().unwrap();
        assert_eq!(data.len(), run.values.len());
        for (name, expected) in &run.values {
            let values = data[name].flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            assert!(
                (norm - expected.norm).abs() <= 1e-3 * expected.norm,
                "run {number}, {name}: {norm}, not {}",
                expected.norm
            );
            for (found, expected) in values.iter().zip(&expected.head) {
                assert!((f64::from(*found) - expected).abs() <= 1e-3, "run {number}, {name}: {found}, not {expected}");
            }
        }
    }
}
