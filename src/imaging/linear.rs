//! OpenCV's `INTER_LINEAR`: each target pixel is a weighted mean of the four source pixels around its centre.
//!
//! The centre of target index `d` lies at `(d + 0.5) * source / target - 0.5`; its two neighbours are weighted by
//! nearness, first along the row, then between two rows. Nothing is averaged over a larger reduction.

/// The numbers of a linear interpolation.
pub(super) trait Arithmetic {
    /// A value of the image.
    type Value: Copy + Default;
    /// A weight of one neighbour.
    type Weight: Copy;
    /// A value between two neighbours of a row.
    type Between: Copy + Default;

    /// The weights of both neighbours, where `fraction` is the way from the first to the second.
    fn weights(fraction: f32) -> [Self::Weight; 2];
    /// Between two neighbours of a row.
    fn across(values: [Self::Value; 2], weights: [Self::Weight; 2]) -> Self::Between;
    /// Between two rows.
    fn down(values: [Self::Between; 2], weights: [Self::Weight; 2]) -> Self::Value;
}

/// Eight-bit values in OpenCV 4.10's fixed point: weights in 2048ths, rows cut to seven fractional bits, and each row's
/// share cut to two before the one rounding. Bit-exact.
pub(super) struct Fixed;

impl Arithmetic for Fixed {
    type Value = u8;
    type Weight = i32;
    type Between = i32;

    fn weights(fraction: f32) -> [i32; 2] {
        [1.0 - fraction, fraction].map(|weight| (weight * 2048.0).round_ties_even() as i32)
    }

    fn across(values: [u8; 2], weights: [i32; 2]) -> i32 {
        (i32::from(values[0]) * weights[0] + i32::from(values[1]) * weights[1]) >> 4
    }

    fn down(values: [i32; 2], weights: [i32; 2]) -> u8 {
        let share = |row: usize| (values[row] * weights[row]) >> 16;
        ((share(0) + share(1) + 2) >> 2) as u8
    }
}

/// Floating point, as OpenCV computes for `CV_32F`.
pub(super) struct Float;

impl Arithmetic for Float {
    type Value = f32;
    type Weight = f32;
    type Between = f32;

    fn weights(fraction: f32) -> [f32; 2] {
        [1.0 - fraction, fraction]
    }

    fn across(values: [f32; 2], weights: [f32; 2]) -> f32 {
        values[0] * weights[0] + values[1] * weights[1]
    }

    fn down(values: [f32; 2], weights: [f32; 2]) -> f32 {
        Self::across(values, weights)
    }
}

/// The two source indices of a target index, and the way from the first to the second.
struct Tap {
    sources: [usize; 2],
    fraction: f32,
}

/// The taps of one axis. OpenCV holds the fraction at zero beyond the first and last column, but not beyond the first
/// and last row; with both rows the same, that still shows in the rounding.
fn taps(source: usize, target: usize, hold_at_edge: bool) -> impl Iterator<Item = Tap> {
    let scale = 1.0 / (target as f64 / source as f64);
    let last = source - 1;
    (0..target).map(move |index| {
        let centre = ((index as f64 + 0.5) * scale - 0.5) as f32;
        let floor = centre.floor();
        let outside = floor < 0.0 || floor >= last as f32;
        let sources = [floor, floor + 1.0].map(|place| (place.max(0.0) as usize).min(last));
        Tap { sources, fraction: if outside && hold_at_edge { 0.0 } else { centre - floor } }
    })
}

/// Interpolated rows; neighbouring target rows share them.
struct Rows<T> {
    sources: [Option<usize>; 2],
    values: [Vec<T>; 2],
}

impl<T> Rows<T> {
    /// Makes both rows present, computing only what is not there yet.
    fn load(&mut self, wanted: [usize; 2], mut compute: impl FnMut(usize, &mut Vec<T>)) {
        if self.sources[1] == Some(wanted[0]) {
            self.sources.swap(0, 1);
            self.values.swap(0, 1);
        }
        for ((held, values), wanted) in self.sources.iter_mut().zip(&mut self.values).zip(wanted) {
            if held.replace(wanted) != Some(wanted) {
                compute(wanted, values);
            }
        }
    }
}

/// Resizes `C` interleaved channels from `(width, height)` to `(width, height)`; no side is zero.
pub(super) fn resize<A: Arithmetic, const C: usize>(
    data: &[A::Value],
    (width, height): (usize, usize),
    (new_width, new_height): (usize, usize),
) -> Vec<A::Value> {
    let columns: Vec<([usize; 2], [A::Weight; 2])> =
        taps(width, new_width, true).map(|tap| (tap.sources, A::weights(tap.fraction))).collect();
    let across = |row: usize, values: &mut Vec<A::Between>| {
        let pixels = data[row * width * C..][..width * C].as_chunks::<C>().0;
        values.clear();
        values.extend(columns.iter().flat_map(|&([left, right], weights)| {
            let (left, right) = (&pixels[left], &pixels[right]);
            std::array::from_fn::<_, C, _>(|channel| A::across([left[channel], right[channel]], weights))
        }));
    };
    let mut rows = Rows { sources: [None; 2], values: [Vec::new(), Vec::new()] };
    let mut target = Vec::with_capacity(new_width * new_height * C);
    for tap in taps(height, new_height, false) {
        rows.load(tap.sources, across);
        let weights = A::weights(tap.fraction);
        let [upper, lower] = &rows.values;
        target.extend(upper.iter().zip(lower).map(|(&above, &below)| A::down([above, below], weights)));
    }
    target
}
