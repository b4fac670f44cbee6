use serde::Serialize;

use super::rules;
use crate::contract::Violation;

/// Words, optionally with a heat value each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename = "Text")]
pub struct LeapText {
    data: Vec<String>,
    heatmap: Option<Vec<f64>>,
}

impl LeapText {
    /// Words without heat; there may be none.
    pub fn new<W: Into<String>>(data: impl IntoIterator<Item = W>) -> Self {
        Self { data: data.into_iter().map(Into::into).collect(), heatmap: None }
    }

    /// Adds a heat value for each word, of any range.
    ///
    /// # Errors
    /// `BND-208` when there is not one value for each word.
    pub fn with_heatmap(mut self, heatmap: Vec<f64>) -> Result<Self, Violation> {
        let (values, words) = (heatmap.len(), self.data.len());
        if values != words {
            let text = format!("Heatmap length ({values}) must match the number of tokens in `data` ({words}).");
            return Err(rules::broken("LeapText", "one heat value for each word", format!("{values} values"), &text));
        }
        self.heatmap = Some(heatmap);
        Ok(self)
    }

    /// The words.
    pub fn data(&self) -> &[String] {
        &self.data
    }

    /// A heat value for each word.
    pub fn heatmap(&self) -> Option<&[f64]> {
        self.heatmap.as_deref()
    }
}
