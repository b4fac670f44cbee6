use std::fmt;

use serde::Serialize;

use super::palette::colour;
use crate::imaging::{Image, Resampling, resize_f32};
use crate::{Error, Result};

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
    /// Integrated gradients: the sum of the heat less what the value really gains from the baseline to the image, in the
    /// value's own unit; 0 is exact.
    pub completeness_error: Option<f64>,
}

impl HeatMap {
    /// A map that was computed elsewhere: `height x width` values, row by row.
    ///
    /// # Errors
    /// [`Error::Argument`] when a side is 0, the number of values is another one, a value is not finite, or one is negative in a map
    /// without signs.
    pub fn new(
        method: impl Into<String>,
        target: impl Into<String>,
        width: usize,
        height: usize,
        values: Vec<f32>,
        signed: bool,
    ) -> Result<Self> {
        let map = Self {
            method: method.into(),
            split: None,
            target: target.into(),
            width,
            height,
            values,
            signed,
            completeness_error: None,
        };
        map.check("HeatMap::new").map(|()| map)
    }

    /// What [`HeatMap::new`] promises; the fields are public.
    pub(super) fn check(&self, function: &'static str) -> Result<()> {
        let Self { width, height, values, .. } = self;
        if *width == 0 || *height == 0 || width.checked_mul(*height) != Some(values.len()) {
            let found = format!("{width} x {height} and {} values", values.len());
            return Err(Error::argument(function, "sides above zero and width * height values", found));
        }
        let wrong = |value: &&f32| !value.is_finite() || (!self.signed && **value < 0.0);
        match values.iter().find(wrong) {
            None => Ok(()),
            Some(value) => {
                let expected = if self.signed { "finite values" } else { "finite values that are not negative" };
                Err(Error::argument(function, expected, value.to_string()))
            }
        }
    }

    /// The map at another size: bilinear, with pixel centres at halves (OpenCV's `INTER_LINEAR`, as pytorch-grad-cam does).
    ///
    /// # Errors
    /// [`Error::Argument`] as [`HeatMap::new`], and for a side of 0 or more pixels than [`crate::imaging::MAX_PIXELS`].
    pub fn upsampled(&self, width: usize, height: usize) -> Result<Self> {
        self.check("HeatMap::upsampled")?;
        let kernel = Resampling::OpenCvLinear;
        let values = resize_f32(&self.values, self.width, self.height, 1, width, height, kernel)?;
        Ok(Self { width, height, values, ..self.clone() })
    }

    /// The map in [0, 1], from its smallest to its largest value; a signed one in [-1, 1], divided by its largest
    /// absolute value, so that 0 stays 0. A flat map becomes 0 everywhere.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let all = self.values.iter().copied();
        let (low, range) = if self.signed {
            (0.0, all.map(f32::abs).fold(0.0, f32::max))
        } else {
            let low = all.clone().fold(f32::INFINITY, f32::min);
            (low, all.fold(f32::NEG_INFINITY, f32::max) - low)
        };
        let place = |value: f32| if range > 0.0 { (value - low) / range } else { 0.0 };
        Self { values: self.values.iter().map(|&value| place(value)).collect(), ..self.clone() }
    }

    /// The map in colours over `image`: upsampled, normalised, and the more opaque the hotter, up to `opacity` in [0, 1], so
    /// that where there is no heat the image stays as it is. [`colour()`] says which colours.
    ///
    /// # Errors
    /// [`Error::Argument`] for an opacity outside [0, 1], and as [`HeatMap::upsampled`].
    pub fn overlay(&self, image: &Image, opacity: f32) -> Result<Image> {
        if !(0.0..=1.0).contains(&opacity) {
            return Err(Error::argument("HeatMap::overlay", "an opacity in [0, 1]", opacity.to_string()));
        }
        let map = self.upsampled(image.width(), image.height())?.normalised();
        let mut bytes = image.to_rgb().as_bytes().to_vec();
        for (pixel, &value) in bytes.as_chunks_mut::<3>().0.iter_mut().zip(&map.values) {
            let share = opacity * value.abs();
            for (level, over) in pixel.iter_mut().zip(colour(value, self.signed)) {
                *level = (f32::from(*level) * (1.0 - share) + f32::from(over) * share).round() as u8;
            }
        }
        Image::rgb(image.width(), image.height(), bytes)
    }

    /// Share of the absolute heat in a frame a tenth of each side wide, in [0, 1]; 0 where there is no heat. Heat that is spread evenly
    /// has 0.36 there, where sides divide by ten.
    pub fn border_share(&self) -> f64 {
        let (columns, rows) = (frame(self.width), frame(self.height));
        let (mut border, mut all) = (0.0, 0.0);
        for (place, value) in self.values.iter().enumerate() {
            let heat = f64::from(value.abs());
            all += heat;
            let inside = columns.contains(&(place % self.width.max(1))) && rows.contains(&(place / self.width.max(1)));
            border += if inside { 0.0 } else { heat };
        }
        if all > 0.0 { border / all } else { 0.0 }
    }
}

/// The places of a side that are not in the frame; at least one pixel is, where that leaves something.
fn frame(side: usize) -> std::ops::Range<usize> {
    let width = ((side + 5) / 10).max(1);
    if side > 2 * width { width..side - width } else { 0..side }
}

/// How far a heat map can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
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
    /// What the deletion area is by chance: the mean over the same map moved elsewhere. None when no moves were asked for.
    pub chance_deletion_auc: Option<f64>,
    /// The same of the insertion area.
    pub chance_insertion_auc: Option<f64>,
}

/// What [`Faithfulness`] comes to, for one map of one image.
///
/// Two checks answer different questions. The *advantage* asks whether the score hangs on the hot pixels more than on the same
/// shape elsewhere, not where the map comes from: a map of any origin that happens to lie well passes. On the shipped
/// DenseNet201 (4 steps, 1 move) the Grad-CAM map of a network with random weights had on one X-ray an advantage of 0.072, the
/// network's own 0.025; on another neither passed. The *correlation* alone asks whether the map depends on what was learned; it
/// needs the random network, and without that no map is [`Verdict::BlindToTheModel`]. It lay between -0.48 and 0.49 there (two
/// X-rays, three seeds): maps of 7 x 7 smooth values agree by chance more than their number suggests. A low one does not make a
/// map right. Read the verdicts of many images rather than of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// The hot pixels matter to the model, more than pixels elsewhere do.
    Faithful,
    /// The hot pixels matter no more to the model than others.
    NoBetterThanChance,
    /// A model with random weights gives much the same map: it shows the image rather than what was learned.
    BlindToTheModel,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Faithful => "faithful",
            Self::NoBetterThanChance => "no better than chance",
            Self::BlindToTheModel => "blind to the model",
        })
    }
}

impl Faithfulness {
    /// The least [`Faithfulness::advantage`] of a faithful map.
    pub const LEAST_ADVANTAGE: f64 = 0.02;
    /// From this absolute rank correlation on a map is the random model's too.
    pub const MOST_CORRELATION: f64 = 0.7;

    /// How much wider insertion and deletion lie apart than by chance: `insertion - deletion` less the same of the moved
    /// maps, in [-2, 2]. Without moved maps chance is 0.
    pub fn advantage(&self) -> f64 {
        let chance = self.chance_insertion_auc.unwrap_or(0.0) - self.chance_deletion_auc.unwrap_or(0.0);
        self.insertion_auc - self.deletion_auc - chance
    }

    /// The figures in one word, by [`Faithfulness::LEAST_ADVANTAGE`] and [`Faithfulness::MOST_CORRELATION`]. The bounds are this
    /// crate's own choice.
    pub fn verdict(&self) -> Verdict {
        if self.randomised_correlation.is_some_and(|correlation| correlation.abs() >= Self::MOST_CORRELATION) {
            Verdict::BlindToTheModel
        } else if self.advantage() >= Self::LEAST_ADVANTAGE {
            Verdict::Faithful
        } else {
            Verdict::NoBetterThanChance
        }
    }
}
