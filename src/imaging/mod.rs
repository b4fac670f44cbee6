//! Images: decoding, grey levels, resampling by named kernels, encoding as network input, pixel statistics.
//!
//! Everything rests on [`Image`], eight bits per value, one channel (grey) or three (RGB). [`decode_file`] makes one
//! from a JPEG or PNG file, [`Image::resize`] brings it to a network's size, [`Image::encode`] turns it into the
//! network's numbers, and [`GreyStatistics`] describes it for the metadata.
//!
//! Numbers are chosen to agree with a named original: OpenCV 4.10 and numpy bit for bit
//! ([`Resampling::OpenCvLinear`], [`GreyStatistics`]), Pillow closely ([`Resampling::PilBilinear`]). JPEG decoders may
//! differ from one another by one level per pixel, so statistics of JPEG files agree within a tolerance.
//!
//! ```
//! use leap_binder::imaging::{ChannelOrder, Image, Normalisation, Resampling};
//! let image = Image::grey(4, 2, vec![0, 50, 100, 150, 200, 250, 25, 75])?;
//! let small = image.resize(2, 1, Resampling::OpenCvLinear)?;
//! assert_eq!(small.as_bytes(), [125, 88]);
//! assert_eq!(small.encode(ChannelOrder::Rgb, Normalisation::UnitRange).len(), 2 * 3);
//! # Ok::<(), leap_binder::Error>(())
//! ```

mod border;
mod complete;
mod decode;
mod encode;
mod fixed;
mod histogram;
mod image;
mod linear;
mod planes;
mod resample;
mod signature;
mod spec;
mod statistics;

pub use border::BorderStatistics;
pub use decode::{MAX_DECODED_BYTES, MAX_PIXELS, decode, decode_file, read_file};
pub use encode::{ChannelOrder, Normalisation};
pub use image::Image;
pub(crate) use planes::with_values;
pub use resample::{Resampling, resize_f32};
pub use signature::sniff_file;
pub use spec::{Colours, Fit, ImageSpec};
pub use statistics::{GreyMode, GreyStatistics};

use crate::{BoxError, Error};

/// An image that cannot be used.
fn bad_image(origin: &str, expected: impl Into<String>, found: impl Into<String>, source: Option<BoxError>) -> Error {
    Error::Image { origin: origin.to_owned(), expected: expected.into(), found: found.into(), source }
}
