//! From the bytes of a file to an [`Image`].

use std::fs;
use std::io::Cursor;
use std::path::Path;

use ::image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use super::complete::is_complete;
use super::signature::format_of;
use super::{Image, bad_image};
use crate::{Error, Result};

/// The largest image the crate makes, in pixels: 16384 x 16384.
pub const MAX_PIXELS: u64 = 1 << 28;

/// The most memory the decoders may take for one image's values, in bytes: 1 GiB, four bytes for each of
/// [`MAX_PIXELS`].
pub const MAX_DECODED_BYTES: u64 = MAX_PIXELS * 4;

/// Reads and decodes a JPEG or PNG file; see [`decode`].
///
/// # Errors
/// As [`read_file`] and [`decode`].
pub fn decode_file(path: impl AsRef<Path>) -> Result<Image> {
    let path = path.as_ref();
    decode(&read_file(path)?, &path.to_string_lossy())
}

/// Reads an image file whole, for callers who want its bytes as well as its pixels.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Image`] when it has more than [`MAX_DECODED_BYTES`].
pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let length = fs::metadata(path).map_err(|error| Error::io("read", path, error))?.len();
    if length > MAX_DECODED_BYTES {
        let expected = format!("a file of at most {MAX_DECODED_BYTES} bytes");
        return Err(bad_image(&path.to_string_lossy(), &expected, format!("{length} bytes"), None));
    }
    fs::read(path).map_err(|error| Error::io("read", path, error))
}

/// Decodes the bytes of a JPEG or PNG file, as OpenCV's `imread` does.
///
/// The EXIF orientation is applied; colour profiles are not. Grey stays one channel, everything else becomes RGB.
/// Transparency is dropped; of 16-bit values the upper eight bits are kept.
///
/// `origin` names the image in errors: a path, or `<bytes>`.
///
/// # Errors
/// [`Error::Image`] when the bytes are empty, not a JPEG or PNG image, cut short, damaged, of more than [`MAX_PIXELS`]
/// or of more than [`MAX_DECODED_BYTES`]. A JPEG file whose compressed values are altered but which still reaches its
/// end decodes to a wrong picture: the format has no checksum.
///
/// *Determinism*: PNG is bit-exact. JPEG values may be one level off another decoder's.
pub fn decode(bytes: &[u8], origin: &str) -> Result<Image> {
    let format = format_of(bytes, origin)?;
    if !is_complete(bytes, format) {
        let found = format!("a file cut short at {} bytes, before the mark that ends an image", bytes.len());
        return Err(bad_image(origin, "a complete image", found, None));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| undecodable(origin, error))?;
    let (width, height) = decoder.dimensions();
    let too_large = u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_DECODED_BYTES;
    if too_large {
        return Err(bad_image(origin, size_limit(), format!("{width} x {height} pixels"), None));
    }
    oriented(decoder).map(eight_bit).map_err(|error| undecodable(origin, error))
}

/// All pixels, turned as the EXIF orientation says.
fn oriented(mut decoder: impl ImageDecoder) -> Result<DynamicImage, ImageError> {
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn undecodable(origin: &str, error: ImageError) -> Error {
    let (expected, found) = match &error {
        ImageError::Limits(_) => (size_limit(), "a larger one".to_owned()),
        other => ("a readable image".to_owned(), other.to_string()),
    };
    bad_image(origin, expected, found, Some(error.into()))
}

fn size_limit() -> String {
    format!("an image of at most {MAX_PIXELS} pixels and {MAX_DECODED_BYTES} bytes")
}

/// Grey or RGB in eight bits: without transparency, and without the lower half of 16-bit values.
fn eight_bit(image: DynamicImage) -> Image {
    let upper = |value: u16| (value >> 8) as u8;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (channels, bytes) = match image {
        DynamicImage::ImageLuma8(pixels) => (1, pixels.into_raw()),
        DynamicImage::ImageLumaA8(pixels) => (1, pixels.pixels().map(|pixel| pixel.0[0]).collect()),
        DynamicImage::ImageLuma16(pixels) => (1, pixels.pixels().map(|pixel| upper(pixel.0[0])).collect()),
        DynamicImage::ImageLumaA16(pixels) => (1, pixels.pixels().map(|pixel| upper(pixel.0[0])).collect()),
        DynamicImage::ImageRgb16(pixels) => (3, pixels.pixels().flat_map(|pixel| pixel.0.map(upper)).collect()),
        DynamicImage::ImageRgba16(pixels) => {
            (3, pixels.pixels().flat_map(|pixel| pixel.0.into_iter().take(3).map(upper)).collect())
        }
        other => (3, other.into_rgb8().into_raw()),
    };
    Image::from_parts(width, height, channels, bytes)
}
