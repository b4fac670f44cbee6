//! What the CUDA machine runs, as plain data: steps over parameters and buffers. Nothing here needs a GPU.
//!
//! A feature map is a matrix with one row for each pixel (image by image, line by line) and one column for each channel, so that
//! a 1x1 convolution is a matrix product and a dense block grows by columns of one matrix. Nothing is ever concatenated.

use candle_core::{Result, bail};

/// What every matrix and parameter starts at a multiple of, in bytes; the libraries' fast kernels ask for it.
pub(crate) const ALIGNMENT: usize = 256;

/// A matrix in the buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Bytes from the start of the buffers.
    pub(crate) start: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Values from one row to the next, at least `columns`.
    pub(crate) step: usize,
}

impl Rows {
    /// The matrix with its first columns only.
    pub(crate) fn first(self, columns: usize) -> Self {
        Self { columns, ..self }
    }
}

/// Parameters in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Values {
    /// Bytes from the start of the parameters.
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// A factor and a summand for each channel, f32 whatever the type of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Affine {
    pub(crate) scale: Values,
    pub(crate) shift: Values,
}

/// How the rows of a matrix are pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Images {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
}

impl Images {
    pub(crate) fn rows(self) -> usize {
        self.n * self.h * self.w
    }

    /// What a window leaves; one side for both directions.
    pub(crate) fn through(self, window: Window) -> Self {
        let side = |side: usize| (side + 2 * window.padding).saturating_sub(window.side) / window.stride + 1;
        Self { h: side(self.h), w: side(self.w), ..self }
    }

    /// A quarter of the pixels; an odd last line or column is left out.
    pub(crate) fn halved(self) -> Self {
        Self { h: self.h / 2, w: self.w / 2, ..self }
    }
}

/// A square window that moves over an image padded with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) side: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl Window {
    /// The stem's max-pool.
    pub(crate) const POOL: Self = Self { side: 3, stride: 2, padding: 1 };
}

/// One operation. Sums are taken in f32; values between steps are of the network's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A convolution; the kernel is (output channel, line, column, input channel).
    Convolve { input: Rows, images: Images, window: Window, kernel: Values, output: Rows },
    /// The largest of each 3x3 window with stride 2 that a padding of one leaves, plus `shift`, then ReLU.
    MaxPool { input: Rows, images: Images, shift: Values, output: Rows },
    /// Copies `fresh`, where there is one, behind the columns of `block`; then `output = relu(x * scale + shift)` of both.
    Activate { block: Rows, fresh: Option<Rows>, affine: Affine, output: Rows },
    /// Copies `fresh` behind the columns of `block`.
    Append { block: Rows, fresh: Rows },
    /// `relu(x * scale + shift)`, then the mean of each 2x2 window.
    Halve { input: Rows, images: Images, affine: Affine, output: Rows },
    /// `input * weight^T + bias`, then ReLU if asked for; the weight is (output column, input column).
    Product { input: Rows, weight: Values, bias: Option<Values>, relu: bool, output: Rows },
    /// The mean of `relu(x * scale + shift)` over each image.
    Mean { input: Rows, images: Images, affine: Affine, output: Rows },
}

/// Steps that have been held against the memory they are to run in.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    steps: Vec<Step>,
    value: usize,
    parameters: usize,
    buffers: usize,
}

impl Program {
    /// For values of `value` bytes, and so many bytes of parameters and of buffers.
    ///
    /// # Errors
    ///
    /// A step that would read or write outside, or whose matrices do not go together.
    pub(crate) fn new(steps: Vec<Step>, value: usize, parameters: usize, buffers: usize) -> Result<Self> {
        let program = Self { steps, value, parameters, buffers };
        for step in &program.steps {
            if !program.sound(step) {
                bail!("CUDA program: expected a step within its memory, found {step:?}")
            }
        }
        Ok(program)
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Bytes of a value.
    pub(crate) fn value(&self) -> usize {
        self.value
    }

    /// Bytes of the parameters.
    pub(crate) fn parameters(&self) -> usize {
        self.parameters
    }

    /// Bytes of the buffers.
    pub(crate) fn buffers(&self) -> usize {
        self.buffers
    }

    /// Whether a matrix, `grown` columns wider, lies within the buffers.
    pub(crate) fn holds(&self, rows: &Rows, grown: usize) -> bool {
        let width = rows.columns + grown;
        let last = rows.rows.checked_sub(1).and_then(|last| last.checked_mul(rows.step)?.checked_add(width));
        let end = last.and_then(|values| values.checked_mul(self.value)?.checked_add(rows.start));
        rows.columns > 0
            && rows.step >= width
            && rows.start.is_multiple_of(ALIGNMENT)
            && end.is_some_and(|end| end <= self.buffers)
    }

    /// Whether `values` are `count` parameters of `bytes` bytes each, within their memory.
    fn has(&self, values: &Values, count: usize, bytes: usize) -> bool {
        let end = values.len.checked_mul(bytes).and_then(|len| len.checked_add(values.start));
        values.len == count && values.start.is_multiple_of(ALIGNMENT) && end.is_some_and(|end| end <= self.parameters)
    }

    /// Whether `affine` has `count` channels.
    pub(crate) fn has_affine(&self, affine: &Affine, count: usize) -> bool {
        self.has(&affine.scale, count, size_of::<f32>()) && self.has(&affine.shift, count, size_of::<f32>())
    }

    fn sound(&self, step: &Step) -> bool {
        let compact = |rows: &Rows| self.holds(rows, 0) && rows.step == rows.columns;
        match step {
            Step::Convolve { input, images, window, kernel, output } => {
                let count = output.columns * window.side * window.side * input.columns;
                let whole =
                    images.h + 2 * window.padding >= window.side && images.w + 2 * window.padding >= window.side;
                let fits = images.rows() == input.rows && images.through(*window).rows() == output.rows;
                window.stride > 0
                    && whole
                    && fits
                    && compact(input)
                    && compact(output)
                    && self.has(kernel, count, self.value)
            }
            Step::MaxPool { input, images, shift, output } => {
                let fits = images.rows() == input.rows && images.through(Window::POOL).rows() == output.rows;
                let channels = input.columns == output.columns && self.has(shift, input.columns, size_of::<f32>());
                fits && channels && compact(input) && self.holds(output, 0)
            }
            Step::Activate { block, fresh, affine, output } => {
                let grown = fresh.map_or(0, |fresh| fresh.columns);
                let width = block.columns + grown;
                fresh.is_none_or(|fresh| compact(&fresh) && fresh.rows == block.rows)
                    && self.holds(block, grown)
                    && self.has_affine(affine, width)
                    && compact(output)
                    && (output.rows, output.columns) == (block.rows, width)
            }
            Step::Append { block, fresh } => {
                compact(fresh) && fresh.rows == block.rows && self.holds(block, fresh.columns)
            }
            Step::Halve { input, images, affine, output } => {
                let fits = images.rows() == input.rows && images.halved().rows() == output.rows;
                let channels = input.columns == output.columns && self.has_affine(affine, input.columns);
                fits && channels && self.holds(input, 0) && compact(output)
            }
            Step::Product { input, weight, bias, relu: _, output } => {
                let weights = self.has(weight, input.columns * output.columns, self.value);
                let biases = bias.is_none_or(|bias| self.has(&bias, output.columns, self.value));
                weights && biases && input.rows == output.rows && self.holds(input, 0) && self.holds(output, 0)
            }
            Step::Mean { input, images, affine, output } => {
                let fits = images.rows() == input.rows && images.n == output.rows;
                let channels = input.columns == output.columns && self.has_affine(affine, input.columns);
                fits && channels && self.holds(input, 0) && compact(output)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(input: Rows, output: Rows) -> Result<Program> {
        let weight = Values { start: 0, len: 6 };
        Program::new(vec![Step::Product { input, weight, bias: None, relu: false, output }], 4, 24, 1024)
    }

    #[test]
    fn a_step_outside_its_memory_is_refused() {
        let input = Rows { start: 0, rows: 4, columns: 3, step: 3 };
        let output = Rows { start: 256, rows: 4, columns: 2, step: 60 };
        assert!(product(input, output).is_ok());
        // One value further, one row more, an odd start, overlapping rows, sizes that overflow.
        for wrong in [
            Rows { start: 512, step: 64, ..output },
            Rows { rows: 5, ..output },
            Rows { start: 264, ..output },
            Rows { step: 1, ..output },
            Rows { step: usize::MAX / 2, ..output },
            Rows { rows: 0, ..output },
        ] {
            assert!(product(input, wrong).is_err(), "{wrong:?}");
        }
        assert!(product(Rows { rows: 3, ..input }, output).is_err());
        assert!(product(Rows { columns: 4, step: 4, ..input }, output).is_err());
    }

    #[test]
    fn windows_leave_what_convolutions_leave() {
        let images = Images { n: 2, h: 33, w: 224 };
        let stem = images.through(Window { side: 7, stride: 2, padding: 3 });
        assert_eq!((stem.h, stem.w), (17, 112));
        assert_eq!((stem.through(Window::POOL).h, stem.through(Window::POOL).w), (9, 56));
        assert_eq!(stem.halved(), Images { n: 2, h: 8, w: 56 });
    }
}
