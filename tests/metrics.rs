//! Metrics against scikit-learn, against a real network's card, and against their own properties.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use leap_binder::metrics::{Bootstrap, ClassificationReport, Predictions};
use proptest::prelude::*;
use serde_json::Value;

const OVERALL: [&str; 10] = [
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "mcc",
    "cohen_kappa",
    "macro_roc_auc",
    "macro_pr_auc",
    "log_loss",
    "brier",
    "ece",
];
const PER_CLASS: [&str; 5] = ["precision", "recall", "f1", "roc_auc", "pr_auc"];
const PNEUMONIA: [(&str, &[&str]); 2] = [("NORMAL", &["NORMAL"]), ("pneumonia", &["bacteria", "virus"])];

fn assert_close(found: &Value, expected: &Value, tolerance: f64, what: &str) {
    match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) if (found - expected).abs() <= tolerance => {}
        (None, None) if found.is_null() && expected.is_null() => {}
        _ => panic!("{what}: {found} is not {expected}"),
    }
}

/// Every estimate of a report as `(name, {value, low, high})`.
fn estimates(report: &ClassificationReport) -> Vec<(String, Value)> {
    let json = serde_json::to_value(report).unwrap();
    let overall = OVERALL.iter().map(|key| ((*key).to_owned(), json[key].clone()));
    let classes = json["classes"].as_array().unwrap().iter().enumerate();
    let classes = classes.flat_map(|(c, class)| PER_CLASS.map(|key| (format!("{key} {c}"), class[key].clone())));
    overall.chain(classes).collect()
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn labels(classes: usize) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

#[test]
fn equals_scikit_learn_with_intervals() {
    let golden: Value = serde_json::from_str(include_str!("fixtures/metrics/metrics.json")).unwrap();
    let bootstrap = Bootstrap {
        resamples: golden["resamples"].as_u64().unwrap() as usize,
        seed: golden["seed"].as_u64().unwrap(),
        level: golden["level"].as_f64().unwrap(),
    };
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let y_true = numbers(&case["y_true"]).into_iter().map(|class| class as usize).collect();
        let labels = labels(case["classes"].as_u64().unwrap() as usize);
        let predictions = Predictions::new(labels, y_true, numbers(&case["probabilities"])).unwrap();
        let report = ClassificationReport::new(&predictions, &bootstrap).unwrap();
        assert_eq!(serde_json::to_value(report.confusion_matrix.counts()).unwrap(), case["confusion"]);
        for (name, found) in estimates(&report) {
            let (key, class) = name.split_once(' ').unwrap_or((&name, ""));
            let value = &case["value"][key];
            let value = class.parse::<usize>().map_or(value, |class| &value[class]);
            let interval = &case["interval"][key][class.parse().unwrap_or(0)];
            let what = format!("{} of {}", name, case["name"]);
            assert_close(&found["value"], value, 1e-9, &what);
            assert_close(&found["low"], &interval[0], 1e-9, &format!("low {what}"));
            assert_close(&found["high"], &interval[1], 1e-9, &format!("high {what}"));
        }
        let matrix = predictions.confusion_matrix();
        for (key, found) in [("precision", matrix.precision()), ("recall", matrix.recall()), ("f1", matrix.f1())] {
            for (class, found) in found.into_iter().enumerate() {
                assert_close(&found.into(), &case["value"][key][class], 1e-9, key);
            }
        }
    }
}

/// DenseNet201 on the 624 official test images; the logits' script stands beside the file.
fn densenet201() -> Predictions {
    let (mut y_true, mut probabilities) = (Vec::new(), Vec::new());
    for line in include_str!("fixtures/metrics/densenet201.csv").lines().skip(2) {
        let mut cells = line.split(',');
        y_true.push(cells.next().unwrap().parse().unwrap());
        let powers: Vec<f64> = cells.map(|logit| logit.parse::<f64>().unwrap().exp()).collect();
        let sum: f64 = powers.iter().sum();
        probabilities.extend(powers.into_iter().map(|power| power / sum));
    }
    Predictions::new(["NORMAL", "bacteria", "virus"], y_true, probabilities).unwrap()
}

#[test]
fn equals_the_card_of_a_real_network() {
    let close = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-6, "{found:?}");
    let predictions = densenet201();
    let report = ClassificationReport::new(&predictions, &Bootstrap::NONE).unwrap();
    assert_eq!(report.n, 624);
    assert_eq!(report.confusion_matrix.counts(), [[195, 9, 30], [15, 224, 3], [5, 32, 111]]);
    close(report.accuracy.value, 0.8493589758872986);
    close(report.balanced_accuracy.value, 0.8363177180290222);
    close(report.log_loss.value, 0.48006471991539);

    let merged = report.confusion_matrix.merge(&PNEUMONIA).unwrap();
    assert_eq!(merged.counts(), [[195, 39], [20, 370]]);
    close(Some(merged.accuracy()), 0.9054487347602844);

    let binary = ClassificationReport::new(&predictions.merge(&PNEUMONIA).unwrap(), &Bootstrap::NONE).unwrap();
    close(binary.classes[1].roc_auc.value, 0.9527284681130835);
    // Added probabilities decide anew: two images fewer are right than with the merged decisions.
    close(binary.accuracy.value, 563.0 / 624.0);
}

#[test]
fn threads_change_nothing_and_seeds_change_intervals() {
    let predictions = densenet201();
    let report = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let bootstrap = Bootstrap { seed, ..Bootstrap::default() };
        pool.install(|| ClassificationReport::new(&predictions, &bootstrap).unwrap())
    };
    let (one, four, other) = (report(1, 3), report(4, 3), report(4, 4));
    assert_eq!(one, four);
    assert_eq!(one.accuracy.value, other.accuracy.value);
    assert_ne!(one.log_loss, other.log_loss);
}

#[test]
fn accuracy_interval_is_as_wide_as_the_binomial_one() {
    let (n, right) = (500, 400);
    let probabilities = (0..n).flat_map(|sample| if sample < right { [0.9, 0.1] } else { [0.1, 0.9] });
    let predictions = Predictions::new(["a", "b"], vec![0; n], probabilities).unwrap();
    let bootstrap = Bootstrap { resamples: 4000, ..Bootstrap::default() };
    let accuracy = ClassificationReport::new(&predictions, &bootstrap).unwrap().accuracy;
    let width = accuracy.high.unwrap() - accuracy.low.unwrap();
    let binomial = 2.0 * 1.959964 * (0.8 * 0.2 / n as f64).sqrt();
    assert!((width / binomial - 1.0).abs() < 0.08, "{width} against {binomial}");
    assert!((accuracy.high.unwrap() + accuracy.low.unwrap() - 1.6).abs() < 0.01, "{accuracy}");
}

#[test]
fn bad_input_is_refused_with_its_place() {
    let new = |labels: &[&str], y_true: &[usize], probabilities: &[f64]| {
        Predictions::new(labels.iter().copied(), y_true.to_vec(), probabilities.iter().copied())
            .map_err(|error| error.to_string())
    };
    let refusals = [
        (new(&["a"], &[0], &[1.0]), "at least two classes"),
        (new(&["a", "b", "a"], &[0], &[1.0, 0.0, 0.0]), "\"a\" twice"),
        (new(&["a", "b"], &[], &[]), "at least one sample"),
        (new(&["a", "b"], &[0, 2], &[1.0, 0.0, 1.0, 0.0]), "2 at sample 1"),
        (new(&["a", "b"], &[0], &[0.5, 0.5, 0.5, 0.5]), "found 4 values"),
        (new(&["a", "b"], &[0, 0], &[0.5, 0.5, f64::NAN, 0.5]), "at sample 1"),
        (new(&["a", "b"], &[0], &[f64::INFINITY, 0.5]), "in [0, 1]"),
        (new(&["a", "b"], &[0], &[-0.1, 1.1]), "in [0, 1]"),
        (new(&["a", "b"], &[0], &[0.5, 0.502]), "sum to 1"),
    ];
    for (refused, part) in refusals {
        let message = refused.unwrap_err();
        assert!(message.starts_with("Predictions::new") && message.contains(part), "{message}");
    }
    assert!(new(&["a", "b"], &[0], &[0.5, 0.5005]).is_ok());
    for level in [0.0, 1.0, f64::NAN] {
        let bootstrap = Bootstrap { level, ..Bootstrap::NONE };
        assert!(ClassificationReport::new(&new(&["a", "b"], &[0], &[0.5, 0.5]).unwrap(), &bootstrap).is_err());
    }
}

#[test]
fn merge_refuses_groups_that_do_not_partition_the_classes() {
    type Groups<'a> = &'a [(&'a str, &'a [&'a str])];
    let refusals: [(Groups, &str); 6] = [
        (&[("all", &["NORMAL", "bacteria", "virus"])], "at least two"),
        (&[("x", &["NORMAL"]), ("x", &["bacteria", "virus"])], "\"x\" twice"),
        (&[("x", &["NORMAL"]), ("y", &["bacteria", "virus", "fungus"])], "\"fungus\""),
        (&[("x", &["NORMAL"]), ("y", &["bacteria"])], "\"virus\" in 0 groups"),
        (&[("x", &["NORMAL", "virus"]), ("y", &["bacteria", "virus"])], "\"virus\" in 2 groups"),
        (&[("x", &["NORMAL", "bacteria", "virus"]), ("y", &[])], "\"y\" without"),
    ];
    let predictions = densenet201();
    for (groups, part) in refusals {
        for message in [
            predictions.merge(groups).unwrap_err().to_string(),
            predictions.confusion_matrix().merge(groups).unwrap_err().to_string(),
        ] {
            assert!(message.contains("::merge") && message.contains(part), "{message}");
        }
    }
}

#[test]
fn prints_an_aligned_table() {
    let probabilities = [0.8f32, 0.1, 0.1, 0.25, 0.5, 0.25, 0.1, 0.3, 0.6, 0.1, 0.5, 0.4];
    let predictions = Predictions::new(["NORMAL", "bacteria", "virus"], vec![0, 1, 2, 2], probabilities).unwrap();
    let report = ClassificationReport::new(&predictions, &Bootstrap::NONE).unwrap();
    let expected = "\
4 samples, 3 classes

accuracy           0.750
balanced accuracy  0.833
macro F1           0.778
MCC                0.700
Cohen's kappa      0.636
macro ROC-AUC      0.944
macro PR-AUC       0.833
log loss           0.586
Brier score        0.329
ECE (15 bins)      0.150

class     support  precision  recall     F1  ROC-AUC  PR-AUC
NORMAL          1      1.000   1.000  1.000    1.000   1.000
bacteria        1      0.500   1.000  0.667    0.833   0.500
virus           2      1.000   0.500  0.667    1.000   1.000

true \\ predicted  NORMAL  bacteria  virus
NORMAL                 1         0      0
bacteria               0         1      0
virus                  0         1      1";
    assert_eq!(report.to_string(), expected);
    let with_intervals = ClassificationReport::new(&predictions, &Bootstrap::default()).unwrap().to_string();
    assert!(
        with_intervals.starts_with("4 samples, 3 classes; [95 % interval of 1000 resamples]\n"),
        "{with_intervals}"
    );
    assert!(with_intervals.contains("\naccuracy           0.750 [0.250, 1.000]\n"), "{with_intervals}");
}

/// Up to 5 classes and 40 samples, on a coarse grid so that scores tie.
fn any_predictions() -> impl Strategy<Value = Predictions> {
    (2usize..=5, 1usize..=40).prop_flat_map(|(classes, n)| {
        let row =
            prop::collection::vec(0u8..=4, classes).prop_filter("a row of zeros", |row| row.iter().any(|&w| w > 0));
        (prop::collection::vec((0..classes, row), n)).prop_map(move |samples| build(classes, &samples))
    })
}

fn build(classes: usize, samples: &[(usize, Vec<u8>)]) -> Predictions {
    let probabilities = samples.iter().flat_map(|(_, row)| {
        let sum: f64 = row.iter().copied().map(f64::from).sum();
        row.iter().map(move |&weight| f64::from(weight) / sum)
    });
    let y_true = samples.iter().map(|(class, _)| *class).collect();
    Predictions::new(labels(classes), y_true, probabilities.collect::<Vec<_>>()).unwrap()
}

/// The same samples in another order or multiplicity.
fn select(predictions: &Predictions, samples: impl Iterator<Item = usize> + Clone) -> Predictions {
    let rows: Vec<&[f64]> = predictions.probabilities().collect();
    let y_true = samples.clone().map(|sample| predictions.y_true()[sample]).collect();
    let probabilities: Vec<f64> = samples.flat_map(|sample| rows[sample].to_vec()).collect();
    Predictions::new(predictions.labels().iter().cloned(), y_true, probabilities).unwrap()
}

fn assert_same_values(a: &Predictions, b: &Predictions) {
    let scored = |predictions| estimates(&ClassificationReport::new(predictions, &Bootstrap::NONE).unwrap());
    for ((name, a), (_, b)) in scored(a).iter().zip(scored(b)) {
        assert_close(&a["value"], &b["value"], 1e-12, name);
        assert!(a["low"].is_null() && a["high"].is_null());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_samples_does_not_matter(predictions in any_predictions(), seed: u64) {
        let mut order: Vec<usize> = (0..predictions.y_true().len()).collect();
        leap_binder::rng::SplitMix64::new(seed).shuffle(&mut order);
        assert_same_values(&predictions, &select(&predictions, order.into_iter()));
    }

    #[test]
    fn taking_each_sample_three_times_changes_no_value(predictions in any_predictions()) {
        let n = predictions.y_true().len();
        assert_same_values(&predictions, &select(&predictions, (0..3 * n).map(|sample| sample % n)));
    }

    #[test]
    fn groups_of_one_class_each_change_nothing(predictions in any_predictions()) {
        let members: Vec<[&str; 1]> = predictions.labels().iter().map(|label| [label.as_str()]).collect();
        let groups: Vec<(&str, &[&str])> = members.iter().map(|member| (member[0], &member[..])).collect();
        prop_assert_eq!(&predictions.merge(&groups).unwrap(), &predictions);
        let matrix = predictions.confusion_matrix();
        prop_assert_eq!(&matrix.merge(&groups).unwrap(), &matrix);
    }

    #[test]
    fn roc_auc_is_the_share_of_pairs_in_order(predictions in any_predictions()) {
        let report = ClassificationReport::new(&predictions, &Bootstrap::NONE).unwrap();
        for (class, found) in report.classes.iter().enumerate() {
            let scores = || predictions.probabilities().map(|row| row[class]).zip(predictions.y_true());
            let (mut pairs, mut wins) = (0.0, 0.0);
            for (positive, _) in scores().filter(|(_, truth)| **truth == class) {
                for (negative, _) in scores().filter(|(_, truth)| **truth != class) {
                    pairs += 1.0;
                    wins += if positive > negative { 1.0 } else if positive == negative { 0.5 } else { 0.0 };
                }
            }
            prop_assert_eq!(found.roc_auc.value.is_some(), pairs > 0.0);
            prop_assert!(found.roc_auc.value.is_none_or(|auc| (auc - wins / pairs).abs() < 1e-12));
        }
    }

    #[test]
    fn estimates_stay_in_their_ranges(predictions in any_predictions(), seed: u64) {
        let bootstrap = Bootstrap { resamples: 30, seed, level: 0.9 };
        for (name, estimate) in estimates(&ClassificationReport::new(&predictions, &bootstrap).unwrap()) {
            let (low, high) = match name.as_str() {
                "mcc" | "cohen_kappa" => (-1.0, 1.0),
                "log_loss" => (0.0, -f64::EPSILON.ln()),
                "brier" => (0.0, 2.0),
                _ => (0.0, 1.0),
            };
            for end in ["value", "low", "high"] {
                let inside = |value: f64| (low - 1e-12..=high + 1e-12).contains(&value);
                prop_assert!(estimate[end].as_f64().is_none_or(inside), "{} {}", name, estimate);
            }
            prop_assert_eq!(estimate["low"].is_null(), estimate["high"].is_null());
            prop_assert!(estimate["low"].as_f64() <= estimate["high"].as_f64());
        }
    }
}
