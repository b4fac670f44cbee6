//! Evaluation of a data set and a model small enough to be worked out by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use DataState::{Additional, Test, Training, Unlabeled, Validation};
use candle_core::{D, Device, Tensor};
use leap_binder::binder::{Binder, BinderBuilder, losses};
use leap_binder::contract::{
    ConfusionMatrixElement, ConfusionMatrixValue, DataState, Dataset, HandlerResult, Metadata, MetricDirection,
    MetricResult, SampleId, Subset, ground_truth, input, prediction,
};
use leap_binder::evaluate::{EvaluateOptions, Evaluation, evaluate};
use leap_binder::imaging::ImageSpec;
use leap_binder::metrics::Bootstrap;
use leap_binder::model::{Model, Output};
use leap_binder::{Error, Result};
use serde_json::Value;

const SIDE: usize = 32;
const CLASSES: [&str; 3] = ["red", "green", "blue"];
const ALL: [DataState; 4] = [Training, Validation, Test, Unlabeled];
const QUOTED: &str = "odd, \"quoted\" 5";

/// Images of one colour each, which the number at the end of an id makes; and what is wrong, by number.
struct Colours(&'static [(usize, &'static str)]);

/// A number and the image's side.
type Colour = (usize, usize);

fn levels(number: usize) -> [f32; 3] {
    [37, 23, 11].map(|step| (number * step % 64) as f32 / 64.0)
}

fn number(id: impl ToString) -> usize {
    id.to_string().rsplit(' ').next().unwrap().parse().unwrap()
}

fn ids(state: DataState) -> &'static [&'static str] {
    match state {
        Training => &["a 1", "a 2", "a 3", "a 4", QUOTED, "a 6", "a 7"],
        Validation => &["b 8", "b 9"],
        Test => &["c 10", "c 11", "c 12", "z 13", "c 13", "c 14"],
        _ => &["d 15", "d 16", "d 17"],
    }
}

impl Dataset for Colours {
    type Sample = Colour;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        match self.0 {
            [(0, fault)] => Err((*fault).into()),
            _ => Ok([Unlabeled, Test, Training, Validation].map(|s| Subset::new(s, ids(s).iter().copied())).into()),
        }
    }

    fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<Colour> {
        let number = number(id);
        match self.0.iter().find(|(of, _)| *of == number) {
            Some((_, "small")) => Ok((number, SIDE / 2)),
            Some((_, "panic")) => panic!("no such colour"),
            Some((_, fault)) => Err((*fault).into()),
            None => Ok((number, SIDE)),
        }
    }

    fn attributes(&self, id: &SampleId, state: DataState) -> Vec<(String, String)> {
        vec![("shelf".to_owned(), format!("{state}/{}", number(id) % 2))]
    }
}

fn image(&(number, side): &Colour) -> (Vec<f32>, [usize; 3]) {
    (levels(number).repeat(side * side), [side, side, 3])
}

fn spec(side: usize) -> ImageSpec {
    let json = format!(r#"{{"side": {side}, "channels": 3, "scale": "1/255"}}"#);
    serde_json::from_str(&json).unwrap()
}

fn builder(faults: &'static [(usize, &'static str)]) -> BinderBuilder<Colours> {
    Binder::builder(Colours(faults))
        .image_input("image", spec(SIDE), |colour| Ok(image(colour)))
        .ground_truth("truth", |(n, _)| Ok([0, 1, 2].map(|class| if n % 3 == class { 1.0 } else { 0.0 })))
        .metadata("third", |(n, _)| Ok(*n as f64 / 3.0))
        .metadata("level", |(n, _)| Ok(Metadata::map(CLASSES.into_iter().zip(levels(*n)))))
        .metadata("odd", |(n, _)| Ok((n % 2 == 1).then_some("yes, \"odd\"")))
        .prediction("colour", CLASSES)
        .loss("entropy", [ground_truth("truth"), prediction("colour")], |[y, p]| losses::categorical_crossentropy(y, p))
        .loss("green", [input("image")], |[xs]| Ok(xs.mean((1, 2))?.narrow(1, 1, 1)?.squeeze(1)?))
        .metric("certainty", MetricDirection::Upward, [prediction("colour")], |[p]| Ok(p.max(D::Minus1)?))
}

/// Logits are eight times the channels' means; the latent vector holds the means and the brightest value.
#[derive(Debug)]
struct Means(Vec<String>, ImageSpec);

fn means() -> Means {
    Means(CLASSES.map(str::to_owned).into(), spec(SIDE))
}

impl Model for Means {
    fn name(&self) -> &str {
        "means"
    }

    fn classes(&self) -> &[String] {
        &self.0
    }

    fn input(&self) -> &ImageSpec {
        &self.1
    }

    fn latent_dim(&self) -> usize {
        4
    }

    fn parameters(&self) -> usize {
        0
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn forward(&self, xs: &Tensor) -> Result<Output> {
        let pass = || {
            let means = xs.mean((2, 3))?;
            let brightest = xs.flatten_from(1)?.max_keepdim(1)?;
            Ok(Output { logits: (&means * 8.0)?, latent: Tensor::cat(&[&means, &brightest], 1)? })
        };
        pass().map_err(|source| Error::Tensor { stage: "means".to_owned(), source })
    }
}

fn run(builder: BinderBuilder<Colours>, batch_size: usize) -> Evaluation {
    let options = EvaluateOptions { batch_size, ..EvaluateOptions::default() };
    evaluate(&builder.build().unwrap(), &means(), &[], &options, &()).unwrap()
}

/// What the model holds probable of an image, by hand.
fn probabilities(number: usize) -> [f64; 3] {
    let powers = levels(number).map(|level| (8.0 * f64::from(level)).exp());
    powers.map(|power| power / powers.iter().sum::<f64>())
}

/// The first of the brightest channels; 16 has two.
fn likeliest(number: usize) -> usize {
    (0..3).rev().max_by(|&a, &b| levels(number)[a].total_cmp(&levels(number)[b])).unwrap()
}

fn close<const N: usize>(found: &[impl Into<f64> + Copy], expected: [f64; N]) -> bool {
    found.len() == N && found.iter().zip(expected).all(|(&found, expected)| (found.into() - expected).abs() < 1e-5)
}

/// The ids of `states` in contract order.
fn listed(states: &[DataState]) -> Vec<(DataState, SampleId)> {
    states.iter().flat_map(|state| ids(*state).iter().map(|id| (*state, (*id).into()))).collect()
}

#[test]
fn every_row_is_what_one_works_out_by_hand() {
    let Evaluation { table, failures, .. } = run(builder(&[]), 4);
    assert_eq!(failures, []);
    assert_eq!(table.classes, CLASSES);
    assert_eq!((table.attributes, table.metrics), (vec!["shelf".to_owned()], vec!["certainty".to_owned()]));
    assert_eq!(table.losses, ["entropy", "green"]);
    assert_eq!(table.metadata, ["third", "level_red", "level_green", "level_blue", "odd"]);
    assert!(table.rows.iter().map(|row| (row.state, row.id.clone())).eq(listed(&ALL)));
    for row in &table.rows {
        let (n, id) = (number(&row.id), &row.id);
        assert!((row.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{id}");
        assert!(close(&row.probabilities, probabilities(n)), "{id}");
        assert_eq!(row.prediction, likeliest(n), "{id}");
        assert_eq!(row.attributes, [format!("{}/{}", row.state, n % 2)]);
        assert_eq!(row.label, (row.state != Unlabeled).then_some(n % 3), "{id}");
        let entropy = row.label.map(|label| -probabilities(n)[label].ln());
        assert_eq!(row.losses[0].is_some(), entropy.is_some(), "{id}");
        assert!(row.losses[0].zip(entropy).is_none_or(|(found, expected)| close(&[found], [expected])), "{id}");
        // These two need no ground truth, so unlabeled rows have them too.
        let [red, green, blue] = levels(n).map(f64::from);
        assert!(close(&[row.losses[1].unwrap()], [green]), "{id}");
        assert!(close(&[row.metrics[0].unwrap()], [probabilities(n)[likeliest(n)]]), "{id}");
        let odd = (n % 2 == 1).then_some("yes, \"odd\"").into();
        assert_eq!(row.metadata, [(n as f64 / 3.0).into(), red.into(), green.into(), blue.into(), odd]);
        assert!(close(&row.latent, [red, green, blue, red.max(green).max(blue)]), "{id}");
    }
    let binder = builder(&[]).build().unwrap();
    let some = evaluate(&binder, &means(), &[Test, Training], &EvaluateOptions::default(), &()).unwrap();
    assert!(some.table.rows.iter().eq(table.rows.iter().filter(|row| [Training, Test].contains(&row.state))));
}

#[test]
fn neither_batch_size_nor_threads_change_a_bit() {
    let binder = || builder(&[(3, "torn"), (12, "small")]);
    let one = run(binder(), 1);
    for (threads, batch_size) in [(1, 0), (1, 1), (1, 3), (1, 64), (4, 1), (4, 3), (4, 64)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| run(binder(), batch_size));
        assert_eq!((&found.table, &found.failures), (&one.table, &one.failures), "{threads} threads, {batch_size}");
    }
}

#[test]
fn what_feeds_the_model_can_be_chosen() {
    let spec = means().input().clone();
    let binder =
        builder(&[]).image_input("first", spec, |c| Ok(image(c))).input("bare", |c| Ok(image(c))).build().unwrap();
    let by = |input: &str| {
        let options = EvaluateOptions { input: Some(input.to_owned()), ..EvaluateOptions::default() };
        evaluate(&binder, &means(), &[], &options, &())
    };
    assert_eq!(by("first").unwrap().table, by("image").unwrap().table);
    let Err(Error::Mismatch { right, .. }) = by("bare") else { panic!() };
    assert!(right.contains("does not say how input bare is prepared"), "{right}");
    let Err(Error::Config { option, expected, found }) = by("picture") else { panic!() };
    assert_eq!(option, "input");
    assert!(expected.contains(r#"["image", "first", "bare"]"#) && found.contains("picture"), "{expected}, {found}");
}

/// Asserts which samples have no row, and that each is reported once with function and reason.
fn assert_failures(found: &Evaluation, expected: &[(&str, DataState, &str, &str)]) {
    let mut rows = listed(&ALL);
    rows.retain(|(_, id)| !expected.iter().any(|(failed, ..)| *id == SampleId::from(*failed)));
    assert!(found.table.rows.iter().map(|row| (row.state, row.id.clone())).eq(rows), "{:?}", found.failures);
    assert_eq!(found.failures.len(), expected.len(), "{:?}", found.failures);
    for (failure, (id, state, function, reason)) in found.failures.iter().zip(expected) {
        assert_eq!((&failure.id, failure.state, &*failure.function), (&SampleId::from(*id), *state, *function));
        let place = format!("on {state} sample {id}");
        assert!(failure.message.contains(&place) && failure.message.contains(reason), "{}", failure.message);
    }
}

#[test]
fn a_sample_that_fails_is_reported_and_the_rest_goes_on() {
    let shape = "expected F32 of shape [32, 32, 3], found F32 of shape [16, 16, 3]";
    let found = run(builder(&[(2, "torn"), (11, "panic"), (16, "small")]), 8);
    let [torn, panic] = [("a 2", Training, "load", "torn"), ("c 11", Test, "load", "no such colour")];
    assert_failures(&found, &[torn, panic, ("d 16", Unlabeled, "input_encoder::image", shape)]);
}

#[test]
fn other_columns_or_shapes_than_the_first_samples_are_failures_in_any_batch() {
    for batch_size in [1, 3, 64] {
        let key = |&(n, _): &Colour| Ok(Metadata::map([(if n == 2 { "b" } else { "a" }, 1.0)]));
        let found = run(builder(&[]).metadata("map", key), batch_size);
        assert_failures(&found, &[("a 2", Training, "metadata", "BND-209")]);
        let shape = |&(n, _): &Colour| Ok(vec![0.0; if n == 4 { 2 } else { 1 }]);
        let found = run(builder(&[]).input("second", shape), batch_size);
        assert_failures(&found, &[("a 4", Training, "input_encoder::second", "BND-205")]);
        let found = run(builder(&[]).ground_truth("second", shape), batch_size);
        assert_failures(&found, &[("a 4", Training, "gt_encoder::second", "BND-205")]);
    }
}

#[test]
fn a_loss_that_fails_on_a_sample_fails_on_no_other_of_its_batch() {
    let fussy = |[xs]: [&Tensor; 1]| {
        let green = xs.mean((1, 2))?.narrow(1, 1, 1)?.squeeze(1)?;
        let refused = green.to_vec1::<f32>()?.contains(&levels(4)[1]);
        if refused { Err("not this green".into()) } else { Ok(green) }
    };
    for batch_size in [1, 3, 64] {
        let found = run(builder(&[]).loss("fussy", [input("image")], fussy), batch_size);
        assert!(found.table.rows.iter().map(|row| (row.state, row.id.clone())).eq(listed(&ALL)));
        for (row, whole) in found.table.rows.iter().zip(run(builder(&[]), 8).table.rows) {
            assert_eq!(row.losses[..2], whole.losses);
            assert_eq!(row.losses[2].is_none(), number(&row.id) == 4, "{}, batch size {batch_size}", row.id);
        }
        let [failure] = &found.failures[..] else { panic!("{:?}", found.failures) };
        assert_eq!((&failure.id, &*failure.function), (&"a 4".into(), "loss::fussy"));
        assert!(failure.message.contains("not this green"), "{}", failure.message);
    }
}

/// A metric's names and its values on the first four training samples, in any batch.
fn metric_columns<M: Into<MetricResult> + 'static>(
    compute: fn(&Tensor) -> HandlerResult<M>,
    failing: usize,
) -> (Vec<String>, Vec<Vec<Option<f32>>>) {
    let run = |batch_size| {
        let with = builder(&[]).metric("extra", MetricDirection::Upward, [prediction("colour")], move |[p]| compute(p));
        let Evaluation { table, failures, .. } = run(with, batch_size);
        assert_eq!(failures.len(), failing, "{failures:?}");
        assert!(
            failures.iter().all(|failure| failure.function == "metric::extra" && failure.message.contains("BND-210"))
        );
        assert_eq!(table.metrics[0], "certainty");
        assert!(table.rows.iter().all(|row| row.metrics.len() == table.metrics.len()));
        let rows = table.rows.iter().take(4).map(|row| row.metrics[1..].to_vec());
        (table.metrics[1..].to_vec(), rows.collect::<Vec<_>>())
    };
    let found = run(1);
    for batch_size in [3, 64] {
        assert_eq!(run(batch_size), found);
    }
    found
}

fn red(p: &Tensor) -> HandlerResult<Vec<f32>> {
    Ok(p.narrow(1, 0, 1)?.squeeze(1)?.to_vec1()?)
}

#[test]
fn a_metric_of_several_values_fills_a_column_for_each() {
    let expected = |class: usize| (1..5).map(move |number| probabilities(number)[class]);
    let (names, rows) = metric_columns(
        |p| Ok(MetricResult::map([("red", p.narrow(1, 0, 1)?.squeeze(1)?), ("green", p.narrow(1, 1, 1)?.squeeze(1)?)])),
        0,
    );
    assert_eq!(names, ["extra_red", "extra_green"]);
    for (row, (red, green)) in rows.iter().zip(expected(0).zip(expected(1))) {
        assert!(close(&[row[0].unwrap(), row[1].unwrap()], [red, green]), "{row:?}");
    }
    // Sample 1 is red above all.
    let (names, rows) =
        metric_columns(|p| Ok(red(p)?.into_iter().map(|p| (p < 0.5).then_some(p)).collect::<Vec<_>>()), 0);
    assert_eq!(names, ["extra"]);
    for (row, red) in rows.iter().zip(expected(0)) {
        assert_eq!(row[0].is_some(), red < 0.5, "{red}");
    }
    assert!(rows.iter().any(|row| row[0].is_none()) && rows.iter().any(|row| row[0].is_some()));
}

#[test]
fn confusion_matrix_elements_have_no_column_and_fail_nothing() {
    let elements = |p: &Tensor| -> HandlerResult<Vec<Vec<ConfusionMatrixElement>>> {
        Ok(red(p)?
            .into_iter()
            .map(|p| {
                vec![ConfusionMatrixElement {
                    label: "red".to_owned(),
                    expected_outcome: ConfusionMatrixValue::Positive,
                    predicted_probability: p.into(),
                    id: String::new(),
                }]
            })
            .collect())
    };
    let (names, rows) = metric_columns(elements, 0);
    assert!(names.is_empty() && rows.iter().all(Vec::is_empty));
}

#[test]
fn other_keys_than_the_first_batchs_and_wrong_lengths_are_failures() {
    // One batch has one set of keys, so only batches of one can differ.
    let with = builder(&[]).metric("extra", MetricDirection::Upward, [prediction("colour")], |[p]| {
        let red = red(p)?;
        let key = if red.iter().any(|p| close(&[*p], [probabilities(4)[0]])) { "b" } else { "a" };
        Ok(MetricResult::map([(key, red)]))
    });
    let found = run(with, 1);
    assert_eq!(found.table.metrics, ["certainty", "extra_a"]);
    let [failure] = &found.failures[..] else { panic!("{:?}", found.failures) };
    assert_eq!((&failure.id, &*failure.function), (&"a 4".into(), "metric::extra"));
    assert!(failure.message.contains("BND-210") && failure.message.contains("extra_b"), "{}", failure.message);
    let row = found.table.rows.iter().find(|row| row.id == "a 4".into()).unwrap();
    assert!(row.metrics[0].is_some() && row.metrics[1].is_none());
    let samples = listed(&ALL).len();
    let (names, rows) = metric_columns(|_| Ok(vec![1.0f32; 5]), samples);
    assert_eq!((names, rows), (vec!["extra".to_owned()], vec![vec![None]; 4]), "five values for every batch");
}

#[test]
fn sides_that_do_not_fit_are_refused() {
    let refused = |builder: BinderBuilder<Colours>, model: Means, states: &[DataState]| {
        evaluate(&builder.build().unwrap(), &model, states, &EvaluateOptions::default(), &()).unwrap_err()
    };
    let swapped = Means(["green", "red", "blue"].map(str::to_owned).into(), spec(SIDE));
    let unlisted = builder(&[(0, "the disk is gone")]);
    for (error, kind, texts) in [
        (refused(builder(&[]), swapped, &[]), "Mismatch", [r#"["green", "red""#, r#"["red", "green""#]),
        (refused(builder(&[]), Means(means().0, spec(64)), &[]), "Mismatch", ["64x64", "32x32"]),
        (refused(builder(&[]), means(), &[Test, Additional]), "Config", ["\"unlabeled\"]", "found additional"]),
        (refused(unlisted, means(), &[]), "Contract(Violation { code: PreprocessFailed", ["BND-101", "disk is gone"]),
    ] {
        assert!(format!("{error:?}").starts_with(kind), "{error:?}");
        assert!(texts.iter().all(|text| error.to_string().contains(text)), "{error}");
    }
}

#[test]
fn written_tables_read_back_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut table = run(builder(&[]), 8).table;
    table.write_csv(path("rows.csv")).unwrap();
    let mut csv = csv::Reader::from_path(path("rows.csv")).unwrap();
    let header = "id subset shelf label prediction probability_red probability_green probability_blue loss loss_green \
                  metric_certainty third level_red level_green level_blue odd";
    assert!(csv.headers().unwrap().iter().eq(header.split_whitespace()));
    let records: Vec<csv::StringRecord> = csv.records().map(std::result::Result::unwrap).collect();
    assert_eq!(records.len(), table.rows.len());
    assert_eq!((&records[4][0], &records[4][15]), (QUOTED, "yes, \"odd\""));
    for (row, record) in table.rows.iter().zip(&records) {
        let label = row.label.map_or("", |label| CLASSES[label]);
        let texts = [&row.id.to_string(), row.state.as_str(), &row.attributes[0], label, CLASSES[row.prediction]];
        assert!(record.iter().take(5).eq(texts));
        let bits = |place: usize| record[place].parse::<f64>().unwrap().to_bits();
        assert!((5..8).map(bits).eq(row.probabilities.iter().map(|p| p.to_bits())));
        let scores = (8..11).map(|place| record[place].parse().ok().map(f32::to_bits));
        assert!(scores.eq(row.losses.iter().chain(&row.metrics).map(|value| value.map(f32::to_bits))));
        assert_eq!(bits(11), (number(&row.id) as f64 / 3.0).to_bits());
    }
    table.write_json(path("rows.json")).unwrap();
    let text = std::fs::read_to_string(path("rows.json")).unwrap();
    assert!(!text.contains("latent"));
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), table.rows.len());
    for (row, json) in table.rows.iter().zip(json["rows"].as_array().unwrap()) {
        assert_eq!((&json["id"], json["label"].as_u64()), (&row.id.to_string().into(), row.label.map(|l| l as u64)));
        assert!(close(&[json["probabilities"][2].as_f64().unwrap()], [row.probabilities[2]]));
    }
    table.write_latents(path("latents")).unwrap();
    let latents = candle_core::safetensors::load(path("latents"), &Device::Cpu).unwrap();
    let expected: Vec<Vec<f32>> = table.rows.iter().map(|row| row.latent.clone()).collect();
    assert_eq!(latents["latent"].to_vec2::<f32>().unwrap(), expected);
    table.rows.clear();
    assert!(matches!(table.write_latents(path("none")), Err(Error::Argument { .. })));
    let (nowhere, table) = (path("nowhere/file"), run(builder(&[]), 8).table);
    for result in [table.write_csv(&nowhere), table.write_json(&nowhere), table.write_latents(&nowhere)] {
        assert!(matches!(&result, Err(Error::Io { path, .. }) if *path == nowhere), "{result:?}");
    }
}

#[test]
fn the_report_and_the_worst_rows_are_as_counted_by_hand() {
    let evaluation = run(builder(&[]), 8);
    for states in [&ALL[..3], &[Training], &[Test, Unlabeled]] {
        let labelled: Vec<_> = listed(states).into_iter().filter(|(state, _)| *state != Unlabeled).collect();
        let right = labelled.iter().filter(|(_, id)| likeliest(number(id)) == number(id) % 3).count();
        assert!(right > 0 && right < labelled.len());
        let report = evaluation.report(if states.len() == 3 { &[] } else { states }, &Bootstrap::NONE).unwrap();
        let accuracy = right as f64 / labelled.len() as f64;
        assert_eq!((report.n, report.accuracy.value), (labelled.len(), Some(accuracy)));
    }
    assert!(matches!(evaluation.report(&[Unlabeled], &Bootstrap::NONE), Err(Error::Argument { .. })));

    // The least probable truth has the largest loss; "c 13" and "z 13" are one image.
    let truth = |id: &SampleId| probabilities(number(id))[number(id) % 3];
    let mut expected: Vec<SampleId> = listed(&ALL[..3]).into_iter().map(|(_, id)| id).collect();
    expected.sort_by(|a, b| truth(a).total_cmp(&truth(b)).then_with(|| a.cmp(b)));
    assert!(evaluation.table.worst(100).into_iter().map(|row| &row.id).eq(&expected));
    assert!(evaluation.table.worst(3).into_iter().map(|row| &row.id).eq(&expected[..3]));
}
