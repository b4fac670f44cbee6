//! A network twice: plain and fused, of the same weights.

use std::sync::LazyLock;

use candle_core::{DType, Device, Tensor};
use leap_binder::imaging::{Colours, ImageSpec};
use leap_binder::model::{
    Architecture, Card, Checkpoint, Engine, FusedDenseNet, Level, Mode, Network, Output, Precision, Weights,
};
use safetensors::tensor::{Dtype, TensorView};

use super::formula;

/// What the engine promises, of the largest value.
pub(crate) const AGREEMENT: f64 = 1e-4;

pub(crate) const CPU: Device = Device::Cpu;

/// Weights for a network of `channels` and `classes` that usually sees images of `side`. Everything is drawn, running statistics too.
pub(crate) fn weights(name: &str, channels: usize, classes: usize, side: usize) -> Weights {
    let architecture = Architecture::by_name(name).unwrap();
    let colours = if channels == 1 { Colours::Grey } else { Colours::Rgb };
    let input = ImageSpec { width: side, height: side, colours, ..architecture.input() };
    let card = Card::new(architecture, (0..classes).map(|class| format!("class {class}"))).with_input(input);
    let tensors: Vec<_> = architecture
        .tensors(channels, classes)
        .unwrap()
        .into_iter()
        .map(|(name, shape)| {
            let values: Vec<f32> = formula::tensor(&name, shape.dims()).flatten_all().unwrap().to_vec1().unwrap();
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name, shape.dims().to_vec(), bytes)
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    let bytes = safetensors::serialize(views, None).unwrap();
    Weights::new(Checkpoint::from_bytes(bytes, "drawn.safetensors").unwrap(), card).unwrap()
}

pub(crate) struct Pair {
    pub(crate) weights: Weights,
    pub(crate) plain: Box<dyn Network>,
    pub(crate) fused: Box<dyn Network>,
}

impl Pair {
    pub(crate) fn of(weights: Weights) -> Self {
        let network = |engine: Engine| engine.network(&weights, &CPU, DType::F32).unwrap();
        Self { plain: network(Engine::Plain), fused: network(Engine::Fused), weights }
    }

    pub(crate) fn level(&self, level: Level) -> FusedDenseNet {
        FusedDenseNet::for_level(&self.weights, Precision::F32, level).unwrap()
    }
}

/// DenseNet121 for three channels and classes, made once.
pub(crate) static SMALL: LazyLock<Pair> = LazyLock::new(|| Pair::of(weights("densenet121", 3, 3, 224)));

pub(crate) fn flat(xs: &Tensor) -> Vec<f32> {
    xs.flatten_all().unwrap().to_vec1().unwrap()
}

pub(crate) fn forward(network: &dyn Network, xs: &Tensor) -> Output {
    network.forward_t(xs, Mode::Eval).unwrap()
}

/// Logits and latents.
pub(crate) fn bits(output: &Output) -> Vec<u32> {
    [flat(&output.logits), flat(&output.latent)].concat().iter().map(|value| value.to_bits()).collect()
}

/// The largest distance as a share of the largest value; all are finite and the shapes are the same.
pub(crate) fn distance(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (flat(found), flat(expected));
    assert!(found.iter().chain(&expected).all(|value| value.is_finite()));
    let largest = expected.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
    let apart = found.iter().zip(&expected).fold(0.0, |apart: f32, (a, b)| apart.max((a - b).abs()));
    f64::from(apart) / f64::from(largest)
}

/// Distances of logits and latents.
pub(crate) fn distances(found: &Output, expected: &Output) -> [f64; 2] {
    [distance(&found.logits, &expected.logits), distance(&found.latent, &expected.latent)]
}
