//! Whole networks of many shapes against their definition in f64, on every level.

mod truth;

use std::convert::Infallible;
use std::fmt::Debug;

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use super::kernel::tests::cases;
use super::run::Maps;
use super::{Level, Network, Precision, Shape};
use truth::{Map, Truth, tensor};

/// Of the largest value: what the engine promises.
const AGREEMENT: f64 = 1e-4;

fn network(shape: &Shape, precision: Precision, level: Level, seed: u64) -> Option<Network> {
    let mut network = Network::new(shape.clone(), precision, level).unwrap()?;
    let Ok(()) = network.load::<Infallible>(&mut |name, shape| Ok(tensor(seed, name, shape)));
    Some(network)
}

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.iter().copied().filter(|level| level.is_available())
}

fn images(seed: u64, count: usize, channels: usize, (height, width): (usize, usize)) -> Vec<f32> {
    tensor(seed, "image", &[count * channels * height * width])
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The largest distance, as a share of the largest value.
fn distance(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|value| value.is_finite()));
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |a: f64, b| a.max(b.abs()));
    let apart = largest(&mut found.iter().zip(expected).map(|(found, right)| f64::from(*found) - right));
    apart / largest(&mut expected.iter().copied()).max(1e-6)
}

/// Small networks with odd numbers of everything.
fn shapes() -> impl Strategy<Value = Shape> {
    let counts = (1_usize..5, 1_usize..70, 1_usize..40, 1_usize..5, 1_usize..6);
    let blocks = prop::collection::vec(0_usize..4, 1..4);
    (counts, blocks, prop::sample::select(vec![32, 224])).prop_map(|(counts, block_layers, usual)| {
        let (channels, init_features, growth_rate, bn_size, classes) = counts;
        let init_features = init_features.max(1 << block_layers.len());
        Shape { channels, init_features, growth_rate, bn_size, block_layers, classes, usual: (usual, usual) }
    })
}

/// Logits, latents, what every stage gives, and the rest of the pass from there.
fn check(shape: &Shape, size: (usize, usize), seed: u64) {
    let image = images(seed, 1, shape.channels, size);
    let map = Map { values: image.iter().copied().map(f64::from).collect(), height: size.0, width: size.1 };
    let (stages, logits, latent) = Truth { shape, seed }.run(map);
    assert_eq!(stages.len(), shape.stages());
    for level in levels() {
        let network = network(shape, Precision::F32, level, seed).unwrap();
        let maps = Maps { values: &image, images: 1, height: size.0, width: size.1 };
        let near = |what: &dyn Debug, found: &[f32], expected: &[f64]| {
            let distance = distance(found, expected);
            assert!(distance <= AGREEMENT, "{what:?} on {level}: {distance:e}");
        };
        let whole = network.forward(maps).unwrap();
        near(&"logits", &whole.0, &logits);
        near(&"latent", &whole.1, &latent);
        for (stage, expected) in stages.iter().enumerate() {
            let (found, sizes) = network.run(maps, 0..stage + 1).unwrap();
            assert_eq!(sizes, [expected.channels(), expected.height, expected.width], "stage {stage}");
            near(&stage, &found, &expected.values);
            let maps = Maps { values: &found, images: 1, height: expected.height, width: expected.width };
            let rest = network.forward_from(maps, stage + 1).unwrap();
            assert_eq!(
                (bits(&rest.0), bits(&rest.1)),
                (bits(&whole.0), bits(&whole.1)),
                "from stage {stage} on {level}"
            );
            if stage + 1 < stages.len() {
                let (next, _) = network.run(maps, stage + 1..stage + 2).unwrap();
                assert_eq!(
                    bits(&next),
                    bits(&network.run(maps_of(&image, size), 0..stage + 2).unwrap().0),
                    "stage {stage}"
                );
            }
        }
    }
}

fn maps_of(values: &[f32], (height, width): (usize, usize)) -> Maps<'_> {
    Maps { values, images: 1, height, width }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn networks_compute_what_they_are_defined_as(shape in shapes(), height in 32_usize..72, width in 32_usize..72, seed: u64) {
        check(&shape, (height, width), seed);
    }

    /// One network, images of several sizes in turn, one of them full of what is no number: nothing stays behind, and
    /// no number of threads and no company in the batch changes a bit.
    #[test]
    fn nothing_but_the_image_matters(
        shape in shapes(),
        sizes in prop::collection::vec((32_usize..60, 32_usize..60), 1..4),
        threads in 2_usize..6,
        bf16: bool,
        seed: u64,
    ) {
        let precision = if bf16 { Precision::Bf16 } else { Precision::F32 };
        for level in levels() {
            let used = network(&shape, precision, level, seed).unwrap();
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let alone = ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            for &size in &sizes {
                let len = shape.channels * size.0 * size.1;
                let batch = images(seed, 3, shape.channels, size);
                let fresh = network(&shape, precision, level, seed).unwrap();
                let one = |index: usize| {
                    let (logits, latent) = alone.install(|| fresh.forward(maps_of(&batch[index * len..][..len], size)).unwrap());
                    [bits(&logits), bits(&latent)].concat()
                };
                let poison = vec![f32::NAN; len];
                pool.install(|| used.forward(maps_of(&poison, size)).unwrap());
                let maps = Maps { values: &batch, images: 3, height: size.0, width: size.1 };
                let (logits, latents) = pool.install(|| used.forward(maps).unwrap());
                for index in 0..3 {
                    let row = |values: &[f32]| bits(&values[index * values.len() / 3..(index + 1) * values.len() / 3]);
                    prop_assert_eq!([row(&logits), row(&latents)].concat(), one(index), "image {} on {}", index, level);
                }
            }
        }
    }
}

/// A map of which a transition leaves nothing is an error, and nobody waits for its pixels.
#[test]
fn maps_that_vanish_are_refused() {
    let block_layers = vec![1, 1, 1];
    let usual = (32, 32);
    let shape = Shape { channels: 1, init_features: 16, growth_rate: 4, bn_size: 2, block_layers, classes: 2, usual };
    for level in levels() {
        let network = network(&shape, Precision::F32, level, 1).unwrap();
        for stage in 1..shape.stages() {
            let halved = (shape.stages() - 1 - stage) / 2;
            for size in [(1, 1), (1, 9), (2, 2), (3, 4), (4, 4), (5, 2)] {
                let values = images(1, 1, network.channels_into(stage), size);
                let found = network.forward_from(maps_of(&values, size), stage);
                let remains = size.0 >> halved > 0 && size.1 >> halved > 0;
                assert_eq!(found.is_ok(), remains, "{size:?} into stage {stage} on {level}");
                assert!(found.is_ok_and(|(logits, _)| logits.iter().all(|x| x.is_finite())) == remains);
            }
        }
        assert!(network.forward(maps_of(&images(1, 1, 1, (8, 8)), (8, 8))).is_err());
        assert!(network.forward(maps_of(&images(1, 1, 1, (13, 13)), (13, 13))).is_ok());
    }
}

/// Rounded operands leave two digits or more.
#[test]
fn bf16_stays_near() {
    let shape = Shape {
        channels: 3,
        init_features: 64,
        growth_rate: 32,
        bn_size: 4,
        block_layers: vec![3, 3],
        classes: 4,
        usual: (64, 64),
    };
    let image = images(5, 1, 3, (64, 64));
    let map = Map { values: image.iter().copied().map(f64::from).collect(), height: 64, width: 64 };
    let (_, _, latent) = Truth { shape: &shape, seed: 5 }.run(map);
    for level in levels() {
        let network = network(&shape, Precision::Bf16, level, 5).unwrap();
        let (_, found) = network.forward(maps_of(&image, (64, 64))).unwrap();
        let distance = distance(&found, &latent);
        assert!((1e-5..2e-2).contains(&distance), "{level}: {distance:e}");
    }
}

/// The sizes at which a transition drops a row or a column, at either size of tile.
#[test]
fn odd_sides_lose_what_the_definition_loses() {
    for usual in [(32, 32), (224, 224)] {
        let shape = Shape {
            channels: 1,
            init_features: 8,
            growth_rate: 4,
            bn_size: 2,
            block_layers: vec![1, 2, 1],
            classes: 2,
            usual,
        };
        for size in [(32, 32), (33, 47), (45, 61), (64, 36)] {
            check(&shape, size, 9);
        }
    }
}
