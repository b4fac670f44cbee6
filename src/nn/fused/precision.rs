/// What the fused engine's products are computed in; sums and everything else are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precision {
    /// f32.
    #[default]
    F32,
    /// Operands of the 1x1 convolutions, and of the 3x3 ones on maps below 20 pixels a side, rounded to bf16; the rest is f32. Meant for
    /// processors that multiply bf16 (AVX512-BF16); on others the pairs are multiplied as f32, which is slower than f32 and rounds
    /// otherwise.
    Bf16,
}
