//! Integrated gradients.

use super::goal::Goal;
use super::{Baseline, Batch, FORWARD_ROWS, Heat, gradient_rows, numbers};
use crate::model::{Mode, Model};
use crate::{Error, Result};

const MOST_STEPS: usize = 1000;

pub(super) fn maps(
    batch: &Batch,
    model: &dyn Model,
    goal: &Goal<'_>,
    steps: usize,
    baseline: &Baseline,
) -> Result<Vec<Heat>> {
    if !(1..=MOST_STEPS).contains(&steps) {
        return Err(Error::config("steps", format!("1 to {MOST_STEPS}"), steps.to_string()));
    }
    let rule = gauss_legendre(steps);
    let spec = model.input();
    let starts = baseline.of_batch(batch, spec)?;
    let places = spec.width * spec.height;
    let mut maps = Vec::with_capacity(batch.n);
    for (image, start) in starts.iter().enumerate() {
        let end = batch.values(image)?;
        let mut total = vec![0f64; end.len()];
        for part in rule.chunks(gradient_rows(model.device())) {
            let points = part
                .iter()
                .flat_map(|&(at, _)| start.iter().zip(&end).map(move |(&from, &to)| from + at as f32 * (to - from)));
            let points = batch.of_rows(points.collect())?;
            let images = vec![image; part.len()];
            let slope = goal.slope(&points, &images, |xs| model.forward_t(xs, Mode::Eval))?;
            let gradients = numbers(&slope)?;
            for (&(_, weight), gradients) in part.iter().zip(gradients.chunks_exact(end.len())) {
                for (total, &gradient) in total.iter_mut().zip(gradients) {
                    *total += weight * f64::from(gradient);
                }
            }
        }
        let mut heat = vec![0f64; places];
        for ((plane, from), to) in
            total.chunks_exact(places).zip(start.chunks_exact(places)).zip(end.chunks_exact(places))
        {
            for (((heat, &slope), &from), &to) in heat.iter_mut().zip(plane).zip(from).zip(to) {
                *heat += slope * f64::from(to - from);
            }
        }
        maps.push(Heat {
            width: spec.width,
            height: spec.height,
            completeness_error: Some(heat.iter().sum()),
            values: heat.into_iter().map(|heat| heat as f32).collect(),
            signed: true,
            split: None,
        });
    }
    complete(batch, model, goal, &starts, &mut maps)?;
    Ok(maps)
}

/// Takes from each map's sum what the value really gains on the way from the baseline.
fn complete(batch: &Batch, model: &dyn Model, goal: &Goal<'_>, starts: &[Vec<f32>], maps: &mut [Heat]) -> Result<()> {
    let places: Vec<usize> = (0..batch.n).collect();
    for images in places.chunks(FORWARD_ROWS) {
        let ends = batch.xs.narrow(0, images[0], images.len()).map_err(Error::tensor("input"))?;
        let starts = batch.of_rows(images.iter().flat_map(|&image| starts[image].iter().copied()).collect())?;
        let to = goal.values(&model.forward(&ends)?, images)?;
        let from = goal.values(&model.forward(&starts)?, images)?;
        for ((&image, to), from) in images.iter().zip(to).zip(from) {
            let sum = &mut maps[image].completeness_error;
            *sum = sum.map(|sum| sum - (to - from));
        }
    }
    Ok(())
}

/// Points in (0, 1) and weights that add up to 1: exact for polynomials of degree `2 * count - 1`.
///
/// The points are the roots of the Legendre polynomial, found by Newton's method from Tricomi's approximation.
fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    let node = |place: usize| {
        let mut x = (std::f64::consts::PI * (place as f64 + 0.75) / (n + 0.5)).cos();
        let mut derivative = 1.0;
        for _ in 0..100 {
            let (mut current, mut before) = (1.0, 0.0);
            for degree in 0..count {
                let d = degree as f64;
                (current, before) = (((2.0 * d + 1.0) * x * current - d * before) / (d + 1.0), current);
            }
            derivative = n * (x * current - before) / (x * x - 1.0);
            let step = current / derivative;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * derivative * derivative))
    };
    (0..count).map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_exact_for_polynomials() {
        for count in [1, 2, 3, 8, 50, 1000] {
            let rule = gauss_legendre(count);
            assert!(rule.is_sorted_by(|a, b| a.0 < b.0));
            for power in (0..2 * count).step_by(count.div_ceil(4)) {
                let found: f64 = rule.iter().map(|(x, weight)| weight * x.powi(power as i32)).sum();
                let expected = 1.0 / (power as f64 + 1.0);
                assert!((found - expected).abs() < 1e-13, "{count} {power}: {found} {expected}");
            }
        }
    }
}
