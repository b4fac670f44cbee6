//! What training is for: that it learns, whatever the options, and the same for any number of threads.

use leap_binder::contract::DataState;
use leap_binder::model::{Classifier, Weights};
use leap_binder::train::{Monitor, Samples, TrainOptions, Trainee, train};

use crate::common::{Patterns, binder, bits, options, small_cnn, trainee};

/// Trains and judges on the same kind of samples; gives the best validation accuracy and the values.
fn run(options: &TrainOptions) -> (f64, Trainee) {
    let binder = binder(Patterns::default());
    let trainee = trainee(&small_cnn(1));
    let report = train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), options, &()).unwrap();
    assert_eq!(report.class_counts, [8, 8, 8]);
    assert!(report.failures.is_empty());
    let best = report.history.best().unwrap().validation.unwrap();
    (best.accuracy, trainee)
}

#[test]
fn the_small_cnn_learns_patterns() {
    let (accuracy, trainee) = run(&options(12));
    assert_eq!(accuracy, 1.0);
    // The best values are in the trainee, and what evaluates them agrees.
    let binder = binder(Patterns::default());
    let classifier = Classifier::new(&trainee.weights().unwrap(), &candle_core::Device::Cpu).unwrap();
    let evaluation =
        leap_binder::evaluate::evaluate(&binder, &classifier, &[DataState::Training], &Default::default(), &())
            .unwrap();
    assert!(evaluation.table.rows.iter().all(|row| row.label == Some(row.prediction)));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let in_pool = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bits(&run(&TrainOptions { ema: Some(0.9), accumulation: 2, ..options(2) }).1))
    };
    let one = in_pool(1);
    assert_eq!(one, in_pool(2));
    assert_eq!(one, in_pool(3));
}

#[test]
fn the_seed_decides() {
    let seeded = |seed| bits(&run(&TrainOptions { seed, ..options(1) }).1);
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
}

#[test]
fn early_stopping_keeps_the_best() {
    let binder = binder(Patterns::default());
    let trainee = trainee(&small_cnn(1));
    let samples = Samples::of_subsets(&binder).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = TrainOptions {
        patience: Some(2),
        monitor: Monitor::BalancedAccuracy,
        folder: Some(folder.path().to_path_buf()),
        ..options(40)
    };
    let report = train(&binder, &trainee, &samples, &options, &()).unwrap();
    assert!(report.stopped_early);
    let (best, last) = (report.history.best().unwrap().epoch, report.history.epochs.last().unwrap().epoch);
    assert_eq!(last, best + 2);
    // What is in the folder is what is in the trainee.
    let saved = trainee_of(&Weights::open(folder.path().join("best.safetensors")).unwrap());
    assert_eq!(bits(&saved), bits(&trainee));
    let log = leap_binder::train::History::read_log(&folder.path().join("log.jsonl")).unwrap();
    assert_eq!(log, report.history);
    let curve = std::fs::read_to_string(folder.path().join("curve.svg")).unwrap();
    assert!(curve.starts_with("<svg") && curve.contains("validation balanced accuracy") && !curve.contains("NaN"));
}

fn trainee_of(weights: &Weights) -> Trainee {
    trainee(weights)
}
