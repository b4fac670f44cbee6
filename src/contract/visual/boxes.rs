use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::contract::MetadataValue;

/// A box on an image. Coordinates are relative to the image's size, 0 to 1, and `x`, `y` name the centre.
///
/// Nothing is checked, as in code_loader; a drawn payload warns of coordinates outside 0..=1.
///
/// ```
/// use leap_binder::contract::BoundingBox;
/// let lesion = BoundingBox::new(0.5, 0.5, 0.2, 0.1, 0.93, "opacity").with_metadata([("area", 0.02)]);
/// assert_eq!((lesion.rotation, lesion.metadata.unwrap().len()), (0.0, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BoundingBox {
    /// Horizontal centre, relative to the image's width.
    pub x: f64,
    /// Vertical centre, relative to the image's height.
    pub y: f64,
    /// Width, relative to the image's.
    pub width: f64,
    /// Height, relative to the image's.
    pub height: f64,
    /// How sure the box is, 0 to 1.
    pub confidence: f64,
    /// What is in it.
    pub label: String,
    /// Rotation in degrees; 0 unless [`BoundingBox::with_rotation`].
    pub rotation: f64,
    /// Facts about it by name, in order; absent unless [`BoundingBox::with_metadata`].
    #[serde(serialize_with = "as_map")]
    pub metadata: Option<Vec<(String, MetadataValue)>>,
}

impl BoundingBox {
    /// An upright box without metadata.
    pub fn new(x: f64, y: f64, width: f64, height: f64, confidence: f64, label: impl Into<String>) -> Self {
        Self { x, y, width, height, confidence, label: label.into(), rotation: 0.0, metadata: None }
    }

    /// Sets the rotation in degrees.
    #[must_use]
    pub fn with_rotation(mut self, rotation: f64) -> Self {
        self.rotation = rotation;
        self
    }

    /// Sets facts about the box, by name.
    #[must_use]
    pub fn with_metadata<K: Into<String>, V: Into<MetadataValue>>(
        mut self,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.metadata = Some(collected(metadata));
        self
    }
}

/// A box in space. Checked only when it becomes part of a [`super::LeapPointCloud`].
///
/// ```
/// use leap_binder::contract::BoundingBox3D;
/// let car = BoundingBox3D::new([12.0, -3.0, 0.8], [1.9, 4.5, 1.6], 0.1, "car").with_confidence(0.8);
/// assert_eq!((car.width, car.length, car.height, car.is_ground_truth), (1.9, 4.5, 1.6, false));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BoundingBox3D {
    /// Centre, first axis.
    pub x: f64,
    /// Centre, second axis.
    pub y: f64,
    /// Centre, height axis.
    pub z: f64,
    /// Extent across the heading; must be positive.
    pub width: f64,
    /// Extent along the heading; must be positive.
    pub length: f64,
    /// Extent upwards; must be positive.
    pub height: f64,
    /// Heading in radians, counter-clockwise about the height axis.
    pub yaw: f64,
    /// What is in it.
    pub label: String,
    /// How sure the box is, 0 to 1; 1 unless [`BoundingBox3D::with_confidence`].
    pub confidence: f64,
    /// Whether it is the truth rather than a prediction; false unless [`BoundingBox3D::with_ground_truth`].
    pub is_ground_truth: bool,
    /// Facts about it by name, in order; absent unless [`BoundingBox3D::with_metadata`].
    #[serde(serialize_with = "as_map")]
    pub metadata: Option<Vec<(String, MetadataValue)>>,
}

impl BoundingBox3D {
    /// A predicted box of confidence 1: centre `[x, y, z]`, extents `[width, length, height]`, heading in radians.
    pub fn new([x, y, z]: [f64; 3], [width, length, height]: [f64; 3], yaw: f64, label: impl Into<String>) -> Self {
        let (label, metadata) = (label.into(), None);
        Self { x, y, z, width, length, height, yaw, label, confidence: 1.0, is_ground_truth: false, metadata }
    }

    /// Sets how sure the box is.
    #[must_use]
    pub fn with_confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    /// Says whether the box is the truth rather than a prediction.
    #[must_use]
    pub fn with_ground_truth(mut self, is_ground_truth: bool) -> Self {
        self.is_ground_truth = is_ground_truth;
        self
    }

    /// Sets facts about the box, by name.
    #[must_use]
    pub fn with_metadata<K: Into<String>, V: Into<MetadataValue>>(
        mut self,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.metadata = Some(collected(metadata));
        self
    }
}

fn collected<K: Into<String>, V: Into<MetadataValue>>(
    metadata: impl IntoIterator<Item = (K, V)>,
) -> Vec<(String, MetadataValue)> {
    metadata.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

fn as_map<S: Serializer>(metadata: &Option<Vec<(String, MetadataValue)>>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(metadata) = metadata else { return serializer.serialize_none() };
    let mut map = serializer.serialize_map(Some(metadata.len()))?;
    for (key, value) in metadata {
        map.serialize_entry(key, value)?;
    }
    map.end()
}
