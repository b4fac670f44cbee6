//! OpenCV's `INTER_LINEAR`: each target pixel is a weighted mean of the four source pixels around its centre.
//!
//! The centre of target index `d` lies at `(d + 0.5) * source / target - 0.5`; its two neighbours are weighted by
//! nearness, first along the row, then between two rows. Nothing is averaged over a larger reduction.
//!
//! Here are the places and the floating point that OpenCV has for `CV_32F`; eight bits have their own arithmetic in `fixed`.

/// The two source indices of a target index, and the way from the first to the second.
pub(super) struct Tap {
    pub(super) sources: [usize; 2],
    pub(super) fraction: f32,
}

/// The taps of one axis. OpenCV holds the fraction at zero beyond the first and last column, but not beyond the first
/// and last row; with both rows the same, that still shows in the rounding.
pub(super) fn taps(source: usize, target: usize, hold_at_edge: bool) -> impl Iterator<Item = Tap> {
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

/// Two interpolated rows; neighbouring target rows share them.
pub(super) struct Rows<T> {
    sources: [Option<usize>; 2],
    values: [Vec<T>; 2],
}

impl<T: Copy + Default> Rows<T> {
    /// Rows of `length` values, nothing computed yet.
    pub(super) fn new(length: usize) -> Self {
        Self { sources: [None; 2], values: [vec![T::default(); length], vec![T::default(); length]] }
    }

    /// Makes both rows present, computing only what is not there yet.
    pub(super) fn load(&mut self, wanted: [usize; 2], mut compute: impl FnMut(usize, &mut [T])) {
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

    /// The upper and the lower row.
    pub(super) fn both(&self) -> [&[T]; 2] {
        self.values.each_ref().map(Vec::as_slice)
    }
}

/// Resizes `C` interleaved channels of floats from `(width, height)` to `(width, height)`; no side is zero.
pub(super) fn resize<const C: usize>(
    data: &[f32],
    (width, height): (usize, usize),
    (new_width, new_height): (usize, usize),
) -> Vec<f32> {
    let between = |[first, second]: [f32; 2], fraction: f32| first * (1.0 - fraction) + second * fraction;
    let columns: Vec<Tap> = taps(width, new_width, true).collect();
    let mut rows = Rows::new(new_width * C);
    let mut target = Vec::with_capacity(new_width * new_height * C);
    for tap in taps(height, new_height, false) {
        rows.load(tap.sources, |row, values| {
            let pixels = data[row * width * C..][..width * C].as_chunks::<C>().0;
            for (value, column) in values.as_chunks_mut::<C>().0.iter_mut().zip(&columns) {
                let [left, right] = column.sources.map(|source| &pixels[source]);
                *value = std::array::from_fn(|channel| between([left[channel], right[channel]], column.fraction));
            }
        });
        let [upper, lower] = rows.both();
        target.extend(upper.iter().zip(lower).map(|(&above, &below)| between([above, below], tap.fraction)));
    }
    target
}
