//! What a file is, told by its first bytes and never by its name.

use super::fault::{Fault, Parsed, shown};

/// The formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Safetensors,
    /// A JSON file that names the shards of a safetensors file.
    ShardIndex,
    /// `torch.save` since PyTorch 1.6, or another zip archive.
    Zip,
    /// `torch.save` before PyTorch 1.6, or another pickle.
    Pickle,
}

/// A header of safetensors is an 8-byte length and a JSON object of that length.
pub(super) const SAFETENSORS_PREFIX: usize = 8;

/// The first bytes of files that people save by mistake or that another program reads, with what they are and how to
/// get something that can be read here.
const OTHERS: [(&[u8], &str, &str); 9] = [
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file, as Keras writes",
        "convert it with scripts/keras_to_safetensors.py to a safetensors file",
    ),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer and not the file that it points to",
        "fetch the file with `git lfs pull`, or download it again from its own page",
    ),
    (b"GGUF", "a GGUF file of quantised language model weights", "use the original safetensors file"),
    (b"\x93NUMPY", "a single NumPy array", "save the network's state dict"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"BZh", "a bzip2 archive", "unpack it first"),
    (b"\xfd7zXZ\0", "an xz archive", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (b"TFL3", "a TensorFlow Lite model", "use the weights file of the PyTorch model"),
];

/// What can be read, for the errors.
pub(super) const READABLE: &str = "a safetensors file, an index of its shards, or a file of torch.save";

/// Tells the format, or says what the file is instead.
pub(super) fn detect(bytes: &[u8]) -> Parsed<Format> {
    if bytes.is_empty() {
        return Err(other("an empty file", "the download or the copy failed: fetch it again"));
    }
    let header = bytes.first_chunk().map(|length| u64::from_le_bytes(*length));
    let braced = bytes.get(SAFETENSORS_PREFIX) == Some(&b'{');
    if braced && header.is_some_and(|length| length <= (bytes.len() - SAFETENSORS_PREFIX) as u64) {
        return Ok(Format::Safetensors);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Ok(Format::Zip);
    }
    if bytes[0] == 0x80 && bytes.get(1).is_some_and(|&protocol| (2..=5).contains(&protocol)) {
        return Ok(Format::Pickle);
    }
    if let Some((_, what, mend)) = OTHERS.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Err(other(what, mend));
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Err(other("a tar archive", "unpack it; a file of PyTorch before 0.1.10 must be saved again"));
    }
    text_format(bytes).unwrap_or_else(|| Err(unknown(bytes, header.filter(|_| braced))))
}

/// Text files: the index of shards, and pages that were saved instead of the file.
fn text_format(bytes: &[u8]) -> Option<Parsed<Format>> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if text.starts_with(b"{") {
        return Some(Ok(Format::ShardIndex));
    }
    let starts = |tag: &&[u8]| text.len() >= tag.len() && text[..tag.len()].eq_ignore_ascii_case(tag);
    let tags: [&[u8]; 5] = [b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--"];
    tags.iter().any(starts).then(|| {
        let mend = "download the file itself: on a model hub that is the address with /resolve/ instead of /blob/";
        Err(other("an HTML or XML page and not the file that it offers", mend))
    })
}

fn unknown(bytes: &[u8], header: Option<u64>) -> Fault {
    if let Some(length) = header {
        let found = format!("one that claims {length} bytes in a file of {}: truncated or damaged", bytes.len());
        return Fault::new("a safetensors file whose header fits into it", found);
    }
    if is_onnx(bytes) {
        return other("an ONNX model", "save the state dict of the PyTorch model that it was exported from");
    }
    let start = &bytes[..bytes.len().min(SAFETENSORS_PREFIX)];
    let hex = start.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let text = shown(&String::from_utf8_lossy(start));
    Fault::new(READABLE, format!("{} bytes that begin with {hex} ({text})", bytes.len()))
}

/// A `ModelProto` begins with its version (field 1), then one of its next fields.
fn is_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, version, field, ..] if *version <= 32 && matches!(field, 0x12 | 0x1a | 0x22 | 0x32 | 0x3a | 0x42))
}

/// A file that is something else: `what` it is, and how to `mend` that.
pub(super) fn other(what: &str, mend: &str) -> Fault {
    Fault::new(READABLE, format!("{what} ({mend})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_formats_are_told_by_their_first_bytes() {
        assert_eq!(detect(b"\x02\0\0\0\0\0\0\0{}").unwrap(), Format::Safetensors);
        assert_eq!(detect(b"PK\x03\x04rest").unwrap(), Format::Zip);
        assert_eq!(detect(b"\x80\x02.").unwrap(), Format::Pickle);
        assert_eq!(detect(b" \n{\"weight_map\": {}}").unwrap(), Format::ShardIndex);
    }

    #[test]
    fn other_files_are_named() {
        let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cases: [(&[u8], &str); 10] = [
            (b"", "empty"),
            (b"\x89HDF\r\n\x1a\n\0\0", "keras_to_safetensors"),
            (lfs, "git lfs pull"),
            (b"\n<!DOCTYPE html><html>", "HTML"),
            (b"<HTML>", "HTML"),
            (b"\x08\x07\x12\x07pytorch\x1a", "ONNX"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (&tar, "tar"),
            (b"\0\0\0\0\0\0\0\x10{}", "truncated"),
            (b"hello", "68 65 6c 6c 6f (hello)"),
        ];
        for (bytes, word) in cases {
            let message = detect(bytes).unwrap_err().at("f".as_ref()).to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
