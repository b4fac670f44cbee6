//! The kernels of one instruction set, behind function pointers.
//!
//! Each kernel is generic over [`Simd`](super::simd::Simd) and inlined into one function for each instruction set that has it
//! switched on. [`Kernels::of`] is the only way to these functions, and it gives only what the processor can run.

mod gather;
mod product;
mod stem;
mod winograd;

pub(super) use gather::{Average, Gather};
pub(super) use product::Product;
pub(super) use stem::{Max, Stem};
pub(super) use winograd::Tile;

#[cfg(test)]
mod tests;

use super::{GRANULE, Level};

/// The kernels of one instruction set. Calling one needs what its generic original asks for; that the processor has
/// the instructions is settled by holding this table.
#[derive(Debug)]
pub(super) struct Kernels {
    pub(super) level: Level,
    /// Output channels that are computed together.
    pub(super) panel: usize,
    /// `[m - 1]` for `m` rows: as many as there are functions at most.
    pub(super) product: &'static [unsafe fn(&Product)],
    /// `[m - 1]` for `m` pixels.
    pub(super) stem: &'static [unsafe fn(&Stem)],
    pub(super) gather: unsafe fn(&Gather),
    pub(super) gather_pooled: unsafe fn(&Gather),
    pub(super) average: unsafe fn(&Average),
    pub(super) max: unsafe fn(&Max),
    /// For 2x2 and for 4x4 outputs.
    pub(super) to_operands: [unsafe fn(&Tile); 2],
    pub(super) to_pixels: [unsafe fn(&Tile); 2],
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

    /// The most rows of one product.
    pub(super) const fn rows(&self) -> usize {
        self.product.len()
    }
}

/// One instruction set's functions: `$n` vectors make a panel, and a product takes up to as many rows as `$m` counts.
macro_rules! kernels {
    ($module:ident, $simd:ident, [$($feature:literal)?], $n:literal, [$($m:literal)*]) => {
        mod $module {
            use super::super::simd::{$simd, Simd};
            use super::*;

            // SAFETY (all functions): `Kernels::of` gives them out only where `Level::is_available`, so that the processor has
            // the instructions; the rest of each contract is passed on to the caller.
            $(#[target_feature(enable = $feature)])?
            unsafe fn product<const M: usize>(args: &Product) {
                unsafe { product::product::<$simd, M, $n>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn stem<const M: usize>(args: &Stem) {
                unsafe { stem::stem::<$simd, M, $n>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gather(args: &Gather) {
                unsafe { gather::gather::<$simd, { GRANULE / <$simd as Simd>::LANES }>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gather_pooled(args: &Gather) {
                unsafe { gather::gather_pooled::<$simd, { GRANULE / <$simd as Simd>::LANES }>(args) }
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
            unsafe fn to_operands<const T: usize>(args: &Tile) {
                unsafe { winograd::to_operands::<$simd, T>(args) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn to_pixels<const T: usize>(args: &Tile) {
                unsafe { winograd::to_pixels::<$simd, T>(args) }
            }

            pub(super) static KERNELS: Kernels = Kernels {
                level: Level::$simd,
                panel: $n * <$simd as Simd>::LANES,
                product: &[$(product::<$m>),*],
                stem: &[$(stem::<$m>),*],
                gather,
                gather_pooled,
                average,
                max,
                to_operands: [to_operands::<4>, to_operands::<6>],
                to_pixels: [to_pixels::<4>, to_pixels::<6>],
            };
        }
    };
}

// Rows x vectors, the loaded weights and one more value fill the registers: 32 of them, or 16 for AVX2.
kernels!(portable, Portable, [], 4, [1 2 3]);
#[cfg(target_arch = "aarch64")]
kernels!(neon, Neon, [], 4, [1 2 3 4 5 6]);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, Avx2, ["avx2,fma"], 2, [1 2 3 4 5 6]);
#[cfg(target_arch = "x86_64")]
kernels!(avx512, Avx512, ["avx512f"], 2, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
