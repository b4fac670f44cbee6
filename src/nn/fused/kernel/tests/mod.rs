//! Every kernel of every instruction set that this processor has, against its definition in f64.
//!
//! Most operands are small whole numbers: then every sum is exact whatever its order, and the kernels must agree with the
//! definition to the bit. What a kernel reads ends where its memory ends, and around what it writes nothing may change.

mod gather;
mod memory;
mod product;
mod stem;
mod winograd;

use proptest::test_runner::Config;

use super::super::{GRANULE, Level};
use super::{Kernels, Products};

/// The tables of all levels that can run here.
fn tables() -> Vec<&'static Kernels> {
    Level::ALL.iter().copied().filter_map(Kernels::of).collect()
}

/// A level's products of one kind of operands.
#[derive(Clone, Copy)]
struct Way {
    kernels: &'static Kernels,
    products: &'static Products,
    name: &'static str,
}

/// All that can run here.
fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for kernels in tables() {
        ways.push(Way { kernels, products: &kernels.single, name: "f32" });
        ways.push(Way { kernels, products: &kernels.pairs, name: "bf16 as f32" });
        if let Some((available, products)) = &kernels.native_pairs
            && available()
        {
            ways.push(Way { kernels, products, name: "bf16" });
        }
    }
    ways
}

impl Way {
    fn pairs(self) -> bool {
        self.products.words < GRANULE
    }

    /// The operand that `value` becomes.
    fn operand(self, value: f64) -> f64 {
        if self.pairs() { nearest_bf16(value) } else { value }
    }

    /// Operands as words: `[channels]` of each of `rows` as `[channels / 2]` where they are pairs.
    fn words(self, channels: &[f32]) -> Vec<f32> {
        if !self.pairs() {
            return channels.to_vec();
        }
        let half = |value: f32| (nearest_bf16(f64::from(value)) as f32).to_bits() >> 16;
        channels.chunks_exact(2).map(|pair| f32::from_bits(half(pair[0]) | half(pair[1]) << 16)).collect()
    }
}

/// Eight bits from the first one on; the even one of two that are as near. Not for what is so small that bits are lost.
fn nearest_bf16(value: f64) -> f64 {
    if value == 0.0 {
        return value;
    }
    let unit = 2.0_f64.powi(value.abs().log2().floor() as i32 - 7);
    (value / unit).round_ties_even() * unit
}

/// `cases` cases, or fewer where `PROPTEST_CASES` says so: an emulator is slow.
pub(in super::super) fn cases(cases: u32) -> Config {
    let usual = Config::default();
    Config { cases: cases.min(usual.cases), failure_persistence: None, ..usual }
}

/// What the operands are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// -4 to 4.
    Whole,
    /// Between -1 and 1, with all bits of an f32.
    Real,
}

/// Numbers from a seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn values(&mut self, numbers: Numbers, count: usize) -> Vec<f32> {
        let one = |_| match numbers {
            Numbers::Whole => self.below(9) as f32 - 4.0,
            Numbers::Real => (self.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0,
        };
        (0..count).map(one).collect()
    }

    /// `count` places in any order, at least `size` apart, and where the last one's `size` values end.
    fn places(&mut self, count: usize, size: usize) -> (Vec<u32>, usize) {
        let mut end = 0;
        let mut places = Vec::new();
        for _ in 0..count {
            end += self.below(3) * 5;
            places.push(end as u32);
            end += size;
        }
        for i in (1..count).rev() {
            places.swap(i, self.below(i + 1));
        }
        (places, end)
    }
}

/// How far a sum of `terms` terms, `magnitude` in all, may be off.
fn rounding(numbers: Numbers, terms: usize, magnitude: f64) -> f64 {
    match numbers {
        Numbers::Whole => 0.0,
        Numbers::Real => (terms + 2) as f64 * f64::from(f32::EPSILON) * magnitude,
    }
}
