use proptest::prelude::*;

use super::super::super::GRANULE;
use super::super::Product;
use super::memory::{Expected, Input, Output};
use super::{Draw, Numbers, Way, cases, rounding, ways};

/// One product of `rows` rows: operands, where the results go, and what they must be.
struct Case {
    way: Way,
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
    fn draw(way: Way, numbers: Numbers, rows: usize, granules: usize, (biased, relu): (bool, bool), seed: u64) -> Self {
        let mut draw = Draw(seed);
        let (depth, panel) = (granules * GRANULE, way.kernels.panel);
        let (places, len) = draw.places(rows, panel);
        Self {
            way,
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
                    let (a, b) = (self.a[row * self.depth + k], self.b[k * self.panel + channel]);
                    let term = self.way.operand(f64::from(a)) * self.way.operand(f64::from(b));
                    sum += term;
                    magnitude += term.abs();
                }
                let value = if self.relu { sum.max(0.0) } else { sum };
                expected[place as usize + channel] = Some((value, rounding(self.numbers, self.depth, magnitude)));
            }
        }
        expected
    }

    /// The rows as the kernel wants them, `[depth / 16][rows][words]`.
    fn packed_a(&self) -> Vec<f32> {
        let granules = (0..self.depth).step_by(GRANULE);
        let rows = granules.flat_map(|first| (0..self.rows).map(move |row| row * self.depth + first));
        self.way.words(&rows.flat_map(|start| &self.a[start..start + GRANULE]).copied().collect::<Vec<_>>())
    }

    /// The weights as the kernel wants them, `[depth / 16][words][panel]`.
    fn packed_b(&self) -> Vec<f32> {
        let column = |channel: usize| self.b[channel..].iter().step_by(self.panel).copied().collect::<Vec<_>>();
        let columns: Vec<_> = (0..self.panel).map(|channel| self.way.words(&column(channel))).collect();
        (0..columns[0].len()).flat_map(|word| columns.iter().map(move |column| column[word])).collect()
    }

    fn check(&self) {
        let what = format!("{} {} with {} rows of {}", self.way.kernels.level, self.way.name, self.rows, self.depth);
        let (a, b) = (Input::of(&self.packed_a()), Input::of(&self.packed_b()));
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
            unsafe { self.way.products.product[self.rows - 1](&args) };
            out.check(&self.expected(), &what);
        }
    }

    /// The results' bits, row after row.
    fn bits(&self) -> Vec<u32> {
        let (a, b) = (self.packed_a(), self.packed_b());
        let places: Vec<u32> = (0..self.rows).map(|row| (row * self.panel) as u32).collect();
        let mut out = vec![0.0_f32; self.panel * self.rows];
        let args = Product {
            depth: self.depth,
            a: a.as_ptr(),
            b: b.as_ptr(),
            bias: self.bias.as_ref().map_or(std::ptr::null(), |bias| bias.as_ptr()),
            relu: self.relu,
            out: out.as_mut_ptr(),
            rows: places.as_ptr(),
            next: std::ptr::null(),
            ahead: 0,
        };
        // SAFETY: as in `check`.
        unsafe { self.way.products.product[self.rows - 1](&args) };
        out.iter().map(|value| value.to_bits()).collect()
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn products_of_any_depth(granules in 1_usize..20, biased: bool, relu: bool, whole: bool, seed: u64) {
        let numbers = if whole { Numbers::Whole } else { Numbers::Real };
        for way in ways() {
            for rows in 1..=way.products.rows() {
                Case::draw(way, numbers, rows, granules, (biased, relu), seed).check();
            }
        }
    }

    /// A row gives the same bits in whatever company it comes, which is what makes threads and tiles not matter.
    #[test]
    fn rows_do_not_depend_on_each_other(granules in 1_usize..8, seed: u64) {
        for way in ways() {
            let most = way.products.rows();
            let mut case = Case::draw(way, Numbers::Real, most, granules, (true, false), seed);
            let all = case.bits();
            for rows in (1..most).rev() {
                case.rows = rows;
                prop_assert_eq!(&case.bits()[..], &all[..rows * case.panel], "{} {}", way.kernels.level, rows);
            }
        }
    }
}

/// What is no number stays so, under the ReLU too.
#[test]
fn what_is_no_number_is_not_hidden() {
    for way in ways().into_iter().filter(|way| !way.pairs()) {
        for relu in [false, true] {
            let mut case = Case::draw(way, Numbers::Whole, 1, 1, (true, relu), 3);
            case.a[5] = f32::NAN;
            let found: Vec<f32> = case.bits().into_iter().map(f32::from_bits).collect();
            assert!(found.iter().all(|x| x.is_nan()), "{}: {found:?}", way.kernels.level);
        }
    }
}
