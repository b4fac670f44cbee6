//! The GPU against the CPU. Without a GPU these tests say so and pass. `--nocapture` shows the differences.

use candle_core::{DType, Device, Tensor};
use leap_binder::model::{Mode, device};

use super::formula::{batch, var_builder, var_builder_on};
use super::golden::{build, flat, loss};

const CLASSES: usize = 3;

pub(super) fn gpu() -> Option<Device> {
    device("cuda").inspect_err(|error| eprintln!("SKIPPED, nothing was compared: {error}")).ok()
}

/// The largest difference, by the largest expected value.
pub(super) fn far(found: &Tensor, expected: &Tensor) -> f32 {
    let (found, expected) = (flat(&found.to_device(&Device::Cpu).unwrap()), flat(expected));
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
}

#[test]
fn evaluation_agrees_in_every_type() {
    let Some(gpu) = gpu() else { return };
    let mut names = vec!["densenet201", "yolov8s-cls", "small_cnn"];
    if cfg!(feature = "zoo") {
        names.extend(["resnet50", "convnext_tiny", "vit_base_patch16_224"]);
    }
    for name in names {
        let xs = batch(2, 3, 224, 224);
        let expected = build(name, 3, CLASSES, var_builder(DType::F32)).forward_t(&xs, Mode::Eval).unwrap();
        for (dtype, tolerance) in [(DType::F32, 2e-3), (DType::F16, 3e-2), (DType::BF16, 1e-1)] {
            let network = build(name, 3, CLASSES, var_builder_on(dtype, &gpu));
            let xs = xs.to_device(&gpu).unwrap().to_dtype(dtype).unwrap();
            let found = network.forward_t(&xs, Mode::Eval).unwrap();
            let (logits, latent) = (far(&found.logits, &expected.logits), far(&found.latent, &expected.latent));
            eprintln!("{name} {dtype:?}: logits {logits:.1e}, latent {latent:.1e}");
            assert!(logits.max(latent) <= tolerance, "{name} {dtype:?}: logits {logits:e}, latent {latent:e}");
        }
    }
}

/// Logits of a training pass, and its gradients, with blocks computed again and without.
#[test]
fn training_agrees() {
    let Some(gpu) = gpu() else { return };
    let pass = |device: &Device, memory_efficient| {
        let map = candle_nn::VarMap::new();
        let vb = candle_nn::VarBuilder::from_varmap(&map, DType::F32, device);
        let network = super::densenet::configured("tiny", 0.0, memory_efficient, vb);
        for (name, var) in map.data().lock().unwrap().iter() {
            var.set(&super::formula::tensor(name, var.dims()).to_device(device).unwrap()).unwrap();
        }
        let xs = batch(4, 3, 48, 40).to_device(device).unwrap();
        let logits = network.forward_t(&xs, Mode::Train { seed: 1 }).unwrap().logits;
        let gradients = loss(&logits).backward().unwrap();
        let data = map.data().lock().unwrap();
        let gradient = gradients.get(&data["features.denseblock2.denselayer1.conv1.weight"]).unwrap().clone();
        (logits, gradient, data["features.norm5.running_var"].as_tensor().clone())
    };
    let expected = pass(&Device::Cpu, false);
    for memory_efficient in [false, true] {
        let found = pass(&gpu, memory_efficient);
        let differences = [far(&found.0, &expected.0), far(&found.1, &expected.1), far(&found.2, &expected.2)];
        eprintln!("training, blocks computed again {memory_efficient}: {differences:.1?}");
        // Products may be taken in TF32, and a ReLU at its kink may fall to the other side.
        assert!(differences.iter().all(|&difference| difference <= 5e-2), "{differences:?}");
    }
}
