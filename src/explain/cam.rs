//! Class activation maps: sums of a split point's maps, weighted by gradients.

use candle_core::Tensor;

use super::goal::Goal;
use super::{Batch, Heat, gradient_rows, numbers};
use crate::model::Model;
use crate::{Error, Result};

/// How the maps are weighted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Grad { signed: bool },
    PlusPlus,
    Layer,
}

pub(super) fn maps(
    batch: &Batch,
    model: &dyn Model,
    goal: &Goal<'_>,
    split: Option<&str>,
    kind: Kind,
) -> Result<Vec<Heat>> {
    let (split, mut seen) = choose(batch, model, split)?;
    let rows = gradient_rows(model.device());
    let mut maps = Vec::with_capacity(batch.n);
    for start in (0..batch.n).step_by(rows) {
        let images: Vec<usize> = (start..batch.n.min(start + rows)).collect();
        let xs = batch.xs.narrow(0, start, images.len()).map_err(Error::tensor("input"))?;
        // To choose, the first image may have been run already.
        let features = match seen.take() {
            Some(features) if images.len() == 1 => features,
            _ => model.forward_to(&split, &xs)?,
        };
        let slope = goal.slope(&features, &images, |features| model.forward_from(&split, features))?;
        let (_, channels, height, width) = shape(&features, &split)?;
        let (activations, gradients) = (numbers(&features)?, numbers(&slope)?);
        let row = channels * height * width;
        for (activations, gradients) in activations.chunks_exact(row).zip(gradients.chunks_exact(row)) {
            maps.push(Heat {
                width,
                height,
                values: kind.combine(activations, gradients, height * width),
                signed: matches!(kind, Kind::Grad { signed: true }),
                split: Some(split.clone()),
                completeness_error: None,
            });
        }
    }
    Ok(maps)
}

/// The split point that was asked for, or the last one whose maps have more than one place, with the maps of the first image.
fn choose(batch: &Batch, model: &dyn Model, split: Option<&str>) -> Result<(String, Option<Tensor>)> {
    let points = model.split_points();
    if points.is_empty() {
        let found = format!("the model {}, which has none: integrated gradients and occlusion need none", model.name());
        return Err(Error::argument("explain", "a model with split points", found));
    }
    if let Some(split) = split {
        if points.iter().any(|point| point == split) {
            return Ok((split.to_owned(), None));
        }
        return Err(Error::argument("explain", format!("a split point: {}", points.join(", ")), split));
    }
    let image = batch.image(0)?;
    let mut found = String::new();
    for point in points.iter().rev() {
        let features = model.forward_to(point, &image)?;
        if matches!(*features.dims(), [_, _, h, w] if h * w > 1) {
            return Ok((point.clone(), Some(features)));
        }
        found = format!("{:?} at {point}", features.dims());
    }
    Err(Error::argument("explain", "a split point with maps (n, c, h, w) of more than one place", found))
}

fn shape(features: &Tensor, split: &str) -> Result<(usize, usize, usize, usize)> {
    match *features.dims() {
        [n, c, h, w] if n * c * h * w > 0 => Ok((n, c, h, w)),
        ref dims => {
            let expected =
                "a split point with maps (n, c, h, w); integrated gradients and occlusion work for any model";
            Err(Error::argument("explain", expected, format!("{dims:?} at {split}")))
        }
    }
}

impl Kind {
    /// The heat at each of `places`, of activations and gradients `(channels, places)`.
    fn combine(self, activations: &[f32], gradients: &[f32], places: usize) -> Vec<f32> {
        let mut heat = vec![0f64; places];
        for (maps, slopes) in activations.chunks_exact(places).zip(gradients.chunks_exact(places)) {
            let weight = match self {
                Self::Grad { .. } => slopes.iter().map(|&slope| f64::from(slope)).sum::<f64>() / places as f64,
                Self::PlusPlus => plus_plus(maps, slopes),
                Self::Layer => {
                    for ((heat, &value), &slope) in heat.iter_mut().zip(maps).zip(slopes) {
                        *heat += f64::from(slope.max(0.0)) * f64::from(value);
                    }
                    continue;
                }
            };
            for (heat, &value) in heat.iter_mut().zip(maps) {
                *heat += weight * f64::from(value);
            }
        }
        let signed = matches!(self, Self::Grad { signed: true });
        heat.into_iter().map(|heat| if signed { heat as f32 } else { heat.max(0.0) as f32 }).collect()
    }
}

/// A channel's weight in Grad-CAM++: `sum(a * relu(g))` with `a = g^2 / (2 g^2 + sum(A) g^3 + 1e-6)`, equation 19 of the
/// paper with the exponential's derivatives put in, and 0 where `g` is.
fn plus_plus(maps: &[f32], slopes: &[f32]) -> f64 {
    let sum: f64 = maps.iter().map(|&value| f64::from(value)).sum();
    let of_place = |&slope: &f32| {
        let g = f64::from(slope);
        if g > 0.0 { g * g / (2.0 * g * g + sum * g.powi(3) + 1e-6) * g } else { 0.0 }
    };
    slopes.iter().map(of_place).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two channels of two places, by hand.
    #[test]
    fn maps_are_weighted_as_the_papers_say() {
        let (a, g) = ([1f32, 3.0, 2.0, -1.0], [0.5f32, -0.25, 1.0, 1.0]);
        // Means of the gradients: 0.125 and 1.
        assert_eq!(Kind::Grad { signed: true }.combine(&a, &g, 2), [2.125, -0.625]);
        assert_eq!(Kind::Grad { signed: false }.combine(&a, &g, 2), [2.125, 0.0]);
        // 0.5 * 1 + 1 * 2 and 0 * 3 - 1.
        assert_eq!(Kind::Layer.combine(&a, &g, 2), [2.5, 0.0]);
        // Channel 1: 0.25 / (0.5 + 4 * 0.125) * 0.5 = 0.125; channel 2: 2 * 1 / (2 + 1) = 2 / 3.
        let found = Kind::PlusPlus.combine(&a, &g, 2);
        assert!((found[0] - (0.125 + 2.0 * 2.0 / 3.0)).abs() < 1e-5 && found[1] == 0.0, "{found:?}");
    }
}
