//! Numbers that a `make_*.py` beside the fixture took from an original, and how a network is held against them.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use leap_binder::model::{Architecture, Mode, Network};
use serde::Deserialize;

use super::formula;

#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) cases: Vec<Case>,
    pub(crate) states: Vec<State>,
    pub(crate) training: Training,
    #[serde(default)]
    pub(crate) gradients: Vec<Gradients>,
}

/// A pass in evaluation mode over the formula's batch.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) network: String,
    pub(crate) shape: [usize; 4],
    pub(crate) logits: Vec<Vec<f32>>,
    pub(crate) latents: Vec<HeadAndNorm>,
    pub(crate) strongest: Option<Vec<Strongest>>,
}

#[derive(Deserialize)]
pub(crate) struct Strongest {
    pub(crate) xyxy: Vec<f32>,
    pub(crate) class: usize,
    pub(crate) confidence: f32,
}

/// What a state dict holds: names and shapes as a hash.
#[derive(Deserialize)]
pub(crate) struct State {
    pub(crate) network: String,
    pub(crate) tensors: usize,
    pub(crate) hash: String,
    pub(crate) classes: usize,
    pub(crate) parameters: usize,
}

/// Steps of plain gradient descent, the batches being the formula's `input0`, `input1` and so on and the seeds 0, 1 ...
#[derive(Deserialize)]
pub(crate) struct Training {
    pub(crate) network: String,
    pub(crate) shape: [usize; 4],
    pub(crate) rate: f64,
    pub(crate) logits: Vec<Vec<Vec<f32>>>,
    /// Of the first step.
    pub(crate) gradients: BTreeMap<String, HeadAndNorm>,
    pub(crate) statistics: BTreeMap<String, HeadAndNorm>,
}

/// Of [`loss`] over a batch of the formula.
#[derive(Deserialize)]
pub(crate) struct Gradients {
    pub(crate) network: String,
    pub(crate) shape: [usize; 4],
    pub(crate) train: bool,
    /// The batch's name.
    pub(crate) input: String,
    pub(crate) gradients: BTreeMap<String, HeadAndNorm>,
}

/// The first values of a tensor, and the root of the sum of all squares.
#[derive(Deserialize)]
pub(crate) struct HeadAndNorm {
    head: Vec<f32>,
    norm: f64,
}

pub(crate) fn read(file: &str) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/model").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn build(network: &str, channels: usize, classes: usize, vb: VarBuilder) -> Box<dyn Network> {
    Architecture::by_name(network).unwrap().build(channels, classes, vb).unwrap()
}

pub(crate) fn flat(xs: &Tensor) -> Vec<f32> {
    xs.flatten_all().unwrap().to_dtype(DType::F32).unwrap().to_vec1().unwrap()
}

fn norm(xs: &[f32]) -> f64 {
    xs.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

/// Within `tolerance` of the largest expected value, or of a typical one if that is larger.
pub(crate) fn assert_close(found: &[f32], expected: &[f32], typical: f64, tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(typical, |scale, &x| scale.max(f64::from(x.abs())));
    for (found, expected) in found.iter().zip(expected) {
        let far = f64::from((found - expected).abs());
        assert!(far <= tolerance * scale, "{what}: {found} instead of {expected}, {:.1e} of {scale}", far / scale);
    }
}

impl HeadAndNorm {
    pub(crate) fn assert_close(&self, found: &Tensor, tolerance: f64, what: &str) {
        let found = flat(found);
        let far = (norm(&found) / self.norm - 1.0).abs();
        assert!(far <= tolerance, "{what}: norm {} instead of {}", norm(&found), self.norm);
        let typical = self.norm / (found.len() as f64).sqrt();
        let head = &found[..found.len().min(self.head.len())];
        assert_close(head, &self.head, typical, tolerance, what);
    }
}

impl Case {
    pub(crate) fn input(&self) -> Tensor {
        let [n, channels, height, width] = self.shape;
        formula::batch(n, channels, height, width)
    }

    pub(crate) fn check(&self, tolerance: f64) {
        let what = format!("{} {:?}", self.network, self.shape);
        let network = build(&self.network, self.shape[1], self.logits[0].len(), formula::var_builder(DType::F32));
        let output = network.forward_t(&self.input(), Mode::Eval).unwrap();
        assert_eq!(output.latent.dims(), [self.shape[0], network.latent_dim()], "{what}");
        assert_close(&flat(&output.logits), &self.logits.concat(), 0.0, tolerance, &what);
        for (i, latent) in self.latents.iter().enumerate() {
            latent.assert_close(&output.latent.get(i).unwrap(), tolerance, &what);
        }
    }
}

impl State {
    /// The network asks for the state dict's tensors, all of them and no others, and learns as many numbers.
    pub(crate) fn check(&self) {
        let architecture = Architecture::by_name(&self.network).unwrap();
        let channels = if self.network == "small_cnn" { 1 } else { 3 };
        let tensors = architecture.tensors(channels, 3).unwrap();
        assert_eq!(tensors.len(), self.tensors, "{}", self.network);
        let mut lines: Vec<_> = tensors.iter().map(|(name, shape)| format!("{name} {:?}", shape.dims())).collect();
        lines.sort();
        let hash = lines
            .join("\n")
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        assert_eq!(format!("{hash:016x}"), self.hash, "{}: {lines:#?}", self.network);
        assert_eq!(architecture.parameters(channels, self.classes).unwrap(), self.parameters, "{}", self.network);
    }
}

/// The sum of the logits, each times a draw of the formula.
pub(crate) fn loss(logits: &Tensor) -> Tensor {
    let weights = formula::draws("loss", logits.elem_count(), -1.0, 1.0);
    let weights = Tensor::from_vec(weights, logits.shape(), logits.device()).unwrap();
    (logits * weights).unwrap().sum_all().unwrap()
}

pub(crate) fn input(name: &str, shape: [usize; 4]) -> Var {
    let values = formula::draws(name, shape.iter().product(), -1.0, 1.0);
    Var::from_tensor(&Tensor::from_vec(values, &shape, &Device::Cpu).unwrap()).unwrap()
}

/// Gradients of the variables and of the input against the original's.
pub(crate) fn check_gradients(
    expected: &BTreeMap<String, HeadAndNorm>,
    found: &candle_core::backprop::GradStore,
    xs: &Var,
    map: &VarMap,
    tolerance: f64,
) {
    let data = map.data().lock().unwrap();
    for (name, expected) in expected {
        let var = if name == "input" { xs } else { &data[name] };
        expected.assert_close(found.get(var).unwrap(), tolerance, &format!("gradient of {name}"));
    }
}

impl Gradients {
    /// `build` makes the network.
    pub(crate) fn check(&self, build: impl FnOnce(VarBuilder) -> Box<dyn Network>, tolerance: f64) {
        let (map, network) = formula::variables(build);
        let xs = input(&self.input, self.shape);
        let mode = if self.train { Mode::Train { seed: 0 } } else { Mode::Eval };
        let gradients = loss(&network.forward_t(&xs, mode).unwrap().logits).backward().unwrap();
        check_gradients(&self.gradients, &gradients, &xs, &map, tolerance);
    }
}

impl Training {
    /// `build` makes the network.
    pub(crate) fn check(&self, build: impl FnOnce(VarBuilder) -> Box<dyn Network>, tolerance: f64) {
        let (map, network) = formula::variables(build);
        for (step, logits) in self.logits.iter().enumerate() {
            let xs = input(&format!("input{step}"), self.shape);
            let output = network.forward_t(&xs, Mode::Train { seed: step as u64 }).unwrap();
            assert_close(&flat(&output.logits), &logits.concat(), 0.0, tolerance, &format!("step {step}"));
            let gradients = loss(&output.logits).backward().unwrap();
            if step == 0 {
                check_gradients(&self.gradients, &gradients, &xs, &map, tolerance);
            }
            for (name, var) in map.data().lock().unwrap().iter() {
                if !name.contains("running_") {
                    let step = (gradients.get(var).unwrap() * self.rate).unwrap();
                    var.set(&(var.as_tensor() - step).unwrap().detach()).unwrap();
                }
            }
        }
        let data = map.data().lock().unwrap();
        for (name, expected) in &self.statistics {
            expected.assert_close(&data[name], tolerance, name);
        }
    }
}

/// The promises that hold for every network: rows do not depend on each other, and a pass may be cut at every stage.
pub(crate) fn check_promises(network: &dyn Network, xs: &Tensor) {
    let whole = network.forward_t(xs, Mode::Eval).unwrap();
    for i in 0..xs.dim(0).unwrap() {
        let one = network.forward_t(&xs.narrow(0, i, 1).unwrap(), Mode::Eval).unwrap();
        assert_eq!(flat(&one.logits), flat(&whole.logits.get(i).unwrap()), "{} row {i}", network.name());
        assert_eq!(flat(&one.latent), flat(&whole.latent.get(i).unwrap()), "{} row {i}", network.name());
    }
    for split in network.split_points() {
        let features = network.forward_to(split, xs).unwrap();
        let rest = network.forward_from(split, &features).unwrap();
        assert_eq!(flat(&rest.logits), flat(&whole.logits), "{} cut at {split}", network.name());
        assert_eq!(flat(&rest.latent), flat(&whole.latent), "{} cut at {split}", network.name());
    }
}
