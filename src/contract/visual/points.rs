use candle_core::{DType, Tensor};
use serde::Serialize;

use super::{BoundingBox3D, rules, tensor};
use crate::contract::{Code, Violation};

const NAME: &str = "LeapPointCloud";

/// Points in space, f32 `(points, 3)`, optionally with an intensity each and with boxes.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "PointCloud")]
pub struct LeapPointCloud {
    #[serde(serialize_with = "tensor::serialize")]
    points: Tensor,
    #[serde(serialize_with = "tensor::serialize_optional_f32")]
    intensity: Option<Vec<f32>>,
    bounding_boxes: Option<Vec<BoundingBox3D>>,
}

impl LeapPointCloud {
    /// Wraps points of shape `(points, 3)`.
    ///
    /// # Errors
    /// `BND-208` unless the dtype is f32, the shape `(n, 3)` with n at least 1, and every value finite.
    pub fn new(points: Tensor) -> Result<Self, Violation> {
        rules::dtype(NAME, "points", &points, &[DType::F32])?;
        rules::rank(NAME, "(points, 3)", &points, 2, "Point cloud points must be of shape 2 [N, 3].")?;
        let shape = rules::shape_text(points.dims());
        if !matches!(points.dims(), [count, 3] if *count > 0) {
            let text = format!("Point cloud points must be of shape [N, 3] with N >= 1, got {shape}");
            return Err(rules::broken(
                NAME,
                "shape (points, 3) with a point at least",
                format!("shape {shape}"),
                &text,
            ));
        }
        let values = tensor::values(&points).map_err(|error| {
            Violation::new(Code::VisualizerPayload, NAME, "a tensor that can be read", error.to_string())
                .because(error.into())
        })?;
        finite("points", &values, 3)?;
        Ok(Self { points, intensity: None, bounding_boxes: None })
    }

    /// Adds an intensity for each point.
    ///
    /// # Errors
    /// `BND-208` when there is not one value for each point, or one is not finite.
    pub fn with_intensity(mut self, intensity: Vec<f32>) -> Result<Self, Violation> {
        let (values, points) = (intensity.len(), self.points.dims()[0]);
        if values != points {
            let text = format!("Point cloud intensity shape ({values},) must be ({points},)");
            return Err(rules::broken(NAME, "one intensity for each point", format!("{values} values"), &text));
        }
        finite("intensity", &intensity, 1)?;
        self.intensity = Some(intensity);
        Ok(self)
    }

    /// Adds boxes.
    ///
    /// # Errors
    /// `BND-208` when a number of a box is not finite, or an extent is not positive.
    pub fn with_bounding_boxes(mut self, bounding_boxes: Vec<BoundingBox3D>) -> Result<Self, Violation> {
        bounding_boxes.iter().try_for_each(fits)?;
        self.bounding_boxes = Some(bounding_boxes);
        Ok(self)
    }

    /// The points, `(points, 3)`.
    pub const fn points(&self) -> &Tensor {
        &self.points
    }

    /// An intensity for each point.
    pub fn intensity(&self) -> Option<&[f32]> {
        self.intensity.as_deref()
    }

    /// The boxes.
    pub fn bounding_boxes(&self) -> Option<&[BoundingBox3D]> {
        self.bounding_boxes.as_deref()
    }
}

fn finite(what: &str, values: &[f32], columns: usize) -> Result<(), Violation> {
    let Some(place) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let text = format!("Point cloud {what} must be finite (no NaN/Inf)");
    let found = format!("{} at point {}", values[place], place / columns);
    Err(rules::broken(NAME, &format!("finite {what}"), found, &text))
}

fn fits(shape: &BoundingBox3D) -> Result<(), Violation> {
    let BoundingBox3D { x, y, z, width, length, height, yaw, label, confidence, .. } = shape;
    let fields = [
        ("x", x),
        ("y", y),
        ("z", z),
        ("width", width),
        ("length", length),
        ("height", height),
        ("yaw", yaw),
        ("confidence", confidence),
    ];
    if let Some((field, value)) = fields.iter().find(|(_, value)| !value.is_finite()) {
        let text = format!("BoundingBox3D \"{label}\" has a non-finite field");
        return Err(rules::broken(NAME, "boxes of finite numbers", format!("{field} {value}"), &text));
    }
    if let Some((field, value)) = fields[3..6].iter().find(|(_, value)| **value <= 0.0) {
        let text = format!("BoundingBox3D \"{label}\" extents must be positive");
        return Err(rules::broken(NAME, "boxes of positive extents", format!("{field} {value}"), &text));
    }
    Ok(())
}
