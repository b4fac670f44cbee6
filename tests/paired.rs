//! Paired tests, corrections and temperatures against statsmodels, scikit-learn and scipy, and against their own properties.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use leap_binder::metrics::{
    Bootstrap, ChiSquared, ClassificationReport, Correction, DeLong, McNemar, PairedBootstrap, Predictions, RocAuc,
    Score, Temperature, benjamini_hochberg, holm,
};
use proptest::prelude::*;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("fixtures/metrics/paired.json")).unwrap()
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn close(found: Option<f64>, expected: &Value, tolerance: f64, what: &str) {
    match (found, expected.as_f64()) {
        (Some(found), Some(expected)) if (found - expected).abs() <= tolerance => {}
        (None, None) => {}
        _ => panic!("{what}: {found:?} is not {expected}"),
    }
}

fn labels(classes: usize) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

/// Both models of a case.
fn models(case: &Value) -> [Predictions; 2] {
    let labels = labels(case["classes"].as_u64().unwrap() as usize);
    let y_true: Vec<usize> = numbers(&case["y_true"]).into_iter().map(|class| class as usize).collect();
    ["first", "second"].map(|which| Predictions::new(labels.clone(), y_true.clone(), numbers(&case[which])).unwrap())
}

fn positive(case: &Value) -> Vec<String> {
    numbers(&case["positive"]).into_iter().map(|class| format!("class {class}")).collect()
}

fn delong(first: &Predictions, second: &Predictions, positive: &[String]) -> Option<DeLong> {
    DeLong::new(first, second, &positive.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
}

fn check_mcnemar(found: McNemar, expected: &Value, what: &str) {
    assert_eq!(found.only_first, expected["only_first"].as_u64().unwrap(), "{what}");
    assert_eq!(found.only_second, expected["only_second"].as_u64().unwrap(), "{what}");
    close(Some(found.exact), &expected["exact"], 1e-9, what);
    for (found, key) in [(found.chi_squared, "chi_squared"), (found.corrected, "corrected")] {
        if expected["only_first"] == 0 && expected["only_second"] == 0 {
            // statsmodels divides by zero here.
            assert_eq!(found, ChiSquared { statistic: 0.0, p_value: 1.0 });
            continue;
        }
        close(Some(found.statistic), &expected[key][0], 1e-9, what);
        close(Some(found.p_value), &expected[key][1], 1e-9, what);
    }
}

#[test]
fn mcnemar_is_statsmodels() {
    for case in golden()["cases"].as_array().unwrap() {
        let [first, second] = models(case);
        check_mcnemar(McNemar::new(&first, &second).unwrap(), &case["mcnemar"], &case["name"].to_string());
    }
    for table in golden()["tables"].as_array().unwrap() {
        let count = |key: &str| table[key].as_u64().unwrap();
        check_mcnemar(McNemar::from_counts(count("only_first"), count("only_second")), table, &table.to_string());
    }
}

#[test]
fn the_bootstrap_is_scikit_learns_scores_in_the_same_resamples() {
    let golden = golden();
    let bootstrap = Bootstrap {
        resamples: golden["resamples"].as_u64().unwrap() as usize,
        seed: golden["seed"].as_u64().unwrap(),
        level: golden["level"].as_f64().unwrap(),
    };
    for case in golden["cases"].as_array().unwrap() {
        let [first, second] = models(case);
        for score in Score::ALL {
            let found = PairedBootstrap::new(&first, &second, score, &bootstrap).unwrap();
            let expected = &case["bootstrap"][score.as_str()];
            let what = format!("{score} of {}", case["name"]);
            close(found.difference.value, &expected["value"], 1e-9, &what);
            close(found.difference.low, &expected["low"], 1e-9, &format!("low {what}"));
            close(found.difference.high, &expected["high"], 1e-9, &format!("high {what}"));
            close(found.p_value, &expected["p_value"], 1e-9, &format!("p of {what}"));
        }
    }
}

#[test]
fn delong_is_its_definition() {
    let golden = golden();
    let level = golden["level"].as_f64().unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let ([first, second], expected) = (models(case), &case["delong"]);
        let Some(found) = delong(&first, &second, &positive(case)) else {
            assert!(expected.is_null(), "{}", case["name"]);
            continue;
        };
        let interval = found.interval(level).unwrap();
        let pairs = [
            ("first", Some(found.first.value)),
            ("second", Some(found.second.value)),
            ("difference", Some(found.difference)),
            ("first_variance", found.first.variance),
            ("second_variance", found.second.variance),
            ("variance", found.variance),
            ("z", found.z),
            ("p_value", found.p_value),
        ];
        for (key, value) in pairs {
            close(value, &expected[key], 1e-9, &format!("{key} of {}", case["name"]));
        }
        close(interval.map(|(low, _)| low), &expected["interval"][0], 1e-9, "low");
        close(interval.map(|(_, high)| high), &expected["interval"][1], 1e-9, "high");
    }
}

#[test]
fn corrections_are_statsmodels() {
    for case in golden()["corrections"].as_array().unwrap() {
        let p = numbers(&case["p"]);
        for (correction, key) in [(Correction::Holm, "holm"), (Correction::BenjaminiHochberg, "benjamini_hochberg")] {
            let found = correction.adjust(&p);
            let expected = numbers(&case[key]);
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
        }
        assert_eq!(Correction::Holm.adjust(&p), holm(&p));
        assert_eq!(Correction::BenjaminiHochberg.adjust(&p), benjamini_hochberg(&p));
    }
}

#[test]
fn temperatures_are_scipys_roots() {
    for case in golden()["cases"].as_array().unwrap() {
        let ([first, _], expected) = (models(case), &case["temperature"]);
        let Some(temperature) = Temperature::fit(&first) else {
            assert!(expected.is_null(), "{}", case["name"]);
            continue;
        };
        let what = case["name"].to_string();
        close(Some(temperature.value()), &expected["value"], 1e-9, &what);
        let scaled = temperature.apply(&first).unwrap();
        assert_eq!(scaled.y_pred(), first.y_pred(), "{what}");
        if expected["log_loss"].is_null() {
            continue;
        }
        let report = ClassificationReport::new(&scaled, &Bootstrap::NONE).unwrap();
        for score in [Score::LogLoss, Score::Brier, Score::Ece] {
            close(score.of(&report).value, &expected[score.as_str()], 1e-9, &what);
        }
        let row = scaled.probabilities().next().unwrap();
        assert!(row.iter().zip(numbers(&expected["first_row"])).all(|(a, b)| (a - b).abs() < 1e-9), "{what}");
    }
}

#[test]
fn what_cannot_be_paired_is_refused_with_the_sample() {
    let new = |labels: [&str; 2], y_true: &[usize]| {
        Predictions::new(labels, y_true.to_vec(), [0.5, 0.5].repeat(y_true.len())).unwrap()
    };
    let first = new(["a", "b"], &[0, 1, 1]);
    let refusals = [
        (new(["a", "c"], &[0, 1, 1]), "classes do not fit"),
        (new(["a", "b"], &[0, 1]), "the first has 3; the second has 2"),
        (new(["a", "b"], &[0, 1, 0]), "the first has \"b\" at sample 2; the second has \"a\" at sample 2"),
    ];
    for (second, part) in refusals {
        for message in [
            McNemar::new(&first, &second).unwrap_err().to_string(),
            DeLong::new(&first, &second, &["b"]).unwrap_err().to_string(),
            PairedBootstrap::new(&first, &second, Score::Mcc, &Bootstrap::NONE).unwrap_err().to_string(),
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
    for (positive, part) in [(&[][..], "[]"), (&["x"], "\"x\""), (&["a", "b"], "not all"), (&["a", "a"], "each once")] {
        let message = RocAuc::new(&first, positive).unwrap_err().to_string();
        assert!(message.starts_with("RocAuc::new") && message.contains(part), "{message}");
    }
    let auc = RocAuc::new(&first, &["b"]).unwrap().unwrap();
    assert!([0.0, 1.0, f64::NAN].iter().all(|level| auc.interval(*level).is_err()));
    assert!([0.0, -1.0, f64::NAN, f64::INFINITY].iter().all(|value| Temperature::new(*value).is_err()));
    assert!("balanced".parse::<Score>().unwrap_err().to_string().contains("balanced_accuracy"));
    assert!(Score::ALL.iter().all(|score| score.as_str().parse::<Score>().unwrap() == *score));
    assert!(Score::ALL.iter().all(|score| serde_json::to_value(score).unwrap() == score.as_str()));
}

#[test]
fn threads_change_nothing() {
    let case = &golden()["cases"][0];
    let [first, second] = models(case);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| PairedBootstrap::new(&first, &second, Score::Mcc, &Bootstrap::default()).unwrap())
    };
    assert_eq!(run(1), run(4));
}

/// True class, and the weights of both models.
type Sample = (usize, Vec<u8>, Vec<u8>);

/// Two models on up to 40 samples of up to 4 classes, on a coarse grid so that scores tie.
fn any_models() -> impl Strategy<Value = [Predictions; 2]> {
    (2usize..=4, 1usize..=40).prop_flat_map(|(classes, n)| {
        let row = || prop::collection::vec(1u8..=5, classes);
        prop::collection::vec((0..classes, row(), row()), n).prop_map(move |samples| {
            let y_true: Vec<usize> = samples.iter().map(|(class, ..)| *class).collect();
            let flat = |pick: fn(&Sample) -> &Vec<u8>| {
                let rows = samples.iter().map(pick).flat_map(|row| {
                    let sum: f64 = row.iter().copied().map(f64::from).sum();
                    row.iter().map(move |weight| f64::from(*weight) / sum)
                });
                Predictions::new(labels(classes), y_true.clone(), rows.collect::<Vec<_>>()).unwrap()
            };
            [flat(|sample| &sample.1), flat(|sample| &sample.2)]
        })
    })
}

/// The mean negative log likelihood after scaling.
fn likelihood(predictions: &Predictions, temperature: f64) -> f64 {
    let scaled = Temperature::new(temperature).unwrap().apply(predictions).unwrap();
    ClassificationReport::new(&scaled, &Bootstrap::NONE).unwrap().log_loss.value.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_model_does_not_differ_from_itself([model, _] in any_models()) {
        let found = McNemar::new(&model, &model).unwrap();
        prop_assert_eq!((found.only_first, found.only_second, found.exact), (0, 0, 1.0));
        let bootstrap = Bootstrap { resamples: 20, ..Bootstrap::default() };
        for score in Score::ALL {
            let found = PairedBootstrap::new(&model, &model, score, &bootstrap).unwrap();
            prop_assert!(found.difference.value.is_none_or(|value| value == 0.0));
            prop_assert!(found.p_value.is_none_or(|p| p == 1.0));
        }
        if let Some(found) = delong(&model, &model, &["class 0".to_owned()]) {
            prop_assert_eq!((found.difference, found.p_value), (0.0, Some(1.0)));
            prop_assert!(found.variance.is_none_or(|variance| variance == 0.0));
        }
    }

    #[test]
    fn swapping_turns_signs_and_keeps_p_values([first, second] in any_models()) {
        let (one, two) = (McNemar::new(&first, &second).unwrap(), McNemar::new(&second, &first).unwrap());
        prop_assert_eq!((one.only_first, one.exact, one.corrected), (two.only_second, two.exact, two.corrected));
        let bootstrap = Bootstrap { resamples: 20, ..Bootstrap::default() };
        for score in Score::ALL {
            let one = PairedBootstrap::new(&first, &second, score, &bootstrap).unwrap();
            let two = PairedBootstrap::new(&second, &first, score, &bootstrap).unwrap();
            prop_assert_eq!(one.p_value, two.p_value);
            prop_assert_eq!(one.difference.value, two.difference.value.map(|value| -value));
            let near = |a: Option<f64>, b: Option<f64>| a.zip(b).is_none_or(|(a, b)| (a + b).abs() < 1e-12);
            prop_assert!(near(one.difference.low, two.difference.high));
        }
        let positive = ["class 0".to_owned()];
        if let (Some(one), Some(two)) = (delong(&first, &second, &positive), delong(&second, &first, &positive)) {
            prop_assert_eq!((one.difference, one.p_value), (-two.difference, two.p_value));
        }
    }

    #[test]
    fn numbers_are_numbers_in_their_ranges([first, second] in any_models()) {
        if let Some(found) = delong(&first, &second, &["class 0".to_owned()]) {
            let areas = [found.first, found.second];
            prop_assert!(areas.iter().all(|auc| (0.0..=1.0).contains(&auc.value)));
            prop_assert!(found.variance.is_none_or(|variance| variance >= 0.0));
            prop_assert!(found.p_value.is_none_or(|p| (0.0..=1.0).contains(&p)));
            if let Some((low, high)) = found.interval(0.95).unwrap() {
                prop_assert!(-1.0 <= low && low <= found.difference && found.difference <= high && high <= 1.0);
            }
            let report = ClassificationReport::new(&first, &Bootstrap::NONE).unwrap();
            prop_assert_eq!(report.classes[0].roc_auc.value, Some(found.first.value));
        }
        let found = McNemar::new(&first, &second).unwrap();
        for p in [found.exact, found.chi_squared.p_value, found.corrected.p_value] {
            prop_assert!((0.0..=1.0).contains(&p));
        }
    }

    #[test]
    fn no_temperature_nearby_is_better([model, _] in any_models()) {
        if let Some(best) = Temperature::fit(&model) {
            let least = likelihood(&model, best.value());
            for other in [0.7, 0.99, 1.01, 1.5] {
                prop_assert!(least <= likelihood(&model, other * best.value()) + 1e-12);
            }
        } else {
            // Without a best one the ends of the range are no worse than what lies inside.
            let ends = likelihood(&model, 1e-3).min(likelihood(&model, 1e3));
            prop_assert!([0.1, 1.0, 10.0].iter().all(|inside| ends <= likelihood(&model, *inside) + 1e-12));
        }
    }

    #[test]
    fn adjusted_p_values_keep_their_order_and_do_not_shrink(p in prop::collection::vec(0.0..=1.0f64, 0..12)) {
        for adjusted in [holm(&p), benjamini_hochberg(&p)] {
            for (i, (raw, corrected)) in p.iter().zip(&adjusted).enumerate() {
                // `p m / m` may be the last bit below `p`.
                prop_assert!(raw - corrected <= 1e-15 && *corrected <= 1.0);
                prop_assert!(p.iter().zip(&adjusted).skip(i).all(|(r, c)| (raw < r) <= (corrected <= c)));
            }
        }
    }
}
