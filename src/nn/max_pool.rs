use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Storage, Tensor};

use super::batch_stats::is_plain;
use super::values;

/// Max-pooling of `xs` `(n, c, h, w)` over windows `kernel` x `kernel`, `stride` apart, the image padded by `padding` of
/// minus infinity on each side. Sides come out as `(side + 2 * padding - kernel) / stride + 1`, rounded down.
///
/// candle pads no max-pool and knows its gradient only where windows do not overlap. On the CPU in f32 the gradient goes to the
/// first largest value of a window and NaN wins every window, as in PyTorch; elsewhere equal values share the gradient, and NaN may lose.
pub(crate) fn max_pool2d(xs: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    let (_, _, h, w) = xs.dims4()?;
    let window = Window { kernel, stride, padding };
    if kernel == 0 || stride == 0 || 2 * padding > kernel || h.min(w) + 2 * padding < kernel {
        candle_core::bail!(
            "max-pool: expected a kernel of at most {} and a padding of at most half of it, found {kernel} and {padding}",
            h.min(w) + 2 * padding
        )
    }
    if is_plain(xs) {
        return xs.contiguous()?.apply_op1(window);
    }
    window.along(&window.along(xs, 2)?, 3)
}

#[derive(Debug, Clone, Copy)]
struct Window {
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl Window {
    const fn out(&self, side: usize) -> usize {
        (side + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// The part of the side that the window at `place` covers. Never empty, since half a kernel at most is padding.
    fn span(&self, place: usize, side: usize) -> std::ops::Range<usize> {
        let start = place * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel - self.padding).min(side)
    }

    /// The largest value along one axis, out of candle's operations. Instead of padding, the first and last value of a
    /// window are read more than once.
    fn along(&self, xs: &Tensor, axis: usize) -> Result<Tensor> {
        let side = xs.dim(axis)?;
        let mut largest: Option<Tensor> = None;
        for tap in 0..self.kernel {
            let places = (0..self.out(side)).map(|place| {
                let span = self.span(place, side);
                (place * self.stride + tap).saturating_sub(self.padding).clamp(span.start, span.end - 1) as u32
            });
            let places = Tensor::from_iter(places, xs.device())?;
            let taken = xs.index_select(&places, axis)?;
            largest = Some(match largest {
                Some(largest) => largest.maximum(&taken)?,
                None => taken,
            });
        }
        largest.ok_or_else(|| candle_core::Error::Msg("max-pool: the kernel is empty".to_owned()))
    }

    /// The place of the first largest value of a window in its plane.
    fn largest(&self, plane: &[f32], (h, w): (usize, usize), row: usize, column: usize) -> usize {
        let (rows, columns) = (self.span(row, h), self.span(column, w));
        let mut best = rows.start * w + columns.start;
        for y in rows {
            for place in y * w + columns.start..y * w + columns.end {
                if plane[place] > plane[best] || (plane[place].is_nan() && !plane[best].is_nan()) {
                    best = place;
                }
            }
        }
        best
    }

    /// Calls `f` with the plane's number, the place in its result and the place of the largest value.
    fn each(&self, xs: &[f32], (h, w): (usize, usize), mut f: impl FnMut(usize, usize, usize)) {
        let (out_h, out_w) = (self.out(h), self.out(w));
        for (index, plane) in xs.chunks_exact(h * w).enumerate() {
            for row in 0..out_h {
                for column in 0..out_w {
                    f(index, row * out_w + column, self.largest(plane, (h, w), row, column));
                }
            }
        }
    }
}

impl CustomOp1 for Window {
    fn name(&self) -> &'static str {
        "max-pool"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let xs = values(xs, layout, self.name())?;
        let (out_h, out_w) = (self.out(h), self.out(w));
        let mut result = vec![0f32; n * c * out_h * out_w];
        self.each(xs, (h, w), |plane, to, from| result[plane * out_h * out_w + to] = xs[plane * h * w + from]);
        Ok((CpuStorage::F32(result), (n, c, out_h, out_w).into()))
    }

    fn bwd(&self, xs: &Tensor, _result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (h, w) = (xs.dim(D::Minus2)?, xs.dim(D::Minus1)?);
        let (out, grad) = (self.out(h) * self.out(w), grad.flatten_all()?.to_vec1::<f32>()?);
        let (storage, layout) = xs.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { candle_core::bail!("max-pool: expected a tensor on the CPU") };
        let mut for_xs = vec![0f32; xs.elem_count()];
        self.each(values(storage, layout, self.name())?, (h, w), |plane, to, from| {
            for_xs[plane * h * w + from] += grad[plane * out + to];
        });
        Ok(Some(Tensor::from_vec(for_xs, xs.shape(), xs.device())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;

    fn flat(xs: &Tensor) -> Vec<f32> {
        xs.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Both ways: the kernel, and candle's operations (which f64 takes here).
    fn both(values: &[f32], shape: (usize, usize, usize, usize), window: (usize, usize, usize)) -> [[Vec<f32>; 2]; 2] {
        [DType::F32, DType::F64].map(|dtype| {
            let xs = Tensor::from_slice(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let xs = Var::from_tensor(&xs).unwrap();
            let ys = max_pool2d(&xs, window.0, window.1, window.2).unwrap();
            let weights = Tensor::arange(1f32, 1.0 + ys.elem_count() as f32, &Device::Cpu).unwrap();
            let weights = weights.reshape(ys.shape()).unwrap().to_dtype(dtype).unwrap();
            let gradients = (&ys * weights).unwrap().sum_all().unwrap().backward().unwrap();
            [flat(&ys), flat(gradients.get(&xs).unwrap())]
        })
    }

    #[test]
    fn padded_windows_and_their_gradient_by_hand() {
        // 1 2 3    3x3/2 padded by one: the corners' windows hold 2x2 values each.
        // 4 5 6
        // 7 8 9
        let values: Vec<f32> = (1..=9).map(|v| v as f32).collect();
        for [ys, gradient] in both(&values, (1, 1, 3, 3), (3, 2, 1)) {
            assert_eq!(ys, [5.0, 6.0, 8.0, 9.0]);
            assert_eq!(gradient, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0]);
        }
        // All negative: zeros as padding would win.
        let values: Vec<f32> = (1..=4).map(|v| -v as f32).collect();
        for [ys, gradient] in both(&values, (1, 1, 2, 2), (3, 2, 1)) {
            assert_eq!(ys, [-1.0]);
            assert_eq!(gradient, [1.0, 0.0, 0.0, 0.0]);
        }
    }

    #[test]
    fn both_ways_agree_on_odd_shapes() {
        for (shape, window) in
            [((2, 3, 7, 5), (3, 2, 1)), ((1, 2, 8, 9), (5, 1, 2)), ((3, 1, 6, 6), (2, 2, 0)), ((1, 1, 1, 4), (3, 2, 1))]
        {
            // No two values are equal.
            let values: Vec<f32> = (0..shape.0 * shape.1 * shape.2 * shape.3).map(|i| (i * 37 % 211) as f32).collect();
            let [ours, theirs] = both(&values, shape, window);
            assert_eq!(ours, theirs, "{shape:?} {window:?}");
        }
    }

    #[test]
    fn the_first_of_equal_values_takes_the_gradient_and_nan_wins() {
        let [[_, gradient], _] = both(&[1.0; 4], (1, 1, 2, 2), (2, 2, 0));
        assert_eq!(gradient, [1.0, 0.0, 0.0, 0.0]);
        let [[ys, _], _] = both(&[1.0, f32::NAN, 3.0, 0.0], (1, 1, 2, 2), (2, 2, 0));
        assert!(ys[0].is_nan());
    }

    #[test]
    fn impossible_windows_are_refused() {
        let xs = Tensor::zeros((1, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
        for (kernel, stride, padding) in [(0, 1, 0), (2, 0, 0), (3, 1, 2), (5, 1, 1)] {
            assert!(max_pool2d(&xs, kernel, stride, padding).is_err(), "{kernel} {stride} {padding}");
        }
    }
}
