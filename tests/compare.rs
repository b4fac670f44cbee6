//! Comparisons: against the golden numbers of single tests, by their properties, and over a binder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use DataState::{Test, Validation};
use candle_core::{Device, Tensor};
use leap_binder::binder::{Binder, losses};
use leap_binder::compare::{CompareOptions, Comparison, Contender, SpeedOptions, TestKind, compare, evaluate_models};
use leap_binder::contract::{DataState, Dataset, HandlerResult, SampleId, Subset, ground_truth, prediction};
use leap_binder::evaluate::EvaluateOptions;
use leap_binder::imaging::ImageSpec;
use leap_binder::metrics::{Bootstrap, Correction, Predictions, Score, benjamini_hochberg, holm};
use leap_binder::model::{Model, Output};
use leap_binder::rng::SplitMix64;
use leap_binder::{Error, Result};
use proptest::prelude::*;
use serde_json::Value;

const CLASSES: [&str; 3] = ["NORMAL", "bacteria", "virus"];

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// `n` samples of three classes; a model that is right with that share of a hundred, and is so sure.
fn model(n: usize, seed: u64, right: usize, sure: f64) -> Predictions {
    let mut rng = SplitMix64::new(seed);
    let y_true: Vec<usize> = (0..n).map(|sample| sample % 3).collect();
    let row = |truth: &usize| {
        let said = if rng.below(100) < right { *truth } else { rng.below(3) };
        let doubt = (1.0 - sure) * (0.5 + rng.below(1000) as f64 / 2000.0);
        let mut row = [doubt / 2.0; 3];
        row[said] = 1.0 - doubt;
        row
    };
    let rows: Vec<f64> = y_true.iter().flat_map(row).collect();
    Predictions::new(CLASSES, y_true, rows).unwrap()
}

fn contender(name: &str, predictions: &Predictions) -> Contender {
    Contender::from_predictions(name, Test, 0..predictions.y_true().len() as i64, predictions).unwrap()
}

fn options() -> CompareOptions {
    let bootstrap = Bootstrap { resamples: 200, ..Bootstrap::default() };
    CompareOptions { positive: vec!["bacteria".to_owned(), "virus".to_owned()], bootstrap, ..CompareOptions::default() }
}

/// Three of falling quality, the last two alike.
fn three() -> Comparison {
    let contenders = [("net", 90), ("twin", 60), ("line", 57)].map(|(name, right)| {
        let validation = model(60, 77 + right as u64, right, 0.97);
        let ids = (0..60).map(|id| format!("v{id}"));
        contender(name, &model(150, right as u64, right, 0.97)).and(Validation, ids, &validation).unwrap()
    });
    compare(&contenders, &options()).unwrap()
}

#[test]
fn one_pair_gives_the_golden_numbers_of_the_single_tests() {
    let golden: Value = serde_json::from_str(include_str!("fixtures/metrics/paired.json")).unwrap();
    let case = &golden["cases"][0];
    let y_true: Vec<usize> = numbers(&case["y_true"]).into_iter().map(|class| class as usize).collect();
    let contenders = ["first", "second"].map(|name| {
        let predictions = Predictions::new(CLASSES, y_true.clone(), numbers(&case[name])).unwrap();
        // The same samples to fit the temperature on, as in the fixture.
        contender(name, &predictions).and(Validation, 0..y_true.len() as i64, &predictions).unwrap()
    });
    let bootstrap = Bootstrap {
        resamples: golden["resamples"].as_u64().unwrap() as usize,
        seed: golden["seed"].as_u64().unwrap(),
        level: golden["level"].as_f64().unwrap(),
    };
    let found = compare(&contenders, &CompareOptions { bootstrap, ..options() }).unwrap();
    let close = |found: Option<f64>, expected: &Value| {
        assert!((found.unwrap() - expected.as_f64().unwrap()).abs() < 1e-9, "{found:?} {expected}");
    };
    let pair = &found.pairs[0];
    assert_eq!((pair.only_first, pair.only_second), (27, 9));
    let kinds: Vec<TestKind> = pair.tests.iter().map(|test| test.test).collect();
    let by_bootstrap = TestKind::PairedBootstrap;
    assert_eq!(kinds, [TestKind::McNemar, by_bootstrap, by_bootstrap, by_bootstrap, TestKind::DeLong]);
    close(pair.tests[0].p_value, &case["mcnemar"]["exact"]);
    close(pair.tests[0].difference.low, &case["bootstrap"]["accuracy"]["low"]);
    for score in [Score::BalancedAccuracy, Score::Mcc, Score::MacroF1] {
        let (test, expected) = (pair.test(score).unwrap(), &case["bootstrap"][score.as_str()]);
        close(test.difference.value, &expected["value"]);
        close(test.difference.low, &expected["low"]);
        close(test.difference.high, &expected["high"]);
        close(test.p_value, &expected["p_value"]);
        assert_eq!(test.p_adjusted, test.p_value);
    }
    let areas = &pair.tests[4];
    assert_eq!(areas.on, "ROC-AUC of bacteria + virus");
    close(areas.difference.value, &case["delong"]["difference"]);
    close(areas.difference.low, &case["delong"]["interval"][0]);
    close(areas.p_value, &case["delong"]["p_value"]);
    close(found.contenders[1].roc_auc.unwrap().value, &case["delong"]["second"]);
    let calibration = &found.contenders[0].calibration;
    close(calibration.temperature.map(|found| found.value()), &case["temperature"]["value"]);
    let after = calibration.after.unwrap();
    close(after.log_loss.value, &case["temperature"]["log_loss"]);
    close(after.brier.value, &case["temperature"]["brier"]);
    close(after.ece.value, &case["temperature"]["ece"]);
    assert_eq!(calibration.before.log_loss, found.contenders[0].report.log_loss);
}

#[test]
fn each_test_is_corrected_over_the_pairs() {
    let comparison = three();
    assert_eq!(comparison.pairs.len(), 3);
    for test in 0..comparison.pairs[0].tests.len() {
        let p: Vec<f64> = comparison.pairs.iter().map(|pair| pair.tests[test].p_value.unwrap()).collect();
        let adjusted: Vec<f64> = comparison.pairs.iter().map(|pair| pair.tests[test].p_adjusted.unwrap()).collect();
        assert_eq!(adjusted, holm(&p));
    }
    let contenders = [90, 60, 57].map(|right| contender(&right.to_string(), &model(150, right as u64, right, 0.9)));
    let milder = CompareOptions { correction: Correction::BenjaminiHochberg, ..options() };
    let comparison = compare(&contenders, &milder).unwrap();
    let p: Vec<f64> = comparison.pairs.iter().map(|pair| pair.tests[0].p_value.unwrap()).collect();
    let adjusted: Vec<f64> = comparison.pairs.iter().map(|pair| pair.tests[0].p_adjusted.unwrap()).collect();
    assert_eq!(adjusted, benjamini_hochberg(&p));
}

#[test]
fn the_ranking_says_what_may_be_chance() {
    let ranking = three().ranking;
    assert_eq!(ranking.groups, [vec!["net"], vec!["line", "twin"]]);
    assert!(ranking.across.is_empty());
    for part in [
        "By balanced accuracy on 150 test samples, higher is better: 1. net (",
        "net is significantly better than line (adjusted p = ",
        "The difference between line and twin (adjusted p = ",
        ") is not significant. Test: paired bootstrap, Holm over 3 pairs, level 0.05.",
    ] {
        assert!(ranking.sentence.contains(part), "{}", ranking.sentence);
    }
    // The log loss ranks the other way round, and has a test of its own.
    let contenders = [("bold", 0.97), ("meek", 0.6)].map(|(name, sure)| contender(name, &model(300, 5, 50, sure)));
    let comparison = compare(&contenders, &CompareOptions { ranking: Score::LogLoss, ..options() }).unwrap();
    assert_eq!(comparison.ranking.groups, [["meek"], ["bold"]]);
    assert!(comparison.pairs[0].test(Score::LogLoss).unwrap().difference.value.unwrap() > 0.0);
    assert!(comparison.ranking.sentence.contains("lower is better"), "{}", comparison.ranking.sentence);
}

#[test]
fn a_pair_that_bridges_two_groups_is_named() {
    // Of a-b, a-c, b-c only the ends are to be told apart; some draw does so.
    let drawn = (0..40).map(|seed| {
        let place = [("a", 80), ("b", 72), ("c", 64)];
        let contenders = place.map(|(name, right)| contender(name, &model(240, 100 * seed + right as u64, right, 0.9)));
        compare(&contenders, &options()).unwrap()
    });
    let differ =
        |found: &Comparison, pair: usize| found.pairs[pair].test(Score::BalancedAccuracy).unwrap().is_significant(0.05);
    let value = |found: &Comparison, place: usize| found.contenders[place].report.balanced_accuracy.value;
    let mut bridged = drawn.filter(|found| [0, 1, 2].map(|pair| differ(found, pair)) == [false, true, false]);
    let found = bridged.find(|found| value(found, 0) > value(found, 1) && value(found, 1) > value(found, 2)).unwrap();
    assert_eq!(found.ranking.groups, [vec!["a", "b"], vec!["c"]]);
    assert_eq!(found.ranking.across, [["b".to_owned(), "c".to_owned()]]);
    assert!(found.ranking.sentence.contains("a and b (adjusted p = ") && found.ranking.sentence.contains("b and c ("));
}

#[test]
fn what_a_test_is_on_follows_the_classes() {
    let of = |positive: &[&str]| {
        let contenders = [("a", 70), ("b", 60)].map(|(name, right)| contender(name, &model(60, 3, right, 0.9)));
        let positive = positive.iter().map(|class| (*class).to_owned()).collect();
        compare(&contenders, &CompareOptions { positive, ..options() }).map(|found| found.pairs[0].tests[4].clone())
    };
    // Of three classes without a side there is no one area.
    let test = of(&[]).unwrap();
    assert_eq!((test.test, test.score), (TestKind::PairedBootstrap, Some(Score::MacroRocAuc)));
    assert_eq!(of(&["virus"]).unwrap().on, "ROC-AUC of virus");
    assert!(of(&["fungus"]).unwrap_err().to_string().contains("\"fungus\""));
    assert!(of(&CLASSES).unwrap_err().to_string().contains("but not all"));
    let two = |name: &str, p: f64| {
        contender(name, &Predictions::new(["well", "ill"], vec![0, 1, 1], [p, 1.0 - p, 0.5, 0.5, 0.2, 0.8]).unwrap())
    };
    let found = compare(&[two("a", 0.9), two("b", 0.1)], &CompareOptions { positive: vec![], ..options() }).unwrap();
    assert_eq!((found.positive, found.pairs[0].tests[4].test), (vec!["ill".to_owned()], TestKind::DeLong));
}

#[test]
fn samples_that_one_failed_on_are_left_out_for_all() {
    let all = model(90, 1, 80, 0.9);
    let some = {
        let rows: Vec<f64> = all.probabilities().skip(2).flatten().copied().collect();
        Predictions::new(CLASSES, all.y_true()[2..].to_vec(), rows).unwrap()
    };
    let lame = Contender::from_predictions("lame", Test, 2..90i64, &some).unwrap();
    let message = compare(&[contender("whole", &all), lame.clone()], &options()).unwrap_err().to_string();
    assert_eq!(
        message,
        "samples do not fit: whole has a labelled sample 0 of test; lame has none and does not say that it failed"
    );
    let found = compare(&[contender("whole", &all), lame.failed_on(Test, 0..2i64)], &options()).unwrap();
    assert_eq!((found.samples, found.left_out.len()), (88, 2));
    assert_eq!(found.contenders[0].report, found.contenders[1].report);
    assert_eq!(found.pairs[0].tests[0].p_value, Some(1.0));
    assert!(found.to_string().contains("88 test samples, 2 left out that not all could score"));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let good = model(9, 1, 80, 0.9);
    let refused = |contenders: &[Contender]| compare(contenders, &options()).unwrap_err().to_string();
    let with = |y_true: Vec<usize>| {
        contender("other", &Predictions::new(CLASSES, y_true, good.probabilities().flatten().copied()).unwrap())
    };
    let mut turned = good.y_true().to_vec();
    turned[4] = 2;
    let others = Predictions::new(["a", "b", "c"], good.y_true().to_vec(), good.probabilities().flatten().copied());
    let a = contender("a", &good);
    assert!(refused(&[]).contains("at least two contenders"));
    assert!(refused(std::slice::from_ref(&a)).contains("\"a\" alone"));
    assert!(refused(&[a.clone(), a.clone()]).contains("\"a\" twice"));
    assert!(refused(&[a.clone(), contender("other", &others.unwrap())]).contains("classes do not fit"));
    let message = refused(&[a.clone(), with(turned)]);
    assert!(
        message.contains("for a sample 4 of test is \"bacteria\"; for other sample 4 of test is \"virus\""),
        "{message}"
    );
    let elsewhere = Contender::from_predictions("b", Validation, 0..9i64, &good).unwrap();
    assert!(refused(&[a.clone(), elsewhere]).contains("sample 0 of test; b has none"));
    let lame = contender("b", &good).failed_on(Test, 0..9i64);
    assert!(refused(&[a.clone(), lame]).contains("found none"));
    let mut table = a.table().clone();
    table.rows[7].probabilities[0] = f64::NAN;
    let message = refused(&[a.clone(), Contender::from_table("nan", &table).unwrap()]);
    assert!(message.contains("of nan, sample 7") && message.contains("in [0, 1]"), "{message}");
    for level in [0.0, 1.0, f64::NAN] {
        let pair = [a.clone(), contender("b", &good)];
        assert!(compare(&pair, &CompareOptions { level, ..options() }).is_err());
        let bootstrap = Bootstrap { level, ..Bootstrap::NONE };
        assert!(compare(&pair, &CompareOptions { bootstrap, ..options() }).is_err());
    }
    let new = |ids: Vec<i64>| Contender::from_predictions("c", Test, ids, &good).unwrap_err().to_string();
    assert!(new(vec![1, 2]).contains("9 ids"));
    assert!(new(vec![0, 1, 2, 3, 4, 5, 6, 7, 3]).contains("3 of test twice in c"));
    table.rows[3].label = Some(3);
    assert!(Contender::from_table("d", &table).unwrap_err().to_string().contains("sample 3"));
}

#[test]
fn no_resamples_no_validation_one_sample() {
    let one = Predictions::new(CLASSES, vec![1], [0.1, 0.8, 0.1]).unwrap();
    let other = Predictions::new(CLASSES, vec![1], [0.8, 0.1, 0.1]).unwrap();
    let options = CompareOptions { bootstrap: Bootstrap::NONE, ..options() };
    let found = compare(&[contender("right", &one), contender("wrong", &other)], &options).unwrap();
    assert_eq!(found.contenders[0].calibration.temperature, None);
    assert_eq!(found.contenders[0].roc_auc, None);
    assert!(found.pairs[0].tests[0].p_adjusted.is_some_and(|p| (p - 1.0).abs() < 1e-12));
    assert_eq!(found.pairs[0].test(Score::BalancedAccuracy).unwrap().p_adjusted, None);
    assert_eq!(found.ranking.groups, [["right", "wrong"]]);
    assert!(
        found.ranking.sentence.contains("(the test has no answer) is not significant"),
        "{}",
        found.ranking.sentence
    );
    let json = serde_json::to_value(&found).unwrap();
    assert!(json["pairs"][0]["tests"][1]["p_value"].is_null() && json["ranking"]["score"] == "balanced_accuracy");
}

#[test]
fn prints_aligned_tables() {
    let text = three().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "3 contenders on 150 test samples; [95 % interval of 200 resamples]");
    let head: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(head, ["score", "net", "twin", "line"]);
    for score in Score::ALL {
        assert!(lines.iter().any(|line| line.starts_with(score.name())), "{score}");
    }
    for start in [
        "ROC-AUC of bacteria + virus",
        "recall of virus",
        "temperature, of 60 validation samples ",
        "log loss at that temperature",
        "parameters",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start}");
    }
    let tests: Vec<&&str> = lines.iter().filter(|line| line.starts_with("net - ")).collect();
    assert_eq!(tests.len(), 10);
    assert!(tests.iter().all(|line| line.len() == tests[0].len()));
    assert!(tests[1].contains("balanced accuracy  paired bootstrap  +0."), "{}", tests[1]);
    assert_eq!(*lines.last().unwrap(), three().ranking.sentence);
}

#[test]
fn threads_change_nothing() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(three)
    };
    assert_eq!(run(1), run(3));
}

/// Grey squares; the id is the level, odd ones are of the second class.
struct Squares;

const SIDE: usize = 8;

impl Dataset for Squares {
    type Sample = i64;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        let training = Subset::new(DataState::Training, 40..44i64);
        Ok(vec![training, Subset::new(Validation, 20..40i64), Subset::new(Test, 0..20i64)])
    }

    fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<i64> {
        match id {
            SampleId::Int(3) => Err("a broken file".into()),
            SampleId::Int(level) => Ok(*level),
            SampleId::Text(_) => Err("an integer id was expected".into()),
        }
    }
}

fn spec() -> ImageSpec {
    serde_json::from_str(&format!(r#"{{"side": {SIDE}, "channels": 1, "scale": "1/255"}}"#)).unwrap()
}

fn binder() -> Binder<Squares> {
    Binder::builder(Squares)
        .image_input("image", spec(), |level| Ok((vec![*level as f32 / 64.0; SIDE * SIDE], [SIDE, SIDE, 1])))
        .ground_truth("odd", |level| Ok(if level % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }))
        .prediction("odd", ["even", "odd"])
        .loss("entropy", [ground_truth("odd"), prediction("odd")], |[y, p]| losses::categorical_crossentropy(y, p))
        .build()
        .unwrap()
}

/// Knows the parity of levels below a bound, and takes the rest for even.
#[derive(Debug)]
struct Parity {
    below: i64,
    classes: Vec<String>,
    input: ImageSpec,
}

fn parity(below: i64) -> Parity {
    Parity { below, classes: vec!["even".to_owned(), "odd".to_owned()], input: spec() }
}

impl Model for Parity {
    fn name(&self) -> &str {
        "parity"
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn input(&self) -> &ImageSpec {
        &self.input
    }

    fn latent_dim(&self) -> usize {
        1
    }

    fn parameters(&self) -> usize {
        self.below as usize
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn forward(&self, xs: &Tensor) -> Result<Output> {
        let pass = || {
            let latent = (xs.mean((1, 2, 3))? * 64.0)?.round()?;
            let odd = latent.to_vec1::<f32>()?.into_iter().map(|level| {
                let level = level as i64;
                if level < self.below && level % 2 == 1 { [-1.0f32, 1.0] } else { [1.0, -1.0] }
            });
            let logits: Vec<f32> = odd.flatten().collect();
            let n = latent.dims()[0];
            Ok(Output { logits: Tensor::from_vec(logits, (n, 2), &Device::Cpu)?, latent: latent.reshape((n, 1))? })
        };
        pass().map_err(|source| Error::Tensor { stage: "parity".to_owned(), source })
    }
}

#[test]
fn models_are_evaluated_over_the_binder_and_measured_side_by_side() {
    let (binder, options) = (binder(), CompareOptions { positive: vec![], ..options() });
    let states = options.states(&binder).unwrap();
    assert_eq!(states, [Test, Validation]);
    let on_validation = CompareOptions { subset: Validation, ..options.clone() };
    assert_eq!(on_validation.states(&binder).unwrap(), [Validation]);
    let (knowing, half) = (parity(64), parity(10));
    let models: [(&str, &dyn Model); 2] = [("knowing", &knowing), ("half", &half)];
    let speed = SpeedOptions { images: 4, rounds: 3 };
    let evaluate = |speed| evaluate_models(&binder, &models, &states, &EvaluateOptions::default(), speed, &());
    let contenders = evaluate(Some(&speed)).unwrap();
    let found = compare(&contenders, &options).unwrap();
    assert_eq!((found.samples, &found.left_out), (19, &vec![SampleId::Int(3)]));
    // Of the odd levels 1, 5, 7, 9, 11 to 19 the second knows four of nine.
    assert_eq!(found.contenders[0].report.accuracy.value, Some(1.0));
    assert_eq!(found.contenders[1].report.balanced_accuracy.value, Some(0.5 * (1.0 + 4.0 / 9.0)));
    assert_eq!((found.pairs[0].only_first, found.pairs[0].only_second), (5, 0));
    // All right on the validation samples: no temperature is best.
    let calibration = &found.contenders[0].calibration;
    assert_eq!((calibration.fitted_on, calibration.temperature, calibration.after), (20, None, None));
    for (contender, parameters) in contenders.iter().zip([64, 10]) {
        assert_eq!(contender.cost().parameters, Some(parameters));
        let speed = contender.cost().speed.unwrap();
        assert_eq!((speed.images, speed.rounds), (4, 3));
        assert!(
            0.0 < speed.slowest && speed.slowest <= speed.images_per_second && speed.images_per_second <= speed.fastest
        );
    }
    let unmeasured = compare(&evaluate(None).unwrap(), &options).unwrap();
    assert_eq!(unmeasured.pairs, found.pairs);
    assert_eq!(unmeasured.contenders[0].cost.speed, None);
    assert_eq!(unmeasured.contenders[0].cost.parameters, Some(64));
}

#[test]
fn models_that_do_not_fit_the_binder_are_refused() {
    let mut other = parity(9);
    other.classes.reverse();
    let speed = SpeedOptions::default();
    let evaluate = |model: &Parity, input: Option<&str>, states: &[DataState]| {
        let options = EvaluateOptions { input: input.map(str::to_owned), ..EvaluateOptions::default() };
        let models: [(&str, &dyn Model); 1] = [("model", model)];
        evaluate_models(&binder(), &models, states, &options, Some(&speed), &()).unwrap_err().to_string()
    };
    assert!(evaluate(&other, None, &[Test]).contains("classes do not fit"));
    let mut larger = parity(9);
    larger.input.width = 9;
    assert!(evaluate(&larger, None, &[Test]).contains("image sizes do not fit"));
    assert!(evaluate(&parity(9), Some("sound"), &[Test]).contains("one of [\"image\"]"));
    assert!(evaluate(&parity(9), None, &[DataState::Additional]).contains("option subset"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_model_is_not_better_than_itself(seed: u64, n in 1usize..40, right in 0usize..=100) {
        let predictions = model(n, seed, right, 0.9);
        let found = compare(&[contender("a", &predictions), contender("b", &predictions)], &options()).unwrap();
        for test in &found.pairs[0].tests {
            prop_assert!(test.difference.value.is_none_or(|value| value == 0.0), "{:?}", test);
            prop_assert!(test.p_value.is_none_or(|p| p == 1.0) && !test.is_significant(0.999));
        }
        prop_assert_eq!(found.ranking.groups, vec![vec!["a".to_owned(), "b".to_owned()]]);
        prop_assert!(found.ranking.sentence.contains("not significant"));
    }

    #[test]
    fn swapping_two_turns_signs_and_nothing_else(seed: u64, n in 2usize..40) {
        let pair = [contender("a", &model(n, seed, 80, 0.9)), contender("b", &model(n, !seed, 50, 0.8))];
        let swapped = [pair[1].clone(), pair[0].clone()];
        let (one, two) = (compare(&pair, &options()).unwrap(), compare(&swapped, &options()).unwrap());
        prop_assert_eq!(&one.contenders[0], &two.contenders[1]);
        prop_assert_eq!(&one.ranking, &two.ranking);
        for (one, two) in one.pairs[0].tests.iter().zip(&two.pairs[0].tests) {
            prop_assert_eq!(one.difference.value, two.difference.value.map(|value| -value));
            prop_assert_eq!(one.p_adjusted, two.p_adjusted);
            let ends = one.difference.low.zip(two.difference.high);
            prop_assert!(ends.is_none_or(|(low, high)| (low + high).abs() < 1e-12));
        }
    }

    #[test]
    fn the_order_of_samples_does_not_matter(seed: u64, n in 2usize..40) {
        let (a, b) = (model(n, seed, 80, 0.9), model(n, !seed, 50, 0.8));
        let shuffled = |name: &str, of: &Predictions| {
            let mut table = contender(name, of).table().clone();
            SplitMix64::new(seed).shuffle(&mut table.rows);
            Contender::from_table(name, &table).unwrap()
        };
        let plain = compare(&[contender("a", &a), contender("b", &b)], &options()).unwrap();
        prop_assert_eq!(plain, compare(&[contender("a", &a), shuffled("b", &b)], &options()).unwrap());
    }
}
