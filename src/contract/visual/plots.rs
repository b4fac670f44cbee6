use candle_core::{DType, Tensor};
use serde::Serialize;

use super::{rules, tensor};
use crate::contract::{Code, Violation};

/// Lines over a common axis: f32 `(points, lines)`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "Graph")]
pub struct LeapGraph {
    #[serde(serialize_with = "tensor::serialize")]
    data: Tensor,
    x_label: Option<String>,
    y_label: Option<String>,
    x_range: Option<(f64, f64)>,
    legend: Option<Vec<String>>,
}

impl LeapGraph {
    /// Wraps lines of shape `(points, lines)`, without labels, range or legend.
    ///
    /// # Errors
    /// `BND-208` unless the dtype is f32 and the rank 2.
    pub fn new(data: Tensor) -> Result<Self, Violation> {
        rules::dtype("LeapGraph", "values", &data, &[DType::F32])?;
        rules::rank("LeapGraph", "(points, lines)", &data, 2, "Graph must be of shape 2.")?;
        Ok(Self { data, x_label: None, y_label: None, x_range: None, legend: None })
    }

    /// Names the horizontal axis.
    #[must_use]
    pub fn with_x_label(mut self, label: impl Into<String>) -> Self {
        self.x_label = Some(label.into());
        self
    }

    /// Names the vertical axis.
    #[must_use]
    pub fn with_y_label(mut self, label: impl Into<String>) -> Self {
        self.y_label = Some(label.into());
        self
    }

    /// Says which values of the horizontal axis the first and the last point stand at; any order.
    #[must_use]
    pub fn with_x_range(mut self, first: f64, last: f64) -> Self {
        self.x_range = Some((first, last));
        self
    }

    /// Names the lines. An empty legend counts as none.
    ///
    /// # Errors
    /// `BND-208` when there is not one name for each line.
    pub fn with_legend<L: Into<String>>(mut self, legend: impl IntoIterator<Item = L>) -> Result<Self, Violation> {
        let legend: Vec<String> = legend.into_iter().map(Into::into).collect();
        let lines = self.data.dims().last().copied().unwrap_or_default();
        if !legend.is_empty() && legend.len() != lines {
            let expected = format!("{lines} names in the legend, one for each line");
            let text = "Number of labels supplied should equal the number of graphs.";
            return Err(rules::broken("LeapGraph", &expected, format!("{} names", legend.len()), text));
        }
        self.legend = Some(legend);
        Ok(self)
    }

    /// The lines, `(points, lines)`.
    pub const fn data(&self) -> &Tensor {
        &self.data
    }

    /// The horizontal axis' name.
    pub fn x_label(&self) -> Option<&str> {
        self.x_label.as_deref()
    }

    /// The vertical axis' name.
    pub fn y_label(&self) -> Option<&str> {
        self.y_label.as_deref()
    }

    /// Where the first and the last point stand on the horizontal axis.
    pub const fn x_range(&self) -> Option<(f64, f64)> {
        self.x_range
    }

    /// The lines' names.
    pub fn legend(&self) -> Option<&[String]> {
        self.legend.as_deref()
    }
}

/// Horizontal bars: a length and a label for each, and optionally the true lengths.
///
/// ```
/// use leap_binder::contract::{LeapHorizontalBar, Visualization};
/// let bars = LeapHorizontalBar::new(vec![0.9, 0.1], ["even", "odd"]).with_gt(vec![1.0, 0.0]);
/// assert!(Visualization::from(bars).warnings().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename = "HorizontalBar")]
pub struct LeapHorizontalBar {
    #[serde(serialize_with = "tensor::serialize_f32")]
    body: Vec<f32>,
    labels: Vec<String>,
    #[serde(serialize_with = "tensor::serialize_optional_f32")]
    gt: Option<Vec<f32>>,
}

impl LeapHorizontalBar {
    /// Bars without true lengths. Another number of labels than bars is only warned about, as in code_loader.
    pub fn new<L: Into<String>>(body: Vec<f32>, labels: impl IntoIterator<Item = L>) -> Self {
        Self { body, labels: labels.into_iter().map(Into::into).collect(), gt: None }
    }

    /// Bars from an f32 tensor of shape `(bars,)`, for example a sample's scores.
    ///
    /// # Errors
    /// `BND-208` for another dtype or rank.
    pub fn from_tensor<L: Into<String>>(body: &Tensor, labels: impl IntoIterator<Item = L>) -> Result<Self, Violation> {
        let name = "LeapHorizontalBar";
        rules::dtype(name, "bar lengths", body, &[DType::F32])?;
        rules::rank(name, "(bars,)", body, 1, "HorizontalBar body must be of shape 1.")?;
        let body = tensor::values(body).map_err(|error| {
            Violation::new(Code::VisualizerPayload, name, "a tensor that can be read", error.to_string())
                .because(error.into())
        })?;
        Ok(Self::new(body, labels))
    }

    /// Adds the true lengths. Another number of them than bars is only warned about.
    #[must_use]
    pub fn with_gt(mut self, gt: Vec<f32>) -> Self {
        self.gt = Some(gt);
        self
    }

    /// Bar lengths.
    pub fn body(&self) -> &[f32] {
        &self.body
    }

    /// One label for each bar.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The true lengths, where known.
    pub fn gt(&self) -> Option<&[f32]> {
        self.gt.as_deref()
    }
}
