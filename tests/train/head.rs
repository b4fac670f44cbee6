//! Linear heads against scikit-learn's numbers, and at the edges.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use leap_binder::Error;
use leap_binder::contract::{DataState, MetadataValue};
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::{MislabeledOptions, mislabeled_samples};
use leap_binder::model::{Architecture, Card, Classifier, Mode, Model, Weights, YoloSize, save};
use leap_binder::rng::SplitMix64;
use leap_binder::train::{ClassWeights, Folds, HeadFit, HeadOptions, LabelledRows, LinearHead, Scoring};
use proptest::prelude::*;
use serde_json::Value;

const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/train/head.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn indices(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|value| value.as_u64().unwrap() as usize).collect()
}

fn features(case: &Value) -> LabelledRows {
    let labels = indices(&case["labels"]);
    let classes = labels.iter().max().unwrap() + 1;
    let values = numbers(&case["values"]).iter().map(|&value| value as f32).collect();
    let columns = case["columns"].as_u64().unwrap() as usize;
    LabelledRows::new(NAMES[..classes].iter().copied(), columns, values, labels).unwrap()
}

fn exact(c: f64) -> HeadOptions {
    let mut options = HeadOptions::single(c);
    (options.tolerance, options.max_iterations) = (1e-11, 20_000);
    options
}

#[track_caller]
fn close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}: {a} for {b} at {place}");
    }
}

/// Three rows to a class around three corners, the fourth column of one value.
fn corners() -> LabelledRows {
    let row = |place: usize| {
        let mut row = [0.0, 0.0, 0.0, 4.0];
        row[place % 3] = 1.0 + (place / 3) as f32;
        row
    };
    LabelledRows::new(["a", "b", "c"], 4, (0..9).flat_map(row).collect(), (0..9).map(|place| place % 3).collect())
        .unwrap()
}

#[track_caller]
fn says<T: std::fmt::Debug>(result: Result<T, Error>, parts: &[&str]) {
    let message = result.unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

#[test]
fn heads_are_scikit_learns() {
    for case in golden()["heads"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let mut features = features(case);
        if !case["weights"].is_null() {
            features = features.with_weights(numbers(&case["weights"])).unwrap();
        }
        let mut options = exact(case["c"].as_f64().unwrap());
        options.standardise = case["standardise"].as_bool().unwrap();
        options.class_weights = match &case["class_weight"] {
            Value::Null => ClassWeights::None,
            Value::String(_) => ClassWeights::Balanced,
            factors => ClassWeights::Given(numbers(factors)),
        };
        let fit = HeadFit::new(&features, &options).unwrap();
        assert!(fit.converged && fit.gradient_norm <= options.tolerance, "{name}: {fit:?}");
        let weight: Vec<f64> = case["weight"].as_array().unwrap().iter().flat_map(numbers).collect();
        close(&fit.head.weight().concat(), &weight, 1e-7, name);
        close(fit.head.bias(), &numbers(&case["bias"]), 1e-7, name);
        let probabilities = fit.head.probabilities(features.values()).unwrap();
        close(&probabilities, &numbers(&case["probabilities"]), 1e-8, name);
    }
}

#[test]
fn cross_validation_chooses_as_scikit_learn() {
    for case in golden()["choices"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let features = features(case);
        let folds = Folds::new(indices(&case["folds"])).unwrap();
        let mut options = exact(1.0);
        options.c = numbers(&case["c"]);
        options.standardise = case["standardise"].as_bool().unwrap();
        for (scoring, scores) in [(Scoring::LogLoss, "log_loss"), (Scoring::BalancedAccuracy, "balanced_accuracy")] {
            options.scoring = scoring;
            let fit = HeadFit::in_folds(&features, &folds, &options).unwrap();
            for (found, expected) in fit.scores.iter().zip(case[scores].as_array().unwrap()) {
                close(&found.folds, &numbers(expected), 1e-8, name);
                let mean = numbers(expected).iter().sum::<f64>() / 4.0;
                assert!((found.mean - mean).abs() < 1e-8 && found.converged, "{name}");
            }
            assert_eq!(Some(fit.c), case[format!("best_by_{scores}")].as_f64(), "{name}");
            let alone = HeadFit::new(&features, &HeadOptions { c: vec![fit.c], folds: 0, ..options.clone() }).unwrap();
            assert_eq!(alone.head, fit.head, "{name}: the head is that of the chosen C alone");
            if scoring == Scoring::LogLoss {
                let out = fit.out_of_fold.unwrap();
                assert_eq!(out.folds, folds.of());
                close(&out.probabilities, &numbers(&case["out_of_fold"]), 1e-8, name);
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let rows = 700;
    let values = (0..rows * 11).map(|place| ((place * 7919) % 1013) as f32 / 500.0).collect();
    let labels = (0..rows).map(|row| (row / 5) % 3).collect();
    let features = LabelledRows::new(["a", "b", "c"], 11, values, labels).unwrap();
    let options = HeadOptions { c: vec![0.01, 1.0], ..HeadOptions::default() };
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| HeadFit::new(&features, &options).unwrap())
    };
    let one = fit(1);
    for threads in [2, 3, 7] {
        assert_eq!(fit(threads), one);
    }
}

#[test]
fn a_head_survives_its_file() {
    let features = corners().with_names(["x", "y", "z", "border"]).unwrap();
    let head = HeadFit::new(&features, &HeadOptions::single(1.0)).unwrap().head;
    assert_eq!(head.columns().unwrap(), ["x", "y", "z", "border"]);
    assert!(head.weight().iter().all(|row| row[3] == 0.0), "a column of one value got a weight");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("head.json");
    head.save(&path).unwrap();
    let read = LinearHead::open(&path).unwrap();
    assert_eq!((read.classes(), read.columns()), (head.classes(), head.columns()));
    close(&read.weight().concat(), &head.weight().concat(), 1e-15, "weights");
    close(read.bias(), head.bias(), 1e-15, "biases");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    says(LinearHead::open(folder.path().join("none.json")), &["cannot read", "none.json"]);
    std::fs::write(&path, r#"{"classes": ["a", "b"], "weight": [[1.0], [1.0, 2.0]], "bias": [0.0, 0.0]}"#).unwrap();
    says(LinearHead::open(&path), &["head.json", "1 weights for each class", "2 for b"]);
    std::fs::write(&path, "{\"classes\": [").unwrap();
    says(LinearHead::open(&path), &["head.json", "a linear head as JSON"]);
}

#[test]
fn what_cannot_be_fitted_is_named() {
    let options = HeadOptions::single(1.0);
    let new = |classes: &[&str], columns, values: Vec<f32>, labels| {
        LabelledRows::new(classes.iter().copied(), columns, values, labels)
    };
    says(new(&["a"], 1, vec![1.0], vec![0]), &["two classes"]);
    says(new(&["a", "b", "a"], 1, vec![1.0], vec![0]), &["different classes", "a twice"]);
    says(new(&["a", "b"], 0, vec![], vec![]), &["one column"]);
    says(new(&["a", "b"], 2, vec![1.0; 3], vec![0, 1]), &["2 rows x 2 columns", "3 values"]);
    says(new(&["a", "b"], 2, vec![1.0, 2.0, 3.0, f32::NAN], vec![0, 1]), &["NaN in column 1 of row 1"]);
    says(new(&["a", "b"], 1, vec![1.0, 2.0], vec![0, 2]), &["labels below 2", "2 for row 1"]);

    let lacking = new(&["a", "virus", "c"], 1, vec![1.0, 2.0], vec![0, 2]).unwrap();
    says(HeadFit::new(&lacking, &options), &["samples of class virus among the rows", "none"]);
    let nothing = new(&["a", "b"], 1, Vec::new(), Vec::new()).unwrap();
    says(HeadFit::new(&nothing, &options), &["samples of class a", "none"]);
    let weightless = corners().with_weights((0..9).map(|row| f64::from(u8::from(row % 3 != 1))).collect()).unwrap();
    says(HeadFit::new(&weightless, &options), &["class b", "weight 0"]);
    says(corners().with_ids((0..9).map(|id| format!("id{id}"))).unwrap().with_weights(vec![-1.0; 9]), &["sample id0"]);
    says(corners().with_weights(vec![1.0; 8]), &["9 weights", "8"]);
    says(corners().with_names(["x"]), &["4 names", "1"]);

    // Held out in fold 1: all of class c.
    let folds = Folds::new((0..9).map(|row| if row % 3 == 2 { 1 } else { row / 3 }).collect()).unwrap();
    says(HeadFit::in_folds(&corners(), &folds, &options), &["class c among what fold 1 leaves", "none"]);
    let short = Folds::new(vec![0, 1]).unwrap();
    says(HeadFit::in_folds(&corners(), &short, &options), &["9 rows", "2"]);
    says(
        HeadFit::new(&corners().with_groups(["p"; 9].map(Some)).unwrap(), &HeadOptions::default()),
        &["5 groups", "1"],
    );
}

#[test]
fn options_that_cannot_work_are_refused() {
    let refused = |change: fn(&mut HeadOptions), option: &str| {
        let mut options = HeadOptions::default();
        change(&mut options);
        says(HeadFit::new(&corners(), &options), &[&format!("option {option}:")]);
    };
    refused(|options| options.c = Vec::new(), "c");
    refused(|options| options.c = vec![1.0, 0.0], "c");
    refused(|options| options.c = vec![f64::INFINITY], "c");
    refused(|options| options.folds = 0, "folds");
    refused(|options| options.folds = 1, "folds");
    refused(|options| options.tolerance = 0.0, "tolerance");
    refused(|options| options.tolerance = f64::NAN, "tolerance");
    refused(|options| options.max_iterations = 0, "max_iterations");
    refused(|options| options.class_weights = ClassWeights::Given(vec![1.0, 0.0, 1.0]), "class_weights");
    refused(|options| options.class_weights = ClassWeights::Given(vec![1.0]), "class_weights");
}

#[test]
fn a_fit_that_is_cut_short_says_so() {
    let mut options = exact(1000.0);
    options.max_iterations = 2;
    let fit = HeadFit::new(&corners(), &options).unwrap();
    assert!(!fit.converged && fit.iterations == 2 && fit.gradient_norm > options.tolerance);
}

#[test]
fn rows_that_fit_no_head_are_named() {
    let head = HeadFit::new(&corners(), &HeadOptions::single(1.0)).unwrap().head;
    says(head.probabilities(&[1.0; 7]), &["rows of 4 values", "7 values"]);
    says(head.probabilities(&[0.0, 0.0, 0.0, 0.0, f32::INFINITY, 0.0, 0.0, 0.0]), &["inf in row 1, column 0"]);
    assert_eq!(head.probabilities(&[]).unwrap(), Vec::<f64>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// At the minimum, what each class is held probable sums to its samples, since the bias is free; and shifting or
    /// stretching a standardised column changes no probability.
    #[test]
    fn a_fit_keeps_the_classes_shares(
        values in prop::collection::vec(-3.0f32..3.0, 60),
        labels in prop::collection::vec(0usize..3, 17),
        shift in -20.0f32..20.0,
    ) {
        let labels: Vec<usize> = [0, 1, 2].into_iter().chain(labels).collect();
        let fit = |values: Vec<f32>| {
            let features = LabelledRows::new(["a", "b", "c"], 3, values.clone(), labels.clone()).unwrap();
            HeadFit::new(&features, &exact(0.5)).unwrap().head.probabilities(&values).unwrap()
        };
        let probabilities = fit(values.clone());
        for class in 0..3 {
            let held: f64 = probabilities.chunks(3).map(|row| row[class]).sum();
            let given = labels.iter().filter(|&&label| label == class).count() as f64;
            prop_assert!((held - given).abs() < 1e-8, "{held} for {given}");
        }
        // Rounding to f32 moves the shifted values a little.
        let moved = fit(values.iter().enumerate().map(|(at, value)| if at % 3 == 1 { value * 4.0 + shift } else { *value }).collect());
        for (a, b) in probabilities.iter().zip(&moved) {
            prop_assert!((a - b).abs() < 1e-4, "{a} for {b}");
        }
    }
}

/// Rows of a table with latent vectors, two metadata columns and patients.
fn table() -> SampleTable {
    let mut table = SampleTable::new(["a", "b", "c"]);
    table.attributes = vec!["patient".to_owned()];
    table.metadata = vec!["image_mean".to_owned(), "gt_name".to_owned(), "dark".to_owned()];
    table.losses = vec!["loss".to_owned()];
    let mut rng = SplitMix64::new(5);
    for sample in 0..60usize {
        let state = if sample < 45 { DataState::Training } else { DataState::Test };
        let mut row = SampleRow::new(format!("s{sample}"), state, vec![0.2, 0.3, 0.5]);
        let class = sample % 3;
        row.attributes = vec![format!("p{}", sample / 2)];
        row.label = (sample != 10).then_some(class);
        row.losses = vec![Some(1.0)];
        row.metadata = vec![
            MetadataValue::Float(100.0 * class as f64 + (sample * 7 % 11) as f64),
            MetadataValue::Text("x".to_owned()),
            MetadataValue::Bool(class == 0),
        ];
        row.latent = (0..4).map(|at| if at == class { 2.0 } else { rng.below(100) as f32 / 100.0 }).collect();
        table.rows.push(row);
    }
    table
}

#[test]
fn rows_come_from_a_table_and_go_back() {
    let table = table();
    let latents = LabelledRows::latents(&table, &[DataState::Training], Some("patient")).unwrap();
    assert_eq!((latents.len(), latents.columns()), (44, 4));
    assert_eq!(latents.values()[..4], table.rows[0].latent[..]);
    let fit = HeadFit::new(&latents, &HeadOptions { c: vec![0.01, 1.0], ..HeadOptions::default() }).unwrap();
    let out = fit.out_of_fold.unwrap();
    let patient = |row: usize| (row + usize::from(row >= 10)) / 2;
    for (row, fold) in out.folds.iter().enumerate() {
        let other = (0..44).find(|&other| patient(other) == patient(row)).unwrap();
        assert_eq!(out.folds[other], *fold, "a patient in two folds");
    }
    let rescored = latents.rescored(&table, &out.probabilities).unwrap();
    assert_eq!(rescored.rows.len(), 44);
    assert!(
        rescored
            .rows
            .iter()
            .all(|row| row.state == DataState::Training && row.label.is_some() && row.id != "s10".into())
    );
    assert_eq!(rescored.rows[20].probabilities, out.probabilities[60..63]);
    assert_eq!(rescored.rows[20].latent, table.rows[21].latent);
    rescored.validate().unwrap();
    says(latents.rescored(&table, &out.probabilities[1..]), &["44 rows x 3 classes", "131"]);
    says(latents.rescored(&table, &[1.5; 132]), &["in [0, 1]", "sample s0"]);
    says(latents.rescored(&rescored, &out.probabilities), &["the table that the rows were taken from", "s11"]);

    let numbers = LabelledRows::metadata(&table, &[DataState::Test], &["dark", "image_mean"], None).unwrap();
    assert_eq!((numbers.len(), numbers.columns(), numbers.values()[..2].to_vec()), (15, 2, vec![1.0, 7.0]));
    let fit = HeadFit::new(&numbers, &HeadOptions::single(1.0)).unwrap();
    assert_eq!(fit.head.columns().unwrap(), ["dark", "image_mean"]);
    says(LabelledRows::metadata(&table, &[], &["gt_name"], None), &["numbers", "column gt_name of sample s0"]);
    says(LabelledRows::metadata(&table, &[], &["dusk"], None), &["option columns", "dusk"]);
    says(LabelledRows::latents(&table, &[], Some("hospital")), &["option group", "patient", "hospital"]);
    let mut broken = table.clone();
    broken.rows[3].latent[1] = f32::NAN;
    says(LabelledRows::latents(&broken, &[], None), &["NaN in column 1 of sample s3"]);
    let mut bare = SampleTable::new(["a", "b", "c"]);
    bare.rows.push(SampleRow::new("s0", DataState::Test, vec![0.2, 0.3, 0.5]));
    says(LabelledRows::latents(&bare, &[], None), &["one column or more"]);
}

#[test]
fn wrong_labels_of_training_samples_are_found_out_of_fold() {
    let mut table = table();
    table.rows.iter_mut().for_each(|row| row.state = DataState::Training);
    for sample in [7, 21] {
        table.rows[sample].label = Some((sample + 1) % 3);
    }
    let rows = LabelledRows::latents(&table, &[], Some("patient")).unwrap();
    let fit = HeadFit::new(&rows, &HeadOptions::default()).unwrap();
    let rescored = rows.rescored(&table, &fit.out_of_fold.unwrap().probabilities).unwrap();
    let search = |out_of_sample: bool| {
        let options = MislabeledOptions { out_of_sample, ..MislabeledOptions::default() };
        mislabeled_samples(&rescored, None, &options).unwrap()
    };
    // Without neighbours nothing is known of samples that the model has learnt from.
    assert!(search(false).is_empty());
    let mut found: Vec<String> =
        search(true)[0].samples.iter().map(|&place| rescored.rows[place].id.to_string()).collect();
    found.sort();
    assert_eq!(found, ["s21", "s7"]);
}

#[test]
fn a_head_becomes_a_networks_own() {
    let card = Card::new(Architecture::SmallCnn, ["a", "b", "c"]);
    let weights = Weights::random(card.clone(), 3).unwrap();
    let side = card.input.width;
    let image = |seed: u64| -> Vec<f32> {
        let mut rng = SplitMix64::new(seed);
        (0..side * side).map(|_| rng.below(256) as f32 / 255.0).collect()
    };
    let pixels: Vec<f32> = (0..12).flat_map(image).collect();
    let xs = Tensor::from_vec(pixels, (12, 1, side, side), &Device::Cpu).unwrap();
    let (network, variables) = weights.trainable(&Device::Cpu).unwrap();
    let latent = network.forward_t(&xs, Mode::Eval).unwrap().latent;
    let width = latent.dims()[1];
    let values = latent.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let data = LabelledRows::new(["a", "b", "c"], width, values.clone(), (0..12).map(|row| row % 3).collect()).unwrap();
    let head = HeadFit::new(&data, &HeadOptions::single(1.0)).unwrap().head;
    head.install(&variables, &card).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.safetensors");
    save(&path, &variables, &card, DType::F32).unwrap();
    let classifier = Classifier::new(&Weights::open(&path).unwrap(), &Device::Cpu).unwrap();
    let logits = classifier.forward(&xs).unwrap().logits.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
    close(&logits, &head.logits(&values).unwrap(), 1e-4, "logits");
    assert!(head.weight().iter().flatten().any(|weight| weight.abs() > 0.1));

    let other = Card::new(Architecture::SmallCnn, ["a", "c", "b"]);
    says(head.install(&variables, &other), &["classes", "[\"a\", \"c\", \"b\"]"]);
    let wider = Card::new(Architecture::DenseNet121, ["a", "b", "c"]);
    says(head.install(&variables, &wider), &["latent widths", "densenet121 gives 1024"]);
    let detector = Card::new(Architecture::YoloDetector(YoloSize::N), ["a", "b", "c"]);
    says(head.install(&variables, &detector), &["one linear layer", "model.22.cv3."]);
    let empty = candle_nn::VarMap::new();
    says(head.install(&empty, &card), &["a variable classifier.weight of shape", "none"]);
}

#[test]
fn every_network_but_detectors_has_a_linear_head() {
    for architecture in Architecture::all() {
        let card = Card::new(architecture, ["a", "b", "c"]);
        let tensors = architecture.tensors(card.input.channels(), 3).unwrap();
        let width = tensors
            .iter()
            .find(|(name, _)| *name == format!("{}weight", architecture.head()))
            .map(|(_, shape)| shape.dims()[1]);
        let head =
            LinearHead::new(card.classes.clone(), None, vec![vec![0.5; width.unwrap_or(4)]; 3], vec![0.0; 3]).unwrap();
        let expected =
            if matches!(architecture, Architecture::YoloDetector(_)) { "one linear layer" } else { "a variable" };
        says(head.install(&candle_nn::VarMap::new(), &card), &[expected]);
    }
}
