//! The shipped DenseNet201 against pytorch-grad-cam and Captum on the same pixels; `fixtures/explain/make_maps.py` made the numbers.

use std::collections::BTreeMap;
use std::sync::Mutex;

use candle_core::{Device, Tensor};
use leap_binder::Result;
use leap_binder::explain::{Baseline, HeatMap, Method, Objective, explain};
use leap_binder::imaging::ImageSpec;
use leap_binder::model::{Model, Output};
use serde::Deserialize;

use super::{SHIPPED, xray};

/// Of the largest value of a map, after normalisation.
const TOLERANCE: f32 = 1e-3;

#[derive(Deserialize)]
struct Fixture {
    steps: usize,
    window: usize,
    stride: usize,
    images: Vec<Golden>,
}

#[derive(Deserialize)]
struct Golden {
    file: String,
    change: String,
    logits: Vec<f32>,
    black: Vec<f64>,
    predicted: usize,
    truth: usize,
    integrated_gradients: Full,
    occlusion: Full,
    #[serde(flatten)]
    maps: BTreeMap<String, Map>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Map {
    Full(Full),
    Small(Vec<f32>),
}

/// A map of 224 x 224: every 16th pixel from (8, 8) on.
#[derive(Deserialize)]
struct Full {
    largest: f32,
    sum: f64,
    values: Vec<f32>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../fixtures/explain/maps.json")).unwrap()
}

impl Golden {
    fn xs(&self) -> Tensor {
        xray(&self.file, &self.change)
    }

    fn name(&self) -> String {
        format!("{} {}", self.file, self.change)
    }
}

fn thinned(map: &HeatMap) -> Vec<f32> {
    assert_eq!((map.width, map.height), (224, 224));
    (8..224)
        .step_by(16)
        .flat_map(|row| (8..224).step_by(16).map(move |column| map.values[row * 224 + column]))
        .collect()
}

/// The largest difference of two maps as a share of `scale`.
fn far(found: &[f32], expected: &[f32], scale: f32) -> f32 {
    assert_eq!(found.len(), expected.len());
    let difference = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    difference.fold(0.0, f32::max) / scale
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

fn one(model: &dyn Model, xs: &Tensor, objective: &Objective<'_>, method: &Method) -> HeatMap {
    explain(model, xs, objective, method).unwrap().pop().unwrap()
}

/// The shipped network, which keeps what flowed out of each split point: one image goes through several methods.
#[derive(Debug, Default)]
struct Kept {
    features: Mutex<BTreeMap<String, Tensor>>,
}

impl Model for Kept {
    fn name(&self) -> &str {
        SHIPPED.name()
    }

    fn classes(&self) -> &[String] {
        SHIPPED.classes()
    }

    fn input(&self) -> &ImageSpec {
        SHIPPED.input()
    }

    fn latent_dim(&self) -> usize {
        SHIPPED.latent_dim()
    }

    fn parameters(&self) -> usize {
        SHIPPED.parameters()
    }

    fn device(&self) -> &Device {
        SHIPPED.device()
    }

    fn split_points(&self) -> &[String] {
        SHIPPED.split_points()
    }

    fn forward(&self, xs: &Tensor) -> Result<Output> {
        SHIPPED.forward_from("features.norm5", &self.forward_to("features.norm5", xs)?)
    }

    fn forward_to(&self, split: &str, xs: &Tensor) -> Result<Tensor> {
        let mut features = self.features.lock().unwrap();
        if let Some(kept) = features.get(split) {
            return Ok(kept.clone());
        }
        let found = SHIPPED.forward_to(split, xs)?;
        features.insert(split.to_owned(), found.clone());
        Ok(found)
    }

    fn forward_from(&self, split: &str, features: &Tensor) -> Result<Output> {
        SHIPPED.forward_from(split, features)
    }
}

#[test]
fn class_activation_maps_are_those_of_pytorch_grad_cam_and_captum() {
    let (fixture, mut worst) = (fixture(), BTreeMap::<String, f32>::new());
    assert_eq!(fixture.images.len(), 8);
    for golden in &fixture.images {
        let xs = golden.xs();
        let model = Kept::default();
        let logits = model.forward(&xs).unwrap().logits.to_vec2::<f32>().unwrap();
        assert!(far(&logits[0], &golden.logits, 1.0) < 2e-5, "{}", golden.name());
        let objective = Objective::predicted();
        assert_eq!(golden.maps.len(), 14);
        for (name, expected) in &golden.maps {
            let (kind, split) = name.split_once(' ').unwrap();
            let (method, objective) = match kind {
                "grad_cam" => (Method::grad_cam(), &objective),
                "grad_cam_plus_plus" => (Method::grad_cam_plus_plus(), &objective),
                "layer_cam" => (Method::layer_cam(), &objective),
                "signed" => (Method::signed_grad_cam(), &objective),
                "contrast" => (Method::signed_grad_cam(), &Objective::contrast("bacteria", "virus")),
                "loss" => (Method::signed_grad_cam(), &cross_entropy(golden.truth)),
                other => panic!("{other}"),
            };
            let map = one(&model, &xs, objective, &method.at(format!("features.{split}")));
            let far = match expected {
                Map::Full(expected) => {
                    let map = map.upsampled(224, 224).unwrap().normalised();
                    let sum: f64 = map.values.iter().map(|&value| f64::from(value)).sum();
                    assert!((sum - expected.sum).abs() < 1e-3 * 224.0 * 224.0, "{name}: {sum} {}", expected.sum);
                    far(&thinned(&map), &expected.values, 1.0)
                }
                Map::Small(expected) => far(&map.values, expected, largest(expected)),
            };
            assert!(far < TOLERANCE, "{} {name}: {far}", golden.name());
            let worst = worst.entry(name.clone()).or_default();
            *worst = worst.max(far);
        }
    }
    println!("largest differences after normalisation: {worst:#?}");
}

/// The built-in loss on the graph, as a binder would have it.
fn cross_entropy(truth: usize) -> Objective<'static> {
    Objective::custom("cross_entropy", move |output, images| {
        let one_hot = [0, 1, 2].map(|class| f32::from(u8::from(class == truth)));
        let rows = vec![one_hot.to_vec(); images.len()];
        let compute = || {
            let truth = Tensor::new(rows, output.logits.device())?;
            let probabilities = candle_nn::ops::softmax(&output.logits, 1)?;
            leap_binder::binder::losses::categorical_crossentropy(&truth, &probabilities)
        };
        Ok(compute().unwrap())
    })
}

#[test]
fn the_default_split_point_is_the_last() {
    let golden = &fixture().images[0];
    let map = one(&*SHIPPED, &golden.xs(), &Objective::predicted(), &Method::grad_cam());
    assert_eq!(map.split.as_deref(), Some("features.norm5"));
    assert_eq!(map.target, SHIPPED.classes()[golden.predicted]);
    assert_eq!((map.method.as_str(), map.width, map.height), ("grad_cam", 7, 7));
}

#[test]
fn integrated_gradients_are_captums() {
    let (fixture, mut worst) = (fixture(), 0f32);
    // The way back to the pixels is long: every fourth image, to save time.
    for golden in fixture.images.iter().step_by(4) {
        let method = Method::IntegratedGradients { steps: fixture.steps, baseline: Baseline::Black };
        let map = one(&*SHIPPED, &golden.xs(), &Objective::predicted(), &method);
        let expected = &golden.integrated_gradients;
        let far = far(&thinned(&map), &expected.values, expected.largest);
        assert!(far < TOLERANCE, "{}: {far}", golden.name());
        assert!((largest(&map.values) / expected.largest - 1.0).abs() < TOLERANCE);
        let gained = f64::from(golden.logits[golden.predicted]) - golden.black[golden.predicted];
        let error = expected.sum - gained;
        assert!((map.completeness_error.unwrap() - error).abs() < 1e-3 * gained.abs().max(1.0), "{error}");
        worst = worst.max(far);
    }
    println!("largest difference of integrated gradients after normalisation: {worst:e}");
}

#[test]
fn occlusion_is_captums() {
    let (fixture, mut worst) = (fixture(), 0f32);
    for golden in &fixture.images {
        let method = Method::Occlusion { window: fixture.window, stride: fixture.stride, fill: Baseline::Black };
        let map = one(&*SHIPPED, &golden.xs(), &Objective::class(golden.predicted), &method);
        let expected = &golden.occlusion;
        let far = far(&thinned(&map), &expected.values, expected.largest);
        assert!(far < TOLERANCE, "{}: {far}", golden.name());
        worst = worst.max(far);
    }
    println!("largest difference of occlusion after normalisation: {worst:e}");
}
