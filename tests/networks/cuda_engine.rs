//! The CUDA engine against the plain network. Without a GPU these tests say so and pass. `--nocapture` shows the differences.

use candle_core::{DType, Device, Tensor, Var};
use leap_binder::Error;
use leap_binder::model::{
    Architecture, Card, CudaDenseNet, CudaOptions, DenseNet, DenseNetConfig, Mode, Network, PinnedUploads, Weights,
};

use super::cuda::{far, gpu};
use super::formula::{batch, draws, var_builder, var_builder_on};
use super::golden::flat;

const CLASSES: usize = 3;

fn tiny() -> DenseNetConfig {
    DenseNetConfig {
        growth_rate: 8,
        init_features: 16,
        block_layers: vec![2, 3, 1, 2],
        ..DenseNetConfig::densenet121()
    }
}

fn plain(config: &DenseNetConfig) -> DenseNet {
    DenseNet::new(config, CLASSES, var_builder(DType::F32)).unwrap()
}

fn engine(config: &DenseNetConfig, dtype: DType, device: &Device) -> CudaDenseNet {
    CudaDenseNet::from_tensors(config, CLASSES, var_builder_on(dtype, device), CudaOptions::default()).unwrap()
}

fn on_host(xs: &Tensor) -> Vec<f32> {
    flat(&xs.to_device(&Device::Cpu).unwrap().to_dtype(DType::F32).unwrap())
}

/// Odd sizes and every type, queued step by step, while it is recorded, and replayed.
#[test]
fn passes_agree_in_every_type() {
    let Some(gpu) = gpu() else { return };
    for config in
        [tiny(), DenseNetConfig { channels: 1, ..tiny() }, DenseNetConfig::densenet121(), DenseNetConfig::densenet201()]
    {
        for [n, h, w] in [[1, 32, 32], [3, 65, 47], [2, 224, 224], [1, 131, 320]] {
            let xs = batch(n, config.channels, h, w);
            let expected = plain(&config).forward_t(&xs, Mode::Eval).unwrap();
            for (dtype, tolerance) in [(DType::F32, 1e-4), (DType::F16, 2e-2), (DType::BF16, 1e-1)] {
                let network = engine(&config, dtype, &gpu);
                let xs = xs.to_device(&gpu).unwrap().to_dtype(dtype).unwrap();
                let passes: Vec<_> = (0..4).map(|_| network.forward_t(&xs, Mode::Eval).unwrap()).collect();
                let (logits, latent) =
                    (far(&passes[0].logits, &expected.logits), far(&passes[0].latent, &expected.latent));
                let replays = network.replays(n, h, w);
                eprintln!(
                    "{} {n}x{h}x{w} {dtype:?}: logits {logits:.1e}, latent {latent:.1e}, replays {replays:?}",
                    network.name()
                );
                assert!(logits.max(latent) <= tolerance, "{logits:e} {latent:e}");
                assert!(replays.is_some());
                for pass in &passes[1..] {
                    assert_eq!(on_host(&pass.logits), on_host(&passes[0].logits));
                    assert_eq!(on_host(&pass.latent), on_host(&passes[0].latent));
                }
            }
        }
    }
}

/// Every split point has the plain network's values, and the pass goes on from each.
#[test]
fn cuts_agree() {
    let Some(gpu) = gpu() else { return };
    for config in [tiny(), DenseNetConfig::densenet121()] {
        let (plain, network) = (plain(&config), engine(&config, DType::F32, &gpu));
        assert_eq!(plain.split_points(), network.split_points());
        let xs = batch(2, 3, 97, 64);
        let there = xs.to_device(&gpu).unwrap();
        let whole = plain.forward_t(&xs, Mode::Eval).unwrap();
        for split in plain.split_points() {
            let (expected, found) = (plain.forward_to(split, &xs).unwrap(), network.forward_to(split, &there).unwrap());
            assert_eq!(expected.dims(), found.dims());
            let rest = network.forward_from(split, &found).unwrap();
            let differences =
                [far(&found, &expected), far(&rest.logits, &whole.logits), far(&rest.latent, &whole.latent)];
            eprintln!("{} {split}: {differences:.1?}", network.name());
            assert!(differences.iter().all(|&difference| difference <= 1e-4), "{split}: {differences:?}");
        }
    }
}

/// Sizes that take turns, more of them than stay prepared.
#[test]
fn sizes_take_turns() {
    let Some(gpu) = gpu() else { return };
    let (plain, network) = (plain(&tiny()), engine(&tiny(), DType::F32, &gpu));
    for _ in 0..3 {
        for [n, h, w] in [[1, 32, 32], [2, 33, 47], [5, 64, 64], [1, 100, 40], [3, 32, 48], [7, 40, 40]] {
            let xs = batch(n, 3, h, w);
            let expected = plain.forward_t(&xs, Mode::Eval).unwrap();
            let found = network.forward_t(&xs.to_device(&gpu).unwrap(), Mode::Eval).unwrap();
            assert!(far(&found.logits, &expected.logits) <= 1e-4, "{n} {h} {w}");
        }
    }
}

/// Threads share the engine, and each gets what belongs to its own images.
#[test]
fn threads_do_not_mix() {
    let Some(gpu) = gpu() else { return };
    let (plain, network) = (plain(&tiny()), engine(&tiny(), DType::F32, &gpu));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (plain, network, gpu) = (&plain, &network, &gpu);
            scope.spawn(move || {
                for turn in 0..8 {
                    let values = draws(&format!("{thread} {turn}"), 2 * 3 * 48 * 40, -1.0, 1.0);
                    let xs = Tensor::from_vec(values, (2, 3, 48, 40), &Device::Cpu).unwrap();
                    let expected = plain.forward_t(&xs, Mode::Eval).unwrap();
                    let found = network.forward_t(&xs.to_device(gpu).unwrap(), Mode::Eval).unwrap();
                    assert!(far(&found.logits, &expected.logits) <= 1e-4, "{thread} {turn}");
                }
            });
        }
    });
}

#[test]
fn what_the_engine_does_not_do_is_refused() {
    let on_cpu = CudaDenseNet::from_tensors(&tiny(), CLASSES, var_builder(DType::F32), CudaOptions::default());
    assert!(matches!(on_cpu, Err(Error::Device { .. })), "{on_cpu:?}");
    assert!(matches!(PinnedUploads::new(&Device::Cpu, 1), Err(Error::Device { .. })));
    let Some(gpu) = gpu() else { return };
    let network = engine(&tiny(), DType::F32, &gpu);
    let xs = batch(1, 3, 32, 32).to_device(&gpu).unwrap();
    assert!(matches!(network.forward_t(&xs, Mode::Train { seed: 1 }), Err(Error::Argument { .. })));
    let variable = Var::from_tensor(&xs).unwrap();
    assert!(matches!(network.forward_t(&variable, Mode::Eval), Err(Error::Argument { .. })));
    assert!(network.forward_t(&batch(1, 3, 32, 32), Mode::Eval).is_err());
    assert!(network.forward_from("features.pool0", &xs).is_err());
}

/// Built from weights, the plain network is there for what needs it.
#[test]
fn gradients_come_from_the_plain_network() {
    let Some(gpu) = gpu() else { return };
    let card = Card::new(Architecture::DenseNet121, ["a", "b", "c"]);
    let weights = Weights::random(card, 7).unwrap();
    let network = CudaDenseNet::new(&weights, &gpu, DType::F32, CudaOptions::default()).unwrap();
    let split = "features.denseblock4";
    let features = network.forward_to(split, &batch(1, 3, 64, 64).to_device(&gpu).unwrap()).unwrap();
    let variable = Var::from_tensor(&features).unwrap();
    let logits = network.forward_from(split, &variable).unwrap().logits;
    let gradients = logits.sum_all().unwrap().backward().unwrap();
    assert!(on_host(gradients.get(&variable).unwrap()).iter().any(|&x| x != 0.0));
    assert!(
        far(&logits, &network.forward_from(split, &features).unwrap().logits.to_device(&Device::Cpu).unwrap()) <= 2e-3
    );
}

/// Uploads in a row, of different sizes, while earlier ones are still on their way.
#[test]
fn uploads_keep_every_value() {
    let Some(gpu) = gpu() else { return };
    let mut uploads = PinnedUploads::new(&gpu, 1 << 20).unwrap();
    let sizes = [1 << 20, 7, 4096, 1 << 20, 1, 99_999];
    let values: Vec<_> = sizes.iter().map(|&size| draws(&format!("upload {size}"), size, -1.0, 1.0)).collect();
    let tensors: Vec<_> = values.iter().map(|values| uploads.upload(values, values.len()).unwrap()).collect();
    for (tensor, values) in tensors.iter().zip(&values) {
        assert!(on_host(tensor) == *values);
    }
    assert!(matches!(uploads.upload(&values[0], 5), Err(Error::Argument { .. })));
    assert!(matches!(uploads.upload(&vec![0.0; (1 << 20) + 1], (1 << 20) + 1), Err(Error::Argument { .. })));
    assert!(matches!(uploads.upload(&[], 0), Err(Error::Argument { .. })));
}
