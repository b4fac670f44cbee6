//! Folding and planning against the plain network: programs are run by the interpreter, no GPU is needed.

use candle_core::{DType, Device, Result as TensorResult, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use super::fold::Folded;
use super::plan::{Place, Plan, batch_for};
use crate::model::{DenseNet, DenseNetConfig, Mode, Network};
use crate::nn::cuda::{Images, Memory};
use crate::rng::SplitMix64;

const CLASSES: usize = 3;

/// Values drawn from each tensor's name.
struct Drawn;

impl SimpleBackend for Drawn {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> TensorResult<Tensor> {
        let spread =
            if shape.rank() > 1 { (3.0 / shape.dims()[1..].iter().product::<usize>() as f32).sqrt() } else { 0.4 };
        let middle = if name.ends_with("norm1.weight") || name.ends_with("running_var") { 1.0 } else { 0.1 };
        let mut rng = SplitMix64::named(0, name);
        let mut draw = || middle + spread * ((rng.next_u64() >> 40) as f32 / (1 << 23) as f32 - 1.0);
        let values = (0..shape.elem_count()).map(|_| draw()).collect::<Vec<_>>();
        Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> TensorResult<Tensor> {
        Err(candle_core::Error::CannotFindTensor { path: name.to_owned() })
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

fn drawn(dtype: DType) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Drawn), dtype, Device::Cpu)
}

fn config(growth_rate: usize, init_features: usize, channels: usize, block_layers: &[usize]) -> DenseNetConfig {
    let block_layers = block_layers.to_vec();
    DenseNetConfig { channels, growth_rate, init_features, block_layers, ..DenseNetConfig::densenet121() }
}

fn flat(xs: &Tensor) -> Vec<f32> {
    xs.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    for (place, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 1e-5 * largest, "{what}: {a} at {place}, expected {b} of at most {largest}");
    }
}

/// The plan's pass over `xs` from the stage `from` on: what leaves each stage, then latent and logits.
fn run(
    config: &DenseNetConfig,
    folded: &(Folded, Vec<u8>),
    xs: &Tensor,
    from: usize,
) -> (Vec<Vec<f32>>, [Vec<f32>; 2]) {
    let (n, _, h, w) = xs.dims4().unwrap();
    let batch = batch_for(from, Images { n, h, w });
    let plan = Plan::new(config, &folded.0, batch, 4).unwrap();
    let mut memory = Memory::new(&folded.1, &plan.program);
    let Place { rows, images, .. } = plan.places[from];
    assert_eq!((images.h, images.w, rows.columns), (h, w, xs.dim(1).unwrap()));
    memory.import(&flat(xs), rows, h * w, if from == 0 { rows.step } else { rows.columns });
    let mut outputs = Vec::new();
    let mut done = plan.stages[from].start;
    for (stage, steps) in plan.stages.iter().enumerate().skip(from) {
        assert_eq!(steps.start, done);
        plan.program.steps()[steps.clone()].iter().for_each(|step| memory.run(step));
        done = steps.end;
        let Place { rows, images, affine } = plan.places[stage + 1];
        outputs.push(memory.export(rows, images.h * images.w, affine));
    }
    plan.program.steps()[done..].iter().for_each(|step| memory.run(step));
    let head = [plan.latent, plan.logits.first(CLASSES)].map(|rows| memory.export(rows, 1, None));
    (outputs, head)
}

#[test]
fn plans_do_what_the_plain_network_does() {
    let cases = [
        (config(8, 16, 3, &[2, 3]), [1, 32, 32]),
        (config(8, 16, 1, &[2, 3]), [3, 33, 47]),
        (config(4, 8, 3, &[2, 1, 3, 2]), [2, 65, 40]),
        // Widths that are multiples of nothing, a block without layers, a single block.
        (config(3, 7, 3, &[3, 0, 2]), [1, 50, 38]),
        (config(5, 9, 1, &[1]), [2, 32, 35]),
    ];
    for (config, [n, h, w]) in cases {
        let plain = DenseNet::new(&config, CLASSES, drawn(DType::F32)).unwrap();
        let folded = Folded::new(&config, CLASSES, &drawn(DType::F32)).unwrap();
        let values = (0..n * config.channels * h * w).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<_>>();
        let xs = Tensor::from_vec(values, (n, config.channels, h, w), &Device::Cpu).unwrap();
        let expected = plain.forward_t(&xs, Mode::Eval).unwrap();
        // From the image and from every point where the pass can be cut.
        for from in 0..plain.split_points().len() {
            let before = plain.run(&xs, 0..from, Mode::Eval).unwrap();
            let (outputs, [latent, logits]) = run(&config, &folded, &before, from);
            for (stage, output) in (from..).zip(&outputs) {
                let split = &plain.split_points()[stage];
                assert_close(
                    output,
                    &flat(&plain.forward_to(split, &xs).unwrap()),
                    &format!("{config:?} {from} {split}"),
                );
            }
            assert_close(&latent, &flat(&expected.latent), &format!("{config:?} {from} latent"));
            assert_close(&logits, &flat(&expected.logits), &format!("{config:?} {from} logits"));
        }
    }
}

/// The widest and the deepest, on sizes of every kind.
#[test]
fn torchvisions_networks_are_planned() {
    for config in [DenseNetConfig::densenet161(), DenseNetConfig::densenet201()] {
        let (folded, bytes) = Folded::new(&config, CLASSES, &VarBuilder::zeros(DType::F16, &Device::Cpu)).unwrap();
        assert_eq!(bytes.len(), folded.parameters);
        for [n, h, w] in [[1, 224, 224], [32, 640, 33], [1024, 224, 224]] {
            let plan = Plan::new(&config, &folded, Images { n, h, w }, 2).unwrap();
            assert_eq!(plan.stages.len() + 1, plan.places.len());
            assert_eq!(plan.latent.columns, config.latent_dim());
        }
        if config == DenseNetConfig::densenet201() {
            // The image, a block, what is activated of it, the bottleneck: 4.8 MiB for 224 x 224 in 16 bits.
            let plan = Plan::new(&config, &folded, Images { n: 1, h: 224, w: 224 }, 2).unwrap();
            assert!(plan.program.buffers() < 5 << 20, "{}", plan.program.buffers());
        }
    }
}

/// What f16 and bf16 keep of a weight, and that normalisations stay in f32.
#[test]
fn parameters_are_of_the_networks_type() {
    let config = config(8, 16, 3, &[1]);
    let plain = drawn(DType::F32).get((CLASSES, 24), "classifier.weight").unwrap();
    for dtype in [DType::F16, DType::BF16] {
        let (folded, bytes) = Folded::new(&config, CLASSES, &drawn(dtype)).unwrap();
        assert_eq!((folded.channels, folded.classifier.len, folded.bias.len), (8, 8 * 24, 8));
        let read = |start: usize| u16::from_le_bytes([bytes[start], bytes[start + 1]]);
        let found = (0..CLASSES * 24).map(|place| match (dtype, read(folded.classifier.start + 2 * place)) {
            (DType::F16, bits) => half::f16::from_bits(bits).to_f32(),
            (_, bits) => half::bf16::from_bits(bits).to_f32(),
        });
        assert_eq!(found.collect::<Vec<_>>(), flat(&plain.to_dtype(dtype).unwrap().to_dtype(DType::F32).unwrap()));
        let wide = Folded::new(&config, CLASSES, &drawn(DType::F32)).unwrap();
        let scale = |bytes: &[u8], start: usize| bytes[start..start + 4 * 24].to_vec();
        assert_eq!(scale(&bytes, folded.last.scale.start), scale(&wide.1, wide.0.last.scale.start));
    }
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let sound = config(8, 16, 3, &[2, 3]);
    let error = Folded::new(&sound, CLASSES, &drawn(DType::F64)).unwrap_err().to_string();
    assert!(error.contains("f32, f16 or bf16") && error.contains("F64"), "{error}");
    assert!(Folded::new(&DenseNetConfig { growth_rate: 0, ..sound }, CLASSES, &drawn(DType::F32)).is_err());
    // Seven halvings leave no pixel of 32.
    let deep = config(2, 4, 3, &[1, 1, 1, 1, 1, 1]);
    let (folded, _) = Folded::new(&deep, CLASSES, &drawn(DType::F32)).unwrap();
    let error = Plan::new(&deep, &folded, Images { n: 1, h: 32, w: 64 }, 4).unwrap_err().to_string();
    assert!(error.contains("halvings") && error.contains("32 x 64"), "{error}");
}
