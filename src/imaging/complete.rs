//! Whether a file was cut short.
//!
//! Decoders are lenient: they fill what is missing with grey and report success, and a network then scores a picture
//! that nobody took. Both formats end with a marker of their own, so a cut shows in the file's structure alone.

use ::image::ImageFormat;

/// Whether the file reaches its end marker; what follows the marker does not count.
pub(super) fn is_complete(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Jpeg => jpeg_ends(bytes),
        _ => png_ends(bytes),
    }
    .is_some()
}

/// Walks the segments of a JPEG file (ITU-T T.81, annex B) up to the end-of-image marker.
///
/// Segments are stepped over by their length, so that the end marker of an embedded thumbnail does not count.
fn jpeg_ends(bytes: &[u8]) -> Option<()> {
    const RESTART_OR_START: std::ops::RangeInclusive<u8> = 0xd0..=0xd8;
    const END: u8 = 0xd9;
    let mut rest = bytes;
    loop {
        // In entropy-coded data ff is followed by 00; before a marker it may be repeated as filling.
        let at = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff))?;
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        match marker {
            END => return Some(()),
            0x01 => {}
            _ if RESTART_OR_START.contains(&marker) => {}
            _ => rest = rest.get(usize::from(u16::from_be_bytes(*rest.first_chunk()?))..)?,
        }
    }
}

/// Walks the chunks of a PNG file (ISO/IEC 15948, clause 5) up to the end of `IEND`.
fn png_ends(bytes: &[u8]) -> Option<()> {
    const SIGNATURE: usize = 8;
    const TYPE_AND_CHECKSUM: usize = 8;
    let mut rest = bytes.get(SIGNATURE..)?;
    loop {
        let (length, tail) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest = tail.get(length.checked_add(TYPE_AND_CHECKSUM)?..)?;
        if tail.starts_with(b"IEND") {
            return Some(());
        }
    }
}
