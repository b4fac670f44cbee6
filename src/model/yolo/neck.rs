//! What lies between a detector's backbone and its head: three maps are mixed across scales, and packed into one tensor.

use candle_core::{Result as TensorResult, Tensor};

use super::blocks::{C2f, Conv, Sppf};
use super::{Source, YoloSize};
use crate::model::Mode;
use crate::model::staged::Layer;

/// How many times finer each map's sides are than the coarsest's.
const FINER: [usize; 3] = [4, 2, 1];

/// The stages `model.5` to `model.21`: the rest of the backbone, and the way up to the fine map and down again.
///
/// Takes what `model.4` gives, at an eighth of the image's sides, and gives [`pack`]ed maps at an eighth, a sixteenth and
/// a thirty-second.
#[derive(Debug)]
pub(super) struct Neck {
    to_sixteenth: Vec<Box<dyn Layer>>,
    to_thirty_second: Vec<Box<dyn Layer>>,
    up_sixteenth: C2f,
    up_eighth: C2f,
    down_eighth: Conv,
    down_sixteenth_block: C2f,
    down_sixteenth: Conv,
    down_thirty_second_block: C2f,
}

impl Neck {
    /// `deep` are the backbone's stages `model.5` to `model.8`; `widths` as [`widths`] gives them.
    pub(super) fn new(
        size: YoloSize,
        [fine, middle, coarse]: [usize; 3],
        mut deep: Vec<Box<dyn Layer>>,
        source: &Source,
    ) -> TensorResult<Self> {
        let depth = size.depth(3);
        let block = |inputs, outputs, place: &str| C2f::new(inputs, outputs, depth, false, source.pp(place));
        let mut to_thirty_second = deep.split_off(2);
        to_thirty_second.push(Box::new(Sppf::new(coarse, source.pp("model.9"))?));
        Ok(Self {
            to_sixteenth: deep,
            to_thirty_second,
            up_sixteenth: block(coarse + middle, middle, "model.12")?,
            up_eighth: block(middle + fine, fine, "model.15")?,
            down_eighth: Conv::new(fine, fine, 3, 2, source.pp("model.16"))?,
            down_sixteenth_block: block(fine + middle, middle, "model.18")?,
            down_sixteenth: Conv::new(middle, middle, 3, 2, source.pp("model.19"))?,
            down_thirty_second_block: block(middle + coarse, coarse, "model.21")?,
        })
    }
}

impl Layer for Neck {
    fn forward(&self, eighth: &Tensor, mode: Mode) -> TensorResult<Tensor> {
        let run = |layers: &[Box<dyn Layer>], xs: &Tensor| {
            layers.iter().try_fold(xs.clone(), |xs, layer| layer.forward(&xs, mode))
        };
        let join = |a: &Tensor, b: &Tensor| Tensor::cat(&[a, b], 1);
        let sixteenth = run(&self.to_sixteenth, eighth)?;
        let thirty_second = run(&self.to_thirty_second, &sixteenth)?;
        let middle = self.up_sixteenth.forward(&join(&twice(&thirty_second)?, &sixteenth)?, mode)?;
        let fine = self.up_eighth.forward(&join(&twice(&middle)?, eighth)?, mode)?;
        let down = self.down_eighth.forward(&fine, mode)?;
        let middle = self.down_sixteenth_block.forward(&join(&down, &middle)?, mode)?;
        let down = self.down_sixteenth.forward(&middle, mode)?;
        let coarse = self.down_thirty_second_block.forward(&join(&down, &thirty_second)?, mode)?;
        pack(&[fine, middle, coarse])
    }
}

/// The channels of the fine, the middle and the coarse map.
pub(super) const fn widths(size: YoloSize) -> [usize; 3] {
    [size.width(256), size.width(512), size.width(size.deepest())]
}

/// Each pixel four times, in a square.
fn twice(xs: &Tensor) -> TensorResult<Tensor> {
    let (n, c, h, w) = xs.dims4()?;
    xs.reshape((n, c, h, 1, w, 1))?.broadcast_as((n, c, h, 2, w, 2))?.reshape((n, c, 2 * h, 2 * w))
}

/// Three maps `(n, c, 4h, 4w)`, `(n, d, 2h, 2w)`, `(n, e, h, w)` as one, `(n, 16c + 4d + e, h, w)`: the pixels that lie
/// within one of the coarse map become channels. Nothing is lost; [`unpack`] is the way back.
fn pack(maps: &[Tensor; 3]) -> TensorResult<Tensor> {
    let squares = maps.iter().zip(FINER).map(|(map, finer)| {
        let (n, c, h, w) = map.dims4()?;
        let (h, w) = (h / finer, w / finer);
        let squares = map.reshape((n, c, h, finer, w, finer))?.permute((0, 1, 3, 5, 2, 4))?;
        squares.reshape((n, c * finer * finer, h, w))
    });
    Tensor::cat(&squares.collect::<TensorResult<Vec<_>>>()?, 1)
}

/// The maps that [`pack`] put together, `widths` wide.
pub(super) fn unpack(packed: &Tensor, widths: [usize; 3]) -> TensorResult<[Tensor; 3]> {
    let (n, _, h, w) = packed.dims4()?;
    let map = |start, c, finer| {
        let squares = packed.narrow(1, start, c * finer * finer)?.reshape((n, c, finer, finer, h, w))?;
        squares.permute((0, 1, 4, 2, 5, 3))?.reshape((n, c, h * finer, w * finer))
    };
    let [fine, middle, coarse] = widths;
    Ok([map(0, fine, 4)?, map(16 * fine, middle, 2)?, map(16 * fine + 4 * middle, coarse, 1)?])
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn count(shape: [usize; 4]) -> Tensor {
        let count = shape.iter().product::<usize>() as u32;
        Tensor::arange(0, count, &Device::Cpu).unwrap().reshape(&shape).unwrap()
    }

    fn flat(xs: &Tensor) -> Vec<u32> {
        xs.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn packed_maps_come_back() {
        let maps = [count([2, 3, 8, 12]), count([2, 5, 4, 6]), count([2, 7, 2, 3])];
        let packed = pack(&maps).unwrap();
        assert_eq!(packed.dims(), [2, 16 * 3 + 4 * 5 + 7, 2, 3]);
        for (found, expected) in unpack(&packed, [3, 5, 7]).unwrap().iter().zip(&maps) {
            assert_eq!(found.dims(), expected.dims());
            assert_eq!(flat(found), flat(expected));
        }
    }

    /// The coarse pixel in the second row and third column covers rows 4 to 7 and columns 8 to 11 of the fine map.
    #[test]
    fn a_packed_pixel_holds_what_lies_within_it() {
        let fine = count([1, 1, 8, 12]);
        let packed = pack(&[fine, count([1, 1, 4, 6]), count([1, 1, 2, 3])]).unwrap();
        let pixel = flat(&packed.narrow(2, 1, 1).unwrap().narrow(3, 2, 1).unwrap());
        let within: Vec<u32> = (4..8).flat_map(|row| (8..12).map(move |column| row * 12 + column)).collect();
        assert_eq!(pixel, [within, vec![16, 17, 22, 23], vec![5]].concat());
    }

    #[test]
    fn twice_is_candles_nearest_upsampling() {
        let xs = count([2, 3, 2, 5]).to_dtype(candle_core::DType::F32).unwrap();
        let far = (twice(&xs).unwrap() - xs.upsample_nearest2d(4, 10).unwrap()).unwrap();
        assert_eq!(far.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap(), 0.0);
    }
}
