//! The parts that YOLOv8 is put together from, under Ultralytics' names.

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, batch_norm, conv2d_no_bias};

use super::Source;
use crate::model::Mode;
use crate::model::staged::Layer;
use crate::nn::{conv2d, max_pool2d, norm, silu};

/// Convolution, batch normalisation, SiLU. Padded so that with stride 1 the sides stay.
#[derive(Debug)]
pub(super) struct Conv {
    conv: Conv2d,
    bn: BatchNorm,
}

impl Conv {
    pub(super) fn new(
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        source: Source,
    ) -> TensorResult<Self> {
        let config = Conv2dConfig { stride, padding: kernel / 2, ..Default::default() };
        Ok(Self {
            conv: conv2d_no_bias(inputs, outputs, kernel, config, source.pp("conv").vb)?,
            bn: batch_norm(outputs, source.norm, source.pp("bn").vb)?,
        })
    }
}

impl Layer for Conv {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        silu(&norm(&self.bn, &conv2d(&self.conv, xs)?, mode.is_train())?)
    }
}

/// Two 3x3 convolutions of one width and, in the backbone, what came in added to them.
#[derive(Debug)]
struct Bottleneck {
    cv1: Conv,
    cv2: Conv,
    shortcut: bool,
}

impl Bottleneck {
    fn new(width: usize, shortcut: bool, source: Source) -> TensorResult<Self> {
        let (cv1, cv2) =
            (Conv::new(width, width, 3, 1, source.pp("cv1"))?, Conv::new(width, width, 3, 1, source.pp("cv2"))?);
        Ok(Self { cv1, cv2, shortcut })
    }
}

impl Layer for Bottleneck {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let ys = self.cv2.forward(&self.cv1.forward(xs, mode)?, mode)?;
        if self.shortcut { xs + ys } else { Ok(ys) }
    }
}

/// A row of bottlenecks on half of the channels; all that flows between them is joined at the end.
#[derive(Debug)]
pub(super) struct C2f {
    cv1: Conv,
    m: Vec<Bottleneck>,
    cv2: Conv,
    /// Half of the channels.
    width: usize,
}

impl C2f {
    pub(super) fn new(
        inputs: usize,
        outputs: usize,
        depth: usize,
        shortcut: bool,
        source: Source,
    ) -> TensorResult<Self> {
        let width = outputs / 2;
        let m = source.pp("m");
        Ok(Self {
            cv1: Conv::new(inputs, 2 * width, 1, 1, source.pp("cv1"))?,
            m: (0..depth).map(|i| Bottleneck::new(width, shortcut, m.pp(i))).collect::<TensorResult<_>>()?,
            cv2: Conv::new((2 + depth) * width, outputs, 1, 1, source.pp("cv2"))?,
            width,
        })
    }
}

impl Layer for C2f {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let halves = self.cv1.forward(xs, mode)?;
        let mut last = halves.narrow(1, self.width, self.width)?.contiguous()?;
        let mut parts = vec![halves];
        for bottleneck in &self.m {
            last = bottleneck.forward(&last, mode)?;
            parts.push(last.clone());
        }
        self.cv2.forward(&Tensor::cat(&parts, 1)?, mode)
    }
}

/// Spatial pyramid pooling: the maxima around each place, in windows of 5, 9 and 13, beside what came in.
///
/// The first convolution has its SiLU, as in every released file. Ultralytics 8.4 left it out for some time when a network
/// was built anew from its description; a detector trained with such a release gives other scores here.
#[derive(Debug)]
pub(super) struct Sppf {
    cv1: Conv,
    cv2: Conv,
}

impl Sppf {
    pub(super) fn new(width: usize, source: Source) -> TensorResult<Self> {
        let half = width / 2;
        Ok(Self {
            cv1: Conv::new(width, half, 1, 1, source.pp("cv1"))?,
            cv2: Conv::new(4 * half, width, 1, 1, source.pp("cv2"))?,
        })
    }
}

impl Layer for Sppf {
    fn forward(&self, xs: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let narrow = self.cv1.forward(xs, mode)?;
        let by5 = max_pool2d(&narrow, 5, 1, 2)?;
        let by9 = max_pool2d(&by5, 5, 1, 2)?;
        let by13 = max_pool2d(&by9, 5, 1, 2)?;
        self.cv2.forward(&Tensor::cat(&[narrow, by5, by9, by13], 1)?, mode)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use candle_nn::{VarBuilder, VarMap};

    use super::super::DETECTOR_NORM;
    use super::*;

    /// One peak, passed on by the first convolution; the second tells by its weights which windows saw it.
    #[test]
    fn the_pyramid_sees_two_four_and_six_places_far() {
        let map = VarMap::new();
        let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
        let pyramid = Sppf::new(2, Source { vb, norm: DETECTOR_NORM }).unwrap();
        let set = |name: &str, values: Vec<f32>, shape: &[usize]| {
            let values = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
            map.data().lock().unwrap()[name].set(&values).unwrap();
        };
        set("cv1.conv.weight", vec![1.0, 0.0], &[1, 2, 1, 1]);
        set("cv2.conv.weight", vec![1.0, 10.0, 100.0, 1000.0, 0.0, 0.0, 0.0, 0.0], &[2, 4, 1, 1]);
        let mut values = vec![0f32; 2 * 17];
        values[8] = 1.0;
        let xs = Tensor::from_vec(values, (1, 2, 1, 17), &Device::Cpu).unwrap();
        let ys = pyramid.forward(&xs, Mode::Eval).unwrap().narrow(1, 0, 1).unwrap();
        let ys = ys.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let peak = 1.0 / (1.0 + (-1f32).exp());
        for (place, found) in ys.iter().enumerate() {
            let far = place.abs_diff(8);
            let windows = [(0, 1.0), (2, 10.0), (4, 100.0), (6, 1000.0)];
            let sum: f32 = windows.iter().filter(|(reach, _)| far <= *reach).map(|(_, weight)| weight * peak).sum();
            let expected = sum / (1.0 + (-sum).exp());
            // The normalisations divide by the root of 1.001.
            assert!((found - expected).abs() <= 2e-3 * expected, "{place}: {found} instead of {expected}");
        }
    }
}
