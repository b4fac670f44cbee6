//! From a binder and a model to a report, whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "report")]

use candle_core::{Device, Tensor};
use leap_binder::binder::losses;
use leap_binder::check::check;
use leap_binder::contract::*;
use leap_binder::evaluate::{EvaluateOptions, Evaluation, evaluate};
use leap_binder::imaging::{Image, ImageSpec};
use leap_binder::model::{Architecture, Card, Classifier, Model, Output, Weights};
use leap_binder::report::{Study, StudyOptions};
use leap_binder::rng::SplitMix64;
use leap_binder::{Binder, Result};

const SIDE: usize = 48;
const CLASSES: [&str; 2] = ["healthy", "ill"];

/// Pictures of noise, those of the second class with a bright spot.
struct Spots;

struct Spot {
    image: Image,
    class: usize,
}

impl Dataset for Spots {
    type Sample = Spot;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        let ids = |from: usize, to: usize| (from..to).map(|place| format!("secret-{place:03}.png")).collect::<Vec<_>>();
        Ok(vec![Subset::new(DataState::Training, ids(0, 40)), Subset::new(DataState::Validation, ids(40, 64))])
    }

    fn load(&self, id: &SampleId, _: DataState) -> HandlerResult<Spot> {
        let place: usize = id.to_string()[7..10].parse()?;
        let mut rng = SplitMix64::new(place as u64);
        let class = place % 2;
        let level = |at: usize| {
            let (x, y) = (at % SIDE, at / SIDE);
            let spot = class == 1 && (20..28).contains(&x) && (20..28).contains(&y);
            if spot { 250 } else { 60 + rng.below(60) as u8 }
        };
        Ok(Spot { image: Image::grey(SIDE, SIDE, (0..SIDE * SIDE).map(level).collect())?, class })
    }

    fn attributes(&self, id: &SampleId, _: DataState) -> Vec<(String, String)> {
        vec![("file".to_owned(), id.to_string())]
    }
}

fn card() -> Card {
    let mut card = Card::new(Architecture::SmallCnn, CLASSES);
    (card.input.width, card.input.height) = (SIDE, SIDE);
    card
}

fn binder(spec: ImageSpec) -> Binder<Spots> {
    let shape = [SIDE, SIDE, spec.channels()];
    Binder::builder(Spots)
        .image_input("image", spec.clone(), move |spot| Ok((spot.image.encode_as(&spec), shape)))
        .ground_truth("class", |spot| Ok(if spot.class == 0 { [1.0, 0.0] } else { [0.0, 1.0] }))
        .metadata("level", |spot| Ok(spot.image.as_bytes().iter().map(|&level| f64::from(level)).sum::<f64>()))
        .prediction("class", CLASSES)
        .loss("cross_entropy", [ground_truth("class"), prediction("class")], |[truth, said]| {
            losses::categorical_crossentropy(truth, said)
        })
        .build()
        .unwrap()
}

fn evaluated(binder: &Binder<Spots>, model: &dyn Model) -> Evaluation {
    let options = EvaluateOptions { thumbnail_side: Some(16), ..EvaluateOptions::default() };
    evaluate(binder, model, &[], &options, &()).unwrap()
}

fn options() -> StudyOptions<'static> {
    let mut options = StudyOptions::seeded(3);
    options.pictures = 3;
    options.bootstrap.resamples = 50;
    options
}

#[test]
fn a_binder_and_a_model_make_the_same_report_on_any_number_of_threads() {
    let model = Classifier::new(&Weights::random(card(), 7).unwrap(), &Device::Cpu).unwrap();
    let binder = binder(card().input);
    let page = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let evaluation = evaluated(&binder, &model);
            let study = Study::new(&binder, &model, &evaluation, options(), &()).unwrap().check(&check(&binder));
            study.report("Spots").html().unwrap()
        })
    };
    let one = page(1);
    assert!(one == page(2) && one == page(4), "the pages differ");
    for shown in ["secret-041.png", "small_cnn", "cross_entropy", "input_encoder::image", "deletion", "Population map"]
    {
        assert!(one.contains(shown), "{shown}");
    }
}

#[test]
fn what_is_private_stays_out_of_page_and_tables() {
    let model = Classifier::new(&Weights::random(card(), 7).unwrap(), &Device::Cpu).unwrap();
    let binder = binder(card().input);
    let evaluation = evaluated(&binder, &model);
    let study = Study::new(&binder, &model, &evaluation, options(), &()).unwrap().check(&check(&binder));
    assert_eq!(study.pictures.len(), 3);
    assert!(study.pictures.iter().all(|picture| picture.heat_maps[0].1.is_some()), "a heat map without its test");
    let report = study.report("Spots").private(true);
    let folder = tempfile::tempdir().unwrap();
    let mut files = report.write_tables(folder.path()).unwrap();
    files.push(report.write(folder.path().join("report.html")).unwrap().path);
    for file in files {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!text.contains("secret-"), "{} tells an id", file.display());
    }
}

/// A model of the caller's own, which cannot be cut.
#[derive(Debug)]
struct Brightness {
    classes: Vec<String>,
    input: ImageSpec,
}

impl Model for Brightness {
    fn name(&self) -> &str {
        "brightness"
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
        0
    }
    fn device(&self) -> &Device {
        &Device::Cpu
    }
    fn forward(&self, xs: &Tensor) -> Result<Output> {
        let mean = xs.flatten_from(1).and_then(|xs| xs.mean_keepdim(1)).unwrap();
        let logits = Tensor::cat(&[&mean.neg().unwrap(), &mean], 1).unwrap();
        Ok(Output { logits, latent: mean })
    }
}

#[test]
fn a_model_that_cannot_be_cut_is_shown_without_heat_maps() {
    let model = Brightness { classes: CLASSES.map(str::to_owned).to_vec(), input: card().input };
    let binder = binder(card().input);
    let evaluation = evaluated(&binder, &model);
    let study = Study::new(&binder, &model, &evaluation, options(), &()).unwrap();
    assert!(study.pictures.iter().all(|picture| picture.heat_maps.is_empty()));
    assert_eq!(study.exploration.latent.as_ref().unwrap().projection.pca.dimensions, 1);
    assert!(study.report("Spots").html().unwrap().contains("brightness"));
}
