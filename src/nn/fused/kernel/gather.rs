//! Pixels on their way into a product: scaled, shifted, cut at zero, averaged, and packed.

use super::super::GRANULE;
use super::super::simd::Simd;
use super::operand::Operand;

/// What one call of a gathering kernel reads and writes, for `rows` pixels.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Gather {
    /// Channels, a multiple of [`GRANULE`].
    pub(in super::super) depth: usize,
    /// The first row's pixel, or the upper left one of the four that make it.
    pub(in super::super) pixels: *const f32,
    /// Each row's distance from there: `rows` numbers.
    pub(in super::super) places: *const u32,
    pub(in super::super) rows: usize,
    /// Distances from a pixel to its right and its lower neighbour, for [`gather_pooled`].
    pub(in super::super) right: usize,
    pub(in super::super) below: usize,
    /// `[depth]` each.
    pub(in super::super) scale: *const f32,
    pub(in super::super) shift: *const f32,
    /// `[depth / 16][rows][words]`, with the words of a granule.
    pub(in super::super) out: *mut f32,
}

/// `relu(x * scale + shift)` of each row; `G` vectors are a granule.
///
/// # Safety
///
/// As [`Simd`], and all of [`Gather`]'s pointers reach as far as its fields say. No other thread touches `out`.
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
pub(super) unsafe fn gather<S: Simd, O: Operand<S>, const G: usize>(args: &Gather) {
    each_row::<S, O, G>(args, |at, scale, shift| S::max(S::splat(0.0), S::mul_add(S::load(at), scale, shift)));
}

/// The mean of `relu(x * scale + shift)` over 2 x 2 pixels.
///
/// # Safety
///
/// As [`gather`].
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
pub(super) unsafe fn gather_pooled<S: Simd, O: Operand<S>, const G: usize>(args: &Gather) {
    let (right, below) = (args.right, args.below);
    each_row::<S, O, G>(args, |at, scale, shift| {
        let one = |at: *const f32| S::max(S::splat(0.0), S::mul_add(S::load(at), scale, shift));
        let upper = S::add(one(at), one(at.add(right)));
        let lower = S::add(one(at.add(below)), one(at.add(below + right)));
        S::mul(S::add(upper, lower), S::splat(0.25))
    });
}

#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
unsafe fn each_row<S: Simd, O: Operand<S>, const G: usize>(
    args: &Gather,
    value: impl Fn(*const f32, S::V, S::V) -> S::V,
) {
    let mut out = args.out;
    for channel in (0..args.depth).step_by(GRANULE) {
        let (mut scale, mut shift) = ([S::splat(0.0); G], [S::splat(0.0); G]);
        for g in 0..G {
            scale[g] = S::load(args.scale.add(channel + g * S::LANES));
            shift[g] = S::load(args.shift.add(channel + g * S::LANES));
        }
        for row in 0..args.rows {
            let pixel = args.pixels.add(*args.places.add(row) as usize + channel);
            for g in 0..G {
                O::store(out, g, value(pixel.add(g * S::LANES), scale[g], shift[g]));
            }
            out = out.add(O::WORDS);
        }
    }
}

/// What [`average`] reads and writes.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Average {
    pub(in super::super) depth: usize,
    pub(in super::super) pixels: *const f32,
    pub(in super::super) count: usize,
    /// Distance from a pixel to the next one.
    pub(in super::super) stride: usize,
    pub(in super::super) scale: *const f32,
    pub(in super::super) shift: *const f32,
    /// `[depth]`.
    pub(in super::super) out: *mut f32,
}

/// The mean of `relu(x * scale + shift)` over all pixels.
///
/// # Safety
///
/// As [`gather`].
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
pub(super) unsafe fn average<S: Simd>(args: &Average) {
    let share = S::splat(1.0 / args.count as f32);
    for channel in (0..args.depth).step_by(S::LANES) {
        let (scale, shift) = (S::load(args.scale.add(channel)), S::load(args.shift.add(channel)));
        let mut sum = S::splat(0.0);
        for pixel in 0..args.count {
            let value = S::load(args.pixels.add(pixel * args.stride + channel));
            sum = S::add(sum, S::max(S::splat(0.0), S::mul_add(value, scale, shift)));
        }
        S::store(args.out.add(channel), S::mul(sum, share));
    }
}
