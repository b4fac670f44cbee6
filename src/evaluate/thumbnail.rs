use crate::imaging::{Image, Resampling};

/// The image with its longer side brought down to `side` pixels; small images stay as they are.
pub(super) fn thumbnail(image: &Image, side: usize) -> Option<Image> {
    let longer = image.width().max(image.height());
    if longer <= side {
        return Some(image.clone());
    }
    let scaled = |length: usize| (length * side).div_ceil(longer).max(1);
    image.resize(scaled(image.width()), scaled(image.height()), Resampling::PilBilinear).ok()
}
