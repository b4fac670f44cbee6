//! Vectors of f32, one type of them for each instruction set.
//!
//! The kernels are written once, against [`Simd`]; here is all that knows an instruction by name.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(super) use neon::Neon;
pub(super) use portable::Portable;

/// The operations that the kernels need, on vectors of [`Simd::LANES`] f32, which divide [`GRANULE`](super::GRANULE).
///
/// # Safety
///
/// Every function needs the instruction set of its type, and is inlined into a caller that has it switched on. Loads and
/// stores need `LANES` values at the pointer, of any alignment.
pub(super) trait Simd: Copy + 'static {
    type V: Copy;
    const LANES: usize;

    unsafe fn splat(value: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, value: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// The larger value; not a number where `b` is none.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Each lane's lower 16 bits as the upper ones, the others zero: the first bf16 of a pair as f32.
    unsafe fn lower_half(a: Self::V) -> Self::V;
    /// Each lane's upper 16 bits, the others zero: the second one.
    unsafe fn upper_half(a: Self::V) -> Self::V;
    /// Asks for the cache line at `at`, which need not be memory of ours.
    unsafe fn prefetch(at: *const f32);
}
