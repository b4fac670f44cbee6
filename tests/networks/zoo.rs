//! The zoo against timm: tests/fixtures/model/zoo.json.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use leap_binder::Error;
use leap_binder::imaging::{Normalisation, Resampling};
use leap_binder::model::{Architecture, Card, Checkpoint, Mode, Network, Output, Weights, Zoo};
use serde::Deserialize;

use super::formula;

const CLASSES: usize = 5;
/// Of values: at most 2.2e-5 was measured.
const CLOSE: f64 = 1e-4;
/// Of gradients, which cancel more: at most 2e-4 was measured.
const CLOSE_GRADIENTS: f64 = 1e-3;

#[derive(Deserialize)]
struct Golden {
    seed: u64,
    networks: BTreeMap<String, GoldenNetwork>,
}

#[derive(Deserialize)]
struct GoldenNetwork {
    passes: Vec<Pass>,
    eval: Option<Graded>,
    train: Option<Graded>,
    facts: Facts,
}

#[derive(Deserialize)]
struct Pass {
    size: [usize; 4],
    logits: Vec<f32>,
    latent: Summary,
}

#[derive(Deserialize)]
struct Graded {
    #[serde(flatten)]
    pass: Pass,
    input: Summary,
    parameters: BTreeMap<String, Summary>,
    #[serde(default)]
    statistics: BTreeMap<String, Summary>,
}

#[derive(Deserialize)]
struct Summary {
    first: Vec<f32>,
    norm: f64,
}

#[derive(Deserialize)]
struct Facts {
    parameters: usize,
    side: usize,
    mean: [f32; 3],
    std: [f32; 3],
    interpolation: String,
    head: String,
}

static GOLDEN: LazyLock<Golden> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/model/zoo.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
});

fn values(xs: &Tensor) -> Vec<f32> {
    xs.flatten_all().unwrap().to_vec1().unwrap()
}

/// The greatest distance, by the greatest expected value.
fn far(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let greatest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let distances = found.iter().zip(expected).map(|(a, b)| f64::from(a - b).abs());
    assert!(found.iter().all(|value| value.is_finite()));
    greatest(&mut distances.into_iter()) / greatest(&mut expected.iter().map(|&value| f64::from(value).abs()))
}

impl Summary {
    fn assert_close(&self, found: &Tensor, tolerance: f64, what: &str) {
        let found = values(found);
        let norm = found.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        let far = far(&found[..self.first.len()], &self.first).max((norm / self.norm - 1.0).abs());
        assert!(far < tolerance, "{what}: {far:e}");
    }
}

impl Pass {
    fn assert_close(&self, found: &Output, tolerance: f64, what: &str) {
        let far = far(&values(&found.logits), &self.logits);
        assert!(far < tolerance, "{what}: logits {far:e}");
        self.latent.assert_close(&found.latent, tolerance, &format!("{what}, latent"));
    }
}

fn batch([n, channels, h, w]: [usize; 4]) -> Tensor {
    formula::batch(n, channels, h, w)
}

fn build(name: &str, channels: usize, vb: VarBuilder) -> Box<dyn Network> {
    Architecture::by_name(name).unwrap().build(channels, CLASSES, vb).unwrap()
}

/// Hands out variables with the formula's values, and keeps them.
#[derive(Default)]
struct Variables {
    kept: Mutex<BTreeMap<String, Var>>,
    /// Names with this ending are scaled by a quarter.
    damped: Option<&'static str>,
}

impl Variables {
    fn get(&self, name: &str) -> Var {
        self.kept.lock().unwrap()[name].clone()
    }
}

impl SimpleBackend for &Variables {
    fn get(&self, shape: Shape, name: &str, _: Init, _: DType, _: &Device) -> Result<Tensor> {
        let damped = self.damped.is_some_and(|ending| name.ends_with(ending));
        let tensor = formula::tensor(name, shape.dims());
        let var = Var::from_tensor(&if damped { (tensor * 0.25)? } else { tensor })?;
        self.kept.lock().unwrap().insert(name.to_owned(), var.clone());
        Ok(var.as_tensor().clone())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() })
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

fn backward(logits: &Tensor) -> GradStore {
    let draws = formula::draws("loss", logits.elem_count(), -1.0, 1.0);
    let draws = Tensor::from_vec(draws, logits.shape(), &Device::Cpu).unwrap();
    (logits * draws).unwrap().sum_all().unwrap().backward().unwrap()
}

fn check_graded(name: &str, network: &dyn Network, variables: &Variables, golden: &Graded, mode: Mode) {
    let what = format!("{name} {mode:?}");
    let xs = Var::from_tensor(&batch(golden.pass.size)).unwrap();
    let output = network.forward_t(&xs, mode).unwrap();
    golden.pass.assert_close(&output, CLOSE, &what);
    for (statistic, expected) in &golden.statistics {
        expected.assert_close(&variables.get(statistic), CLOSE, &format!("{what}, {statistic}"));
    }
    let gradients = backward(&output.logits);
    golden.input.assert_close(gradients.get(&xs).unwrap(), CLOSE_GRADIENTS, &format!("{what}, input"));
    for (parameter, expected) in &golden.parameters {
        let found = gradients.get(&variables.get(parameter)).unwrap().clone();
        expected.assert_close(&found, CLOSE_GRADIENTS, &format!("{what}, {parameter}"));
    }
}

/// Logits and latents in evaluation mode, and where the fixture has them gradients in both modes.
fn check(names: &[&str]) {
    for name in names {
        let golden = &GOLDEN.networks[*name];
        let damped = (*name == "efficientnet_b4").then_some(".bn3.weight");
        let variables = Variables { damped, ..Default::default() };
        let vb = VarBuilder::from_backend(Box::new(&variables), DType::F32, Device::Cpu);
        let network = build(name, 3, vb);
        for pass in &golden.passes {
            let grey = (pass.size[1] == 1).then(|| build(name, 1, formula::var_builder(DType::F32)));
            let network = grey.as_ref().unwrap_or(&network);
            let output = network.forward_t(&batch(pass.size), Mode::Eval).unwrap();
            assert_eq!(output.latent.dims(), [pass.size[0], network.latent_dim()]);
            pass.assert_close(&output, CLOSE, &format!("{name} {:?}", pass.size));
        }
        if let Some(golden) = &golden.eval {
            check_graded(name, &*network, &variables, golden, Mode::Eval);
        }
        if let Some(graded) = &golden.train {
            check_graded(name, &*network, &variables, graded, Mode::Train { seed: GOLDEN.seed });
        }
    }
}

#[test]
fn resnets_agree_with_timm() {
    check(&["resnet18", "resnet34", "resnet50", "resnet101"]);
}

#[test]
fn vgg_agrees_with_timm() {
    check(&["vgg16"]);
}

#[test]
fn efficientnets_agree_with_timm() {
    check(&["efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4"]);
}

#[test]
fn mobilenets_agree_with_timm() {
    check(&["mobilenetv4_conv_small", "mobilenetv4_conv_medium", "mobilenetv4_conv_large"]);
}

#[test]
fn convnext_agrees_with_timm() {
    check(&["convnext_tiny"]);
}

#[test]
fn vit_agrees_with_timm() {
    check(&["vit_base_patch16_224"]);
}

#[test]
fn every_network_of_the_zoo_has_timms_facts() {
    assert_eq!(Zoo::ALL.len(), GOLDEN.networks.len());
    for &zoo in Zoo::ALL {
        let architecture = Architecture::Zoo(zoo);
        let facts = &GOLDEN.networks[architecture.name()].facts;
        assert_eq!(Architecture::by_name(architecture.name()), Some(architecture));
        assert_eq!(architecture.parameters(3, 1000).unwrap(), facts.parameters, "{architecture}");
        assert_eq!(architecture.head(), format!("{}.", facts.head));
        let input = architecture.input();
        assert_eq!((input.width, input.height), (facts.side, facts.side), "{architecture}");
        let normalisation = Normalisation::MeanStd { mean: facts.mean, std: facts.std };
        assert_eq!(input.normalisation, normalisation, "{architecture}");
        let kernels = [("bicubic", Resampling::PilBicubic), ("bilinear", Resampling::PilBilinear)];
        assert!(kernels.contains(&(&facts.interpolation, input.resampling.unwrap())), "{architecture}");
    }
}

/// A light network of each family, and a size that it takes.
const LIGHT: [(&str, usize); 5] =
    [("resnet18", 48), ("efficientnet_b0", 40), ("mobilenetv4_conv_small", 56), ("convnext_tiny", 36), ("vgg16", 32)];

#[test]
fn a_pass_may_be_cut_at_every_stage_and_a_batch_changes_nothing() {
    for (name, side) in LIGHT {
        let network = build(name, 3, formula::var_builder(DType::F32));
        let xs = formula::batch(3, 3, side, side + 5);
        let whole = network.forward_t(&xs, Mode::Eval).unwrap();
        let logits = values(&whole.logits);
        for split in network.split_points() {
            let features = network.forward_to(split, &xs).unwrap();
            let rest = network.forward_from(split, &features).unwrap();
            assert_eq!(values(&rest.logits), logits, "{name} {split}");
        }
        let alone = network.forward_t(&xs.narrow(0, 1, 1).unwrap(), Mode::Eval).unwrap();
        assert!(far(&values(&alone.logits), &logits[CLASSES..2 * CLASSES]) < 1e-5, "{name}");
    }
}

#[test]
fn the_least_side_is_taken_and_others_are_refused() {
    for (name, _) in LIGHT {
        let network = build(name, 1, formula::var_builder(DType::F32));
        assert_eq!(*network.sides().start(), 32);
        let output = network.forward_t(&formula::batch(1, 1, 32, 32), Mode::Eval).unwrap();
        assert!(values(&output.logits).iter().all(|logit| logit.is_finite()));
        let small = network.forward_t(&formula::batch(1, 1, 31, 32), Mode::Eval);
        assert!(matches!(small, Err(Error::Argument { .. })), "{name}");
    }
    let vit = build("vit_base_patch16_224", 3, formula::var_builder(DType::F32));
    for side in [208, 240] {
        assert!(matches!(vit.forward_t(&formula::batch(1, 3, side, side), Mode::Eval), Err(Error::Argument { .. })));
    }
}

#[test]
fn training_drops_by_the_seed() {
    let network = build("efficientnet_b0", 3, formula::var_builder(DType::F32));
    let xs = formula::batch(2, 3, 32, 32);
    let logits = |seed| values(&network.forward_t(&xs, Mode::Train { seed }).unwrap().logits);
    let first = logits(1);
    assert_eq!(logits(1), first);
    assert_ne!(logits(2), first);
}

#[derive(Deserialize)]
struct Torchvision {
    networks: BTreeMap<String, TorchvisionNetwork>,
}

#[derive(Deserialize)]
struct TorchvisionNetwork {
    size: [usize; 4],
    logits: Vec<f32>,
    tensors: BTreeMap<String, Vec<usize>>,
}

/// A state dict under other names; each tensor may be taken once.
struct Renamed(Mutex<BTreeMap<String, Tensor>>);

impl SimpleBackend for &Renamed {
    fn get(&self, shape: Shape, name: &str, _: Init, _: DType, _: &Device) -> Result<Tensor> {
        let tensor = self.0.lock().unwrap().remove(name);
        tensor.ok_or_else(|| candle_core::Error::CannotFindTensor { path: name.to_owned() })?.reshape(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() })
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.lock().unwrap().contains_key(name)
    }
}

#[test]
fn torchvisions_state_dicts_load_under_their_names() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/model/zoo_torchvision.json");
    let golden: Torchvision = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(golden.networks.len(), 5);
    for (name, golden) in golden.networks {
        let zoo = Zoo::ALL.iter().copied().find(|&zoo| Architecture::Zoo(zoo).name() == name).unwrap();
        let ours = |theirs: &str| zoo.from_torchvision(theirs).unwrap_or_else(|| panic!("{name}: {theirs}"));
        let tensors = golden.tensors.iter().map(|(theirs, shape)| (ours(theirs), formula::tensor(theirs, shape)));
        let renamed = Renamed(Mutex::new(tensors.collect()));
        let vb = VarBuilder::from_backend(Box::new(&renamed), DType::F32, Device::Cpu);
        let network = build(&name, golden.size[1], vb);
        assert!(renamed.0.lock().unwrap().is_empty(), "{name}: unused tensors");
        let output = network.forward_t(&batch(golden.size), Mode::Eval).unwrap();
        let far = far(&values(&output.logits), &golden.logits);
        assert!(far < CLOSE, "{name}: {far:e}");
        assert_eq!(zoo.from_torchvision("unheard.of"), None);
    }
}

/// The same through a file, as a user has it: names and shapes are torchvision's.
#[test]
fn a_file_of_torchvisions_loads_as_weights() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/model/zoo_torchvision.json");
    let golden: Torchvision = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["efficientnet_b0", "convnext_tiny"] {
        let golden = &golden.networks[name];
        let file = folder.path().join(name);
        let tensors = golden.tensors.iter().map(|(theirs, shape)| (theirs.clone(), formula::tensor(theirs, shape)));
        candle_core::safetensors::save(&tensors.collect(), &file).unwrap();
        let card = Card::new(Architecture::by_name(name).unwrap(), ["a", "b", "c", "d", "e"]);
        let weights = Weights::new(Checkpoint::open(&file).unwrap(), card).unwrap();
        let network = weights.network(&Device::Cpu, DType::F32).unwrap();
        let output = network.forward_t(&batch(golden.size), Mode::Eval).unwrap();
        let far = far(&values(&output.logits), &golden.logits);
        assert!(far < CLOSE, "{name}: {far:e}");
    }
}
