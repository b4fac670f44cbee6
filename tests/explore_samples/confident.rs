//! Confident learning equals cleanlab.

use leap_binder::explore::confident_learning::{
    Filter, Quality, calibrated_joint, confident_joint, estimated_joint, find_label_issues, label_quality, thresholds,
};
use leap_binder::metrics::Predictions;
use serde_json::Value;

use crate::common::{fixture, numbers, places};

fn predictions(case: &Value) -> Predictions {
    let rows: Vec<Vec<f64>> = case["probabilities"].as_array().unwrap().iter().map(numbers).collect();
    let names = (0..rows[0].len()).map(|class| class.to_string());
    let key = if case["given"].is_null() { "labels" } else { "given" };
    Predictions::new(names, places(&case[key]), rows.into_iter().flatten()).unwrap()
}

fn counts(value: &Value) -> Vec<Vec<u64>> {
    value.as_array().unwrap().iter().map(|row| places(row).iter().map(|&count| count as u64).collect()).collect()
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-9, "{what}, {place}: {found} is not {expected}");
    }
}

#[test]
fn equals_cleanlab() {
    let filters = [
        ("prune_by_noise_rate", Filter::PruneByNoiseRate),
        ("prune_by_class", Filter::PruneByClass),
        ("both", Filter::Both),
        ("confident_learning", Filter::ConfidentLearning),
        ("predicted_neq_given", Filter::PredictedNeqGiven),
        ("low_normalized_margin", Filter::LowNormalizedMargin),
        ("low_self_confidence", Filter::LowSelfConfidence),
    ];
    let qualities = [
        ("self_confidence", Quality::SelfConfidence),
        ("normalized_margin", Quality::NormalizedMargin),
        ("confidence_weighted_entropy", Quality::ConfidenceWeightedEntropy),
    ];
    for case in fixture("cleanlab.json")["cases"].as_array().unwrap() {
        let (name, predictions) = (case["name"].as_str().unwrap(), predictions(case));
        // cleanlab writes 2 where nobody has the class.
        let found: Vec<f64> = thresholds(&predictions).into_iter().map(|threshold| threshold.unwrap_or(2.0)).collect();
        assert_close(&found, &numbers(&case["thresholds"]), name);
        assert_eq!(confident_joint(&predictions), counts(&case["confident_joint"]), "{name}");
        assert_eq!(calibrated_joint(&predictions), counts(&case["calibrated_joint"]), "{name}");
        let expected: Vec<f64> = case["estimated_joint"].as_array().unwrap().iter().flat_map(numbers).collect();
        assert_close(&estimated_joint(&predictions).concat(), &expected, name);
        for (key, filter) in filters {
            assert_eq!(find_label_issues(&predictions, filter), places(&case["issues"][key]), "{name}: {key}");
        }
        for (key, quality) in qualities {
            let expected = numbers(&case["quality"][key]);
            assert_close(&label_quality(&predictions, quality), &expected, &format!("{name}: {key}"));
        }
    }
}

#[test]
fn equals_cleanlab_on_a_network() {
    let chest = fixture("chest.json");
    let found = find_label_issues(&predictions(&chest), Filter::default());
    // Its four decimals leave ties, whose order is nobody's: the same but for a few.
    let expected = places(&chest["cleanlab"]);
    let same = found.iter().filter(|row| expected.contains(row)).count();
    assert_eq!(found.len(), expected.len());
    assert!(same + 1 >= expected.len(), "{same} of {}", expected.len());
}

#[test]
fn certainty_is_the_best_label_and_impossibility_the_worst() {
    let predictions = Predictions::new(["a", "b"], vec![0, 0, 1], [1.0, 0.0, 0.0, 1.0, 0.4, 0.6]).unwrap();
    for quality in [Quality::SelfConfidence, Quality::NormalizedMargin, Quality::ConfidenceWeightedEntropy] {
        let scores = label_quality(&predictions, quality);
        assert_eq!((scores[0], scores[1]), (1.0, 0.0));
        assert!(scores[2] > 0.0 && scores[2] < 1.0);
    }
}
