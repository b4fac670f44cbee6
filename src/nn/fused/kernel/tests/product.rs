use proptest::prelude::*;

use super::super::super::GRANULE;
use super::super::{Kernels, Product};
use super::memory::{Expected, Input, Output};
use super::{Draw, Numbers, cases, rounding, tables};

/// One product of `rows` rows: operands, where the results go, and what they must be.
struct Case {
    numbers: Numbers,
    rows: usize,
    depth: usize,
    panel: usize,
    /// `[rows][depth]`.
    a: Vec<f32>,
    /// `[depth][panel]`.
    b: Vec<f32>,
    bias: Option<Vec<f32>>,
    relu: bool,
    places: Vec<u32>,
    len: usize,
}

impl Case {
    fn draw(
        kernels: &Kernels,
        numbers: Numbers,
        rows: usize,
        granules: usize,
        (biased, relu): (bool, bool),
        seed: u64,
    ) -> Self {
        let mut draw = Draw(seed);
        let (depth, panel) = (granules * GRANULE, kernels.panel);
        let (places, len) = draw.places(rows, panel);
        Self {
            numbers,
            rows,
            depth,
            panel,
            a: draw.values(numbers, rows * depth),
            b: draw.values(numbers, depth * panel),
            bias: biased.then(|| draw.values(numbers, panel)),
            relu,
            places,
            len,
        }
    }

    fn expected(&self) -> Vec<Expected> {
        let mut expected = vec![None; self.len];
        for (row, &place) in self.places.iter().enumerate() {
            for channel in 0..self.panel {
                let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[channel]));
                let (mut sum, mut magnitude) = (bias, bias.abs());
                for k in 0..self.depth {
                    let term = f64::from(self.a[row * self.depth + k]) * f64::from(self.b[k * self.panel + channel]);
                    sum += term;
                    magnitude += term.abs();
                }
                let value = if self.relu { sum.max(0.0) } else { sum };
                expected[place as usize + channel] = Some((value, rounding(self.numbers, self.depth, magnitude)));
            }
        }
        expected
    }

    /// The rows as the kernel wants them, `[depth / 16][rows][16]`.
    fn packed(&self) -> Vec<f32> {
        let granules = (0..self.depth).step_by(GRANULE);
        let rows = granules.flat_map(|first| (0..self.rows).map(move |row| row * self.depth + first));
        rows.flat_map(|start| &self.a[start..start + GRANULE]).copied().collect()
    }

    fn check(&self, kernels: &Kernels) {
        let what = format!("{} with {} rows of {}", kernels.level, self.rows, self.depth);
        let (a, b) = (Input::of(&self.packed()), Input::of(&self.b));
        let bias = self.bias.as_ref().map(|bias| Input::of(bias));
        for (index, (a, b)) in a.iter().zip(&b).enumerate() {
            let mut out = Output::new(self.len);
            let args = Product {
                depth: self.depth,
                a: a.as_ptr(),
                b: b.as_ptr(),
                bias: bias.as_ref().map_or(std::ptr::null(), |bias| bias[index].as_ptr()),
                relu: self.relu,
                out: out.start(),
                rows: self.places.as_ptr(),
                // What is fetched ahead need not be memory at all.
                next: std::ptr::without_provenance(64),
                ahead: index * 3,
            };
            // SAFETY: the table is of this processor's instructions; all pointers reach as far as the fields say.
            unsafe { kernels.product[self.rows - 1](&args) };
            out.check(&self.expected(), &what);
        }
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn products_of_any_depth(granules in 1_usize..20, biased: bool, relu: bool, whole: bool, seed: u64) {
        let numbers = if whole { Numbers::Whole } else { Numbers::Real };
        for kernels in tables() {
            for rows in 1..=kernels.rows() {
                Case::draw(kernels, numbers, rows, granules, (biased, relu), seed).check(kernels);
            }
        }
    }

    /// A row gives the same bits in whatever company it comes, which is what makes threads and tiles not matter.
    #[test]
    fn rows_do_not_depend_on_each_other(granules in 1_usize..8, seed: u64) {
        for kernels in tables() {
            let bits = |rows: usize| {
                let mut case = Case::draw(kernels, Numbers::Real, kernels.rows(), granules, (true, false), seed);
                (case.rows, case.a) = (rows, case.a[..rows * case.depth].to_vec());
                let packed = case.packed();
                let mut out = vec![0.0_f32; kernels.panel * rows];
                let places: Vec<u32> = (0..rows).map(|row| (row * kernels.panel) as u32).collect();
                let bias = case.bias.as_ref().unwrap();
                let args = Product {
                    depth: case.depth,
                    a: packed.as_ptr(),
                    b: case.b.as_ptr(),
                    bias: bias.as_ptr(),
                    relu: false,
                    out: out.as_mut_ptr(),
                    rows: places.as_ptr(),
                    next: std::ptr::null(),
                    ahead: 0,
                };
                // SAFETY: as above.
                unsafe { kernels.product[rows - 1](&args) };
                out.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
            };
            let all = bits(kernels.rows());
            for rows in 1..kernels.rows() {
                prop_assert_eq!(&bits(rows)[..], &all[..rows * kernels.panel], "{} {}", kernels.level, rows);
            }
        }
    }
}

/// With the ReLU, what is no number becomes zero, as candle's ReLU has it; without, it stays.
#[test]
fn what_is_no_number_becomes_zero_only_under_the_relu() {
    for kernels in tables() {
        for relu in [false, true] {
            let mut case = Case::draw(kernels, Numbers::Whole, 1, 1, (true, relu), 3);
            case.a[5] = f32::NAN;
            let mut out = vec![1.0_f32; kernels.panel];
            let args = Product {
                depth: GRANULE,
                a: case.a.as_ptr(),
                b: case.b.as_ptr(),
                bias: case.bias.as_ref().unwrap().as_ptr(),
                relu,
                out: out.as_mut_ptr(),
                rows: [0].as_ptr(),
                next: std::ptr::null(),
                ahead: 0,
            };
            // SAFETY: as above.
            unsafe { kernels.product[0](&args) };
            assert!(out.iter().all(|x| if relu { *x == 0.0 } else { x.is_nan() }), "{}: {out:?}", kernels.level);
        }
    }
}
