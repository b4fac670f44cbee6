//! Stages that stand still, and rates by stage.

use std::collections::BTreeMap;

use leap_binder::Error;
use leap_binder::train::{Decay, Frozen, Optimiser, Samples, Schedule, TrainOptions, Unfreeze, train};

use crate::common::{Patterns, binder, bits, options, small_cnn, trainee};

type Bits = BTreeMap<String, Vec<u32>>;

/// Values before and after.
fn run(options: &TrainOptions) -> (Bits, Bits) {
    let binder = binder(Patterns::default());
    let trainee = trainee(&small_cnn(3));
    let before = bits(&trainee);
    train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), options, &()).unwrap();
    (before, bits(&trainee))
}

fn changed(before: &Bits, after: &Bits) -> Vec<String> {
    before.iter().filter(|(name, values)| &after[*name] != *values).map(|(name, _)| name.clone()).collect()
}

#[test]
fn frozen_stages_keep_every_bit() {
    let through = |name: &str| Frozen::Through(name.to_owned());
    let (before, after) = run(&TrainOptions { frozen: through("features.1"), ..options(1) });
    let changed_names = changed(&before, &after);
    assert!(changed_names.iter().all(|name| !name.starts_with("features.0") && !name.starts_with("features.1")));
    for part in ["features.2", "features.3", "features.4", "classifier"] {
        assert!(changed_names.iter().any(|name| name.starts_with(part)), "{part} among {changed_names:?}");
    }
    assert!(changed_names.iter().any(|name| name.ends_with("running_mean")));
    let (before, after) = run(&TrainOptions { frozen: Frozen::AllButHead, ..options(1) });
    assert_eq!(changed(&before, &after), ["classifier.bias", "classifier.weight"]);
}

#[test]
fn stored_statistics_stay_where_they_are_used() {
    let (before, after) = run(&TrainOptions { batch_statistics: false, ..options(1) });
    let changed = changed(&before, &after);
    assert!(!changed.is_empty() && changed.iter().all(|name| !name.contains("running")), "{changed:?}");
}

#[test]
fn features_that_are_kept_and_features_computed_anew_give_the_same_bits() {
    let frozen = || TrainOptions { frozen: Frozen::Through("features.2".to_owned()), ..options(2) };
    let (_, kept) = run(&frozen());
    let (_, anew) = run(&TrainOptions { feature_memory: 0, ..frozen() });
    assert_eq!(kept, anew);
}

#[test]
fn stages_thaw_by_epoch() {
    let thaw = |epoch, frozen| Unfreeze { epoch, frozen };
    let binder = binder(Patterns::default());
    let trainee = trainee(&small_cnn(3));
    let through = Frozen::Through("features.3".to_owned());
    let options = TrainOptions {
        frozen: Frozen::AllButHead,
        unfreeze: vec![thaw(1, through.clone()), thaw(3, Frozen::Nothing)],
        ..options(4)
    };
    let report = train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), &options, &()).unwrap();
    let frozen: Vec<usize> = report.history.epochs.iter().map(|epoch| epoch.frozen_stages).collect();
    assert_eq!(frozen, [5, 4, 4, 0]);
    for unfreeze in [vec![thaw(1, Frozen::AllButHead)], vec![thaw(2, Frozen::Nothing), thaw(1, Frozen::Nothing)]] {
        let wrong = TrainOptions { frozen: through.clone(), unfreeze, ..options.clone() };
        let error = train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), &wrong, &()).unwrap_err();
        assert!(matches!(&error, Error::Config { option, .. } if option == "unfreeze"), "{error}");
    }
    let unknown = TrainOptions { frozen: Frozen::Through("features.9".to_owned()), ..options };
    let error = train(&binder, &trainee, &Samples::of_subsets(&binder).unwrap(), &unknown, &()).unwrap_err();
    assert!(error.to_string().contains("features.0, features.1"), "{error}");
}

/// One step of plain descent moves a value by its rate times its gradient, so the moves tell the rates.
#[test]
fn rates_fall_from_stage_to_stage() {
    let moves = |layer_decay| {
        let options = TrainOptions {
            epochs: 1,
            batch_size: 24,
            optimiser: Optimiser::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 },
            learning_rate: 1e-2,
            layer_decay,
            schedule: Schedule { warm_up: 0.0, decay: Decay::Constant, floor: 0.0 },
            clip_norm: None,
            ..TrainOptions::default()
        };
        let (before, after) = run(&options);
        let norm = |name: &str| {
            let pairs = before[name].iter().zip(&after[name]);
            pairs.map(|(a, b)| (f32::from_bits(*a) - f32::from_bits(*b)).powi(2)).sum::<f32>().sqrt()
        };
        ["features.0.conv.weight", "features.2.conv.weight", "features.4.conv.weight", "classifier.weight"].map(norm)
    };
    let (even, falling) = (moves(1.0), moves(0.5));
    for ((even, falling), expected) in even.iter().zip(falling).zip([0.5f32.powi(5), 0.125, 0.5, 1.0]) {
        assert!((falling / even / expected - 1.0).abs() < 1e-3, "{falling} / {even} instead of {expected}");
    }
}
