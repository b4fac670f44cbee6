//! The kernels of one instruction set, behind function pointers.
//!
//! Each kernel is generic over [`Simd`](super::simd::Simd) and inlined into one function for each instruction set that has it
//! switched on. [`Kernels::of`] is the only way to these functions, and it gives only what the processor can run.

// Tiles are read by rows and columns at once, and their sizes are constants.
#![allow(clippy::needless_range_loop)]

mod gather;
mod operand;
mod product;
mod stem;
mod winograd;

pub(super) use gather::{Average, Gather};
pub(super) use operand::round;
pub(super) use product::Product;
pub(super) use stem::{Max, Stem};
pub(super) use winograd::Tile;

#[cfg(test)]
pub(super) mod tests;

use super::simd::Simd;
use super::{GRANULE, Level, Precision};

/// The kernels of one instruction set. Calling one needs what its generic original asks for; that the processor has
/// the instructions is settled by holding this table.
#[derive(Debug)]
pub(super) struct Kernels {
    pub(super) level: Level,
    /// Output channels that are computed together.
    pub(super) panel: usize,
    /// `[m - 1]` for `m` pixels.
    pub(super) stem: &'static [unsafe fn(&Stem)],
    pub(super) average: unsafe fn(&Average),
    pub(super) max: unsafe fn(&Max),
    /// For 2x2 and for 4x4 outputs.
    pub(super) to_pixels: [unsafe fn(&Tile); 2],
    single: Products,
    pairs: Products,
    /// Where the processor multiplies bf16.
    native_pairs: Option<(fn() -> bool, Products)>,
}

/// Products of operands that are kept in one way, and what brings the operands there.
#[derive(Debug)]
pub(super) struct Products {
    /// Words of 32 bits that a granule of channels takes: one a channel, or one for two.
    pub(super) words: usize,
    /// `[m - 1]` for `m` rows: as many as there are functions at most.
    pub(super) product: &'static [unsafe fn(&Product)],
    pub(super) gather: unsafe fn(&Gather),
    pub(super) gather_pooled: unsafe fn(&Gather),
    /// For 2x2 and for 4x4 outputs.
    pub(super) to_operands: [unsafe fn(&Tile); 2],
}

impl Products {
    /// The most rows of one product.
    pub(super) const fn rows(&self) -> usize {
        self.product.len()
    }

    /// Words that `depth` channels, whole granules, take.
    pub(super) const fn words(&self, depth: usize) -> usize {
        depth / GRANULE * self.words
    }
}

impl Kernels {
    /// The kernels of `level`, if this processor can run them.
    pub(super) fn of(level: Level) -> Option<&'static Self> {
        if !level.is_available() {
            return None;
        }
        match level {
            Level::Portable => Some(&portable::KERNELS),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => Some(&neon::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Some(&avx2::KERNELS),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Some(&avx512::KERNELS),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    /// The products of a precision.
    pub(super) fn products(&'static self, precision: Precision) -> &'static Products {
        match (precision, &self.native_pairs) {
            (Precision::F32, _) => &self.single,
            (Precision::Bf16, Some((available, products))) if available() => products,
            (Precision::Bf16, _) => &self.pairs,
        }
    }
}

/// One way of keeping operands: a product takes up to as many rows as `$m` counts.
macro_rules! products {
    ($module:ident, $simd:ident, $operand:ident, [$($feature:literal)?], $n:literal, [$($m:literal)*]) => {
        mod $module {
            use super::super::operand::$operand;
            use super::*;

            const VECTORS: usize = GRANULE / <$simd as Simd>::LANES;

            // SAFETY (all functions): the table is given out only where the processor has the instructions; the rest of each
            // contract is passed on to the caller.
            $(#[target_feature(enable = $feature)])?
            unsafe fn product<const M: usize>(args: &Product) {
                unsafe { product::product::<$simd, $operand, M, $n>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gather(args: &Gather) {
                unsafe { gather::gather::<$simd, $operand, VECTORS>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gather_pooled(args: &Gather) {
                unsafe { gather::gather_pooled::<$simd, $operand, VECTORS>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn to_operands<const T: usize>(args: &Tile) {
                unsafe { winograd::to_operands::<$simd, $operand, T>(args) }
            }

            pub(super) const PRODUCTS: Products = Products {
                words: <$operand as super::super::operand::Operand<$simd>>::WORDS,
                product: &[$(product::<$m>),*],
                gather,
                gather_pooled,
                to_operands: [to_operands::<4>, to_operands::<6>],
            };
        }
    };
}

/// One instruction set: `$n` vectors make a panel.
macro_rules! kernels {
    (
        $module:ident, $simd:ident, [$($feature:literal)?], $n:literal, single $single:tt, pairs $pairs:tt,
        native [$($native:literal, $available:expr)?]
    ) => {
        mod $module {
            use super::super::simd::$simd;
            use super::*;

            products!(single, $simd, Single, [$($feature)?], $n, $single);
            products!(pairs, $simd, Pairs, [$($feature)?], $n, $pairs);
            $(products!(native_pairs, $simd, NativePairs, [$native], $n, $single);)?

            // SAFETY (all functions): as in `products`.
            $(#[target_feature(enable = $feature)])?
            unsafe fn stem<const M: usize>(args: &Stem) {
                unsafe { stem::stem::<$simd, M, $n>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn average(args: &Average) {
                unsafe { gather::average::<$simd>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn max(args: &Max) {
                unsafe { stem::max::<$simd>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn to_pixels<const T: usize>(args: &Tile) {
                unsafe { winograd::to_pixels::<$simd, T>(args) }
            }

            pub(super) static KERNELS: Kernels = Kernels {
                level: Level::$simd,
                panel: $n * <$simd as Simd>::LANES,
                stem: stems!($single),
                average,
                max,
                to_pixels: [to_pixels::<4>, to_pixels::<6>],
                single: single::PRODUCTS,
                pairs: pairs::PRODUCTS,
                native_pairs: kernels!(native $($native, $available)?),
            };
        }
    };
    (native) => { None };
    (native $native:literal, $available:expr) => { Some(($available, native_pairs::PRODUCTS)) };
}

macro_rules! stems {
    ([$($m:literal)*]) => { &[$(stem::<$m>),*] };
}

// Rows x vectors, the loaded weights and one more value fill the registers: 32 of them, or 16 for AVX2. Pairs that are multiplied
// as f32 need the weights twice.
kernels!(portable, Portable, [], 4, single [1 2 3], pairs [1 2], native []);
#[cfg(target_arch = "aarch64")]
kernels!(neon, Neon, [], 4, single [1 2 3 4 5 6], pairs [1 2 3 4 5], native []);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, Avx2, ["avx2,fma"], 2, single [1 2 3 4 5 6], pairs [1 2 3 4], native []);
#[cfg(target_arch = "x86_64")]
kernels!(
    avx512, Avx512, ["avx512f"], 2, single [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    pairs [1 2 3 4 5 6 7 8 9 10 11 12],
    native ["avx512f,avx512bf16", || is_x86_feature_detected!("avx512bf16")]
);
