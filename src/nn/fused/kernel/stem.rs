//! The first convolution, 7x7 with a stride of two, and the max-pool after it.

use super::super::simd::Simd;

/// What one call of [`stem`] reads and writes: `M` pixels of one row, a panel of channels.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Stem {
    /// The upper left value under the first pixel's window.
    pub(in super::super) pixels: *const f32,
    /// Values of one row of the window: 7 pixels of all channels.
    pub(in super::super) width: usize,
    /// Distances from a window to the next one, and from an input row to the next one.
    pub(in super::super) right: usize,
    pub(in super::super) below: usize,
    /// `[7 * width][P]`.
    pub(in super::super) weights: *const f32,
    /// `[P]`.
    pub(in super::super) bias: *const f32,
    pub(in super::super) out: *mut f32,
    /// Distance from an output pixel to the next one.
    pub(in super::super) stride: usize,
}

/// `relu(window . weights + bias)`.
///
/// # Safety
///
/// As [`Simd`], and all of [`Stem`]'s pointers reach as far as its fields say. No other thread touches the pixels at `out`.
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
pub(super) unsafe fn stem<S: Simd, const M: usize, const N: usize>(args: &Stem) {
    let zero = S::splat(0.0);
    let mut sums = [[zero; N]; M];
    let mut b = args.weights;
    for y in 0..7 {
        let row = args.pixels.add(y * args.below);
        for k in 0..args.width {
            let mut weights = [zero; N];
            for n in 0..N {
                weights[n] = S::load(b.add(n * S::LANES));
            }
            b = b.add(N * S::LANES);
            for m in 0..M {
                let value = S::splat(*row.add(m * args.right + k));
                for n in 0..N {
                    sums[m][n] = S::mul_add(value, weights[n], sums[m][n]);
                }
            }
        }
    }
    for n in 0..N {
        let bias = S::load(args.bias.add(n * S::LANES));
        for m in 0..M {
            let out = args.out.add(m * args.stride + n * S::LANES);
            S::store(out, S::max(zero, S::add(sums[m][n], bias)));
        }
    }
}

/// What one call of [`max`] reads and writes: one pixel.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Max {
    /// The upper left pixel of the window, as far as it is inside.
    pub(in super::super) pixels: *const f32,
    /// Rows and columns of the window that are inside.
    pub(in super::super) inside: (usize, usize),
    /// Distances from a pixel to its right and its lower neighbour.
    pub(in super::super) right: usize,
    pub(in super::super) below: usize,
    /// Channels, a multiple of the granule.
    pub(in super::super) depth: usize,
    pub(in super::super) out: *mut f32,
}

/// The largest of the window's pixels, and of zero, which no pixel after a ReLU is below. Not a number where one of them is not finite.
///
/// # Safety
///
/// As [`stem`].
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
pub(super) unsafe fn max<S: Simd>(args: &Max) {
    for channel in (0..args.depth).step_by(S::LANES) {
        let (mut largest, mut faults) = (S::splat(0.0), S::splat(0.0));
        for y in 0..args.inside.0 {
            for x in 0..args.inside.1 {
                let at = args.pixels.add(y * args.below + x * args.right + channel);
                let value = S::load(at);
                largest = S::max(value, largest);
                faults = S::add(faults, S::sub(value, value));
            }
        }
        S::store(args.out.add(channel), S::add(largest, faults));
    }
}
