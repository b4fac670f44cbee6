//! The matrix product: a few rows of pixels times one panel of output channels, all sums in registers.

use super::super::GRANULE;
use super::super::simd::Simd;
use super::operand::Operand;

/// What one call of the product kernel reads and writes, for `M` rows and a panel of `P` channels.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Product {
    /// `depth` input channels, a multiple of [`GRANULE`].
    pub(in super::super) depth: usize,
    /// `[depth / 16][M][words]`, with the words of a granule.
    pub(in super::super) a: *const f32,
    /// `[depth / 16][words][P]`.
    pub(in super::super) b: *const f32,
    /// `[P]`, or null for none.
    pub(in super::super) bias: *const f32,
    /// Whether negative results become zero.
    pub(in super::super) relu: bool,
    /// Where row 0 goes; `P` values for each row.
    pub(in super::super) out: *mut f32,
    /// Each row's distance from `out`: `M` numbers.
    pub(in super::super) rows: *const u32,
    /// What is read next, for the cache: `ahead` lines for each granule of depth from here on.
    pub(in super::super) next: *const f32,
    pub(in super::super) ahead: usize,
}

/// `out[row] = relu(a[row] . b + bias)`. Each sum runs over the depth from first to last, whatever `M` is.
///
/// # Safety
///
/// As [`Simd`], and all of [`Product`]'s pointers reach as far as its fields say. No other thread touches the rows.
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
pub(super) unsafe fn product<S: Simd, O: Operand<S>, const M: usize, const N: usize>(args: &Product) {
    let mut sums = [[S::splat(0.0); N]; M];
    let (mut a, mut b, mut next) = (args.a, args.b, args.next);
    for _ in 0..args.depth / GRANULE {
        for _ in 0..args.ahead {
            S::prefetch(next);
            next = next.wrapping_add(16);
        }
        for k in 0..O::WORDS {
            let mut weights = [S::splat(0.0); N];
            for n in 0..N {
                weights[n] = S::load(b.add(n * S::LANES));
            }
            b = b.add(N * S::LANES);
            for m in 0..M {
                let value = S::splat(*a.add(m * O::WORDS + k));
                for n in 0..N {
                    sums[m][n] = O::multiply(value, weights[n], sums[m][n]);
                }
            }
        }
        a = a.add(M * O::WORDS);
    }
    finish::<S, M, N>(args, sums);
}

/// Adds the bias, cuts at zero and stores.
#[inline(always)]
#[allow(unsafe_op_in_unsafe_fn)]
unsafe fn finish<S: Simd, const M: usize, const N: usize>(args: &Product, sums: [[S::V; N]; M]) {
    for n in 0..N {
        let zero = S::splat(0.0);
        let bias = if args.bias.is_null() { zero } else { S::load(args.bias.add(n * S::LANES)) };
        for m in 0..M {
            let mut value = S::add(sums[m][n], bias);
            if args.relu {
                value = S::max(zero, value);
            }
            S::store(args.out.add(*args.rows.add(m) as usize + n * S::LANES), value);
        }
    }
}
