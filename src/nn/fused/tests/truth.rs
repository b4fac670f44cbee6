//! A DenseNet by its definition, in f64 and without a thought for speed.

use super::super::shape::Shape;

/// The value `index` of a tensor, from its name alone (FNV-1a, SplitMix64): even draws between bounds that suit its kind.
pub(super) fn tensor(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let (low, high) = if name.ends_with("running_var") || name.ends_with("weight") && shape.len() == 1 {
        (0.5, 1.5)
    } else if shape.len() > 1 {
        let bound = (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
        (-bound, bound)
    } else {
        (-0.3, 0.3)
    };
    let unit = |index: usize| {
        let mixed = (hash.wrapping_add(index as u64)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..shape.iter().product()).map(|index| (low + (high - low) * unit(index)) as f32).collect()
}

/// `[channels][height][width]`.
#[derive(Debug, Clone)]
pub(super) struct Map {
    pub(super) values: Vec<f64>,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Map {
    fn at(&self, channel: usize, y: isize, x: isize) -> Option<f64> {
        let inside = (0..self.height as isize).contains(&y) && (0..self.width as isize).contains(&x);
        inside.then(|| self.values[(channel * self.height + y as usize) * self.width + x as usize])
    }

    pub(super) fn channels(&self) -> usize {
        self.values.len() / (self.height * self.width)
    }

    /// A map with `channels` channels and sides that `kernel`, `stride` and `padding` leave; `value(channel, y, x)` from the corner on.
    fn slide(
        &self,
        channels: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        value: impl Fn(usize, isize, isize) -> f64,
    ) -> Self {
        let side = |side: usize| (side + 2 * padding - kernel) / stride + 1;
        let (height, width) = (side(self.height), side(self.width));
        let corner = |place: usize| (place * stride) as isize - padding as isize;
        let places = (0..channels * height * width).map(|i| (i / (height * width), i / width % height, i % width));
        let values = places.map(|(channel, y, x)| value(channel, corner(y), corner(x))).collect();
        Self { values, height, width }
    }

    fn conv(&self, taps: &[f32], kernel: usize, stride: usize, padding: usize) -> Self {
        let inputs = self.channels();
        let outs = taps.len() / (inputs * kernel * kernel);
        self.slide(outs, kernel, stride, padding, |out, y, x| {
            let taps = &taps[out * inputs * kernel * kernel..][..inputs * kernel * kernel];
            let term = |(index, &tap): (usize, &f32)| {
                let (input, ky, kx) = (index / (kernel * kernel), index / kernel % kernel, index % kernel);
                f64::from(tap) * self.at(input, y + ky as isize, x + kx as isize).unwrap_or(0.0)
            };
            taps.iter().enumerate().map(term).sum()
        })
    }
}

/// The network whose tensors come from a seed.
pub(super) struct Truth<'a> {
    pub(super) shape: &'a Shape,
    pub(super) seed: u64,
}

impl Truth<'_> {
    fn norm(&self, name: &str, map: &Map) -> Map {
        let part = |part: &str| tensor(self.seed, &format!("{name}.{part}"), &[map.channels()]);
        let (weight, bias, mean, var) = (part("weight"), part("bias"), part("running_mean"), part("running_var"));
        let values = map.values.iter().enumerate().map(|(index, x)| {
            let [w, b, m, v] =
                [&weight, &bias, &mean, &var].map(|part| f64::from(part[index / (map.height * map.width)]));
            (x - m) / (v + 1e-5).sqrt() * w + b
        });
        Map { values: values.collect(), ..*map }
    }

    fn conv(&self, name: &str, map: &Map, outs: usize, kernel: usize, stride: usize) -> Map {
        let taps = tensor(self.seed, &format!("{name}.weight"), &[outs, map.channels(), kernel, kernel]);
        map.conv(&taps, kernel, stride, kernel / 2)
    }

    /// What flows out of each stage, and logits and latent.
    pub(super) fn run(&self, image: Map) -> (Vec<Map>, Vec<f64>, Vec<f64>) {
        let shape = self.shape;
        let mut stages = Vec::new();
        let stem = relu(self.norm("features.norm0", &self.conv("features.conv0", &image, shape.init_features, 7, 2)));
        let mut map = stem.slide(shape.init_features, 3, 2, 1, |channel, y, x| {
            let window = (0..9).filter_map(|i| stem.at(channel, y + i / 3, x + i % 3));
            window.fold(f64::NEG_INFINITY, f64::max)
        });
        stages.push(map.clone());
        for (block, &layers) in shape.block_layers.iter().enumerate() {
            for layer in 0..layers {
                let name = format!("features.denseblock{}.denselayer{}", block + 1, layer + 1);
                let middle = relu(self.norm(&format!("{name}.norm1"), &map));
                let middle = self.conv(&format!("{name}.conv1"), &middle, shape.bn_size * shape.growth_rate, 1, 1);
                let middle = relu(self.norm(&format!("{name}.norm2"), &middle));
                map.values.extend(self.conv(&format!("{name}.conv2"), &middle, shape.growth_rate, 3, 1).values);
            }
            stages.push(map.clone());
            if block + 1 < shape.block_layers.len() {
                let name = format!("features.transition{}", block + 1);
                let normed = relu(self.norm(&format!("{name}.norm"), &map));
                let wide = self.conv(&format!("{name}.conv"), &normed, map.channels() / 2, 1, 1);
                map = wide.slide(wide.channels(), 2, 2, 0, |channel, y, x| {
                    (0..4).filter_map(|i| wide.at(channel, y + i / 2, x + i % 2)).sum::<f64>() / 4.0
                });
                stages.push(map.clone());
            }
        }
        map = self.norm("features.norm5", &map);
        stages.push(map.clone());
        let pixels = map.height * map.width;
        let map = relu(map);
        let means = map.values.chunks_exact(pixels).map(|channel| channel.iter().sum::<f64>() / pixels as f64);
        let latent: Vec<f64> = means.collect();
        let weights = tensor(self.seed, "classifier.weight", &[shape.classes, latent.len()]);
        let bias = tensor(self.seed, "classifier.bias", &[shape.classes]);
        let rows = weights.chunks_exact(latent.len()).zip(&bias);
        let logit = |(row, bias): (&[f32], &f32)| {
            f64::from(*bias) + row.iter().zip(&latent).map(|(w, x)| f64::from(*w) * x).sum::<f64>()
        };
        (stages, rows.map(logit).collect(), latent)
    }
}

fn relu(mut map: Map) -> Map {
    map.values.iter_mut().for_each(|value| *value = value.max(0.0));
    map
}
