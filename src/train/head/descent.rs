//! L-BFGS with exact line searches, for functions whose slope along a line is cheap.

use std::collections::VecDeque;

use super::passes::dot;

/// Steps that are remembered: the most, and the fewest where they are long.
const MEMORY: (usize, usize) = (50, 10);
/// Numbers that may be kept of them, unless that would be fewer steps than the fewest.
const NUMBERS: usize = 1 << 25;
/// A line search ends where the slope is this small beside the one it began with,
const FLAT: f64 = 0.01;
/// or after this many looks.
const LOOKS: usize = 30;

/// A smooth convex function at a place that it remembers.
pub(super) trait Convex {
    /// The gradient here.
    fn gradient(&self) -> Vec<f64>;

    /// Sets the line from here in `direction`.
    fn aim(&mut self, direction: &[f64]);

    /// First and second derivative along the line, `step` directions away.
    fn slope(&self, step: f64) -> (f64, f64);

    /// Goes `step` directions along the line.
    fn go(&mut self, step: f64);
}

/// How a descent ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Descent {
    pub(super) iterations: usize,
    /// The largest entry of the gradient.
    pub(super) gradient_norm: f64,
    pub(super) converged: bool,
}

/// Goes down until no entry of the gradient is above `tolerance`.
///
/// The method is Liu and Nocedal, "On the limited memory BFGS method for large scale optimization" (1989). Along each
/// direction the minimum is found by Newton's method inside a bracket, as only a convex function allows, so that no
/// differences of function values are taken, which rounding would spoil near the minimum.
pub(super) fn descend(function: &mut impl Convex, tolerance: f64, max_iterations: usize) -> Descent {
    let mut memory = Memory::default();
    let mut gradient = function.gradient();
    let mut iterations = 0;
    loop {
        let gradient_norm = norm(&gradient);
        let converged = gradient_norm <= tolerance;
        if converged || iterations == max_iterations {
            return Descent { iterations, gradient_norm, converged };
        }
        let mut direction = memory.direction(&gradient);
        if dot(&direction, &gradient) >= 0.0 {
            memory = Memory::default();
            direction = memory.direction(&gradient);
        }
        function.aim(&direction);
        let step = search(function);
        if step <= 0.0 || !step.is_finite() {
            // Rounding leaves nothing to gain.
            return Descent { iterations, gradient_norm, converged };
        }
        function.go(step);
        let next = function.gradient();
        let change = next.iter().zip(&gradient).map(|(next, last)| next - last).collect();
        direction.iter_mut().for_each(|entry| *entry *= step);
        memory.keep(direction, change);
        gradient = next;
        iterations += 1;
    }
}

/// The largest entry without its sign; NaN where one is.
fn norm(gradient: &[f64]) -> f64 {
    let larger = |largest: f64, entry: &f64| if entry.abs() <= largest { largest } else { entry.abs() };
    gradient.iter().fold(0.0, |largest, entry| if largest.is_nan() { largest } else { larger(largest, entry) })
}

/// The step at which the slope along the line is nearly 0; 0 where there is none.
fn search(function: &impl Convex) -> f64 {
    let (begun, curved) = function.slope(0.0);
    if begun >= 0.0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let newton = -begun / curved;
    let mut step = if newton.is_finite() && newton > 0.0 { newton } else { 1.0 };
    for _ in 0..LOOKS {
        let (slope, curved) = function.slope(step);
        if slope.abs() <= FLAT * -begun {
            return step;
        }
        if slope < 0.0 {
            low = step;
        } else {
            high = step;
        }
        let newton = step - slope / curved;
        // Far out the curvature may vanish and Newton's step with it.
        let far = if high.is_finite() { f64::midpoint(low, high) } else { 4.0 * step };
        step = if newton > low && newton < high && newton <= 10.0 * step { newton } else { far };
    }
    low
}

/// The last steps and what they did to the gradient.
#[derive(Debug, Default)]
struct Memory {
    pairs: VecDeque<Pair>,
}

#[derive(Debug)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// The product of the two.
    product: f64,
}

impl Memory {
    fn keep(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let product = dot(&step, &change);
        if product > 0.0 && product.is_finite() {
            let room = (NUMBERS / (2 * step.len()).max(1)).clamp(MEMORY.1, MEMORY.0);
            if self.pairs.len() == room {
                self.pairs.pop_front();
            }
            self.pairs.push_back(Pair { step, change, product });
        }
    }

    /// Minus the inverse curvature times the gradient, by the two loops of Nocedal, "Updating quasi-Newton matrices with limited storage" (1980).
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|entry| -entry).collect();
        let mut factors = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let factor = dot(&pair.step, &direction) / pair.product;
            add_times(&mut direction, -factor, &pair.change);
            factors.push(factor);
        }
        if let Some(last) = self.pairs.back() {
            let scale = last.product / dot(&last.change, &last.change);
            direction.iter_mut().for_each(|entry| *entry *= scale);
        }
        for (pair, factor) in self.pairs.iter().zip(factors.into_iter().rev()) {
            let back = dot(&pair.change, &direction) / pair.product;
            add_times(&mut direction, factor - back, &pair.step);
        }
        direction
    }
}

/// Adds `factor` times `other` to `to`.
pub(super) fn add_times(to: &mut [f64], factor: f64, other: &[f64]) {
    to.iter_mut().zip(other).for_each(|(to, other)| *to += factor * other);
}
