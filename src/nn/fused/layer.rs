//! The layers as the kernels want them: where their weights lie, and how these are packed.

use super::GRANULE;
use super::buffer::{Buffer, Layout, Slot};
use super::kernel::{Products, round};
use super::shape::Channels;

/// A batch normalisation as `x * scale + shift`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine {
    pub(super) scale: Slot,
    pub(super) shift: Slot,
}

/// The same before it is packed.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

impl Affine {
    pub(super) fn plan(layout: &mut Layout, depth: usize) -> Self {
        Self { scale: layout.take(depth), shift: layout.take(depth) }
    }

    /// Places without a channel keep zeros, so that whatever lies there becomes zero.
    pub(super) fn pack(&self, to: &mut Buffer, values: &Folded, places: &[usize]) {
        for (slot, values) in [(self.scale, &values.scale), (self.shift, &values.shift)] {
            let slot = to.slot_mut(slot);
            places.iter().zip(values).for_each(|(&place, &value)| slot[place] = value);
        }
    }
}

/// Normalisation, ReLU and a 1x1 convolution; then, in a dense layer, the next normalisation, folded in, and its ReLU.
#[derive(Debug)]
pub(super) struct Pointwise {
    pub(super) affine: Affine,
    /// Places of the input, a multiple of the granule.
    pub(super) depth: usize,
    pub(super) panels: usize,
    pub(super) products: &'static Products,
    /// `[panels][words of depth][panel]`.
    pub(super) weights: Slot,
    /// `[panels][panel]`; with it comes the ReLU.
    pub(super) bias: Option<Slot>,
}

impl Pointwise {
    pub(super) fn plan(
        layout: &mut Layout,
        products: &'static Products,
        depth: usize,
        out: usize,
        biased: bool,
        panel: usize,
    ) -> Self {
        let panels = out.div_ceil(panel);
        Self {
            affine: Affine::plan(layout, depth),
            depth,
            panels,
            products,
            weights: layout.take(panels * products.words(depth) * panel),
            bias: biased.then(|| layout.take(panels * panel)),
        }
    }

    /// Words that a pixel takes as an operand.
    pub(super) fn operands(&self) -> usize {
        self.products.words(self.depth)
    }

    /// Packs `[out][in]` weights whose inputs lie at `places`; `after` scales and shifts the outputs.
    pub(super) fn pack(&self, to: &mut Buffer, weights: &[f32], channels: &Channels, after: Option<&Folded>) {
        let words = self.products.words(self.depth);
        let panel = self.weights.len / (self.panels * words);
        let packed = to.slot_mut(self.weights);
        for (out, row) in weights.chunks_exact(channels.places.len()).enumerate() {
            let scale = after.map_or(1.0, |folded| folded.scale[out]);
            let column = &mut packed[out / panel * words * panel + out % panel..];
            for (&weight, &place) in row.iter().zip(&channels.places) {
                put(self.products, column, place, panel, weight * scale);
            }
        }
        if let (Some(bias), Some(folded)) = (self.bias, after) {
            to.slot_mut(bias)[..folded.shift.len()].copy_from_slice(&folded.shift);
        }
    }
}

/// A 3x3 convolution as products over the positions of Winograd tiles.
#[derive(Debug)]
pub(super) struct Winograd {
    /// Places of the input.
    pub(super) depth: usize,
    pub(super) panels: usize,
    /// The side of an input tile, 4 or 6.
    pub(super) tile: usize,
    pub(super) products: &'static Products,
    /// `[tile * tile][panels][words of depth][panel]`.
    pub(super) weights: Slot,
}

impl Winograd {
    pub(super) fn plan(
        layout: &mut Layout,
        products: &'static Products,
        depth: usize,
        out: usize,
        tile: usize,
        panel: usize,
    ) -> Self {
        let panels = out.div_ceil(panel);
        let weights = layout.take(tile * tile * panels * products.words(depth) * panel);
        Self { depth, panels, tile, products, weights }
    }

    /// Packs `[out][inputs][3][3]` taps as `G g G^T`, computed in f64.
    pub(super) fn pack(&self, to: &mut Buffer, weights: &[f32], inputs: usize) {
        let position = self.weights.len / (self.tile * self.tile);
        let words = self.products.words(self.depth);
        let panel = position / (self.panels * words);
        let packed = to.slot_mut(self.weights);
        let matrix = if self.tile == 4 { &SMALL[..] } else { &LARGE[..] };
        for (index, taps) in weights.chunks_exact(9).enumerate() {
            let (out, input) = (index / inputs, index % inputs);
            let start = out / panel * words * panel + out % panel;
            for (y, left) in matrix.iter().enumerate() {
                let row: [f64; 3] = std::array::from_fn(|x| (0..3).map(|k| left[k] * f64::from(taps[k * 3 + x])).sum());
                for (x, right) in matrix.iter().enumerate() {
                    let value: f64 = (0..3).map(|k| row[k] * right[k]).sum();
                    let column = &mut packed[(y * self.tile + x) * position + start..];
                    put(self.products, column, input, panel, value as f32);
                }
            }
        }
    }
}

/// Writes the weight of the `depth`th input channel to a column of words that lie `panel` apart.
fn put(products: &Products, column: &mut [f32], depth: usize, panel: usize, value: f32) {
    if products.words == GRANULE {
        column[depth * panel] = value;
    } else {
        let word = &mut column[depth / 2 * panel];
        let (bits, half) = (word.to_bits(), u32::from(round(value)));
        *word = f32::from_bits(if depth.is_multiple_of(2) {
            bits & 0xffff_0000 | half
        } else {
            bits & 0xffff | half << 16
        });
    }
}

/// `G` of F(2x2, 3x3).
const SMALL: [[f64; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];

/// `G` of F(4x4, 3x3), with the points 0, 1, -1, 2, -2.
const LARGE: [[f64; 3]; 6] = [
    [0.25, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// The 7x7 convolution of the stem, with its normalisation folded in.
#[derive(Debug)]
pub(super) struct Stem {
    /// Values of one row of the window.
    pub(super) width: usize,
    pub(super) panels: usize,
    /// `[panels][7 * width][panel]`.
    pub(super) weights: Slot,
    /// `[panels][panel]`.
    pub(super) bias: Slot,
}

impl Stem {
    pub(super) fn plan(layout: &mut Layout, channels: usize, out: usize, panel: usize) -> Self {
        let (width, panels) = (7 * channels, out.div_ceil(panel));
        let weights = layout.take(panels * 7 * width * panel);
        Self { width, panels, weights, bias: layout.take(panels * panel) }
    }

    /// Packs `[out][channels][7][7]` taps.
    pub(super) fn pack(&self, to: &mut Buffer, weights: &[f32], after: &Folded) {
        let channels = self.width / 7;
        let panel = self.bias.len / self.panels;
        let packed = to.slot_mut(self.weights);
        for (index, taps) in weights.chunks_exact(49).enumerate() {
            let (out, channel) = (index / channels, index % channels);
            for (tap, &weight) in taps.iter().enumerate() {
                let place = out / panel * 7 * self.width + tap * channels + channel;
                packed[place * panel + out % panel] = weight * after.scale[out];
            }
        }
        to.slot_mut(self.bias)[..after.shift.len()].copy_from_slice(&after.shift);
    }
}
