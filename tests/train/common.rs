//! A tiny data set that networks can learn by heart, and what every test does with it.

use std::collections::BTreeMap;

use candle_core::{DType, Device};
use leap_binder::Binder;
use leap_binder::contract::{DataState, Dataset, HandlerResult, SampleId, Subset};
use leap_binder::imaging::{ChannelOrder, Colours, ImageSpec, Normalisation};
use leap_binder::model::{Architecture, Card, Weights};
use leap_binder::rng::SplitMix64;
use leap_binder::train::{TrainOptions, Trainee};

pub(crate) const CLASSES: [&str; 3] = ["rows", "columns", "dots"];
pub(crate) const SIDE: usize = 32;

/// Noisy images of rows, columns and dots in turn. Class of sample `i`: `i % 3`.
#[derive(Debug, Clone)]
pub(crate) struct Patterns {
    pub(crate) training: i64,
    pub(crate) validation: i64,
    /// Samples that cannot be loaded.
    pub(crate) broken: Vec<i64>,
    /// Samples whose image is not finite.
    pub(crate) poisoned: Vec<i64>,
    /// Classes that do not occur.
    pub(crate) absent: Vec<usize>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { training: 24, validation: 9, broken: vec![], poisoned: vec![], absent: vec![] }
    }
}

pub(crate) struct Pattern {
    pub(crate) image: Vec<f32>,
    pub(crate) class: usize,
}

impl Dataset for Patterns {
    type Sample = Pattern;

    fn preprocess(&self) -> HandlerResult<Vec<Subset>> {
        let kept = |range: std::ops::Range<i64>| {
            range.filter(|i| !self.absent.contains(&((i % 3) as usize))).collect::<Vec<_>>()
        };
        Ok(vec![
            Subset::new(DataState::Training, kept(0..self.training)),
            Subset::new(DataState::Validation, kept(1000..1000 + self.validation)),
        ])
    }

    fn load(&self, id: &SampleId, _state: DataState) -> HandlerResult<Pattern> {
        let SampleId::Int(place) = id else { return Err("an integer id was expected".into()) };
        if self.broken.contains(place) {
            return Err(format!("pattern {place} is torn").into());
        }
        let class = (place % 3) as usize;
        let mut rng = SplitMix64::new(*place as u64);
        let pixel = |i: usize| {
            let (y, x) = (i / SIDE, i % SIDE);
            match class {
                0 => y / 2 % 2 == 0,
                1 => x / 2 % 2 == 0,
                _ => y / 4 % 2 == 0 && x / 4 % 2 == 0,
            }
        };
        let noise = |draw: u64| (draw >> 40) as f32 / (1u64 << 24) as f32;
        let mut image: Vec<f32> =
            (0..SIDE * SIDE).map(|i| 0.6 * f32::from(u8::from(pixel(i))) + 0.4 * noise(rng.next_u64())).collect();
        if self.poisoned.contains(place) {
            image[7] = f32::NAN;
        }
        Ok(Pattern { image, class })
    }
}

pub(crate) fn spec() -> ImageSpec {
    ImageSpec {
        width: SIDE,
        height: SIDE,
        colours: Colours::Grey,
        channel_order: ChannelOrder::Rgb,
        normalisation: Normalisation::UnitRange,
        resampling: None,
    }
}

pub(crate) fn binder(patterns: Patterns) -> Binder<Patterns> {
    Binder::builder(patterns)
        .image_input("image", spec(), |pattern| Ok((pattern.image.clone(), [SIDE, SIDE, 1])))
        .ground_truth("class", |pattern| {
            let mut one_hot = [0f32; 3];
            one_hot[pattern.class] = 1.0;
            Ok(one_hot)
        })
        .prediction("class", CLASSES)
        .loss(
            "cross_entropy",
            [leap_binder::contract::ground_truth("class"), leap_binder::contract::prediction("class")],
            |[truth, scores]| leap_binder::binder::losses::categorical_crossentropy(truth, scores),
        )
        .build()
        .unwrap()
}

/// The small CNN from `seed`.
pub(crate) fn small_cnn(seed: u64) -> Weights {
    let card = Card::new(Architecture::SmallCnn, CLASSES).with_input(spec());
    Weights::random(card, seed).unwrap()
}

pub(crate) fn trainee(weights: &Weights) -> Trainee {
    Trainee::new(weights, &Device::Cpu).unwrap()
}

/// All values of a trainee, as bits.
pub(crate) fn bits(trainee: &Trainee) -> BTreeMap<String, Vec<u32>> {
    let data = trainee.variables().data().lock().unwrap();
    let of = |(name, var): (&String, &candle_core::Var)| {
        let values = var.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        (name.clone(), values.into_iter().map(f32::to_bits).collect())
    };
    data.iter().map(of).collect()
}

/// Short runs on the patterns.
pub(crate) fn options(epochs: usize) -> TrainOptions {
    TrainOptions { epochs, batch_size: 6, learning_rate: 1e-2, ..TrainOptions::default() }
}
