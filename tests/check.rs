//! The check and its harness: what broken binders are told. What code_loader records is in `conformance`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use candle_core::{DType, Device, Tensor};
use leap_binder::binder::{BinderBuilder, losses};
use leap_binder::check::{CheckOptions, CheckReport, Samples, Status, check, check_with, harness};
use leap_binder::contract::{
    Code, DataState, Dataset, HandlerResult, LeapHorizontalBar, Metadata, MetadataType, MetadataValue, SampleId,
    Subset, ground_truth, input, prediction,
};
use leap_binder::{Binder, Error};

const NAMES: [&str; 2] = ["NORMAL", "Pneumonia"];

/// Data shaped like the reference integration's: sample `i` is the image `0..48 * (i + 1) mod 256`.
struct Tiny(Vec<Subset>);

struct Sample {
    state: DataState,
    index: usize,
    pixels: Vec<u8>,
}

impl Tiny {
    fn new() -> Self {
        let subset = |state, length: i64| Subset::new(state, 0..length);
        Self(vec![subset(DataState::Test, 1), subset(DataState::Training, 3), subset(DataState::Validation, 2)])
    }
}

impl Dataset for Tiny {
    type Sample = Sample;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        Ok(self.0.clone())
    }

    fn load(&self, id: &SampleId, state: DataState) -> HandlerResult<Sample> {
        let SampleId::Int(index) = id else { return Err(format!("no file for {id}").into()) };
        let pixels = (0..48).map(|k| ((k * (index + 1)) % 256) as u8).collect();
        Ok(Sample { state, index: *index as usize, pixels })
    }
}

fn image(sample: &Sample) -> (Vec<f32>, [usize; 3]) {
    (sample.pixels.iter().map(|&p| (f64::from(p) / 255.0) as f32).collect(), [4, 4, 3])
}

fn one_hot(sample: &Sample) -> [f32; 2] {
    if sample.index.is_multiple_of(2) { [1.0, 0.0] } else { [0.0, 1.0] }
}

/// Everything but the image encoder, which tests supply.
fn without_image() -> BinderBuilder<Tiny> {
    Binder::builder(Tiny::new())
        .ground_truth("classes", |sample| Ok(one_hot(sample)))
        .metadata("gt_label", |sample| Ok((sample.index % 2) as i64))
        .metadata("gt_name", |sample| Ok(NAMES[sample.index % 2]))
        .metadata("number_of_black_pixels", |sample| Ok(sample.pixels.iter().filter(|&&p| p == 0).count() as i64))
        .metadata("pixels_count", |sample| {
            let count = |k: u8| sample.pixels.iter().filter(|&&p| p % 4 == k).count() as i64;
            Ok(Metadata::map((0..4).map(|k| (k.to_string(), count(k)))))
        })
        .prediction("classes", NAMES)
        .visualizer("pixels_histogram", [input("image")], |[_]| {
            Ok(LeapHorizontalBar::new(vec![0.0, 1.0, 2.0], ["a", "b", "c"]))
        })
        .visualizer("bar_names_visualizer", [prediction("classes").named("data")], |[data]| {
            Ok(LeapHorizontalBar::from_tensor(data, NAMES)?)
        })
        .loss(
            "categorical_crossentropy_loss",
            [ground_truth("classes").named("y_true"), prediction("classes").named("y_pred")],
            |[y_true, y_pred]| losses::categorical_crossentropy(y_true, y_pred),
        )
}

/// Runs each listed test by itself, as a filter would, and returns the names of those that fail.
fn failing(build: impl Fn() -> leap_binder::Result<Binder<Tiny>>) -> BTreeSet<String> {
    let names: Vec<String> =
        harness::trials(&build, &CheckOptions::strict()).iter().map(|trial| trial.name().to_owned()).collect();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let fails = |name: &String| {
        let arguments =
            libtest_mimic::Arguments::from_iter(["leap_test", "--exact", "--logfile", log.to_str().unwrap(), name]);
        libtest_mimic::run(&arguments, harness::trials(&build, &CheckOptions::strict())).has_failed()
    };
    names.into_iter().filter(fails).collect()
}

fn strict(binder: &Binder<Tiny>) -> CheckReport {
    check_with(binder, &CheckOptions::strict(), &())
}

fn broken_image(
    encode: impl Fn(&Sample) -> HandlerResult<Tensor> + Copy + Send + Sync + 'static,
) -> (BTreeSet<String>, CheckReport) {
    let build = move || without_image().input("image", encode).build();
    (failing(build), strict(&build().unwrap()))
}

/// The one failed function of a report, as `(subset, code, sample, expected, found)` for each failed subset.
fn failures(report: &CheckReport) -> Vec<(String, &'static str, String, String, String)> {
    assert!(!report.passed());
    let failed: Vec<_> = report.functions.iter().filter(|function| !function.passed()).collect();
    assert_eq!(failed.iter().map(|function| &*function.name).collect::<Vec<_>>(), ["image"]);
    let failures = failed[0].failures();
    failures
        .map(|f| {
            assert_eq!(f.function, "input_encoder::image");
            for part in [f.code, "image", &f.expected, &f.found, f.mend] {
                assert!(f.message.contains(part), "{part} in {}", f.message);
            }
            (f.subset.unwrap().to_string(), f.code, f.sample.clone().unwrap(), f.expected.clone(), f.found.clone())
        })
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn good(sample: &Sample) -> HandlerResult<Tensor> {
    let (pixels, shape) = image(sample);
    Ok(Tensor::from_vec(pixels, &shape, &Device::Cpu)?)
}

#[test]
fn a_valid_binder_passes_every_listed_test() {
    let build = || without_image().input("image", good).build();
    assert!(failing(build).is_empty());
    let names: Vec<String> =
        harness::trials(build, &CheckOptions::strict()).iter().map(|t| t.name().to_owned()).collect();
    let first = ["binder", "preprocess", "preprocess::duplicates", "contract::setup", "contract::verdict"];
    assert_eq!(names[..5], first);
    let rules = names.iter().filter(|name| name.ends_with("::deterministic") || name.ends_with("::loss")).count();
    assert_eq!((rules, names.len()), (6 + 1, 5 + 7 + 3 * 10), "ten functions on three subsets, six of them encoders");
    assert!(names.contains(&"gt_encoder::classes::validation".to_owned()));
}

#[test]
fn a_wrong_shape_on_one_subset_fails_there_alone() {
    let (tests, report) = broken_image(|sample| {
        let xs = good(sample)?;
        if sample.state == DataState::Validation { Ok(xs.permute((2, 0, 1))?) } else { Ok(xs) }
    });
    assert_eq!(tests, set(&["input_encoder::image::validation"]));
    let [(subset, code, sample, expected, found)] = failures(&report).try_into().unwrap();
    assert_eq!((&*subset, code, &*sample, &*found), ("validation", "BND-205", "0", "[3, 4, 4]"));
    assert_eq!(expected, "shape [4, 4, 3] as on training sample 0");
    assert!(report.is_valid, "code_loader has no rule on shapes");
}

#[test]
fn nan_a_wrong_dtype_an_error_and_a_panic_are_told_apart() {
    let test_only = set(&["input_encoder::image::test"]);
    // An error or a panic is what code_loader refuses a binder for as well.
    let refused = set(&["input_encoder::image::test", "contract::verdict"]);
    let (tests, report) = broken_image(|sample| {
        let zero = if sample.state == DataState::Test { 0.0 } else { 1.0 };
        Ok((good(sample)? / zero)?)
    });
    assert_eq!(tests, test_only);
    let [(.., code, _, _, found)] = failures(&report).try_into().unwrap();
    assert_eq!((code, &*found), ("BND-206", "48 of 48 that are not, the first NaN at flat index 0"));

    let (tests, report) = broken_image(|sample| Ok(good(sample)?.to_dtype(DType::F64)?));
    let everywhere = ["training", "validation", "test"].map(|state| format!("input_encoder::image::{state}"));
    assert_eq!(tests, BTreeSet::from(everywhere));
    let found = failures(&report);
    assert_eq!(found.len(), 3);
    assert_eq!((found[0].1, &*found[0].3, &*found[0].4), ("BND-204", "a float32 tensor", "float64 of shape [4, 4, 3]"));
    assert!(report.is_valid, "code_loader has no rule on dtypes");

    let (tests, report) =
        broken_image(
            |sample| {
                if sample.state == DataState::Test { Err("the file is gone".into()) } else { good(sample) }
            },
        );
    assert_eq!(tests, refused);
    let [(.., code, _, _, found)] = failures(&report).try_into().unwrap();
    assert_eq!((code, &*found), ("BND-202", "the error \"the file is gone\""));

    let (tests, report) = broken_image(|sample| {
        assert!(sample.state != DataState::Test, "unexpected state");
        good(sample)
    });
    assert_eq!(tests, refused);
    let [(.., code, _, _, found)] = failures(&report).try_into().unwrap();
    assert_eq!((code, &*found), ("BND-203", "the panic \"unexpected state\""));
    let histogram = report.functions.iter().find(|function| function.name == "pixels_histogram").unwrap();
    assert_eq!(histogram.subsets[2].status, Status::Skipped);
    assert_eq!(histogram.subsets[2].skipped.as_deref(), Some("input_encoder::image failed"));
}

fn code(result: leap_binder::Result<Binder<Tiny>>) -> Code {
    match result.unwrap_err() {
        Error::Contract(violation) => violation.code,
        other => panic!("{other}"),
    }
}

#[test]
fn wrong_registrations_are_typed_errors() {
    let image = || without_image().input("image", good);
    let twice = || image().input("image", good).build();
    assert_eq!(code(twice()), Code::DuplicateName);
    assert!(twice().unwrap_err().to_string().contains("input_encoder::image"));
    assert_eq!(failing(twice), set(&["binder"]), "the registration is the only test there can be");
    assert_eq!(code(image().metadata("gt_name", |_| Ok(1i64)).build()), Code::DuplicateName);
    assert_eq!(code(image().metadata("", |_| Ok(1i64)).build()), Code::EmptyName);
    assert_eq!(code(image().input_with("other", 0, good).build()), Code::ChannelDim);
    let unknown = image().loss("other", [ground_truth("class")], |[xs]| Ok(xs.clone())).build();
    assert_eq!(code(unknown), Code::UnknownSource);
    assert!(image().ground_truth("image", good).build().is_ok(), "an input and a ground truth may share a name");
}

#[test]
fn preprocess_rules() {
    let codes = |subsets: Vec<Subset>| -> Vec<&'static str> {
        let encode = |_: &Sample| Ok([0.0]);
        let binder = Binder::builder(Tiny(subsets)).input("image", encode).build().unwrap();
        let report = strict(&binder);
        report.failures().filter(|failure| failure.function == "preprocess").map(|failure| failure.code).collect()
    };
    let subset = |state, length: i64| Subset::new(state, 0..length);
    let (training, validation) = (subset(DataState::Training, 2), subset(DataState::Validation, 1));
    assert!(codes(vec![training.clone(), validation.clone()]).is_empty());
    assert_eq!(codes(vec![training.clone()]), ["BND-102"]);
    assert_eq!(codes(vec![training.clone(), validation.clone(), validation.clone()]), ["BND-103"]);
    assert_eq!(codes(vec![training.clone(), validation.clone(), subset(DataState::Test, 0)]), ["BND-104"]);
    let long = Subset::new(DataState::Validation, ["é".repeat(257)]);
    assert_eq!(codes(vec![training.clone(), long]), ["BND-106", "BND-105"], "text beside integers, and too long");
    assert_eq!(codes(vec![training, Subset::new(DataState::Validation, [3, 3])]), ["BND-107"]);
}

#[test]
fn metadata_keeps_its_columns_and_types() {
    let failed = |compute: fn(&Sample) -> HandlerResult<Metadata>| {
        let binder = without_image().input("image", good).metadata("extra", compute).build().unwrap();
        let report = strict(&binder);
        report
            .functions
            .iter()
            .flat_map(|f| f.failures())
            .map(|f| (f.code, f.subset.unwrap().to_string()))
            .collect::<Vec<_>>()
    };
    let on = |state: &str, code| (code, state.to_owned());
    let training = |sample: &Sample| sample.state == DataState::Training;
    assert!(failed(|sample| Ok((sample.state == DataState::Training).then_some(1.5).into())).is_empty());
    assert_eq!(failed(|s| Ok((s.state != DataState::Training).then_some(1.5).into())), [on("training", "BND-207")]);
    let kinds = failed(|s| Ok(if s.state == DataState::Test { "text".into() } else { 1i64.into() }));
    assert_eq!(kinds, [on("test", "BND-207")]);
    let keys = failed(|s| Ok(Metadata::map([(s.state.as_str(), 1i64)])));
    assert_eq!(keys, [on("validation", "BND-209"), on("test", "BND-209")]);
    let typed = without_image().input("image", good).metadata_typed("late", MetadataType::String, move |sample| {
        Ok(if training(sample) { MetadataValue::Absent } else { "now".into() })
    });
    assert!(strict(&typed.build().unwrap()).passed());
}

#[test]
fn losses_and_visualizers_keep_their_shapes() {
    let image = || without_image().input("image", good);
    let whole = image().loss("matrix", [ground_truth("classes")], |[xs]| Ok(xs.clone())).build().unwrap();
    let report = strict(&whole);
    let failure = report.functions.iter().flat_map(|f| f.failures()).next().unwrap();
    assert_eq!(
        (failure.code, &*failure.function, &*failure.found),
        ("BND-211", "loss::matrix", "a 2Dim tensor of shape [1, 2]")
    );
    let bars = image()
        .visualizer("bars", [input("image")], |[xs]| Ok(LeapHorizontalBar::from_tensor(&xs.unsqueeze(0)?, NAMES)?));
    let report = strict(&bars.build().unwrap());
    let failure = report.functions.iter().flat_map(|f| f.failures()).next().unwrap();
    assert!(failure.message.contains("BND-208") && failure.function == "visualizer::bars");
}

#[test]
fn more_samples_find_what_the_first_hides_whatever_the_threads() {
    let bad_third = |sample: &Sample| if sample.index == 2 { Err("third".into()) } else { good(sample) };
    let binder = without_image().input("image", bad_third).build().unwrap();
    assert!(check(&binder).is_valid, "as code_loader, the first sample only");
    let on = |samples| check_with(&binder, &CheckOptions::default().samples(samples), &());
    assert!(on(Samples::Every(2)).is_valid && !on(Samples::Every(2)).passed());
    let all = || on(Samples::All);
    let image = all().functions.into_iter().find(|function| function.name == "image").unwrap();
    let training = &image.subsets[0];
    assert_eq!((training.samples, training.failed_samples), (3, 1));
    assert_eq!(training.failures[0].sample.as_deref(), Some("2"));
    let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(all);
    let text = |report: CheckReport| serde_json::to_string(&report).unwrap();
    assert_eq!(text(on(1)), text(on(4)));
}

#[test]
fn a_sample_that_cannot_be_loaded_is_named_once() {
    let subsets = vec![Subset::new(DataState::Training, ["a"]), Subset::new(DataState::Validation, ["b"])];
    let binder = Binder::builder(Tiny(subsets)).input("image", good).build().unwrap();
    let report = strict(&binder);
    let failed: Vec<_> = report.functions.iter().flat_map(|f| f.failures()).collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|failure| failure.code == "BND-201" && failure.function == "load"));
    assert!(failed[0].message.contains("training sample a") && failed[0].message.contains("no file for a"));
    assert!(report.payloads[2].display["training"].contains("BND-201"), "code_loader's view blames the encoder");
    assert!(report.to_string().contains("NOT valid"));
}
