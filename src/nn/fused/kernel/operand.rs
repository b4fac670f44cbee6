//! How the operands of products are kept: as f32, or as pairs of bf16.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
#[cfg(target_arch = "x86_64")]
use std::mem::transmute;

use super::super::GRANULE;
use super::super::simd::Simd;

/// One way to keep operands in words of 32 bits.
///
/// # Safety
///
/// As [`Simd`]; stores need [`Operand::WORDS`] words for each granule.
pub(super) trait Operand<S: Simd>: 'static {
    /// Words that a granule of channels takes.
    const WORDS: usize;

    /// Stores a granule's `index`th vector. `to` is where the granule begins.
    unsafe fn store(to: *mut f32, index: usize, value: S::V);

    /// `c` and the products of what the words of `a` and `b` hold.
    unsafe fn multiply(a: S::V, b: S::V, c: S::V) -> S::V;
}

/// One f32 a word.
pub(super) struct Single;

// SAFETY: as the trait asks, the words are there and the caller has the instructions.
#[allow(unsafe_op_in_unsafe_fn)]
impl<S: Simd> Operand<S> for Single {
    const WORDS: usize = GRANULE;

    #[inline(always)]
    unsafe fn store(to: *mut f32, index: usize, value: S::V) {
        S::store(to.add(index * S::LANES), value);
    }
    #[inline(always)]
    unsafe fn multiply(a: S::V, b: S::V, c: S::V) -> S::V {
        S::mul_add(a, b, c)
    }
}

/// Two bf16 a word, multiplied as f32: for processors without instructions for it.
pub(super) struct Pairs;

// SAFETY: as above.
#[allow(unsafe_op_in_unsafe_fn)]
impl<S: Simd> Operand<S> for Pairs {
    const WORDS: usize = GRANULE / 2;

    #[inline(always)]
    unsafe fn store(to: *mut f32, index: usize, value: S::V) {
        let mut values = [0.0_f32; GRANULE];
        S::store(values.as_mut_ptr(), value);
        let to = to.cast::<u16>().add(index * S::LANES);
        for (lane, value) in values[..S::LANES].iter().enumerate() {
            to.add(lane).write(round(*value));
        }
    }
    #[inline(always)]
    unsafe fn multiply(a: S::V, b: S::V, c: S::V) -> S::V {
        let odd = S::mul_add(S::upper_half(a), S::upper_half(b), c);
        S::mul_add(S::lower_half(a), S::lower_half(b), odd)
    }
}

/// Two bf16 a word, for processors that multiply them (AVX512-BF16).
#[cfg(target_arch = "x86_64")]
pub(super) struct NativePairs;

// SAFETY: as above; the caller also has `avx512bf16`. Vectors of f32 and of bf16 are the same bits.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_op_in_unsafe_fn)]
impl Operand<super::super::simd::Avx512> for NativePairs {
    const WORDS: usize = GRANULE / 2;

    #[inline(always)]
    unsafe fn store(to: *mut f32, _index: usize, value: __m512) {
        let rounded = transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(value));
        _mm256_storeu_si256(to.cast(), rounded);
    }
    #[inline(always)]
    unsafe fn multiply(a: __m512, b: __m512, c: __m512) -> __m512 {
        _mm512_dpbf16_ps(c, transmute::<__m512, __m512bh>(a), transmute::<__m512, __m512bh>(b))
    }
}

/// The nearest bf16, to even where two are as near.
pub(in super::super) fn round(value: f32) -> u16 {
    let bits = value.to_bits();
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    if value.is_nan() { 0x7fc0 } else { nearest as u16 }
}
