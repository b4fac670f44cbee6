//! Writing safetensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{CpuStorage, DType, Storage, Tensor};

use crate::{Error, Result};

/// Writes contiguous tensors on the CPU and `metadata` to a safetensors file at `path`.
///
/// The file is written beside its place and then renamed, so that what stood there before stays until the new file is whole. Tensors and
/// metadata are in the order of their names: equal contents give equal bytes.
///
/// # Errors
///
/// [`Error::Argument`] for a number type that safetensors has no name for here; [`Error::Io`] if the file cannot be written, in which case
/// nothing is left of it.
pub(crate) fn write_safetensors(
    path: &Path,
    metadata: BTreeMap<String, String>,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<()> {
    let header = header(tensors, metadata)?;
    replace(path, |file| write(file, &header, tensors))
}

/// The same in memory.
///
/// # Errors
///
/// [`Error::Argument`].
pub(crate) fn safetensors_bytes(
    metadata: BTreeMap<String, String>,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(&mut bytes, &header(tensors, metadata)?, tensors).map_err(|source| Error::io("write", "<bytes>", source))?;
    Ok(bytes)
}

/// Puts what `content` writes in the place of the file at `path`, whole or not at all.
///
/// # Errors
///
/// [`Error::Io`].
pub(crate) fn replace(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    /// Tells the parts of writes that go on at once.
    static WRITES: AtomicUsize = AtomicUsize::new(0);
    let beside = || {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}-{}.part", std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed)));
        path.with_file_name(name)
    };
    let (part, file) = loop {
        let part = beside();
        match File::create_new(&part) {
            Ok(file) => break (part, file),
            // Left by a process of the same number that was killed.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => return Err(Error::io("write", path, source)),
        }
    };
    let written = || -> std::io::Result<()> {
        let mut file = BufWriter::new(file);
        content(&mut file)?;
        file.into_inner()?.sync_all()?;
        std::fs::rename(&part, path)
    };
    written().map_err(|source| {
        // What could not be finished is of no use to anybody; the first error is the one to tell.
        let _ = std::fs::remove_file(&part);
        Error::io("write", path, source)
    })
}

/// The header of a safetensors file: its length, and JSON filled up with spaces to eight bytes.
fn header(tensors: &BTreeMap<String, Tensor>, metadata: BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut entries = serde_json::Map::new();
    entries.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    let mut start = 0;
    for (name, tensor) in tensors {
        let dtype = match tensor.dtype() {
            DType::F64 => "F64",
            DType::F32 => "F32",
            DType::F16 => "F16",
            DType::BF16 => "BF16",
            DType::U32 => "U32",
            other => return Err(Error::argument("save", "floats or u32", format!("{other:?} for {name}"))),
        };
        let end = start + tensor.elem_count() * tensor.dtype().size_in_bytes();
        let entry = serde_json::json!({"dtype": dtype, "shape": tensor.dims(), "data_offsets": [start, end]});
        entries.insert(name.clone(), entry);
        start = end;
    }
    let json = serde_json::to_vec(&entries);
    let mut json = json.map_err(|error| Error::argument("save", "text that JSON can hold", error.to_string()))?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok([(json.len() as u64).to_le_bytes().as_slice(), &json].concat())
}

fn write(file: &mut impl Write, header: &[u8], tensors: &BTreeMap<String, Tensor>) -> std::io::Result<()> {
    file.write_all(header)?;
    tensors.values().try_for_each(|tensor| write_numbers(file, tensor))
}

/// The numbers of a contiguous tensor on the CPU, little end first.
fn write_numbers(file: &mut impl Write, tensor: &Tensor) -> std::io::Result<()> {
    let (storage, layout) = tensor.storage_and_layout();
    let range = layout.start_offset()..layout.start_offset() + tensor.elem_count();
    match &*storage {
        Storage::Cpu(CpuStorage::F64(values)) => write_all(file, &values[range], |x| x.to_le_bytes()),
        Storage::Cpu(CpuStorage::F32(values)) => write_all(file, &values[range], |x| x.to_le_bytes()),
        Storage::Cpu(CpuStorage::F16(values)) => write_all(file, &values[range], |x| x.to_le_bytes()),
        Storage::Cpu(CpuStorage::BF16(values)) => write_all(file, &values[range], |x| x.to_le_bytes()),
        Storage::Cpu(CpuStorage::U32(values)) => write_all(file, &values[range], |x| x.to_le_bytes()),
        _ => Err(std::io::Error::other("a tensor left the CPU while it was saved")),
    }
}

fn write_all<T, const N: usize>(
    file: &mut impl Write,
    values: &[T],
    bytes: impl Fn(&T) -> [u8; N],
) -> std::io::Result<()> {
    for values in values.chunks(1 << 14) {
        file.write_all(&values.iter().flat_map(&bytes).collect::<Vec<u8>>())?;
    }
    Ok(())
}
