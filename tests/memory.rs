//! What building and training a network takes, counted by an allocator.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "checkpoint/alloc.rs"]
mod alloc;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use leap_binder::model::{Architecture, Card, DenseNet, DenseNetConfig, Mode, Network, Weights, save};

use alloc::{Usage, measure};

/// Runs `work` on one thread, on which all its allocations are counted.
fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> (T, Usage) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| measure(work))
}

#[test]
fn a_network_takes_the_size_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("densenet121.safetensors");
    let card = Card::new(Architecture::DenseNet121, ["a", "b"]);
    let (_, variables) = Weights::random(card.clone(), 0).unwrap().trainable(&Device::Cpu).unwrap();
    for (dtype, most) in [(DType::F32, 1.3), (DType::F16, 2.3)] {
        save(&path, &variables, &card, dtype).unwrap();
        let size = std::fs::metadata(&path).unwrap().len() as f64;
        let open = || Weights::open(&path).unwrap().network(&Device::Cpu, DType::F32).unwrap();
        let (network, usage) = alone(open);
        let times = usage.peak as f64 / size;
        println!("{} from {dtype:?}: {times:.2} times the file", network.name());
        assert!((0.9..most).contains(&times), "{dtype:?}: {times}");
    }
}

/// One step's pass and gradients.
fn training(memory_efficient: bool) -> (f32, f64) {
    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let config = DenseNetConfig { memory_efficient, ..DenseNetConfig::densenet121() };
    let network = DenseNet::new(&config, 2, vb).unwrap();
    for (name, var) in map.data().lock().unwrap().iter() {
        let values = (0..var.elem_count()).map(|i| 0.05 * (0.7 * i as f32 + name.len() as f32).sin());
        let offset = if name.contains("norm") && !name.ends_with("bias") { 1.0 } else { 0.0 };
        let values = values.map(|value| value + offset).collect::<Vec<_>>();
        var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
    let values = (0..4 * 3 * 160 * 160).map(|i| (0.37 * i as f32).sin()).collect::<Vec<_>>();
    let xs = Tensor::from_vec(values, (4, 3, 160, 160), &Device::Cpu).unwrap();
    let (loss, usage) = alone(|| {
        let loss = network.forward_t(&xs, Mode::Train { seed: 0 }).unwrap().logits.sqr().unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        let learned = map.data().lock().unwrap();
        assert!(learned.iter().all(|(name, var)| name.contains("running_") || gradients.get(var).is_some()));
        loss.to_scalar::<f32>().unwrap()
    });
    (loss, usage.peak as f64 / f64::from(1 << 20))
}

#[test]
fn memory_efficient_training_takes_less_and_says_the_same() {
    let (plain, frugal) = (training(false), training(true));
    println!("DenseNet-121, 4 images of 160 x 160: {:.0} MiB, memory-efficient {:.0} MiB", plain.1, frugal.1);
    assert_eq!(plain.0, frugal.0);
    assert!(frugal.1 < 0.8 * plain.1, "{plain:?} {frugal:?}");
}
