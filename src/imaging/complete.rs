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
        rest = &rest[first_ff(rest)?..];
        let (marker, tail) = rest.get(1..)?.split_first()?;
        // In entropy-coded data ff is followed by 00; before a marker it may be repeated as filling.
        rest = if *marker == 0xff { &rest[1..] } else { tail };
        match *marker {
            END => return Some(()),
            0x00 | 0x01 | 0xff => {}
            marker if RESTART_OR_START.contains(&marker) => {}
            _ => rest = rest.get(usize::from(u16::from_be_bytes(*rest.first_chunk()?))..)?,
        }
    }
}

/// The place of the first byte ff. Whole chunks are judged at a time, since nearly all have none.
fn first_ff(bytes: &[u8]) -> Option<usize> {
    let has_ff = |chunk: &[u8; 32]| chunk.iter().fold(false, |has, &byte| has | (byte == 0xff));
    let clear = bytes.as_chunks().0.iter().take_while(|chunk| !has_ff(chunk)).count() * 32;
    Some(clear + bytes[clear..].iter().position(|&byte| byte == 0xff)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ff_is_found_at_every_place() {
        for length in [0, 1, 31, 32, 33, 64, 100] {
            let mut bytes = vec![0xfe; length];
            assert_eq!(first_ff(&bytes), None);
            for place in (0..length).rev() {
                bytes[place] = 0xff;
                assert_eq!(first_ff(&bytes), Some(place));
            }
        }
    }
}
