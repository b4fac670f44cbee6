//! The transforms around the products of a Winograd convolution (Lavin and Gray, *Fast Algorithms for Convolutional
//! Neural Networks*, arXiv:1509.09308): 3x3 taps, and 2x2 or 4x4 outputs from 4x4 or 6x6 inputs.

use super::super::GRANULE;
use super::super::simd::Simd;
use super::operand::Operand;

/// What one call of a transform reads and writes: one tile.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Tile {
    /// The upper left pixel of the tile.
    pub(in super::super) pixels: *mut f32,
    /// Distances from a pixel to its right and its lower neighbour.
    pub(in super::super) right: usize,
    pub(in super::super) below: usize,
    /// Channels, a multiple of [`GRANULE`].
    pub(in super::super) depth: usize,
    /// The tile's place among the products' operands or results, for the first of the positions.
    pub(in super::super) places: *mut f32,
    /// Distances in words from a position to the next one, and from a granule of channels to the next one.
    pub(in super::super) position: usize,
    pub(in super::super) granule: usize,
    /// Pixels of an output tile that are inside the image: rows and columns.
    pub(in super::super) inside: (usize, usize),
}

/// `B^T d` for a column of `T` = 4 or 6 values.
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
unsafe fn input<S: Simd, const T: usize>(d: [S::V; T]) -> [S::V; T] {
    let mut out = d;
    if T == 4 {
        out[0] = S::sub(d[0], d[2]);
        out[1] = S::add(d[1], d[2]);
        out[2] = S::sub(d[2], d[1]);
        out[3] = S::sub(d[1], d[3]);
    } else {
        let (minus_4, minus_5, four) = (S::splat(-4.0), S::splat(-5.0), S::splat(4.0));
        let (even, odd) = (S::mul_add(minus_4, d[2], d[4]), S::mul_add(minus_4, d[1], d[3]));
        let step = S::sub(d[3], d[1]);
        let (near, far) = (S::sub(d[4], d[2]), S::add(step, step));
        out[0] = S::mul_add(four, d[0], S::mul_add(minus_5, d[2], d[4]));
        out[1] = S::add(even, odd);
        out[2] = S::sub(even, odd);
        out[3] = S::add(near, far);
        out[4] = S::sub(near, far);
        out[5] = S::mul_add(four, d[1], S::mul_add(minus_5, d[3], d[5]));
    }
    out
}

/// `A^T m` for a column of `T` = 4 or 6 values; the first 2 or 4 of the result count.
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
unsafe fn output<S: Simd, const T: usize>(m: [S::V; T]) -> [S::V; 4] {
    let (sum, difference) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
    if T == 4 {
        let last = S::sub(difference, m[3]);
        [S::add(m[0], sum), last, last, last]
    } else {
        let (wide, slope) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        let last = S::add(m[5], S::mul_add(S::splat(8.0), slope, difference));
        [
            S::add(m[0], S::add(sum, wide)),
            S::mul_add(S::splat(2.0), slope, difference),
            S::mul_add(S::splat(4.0), wide, sum),
            last,
        ]
    }
}

/// `B^T d B`: pixels to operands.
///
/// # Safety
///
/// As [`Simd`]; `T x T` pixels lie at `pixels` and as many places at `places`. No other thread writes to either.
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
pub(super) unsafe fn to_operands<S: Simd, O: Operand<S>, const T: usize>(args: &Tile) {
    for channel in (0..args.depth).step_by(S::LANES) {
        let pixels = args.pixels.add(channel);
        let places = args.places.add(channel / GRANULE * args.granule);
        let vector = channel % GRANULE / S::LANES;
        let mut columns = [[S::splat(0.0); T]; T];
        for x in 0..T {
            let mut column = [S::splat(0.0); T];
            for y in 0..T {
                column[y] = S::load(pixels.add(y * args.below + x * args.right));
            }
            let column = input::<S, T>(column);
            for y in 0..T {
                columns[y][x] = column[y];
            }
        }
        for y in 0..T {
            let row = input::<S, T>(columns[y]);
            for x in 0..T {
                O::store(places.add((y * T + x) * args.position), vector, row[x]);
            }
        }
    }
}

/// `A^T m A`: results to pixels, as far as they are inside.
///
/// # Safety
///
/// As [`to_operands`], with `T - 2` pixels a side at most.
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
pub(super) unsafe fn to_pixels<S: Simd, const T: usize>(args: &Tile) {
    for channel in (0..args.depth).step_by(S::LANES) {
        let pixels = args.pixels.add(channel);
        let places = args.places.add(channel / GRANULE * args.granule + channel % GRANULE);
        let mut columns = [[S::splat(0.0); T]; 4];
        for x in 0..T {
            let mut column = [S::splat(0.0); T];
            for y in 0..T {
                column[y] = S::load(places.add((y * T + x) * args.position));
            }
            let column = output::<S, T>(column);
            for y in 0..4 {
                columns[y][x] = column[y];
            }
        }
        for y in 0..args.inside.0 {
            let row = output::<S, T>(columns[y]);
            for x in 0..args.inside.1 {
                S::store(pixels.add(y * args.below + x * args.right), row[x]);
            }
        }
    }
}
