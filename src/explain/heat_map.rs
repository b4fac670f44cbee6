use serde::Serialize;

/// Which parts of an image speak for a class, against it, or for a loss.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HeatMap {
    /// The method: `grad_cam`, `grad_cam_plus_plus`, `layer_cam`, `integrated_gradients`, `occlusion`.
    pub method: String,
    /// Where the pass was cut, for example `features.denseblock4`; none for methods that look at the input.
    pub split: Option<String>,
    /// What is explained: `bacteria`, `bacteria against virus`, a loss's name.
    pub target: String,
    /// Columns of the map as it was computed.
    pub width: usize,
    /// Rows of it.
    pub height: usize,
    /// `height x width` values, row by row: not negative, or signed where the method is; not normalised.
    pub values: Vec<f32>,
    /// Whether negative values mean "against".
    pub signed: bool,
}

/// How far a heat map can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Faithfulness {
    /// Area under the score's curve while the hottest pixels are taken away, in [0, 1]; low is good (Petsiuk et al., 2018).
    pub deletion_auc: f64,
    /// The same while they are put into a blurred image; high is good.
    pub insertion_auc: f64,
    /// Share of the heat in the outer tenth of the image, in [0, 1].
    pub border_share: f64,
    /// Rank correlation with the map of a model with random weights; near 0 is good (Adebayo et al., 2018). None when not asked for.
    pub randomised_correlation: Option<f64>,
}
