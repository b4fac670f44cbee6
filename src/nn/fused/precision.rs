/// What the fused engine's products are computed in; sums and everything else are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// f32.
    #[default]
    F32,
    /// Operands rounded to bf16. Half the memory for weights; twice the speed where the processor multiplies bf16 (AVX512-BF16), and slower than f32
    /// elsewhere.
    Bf16,
}
