//! The steps of a program, taken on the CPU in plain loops over f32: what the GPU's kernels must do, for tests of what plans
//! programs.

use super::{Affine, Images, Program, Rows, Step, Values, Window};

/// The memory of a program, in values.
pub(crate) struct Memory {
    parameters: Vec<f32>,
    buffers: Vec<f32>,
}

impl Memory {
    /// Buffers start as NaN, so that what nothing wrote shows.
    pub(crate) fn new(parameters: &[u8], program: &Program) -> Self {
        assert_eq!((program.value(), program.parameters()), (4, parameters.len()));
        let value = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
        Self {
            parameters: parameters.chunks_exact(4).map(value).collect(),
            buffers: vec![f32::NAN; program.buffers() / 4],
        }
    }

    fn values(&self, values: Values) -> &[f32] {
        &self.parameters[values.start / 4..][..values.len]
    }

    fn at(&self, rows: Rows, row: usize, column: usize) -> f32 {
        self.buffers[rows.start / 4 + row * rows.step + column]
    }

    fn put(&mut self, rows: Rows, row: usize, column: usize, x: f32) {
        self.buffers[rows.start / 4 + row * rows.step + column] = x;
    }

    /// (n, channels, h, w) into the matrix, with zeros up to `width` columns.
    pub(crate) fn import(&mut self, planes: &[f32], rows: Rows, pixels: usize, width: usize) {
        for row in 0..rows.rows {
            for column in 0..width {
                let plane = row / pixels * rows.columns + column;
                let x = if column < rows.columns { planes[plane * pixels + row % pixels] } else { 0.0 };
                self.put(rows, row, column, x);
            }
        }
    }

    /// The matrix as (n, channels, h, w).
    pub(crate) fn export(&self, rows: Rows, pixels: usize, affine: Option<Affine>) -> Vec<f32> {
        let mut planes = vec![0.0; rows.rows * rows.columns];
        for row in 0..rows.rows {
            for column in 0..rows.columns {
                let x = self.at(rows, row, column);
                let x = affine.map_or(x, |affine| self.affine(affine, column, x));
                planes[(row / pixels * rows.columns + column) * pixels + row % pixels] = x;
            }
        }
        planes
    }

    fn affine(&self, affine: Affine, column: usize, x: f32) -> f32 {
        x * self.values(affine.scale)[column] + self.values(affine.shift)[column]
    }

    fn activated(&self, rows: Rows, affine: Affine, row: usize, column: usize) -> f32 {
        self.affine(affine, column, self.at(rows, row, column)).max(0.0)
    }

    pub(crate) fn run(&mut self, step: &Step) {
        match *step {
            Step::Convolve { input, images, window, kernel, output } => {
                self.convolve(input, images, window, kernel, output);
            }
            Step::MaxPool { input, images, shift, output } => {
                each_window(images, Window::POOL, |row, pixels| {
                    for column in 0..output.columns {
                        let largest =
                            pixels.iter().map(|&(_, pixel)| self.at(input, pixel, column)).fold(f32::MIN, f32::max);
                        self.put(output, row, column, (largest + self.values(shift)[column]).max(0.0));
                    }
                });
            }
            Step::Activate { block, fresh, affine, output } => {
                if let Some(fresh) = fresh {
                    self.run(&Step::Append { block, fresh });
                }
                let block = block.first(output.columns);
                for row in 0..output.rows {
                    for column in 0..output.columns {
                        self.put(output, row, column, self.activated(block, affine, row, column));
                    }
                }
            }
            Step::Append { block, fresh } => {
                for row in 0..fresh.rows {
                    for column in 0..fresh.columns {
                        self.put(block, row, block.columns + column, self.at(fresh, row, column));
                    }
                }
            }
            Step::Halve { input, images, affine, output } => {
                let window = Window { side: 2, stride: 2, padding: 0 };
                each_window(images, window, |row, pixels| {
                    for column in 0..output.columns {
                        let sum: f32 =
                            pixels.iter().map(|&(_, pixel)| self.activated(input, affine, pixel, column)).sum();
                        self.put(output, row, column, sum / 4.0);
                    }
                });
            }
            Step::Product { input, weight, bias, relu, output } => {
                for row in 0..output.rows {
                    let x: Vec<_> = (0..input.columns).map(|column| self.at(input, row, column)).collect();
                    for column in 0..output.columns {
                        let weight = &self.values(weight)[column * x.len()..][..x.len()];
                        let sum: f32 = x.iter().zip(weight).map(|(x, weight)| x * weight).sum();
                        let y = sum + bias.map_or(0.0, |bias| self.values(bias)[column]);
                        self.put(output, row, column, if relu { y.max(0.0) } else { y });
                    }
                }
            }
            Step::Mean { input, images, affine, output } => {
                let pixels = images.h * images.w;
                for image in 0..images.n {
                    for column in 0..output.columns {
                        let rows = image * pixels..(image + 1) * pixels;
                        let sum: f32 = rows.map(|row| self.activated(input, affine, row, column)).sum();
                        self.put(output, image, column, sum / pixels as f32);
                    }
                }
            }
        }
    }

    fn convolve(&mut self, input: Rows, images: Images, window: Window, kernel: Values, output: Rows) {
        let channels = input.columns;
        each_window(images, window, |row, pixels| {
            for column in 0..output.columns {
                let kernel = &self.values(kernel)[column * window.side * window.side * channels..];
                let mut sum = 0.0;
                for &(tap, pixel) in pixels {
                    let weights = &kernel[tap * channels..][..channels];
                    let values = &self.buffers[input.start / 4 + pixel * input.step..][..channels];
                    sum += weights.iter().zip(values).map(|(x, weight)| x * weight).sum::<f32>();
                }
                self.put(output, row, column, sum);
            }
        });
    }
}

/// Calls `each` with a row of the output and what its window sees: the place in the window and the input's row.
fn each_window(images: Images, window: Window, mut each: impl FnMut(usize, &[(usize, usize)])) {
    let outputs = images.through(window);
    for row in 0..outputs.rows() {
        let (image, y, x) = (row / outputs.w / outputs.h, row / outputs.w % outputs.h, row % outputs.w);
        let mut pixels = Vec::new();
        for tap in 0..window.side * window.side {
            let line = (y * window.stride + tap / window.side).checked_sub(window.padding);
            let place = (x * window.stride + tap % window.side).checked_sub(window.padding);
            if let (Some(line), Some(place)) = (line, place)
                && line < images.h
                && place < images.w
            {
                pixels.push((tap, (image * images.h + line) * images.w + place));
            }
        }
        each(row, &pixels);
    }
}
