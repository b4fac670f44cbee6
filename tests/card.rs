//! The shipped weights on the official test split, through the crate's own decoder, preparation and network, against what
//! their card says (`docs/model-card.md`; the DenseNet's numbers were made with PyTorch).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use candle_core::Device;
use leap_binder::contract::DataState;
use leap_binder::evaluate::{EvaluateOptions, evaluate};
use leap_binder::metrics::Bootstrap;
use leap_binder::model::Classifier;
use leap_binder::pneumonia::{ChestXrays, Config, binder, shipped};

#[test]
fn the_official_test_split_scores_as_the_card_says() {
    let binder = binder(ChestXrays::open(shipped::sample(), Config::default()).unwrap()).unwrap();
    let classifier = Classifier::load(shipped::weights(), &Device::Cpu).unwrap();
    let test = [DataState::Test];
    let evaluation = evaluate(&binder, &classifier, &test, &EvaluateOptions::default(), &()).unwrap();
    assert!(evaluation.failures.is_empty());
    assert_eq!(evaluation.table.rows.len(), 624);
    let report = evaluation.report(&test, &Bootstrap::NONE).unwrap();
    let near = |value: Option<f64>, card: f64| (value.unwrap() - card).abs() <= 0.003;
    assert!(near(report.accuracy.value, 0.8494), "{report}");
    assert!(near(report.balanced_accuracy.value, 0.8363), "{report}");
    assert!(near(report.log_loss.value, 0.4801), "{report}");
    let counts: Vec<u64> = report.confusion_matrix.counts().iter().flatten().copied().collect();
    let card = [195, 9, 30, 15, 224, 3, 5, 32, 111];
    let moved: u64 = counts.iter().zip(card).map(|(&ours, card)| ours.abs_diff(card)).sum();
    assert!(moved <= 4, "at most two images may change sides with the decoder: {report}");
}

/// Whether the file is the one of which the card speaks.
#[test]
fn the_small_cnn_scores_as_the_card_says() {
    let binder = binder(ChestXrays::open(shipped::sample(), Config::default()).unwrap()).unwrap();
    let classifier = Classifier::load(shipped::small_cnn(), &Device::Cpu).unwrap();
    let test = [DataState::Test];
    let evaluation = evaluate(&binder, &classifier, &test, &EvaluateOptions::default(), &()).unwrap();
    let report = evaluation.report(&test, &Bootstrap::NONE).unwrap();
    let near = |value: Option<f64>, card: f64| (value.unwrap() - card).abs() <= 0.002;
    assert!(near(report.balanced_accuracy.value, 0.801), "{report}");
    assert!(near(report.log_loss.value, 0.626), "{report}");
}
