//! Small changes to images that leave what they show: one warp, then tone, then an erased patch.

mod draw;
mod erase;
mod tone;
mod warp;

use draw::Draw;
use serde::{Deserialize, Serialize};
use tone::Tone;
use warp::Warp;

use super::range;
use crate::{Error, Result};

/// How far training images are changed. Each number is the far end of an even draw, and 0 switches its change off.
///
/// An image is moved by one affine map about its centre, sampled bilinearly once, with the edge's values beyond the edge (black
/// corners would say how far it was turned). Then come brightness, contrast and gamma, each held to [0, 1], and last a patch of
/// the image's mean. Where channels were equal they stay equal.
///
/// Draws come from the seed alone, in a fixed order: to switch one change off leaves the others as they were.
///
/// ```
/// use leap_binder::train::Augmentation;
///
/// let mut image = vec![0.5; 8 * 8];
/// image[27] = 0.75;
/// let before = image.clone();
/// Augmentation::NONE.apply(&mut image, [8, 8, 1], 7)?;
/// assert_eq!(image, before);
/// Augmentation::radiographs().apply(&mut image, [8, 8, 1], 7)?;
/// assert_ne!(image, before);
/// # Ok::<(), leap_binder::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Degrees that the image is turned either way, from 0 to 180.
    pub rotation: f32,
    /// The share that it grows or shrinks by, from 0 to below 1.
    pub scale: f32,
    /// The share that its width over its height grows by, or the height over the width; from 0 to 1. The area stays.
    pub aspect: f32,
    /// The share of its width, and of its height, that it is moved by; from 0 to 1.
    pub shift: f32,
    /// The share that all values grow or shrink by, from 0 to 1.
    pub brightness: f32,
    /// The share that all distances from the mean grow or shrink by, from 0 to 1.
    pub contrast: f32,
    /// The exponent of the values lies between `1 / (1 + gamma)` and `1 + gamma`, evenly in its logarithm; from 0 to 4.
    pub gamma: f32,
    /// The chance that left and right are exchanged, from 0 to 1. Not for images in which sides mean something: in a mirrored
    /// chest the heart lies on the right.
    pub flip: f32,
    /// The chance that a patch is erased (Zhong et al., *Random Erasing Data Augmentation*, AAAI 2020), from 0 to 1.
    pub erasing: f32,
    /// The least and the largest share of the image that a patch takes, above 0 and at most 1. Its height over its width lies
    /// between 0.3 and 1/0.3; a patch longer than the image is cut.
    pub erasing_area: (f32, f32),
}

impl Augmentation {
    /// Nothing changes.
    pub const NONE: Self = Self {
        rotation: 0.0,
        scale: 0.0,
        aspect: 0.0,
        shift: 0.0,
        brightness: 0.0,
        contrast: 0.0,
        gamma: 0.0,
        flip: 0.0,
        erasing: 0.0,
        erasing_area: (0.02, 0.2),
    };

    /// What patients' postures and machines' exposures do to frontal radiographs: turned by up to 10 degrees, scaled by 10 %, moved
    /// by 5 %, with a tenth to a fifth more or less light; a patch in a quarter of the images. Never mirrored.
    pub const fn radiographs() -> Self {
        Self {
            rotation: 10.0,
            scale: 0.1,
            aspect: 0.05,
            shift: 0.05,
            brightness: 0.1,
            contrast: 0.2,
            gamma: 0.2,
            flip: 0.0,
            erasing: 0.25,
            erasing_area: (0.02, 0.1),
        }
    }

    /// Changes an image `(h, w, channels)` with the channel last and values in [0, 1], which they stay in.
    ///
    /// Equal arguments give equal bits, but for what the machine's sine and exponential differ in. An image of 224 x 224 takes one to two
    /// milliseconds of one core.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a number outside its range, [`Error::Argument`] if there are not as many values as `shape` says.
    pub fn apply(&self, values: &mut [f32], shape: [usize; 3], seed: u64) -> Result<()> {
        self.validate()?;
        let size = shape.iter().try_fold(1usize, |size, &side| size.checked_mul(side));
        if size != Some(values.len()) {
            let expected = format!("as many values as {shape:?} has");
            return Err(Error::argument("Augmentation::apply", expected, values.len().to_string()));
        }
        if values.is_empty() {
            return Ok(());
        }
        let draw = Draw::new(seed);
        Warp::drawn(self, &draw, shape).apply(values, shape);
        Tone::drawn(self, &draw).apply(values, shape[2]);
        if draw.erased < self.erasing {
            erase::patch(values, shape, erase::Patch::drawn(self.erasing_area, &draw, shape));
        }
        Ok(())
    }

    /// Refuses numbers outside the ranges above.
    ///
    /// # Errors
    ///
    /// [`Error::Config`].
    pub(crate) fn validate(&self) -> Result<()> {
        range::check("augmentation.rotation", self.rotation, 0.0..=180.0)?;
        range::check("augmentation.scale", self.scale, 0.0..1.0)?;
        range::check("augmentation.aspect", self.aspect, 0.0..=1.0)?;
        range::check("augmentation.shift", self.shift, 0.0..=1.0)?;
        range::check("augmentation.brightness", self.brightness, 0.0..=1.0)?;
        range::check("augmentation.contrast", self.contrast, 0.0..=1.0)?;
        range::check("augmentation.gamma", self.gamma, 0.0..=4.0)?;
        range::check("augmentation.flip", self.flip, 0.0..=1.0)?;
        range::check("augmentation.erasing", self.erasing, 0.0..=1.0)?;
        let (least, largest) = self.erasing_area;
        range::check("augmentation.erasing_area, its largest", largest, f32::MIN_POSITIVE..=1.0)?;
        range::check("augmentation.erasing_area, its least", least, f32::MIN_POSITIVE..=largest)
    }
}

impl Default for Augmentation {
    /// [`Augmentation::NONE`].
    fn default() -> Self {
        Self::NONE
    }
}

/// The mean of each channel of values with the channel last. Eight pixels are summed side by side, always in one order.
fn means(values: &[f32], channels: usize) -> Vec<f64> {
    let mut lanes = vec![0f64; 8 * channels];
    for block in values.chunks(lanes.len()) {
        lanes.iter_mut().zip(block).for_each(|(lane, &value)| *lane += f64::from(value));
    }
    let pixels = (values.len() / channels) as f64;
    (0..channels).map(|channel| lanes.iter().skip(channel).step_by(channels).sum::<f64>() / pixels).collect()
}
