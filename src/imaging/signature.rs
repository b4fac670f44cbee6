//! What a file is, by its first bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ::image::ImageFormat;

use super::bad_image;
use crate::{Error, Result};

/// Bytes needed to name a format: DICOM puts its mark at 128.
const HEAD: usize = 132;

/// The formats the crate reads, as errors name them.
pub(super) const EXPECTED: &str = "a JPEG or PNG image";

/// Checks that a file looks like a JPEG or PNG image, reading no more than its first 132 bytes.
///
/// Cheap enough for listing thousands of files. It says nothing about the rest: a damaged image is found by
/// [`decode_file`](super::decode_file).
///
/// # Errors
/// [`Error::Image`] when the file is empty or begins as something else; `found` says as what. [`Error::Io`] when it
/// cannot be read.
pub fn sniff_file(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let mut head = Vec::with_capacity(HEAD);
    File::open(path)
        .and_then(|file| file.take(HEAD as u64).read_to_end(&mut head))
        .map_err(|error| Error::io("read", path, error))?;
    format_of(&head, &path.to_string_lossy()).map(|_| ())
}

/// The format of the file that begins with `bytes`.
pub(super) fn format_of(bytes: &[u8], origin: &str) -> Result<ImageFormat> {
    if bytes.starts_with(b"\xff\xd8\xff") {
        Ok(ImageFormat::Jpeg)
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Ok(ImageFormat::Png)
    } else {
        Err(bad_image(origin, EXPECTED, describe(&bytes[..bytes.len().min(HEAD)]), None))
    }
}

/// What the first bytes of a file that is no image look like, in words.
fn describe(head: &[u8]) -> String {
    let printable = |&byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match head {
        [] => "an empty file (0 bytes)".into(),
        [b'G', b'I', b'F', b'8', ..] => "a GIF image".into(),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "a TIFF image".into(),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "a WebP image".into(),
        [b'%', b'P', b'D', b'F', ..] => "a PDF document".into(),
        [b'P', b'K', 3, 4, ..] => "a ZIP archive".into(),
        [0x1f, 0x8b, ..] => "gzip data".into(),
        [.., b'D', b'I', b'C', b'M'] if head.len() == HEAD => "a DICOM file".into(),
        _ if head.iter().all(|&byte| byte == 0) => "only zero bytes".into(),
        _ if head.iter().all(printable) => {
            let start: String = head.iter().take(32).map(|&byte| char::from(byte)).collect();
            format!("text that begins with {start:?}")
        }
        [b'B', b'M', ..] => "a BMP image".into(),
        _ => {
            let start: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("the bytes {}", start.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_named() {
        let mut dicom = vec![0; 128];
        dicom.extend(b"DICM and more");
        for (bytes, found) in [
            (&b""[..], "an empty file (0 bytes)"),
            (b"GIF89a\x01\x00", "a GIF image"),
            (b"II*\x00\x08\x00", "a TIFF image"),
            (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "a WebP image"),
            (b"%PDF-1.7\n", "a PDF document"),
            (b"PK\x03\x04\x14\x00", "a ZIP archive"),
            (b"\x1f\x8b\x08\x00", "gzip data"),
            (b"BM\x36\x00\x0c\x00", "a BMP image"),
            (b"BMI,age\n21,40\n", "text that begins with \"BMI,age\\n21,40\\n\""),
            (b"<html><body>404</body></html>", "text that begins with \"<html><body>404</body></html>\""),
            (&[0; 64], "only zero bytes"),
            (&dicom, "a DICOM file"),
            (b"\xff\xd8", "the bytes ff d8"),
            (b"\x01\x02\x03\x04\x05\x06\x07\x08\x09", "the bytes 01 02 03 04 05 06 07 08"),
        ] {
            let error = format_of(bytes, "x.jpeg").unwrap_err();
            assert_eq!(error.to_string(), format!("image x.jpeg: expected a JPEG or PNG image, found {found}"));
        }
    }
}
