use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use candle_nn::VarMap;

use super::source::fault;
use super::{Card, wrong};
use crate::{Error, Result};

/// Writes the tensors of `variables` and the card to a safetensors file at `path` that [`Weights::open`](super::Weights::open)
/// reads, with the numbers as `dtype` (f32, f16 or bf16). Running statistics are among the tensors.
///
/// The file is written beside its place and then renamed, so that what stood there before stays until the new file is whole. Equal
/// weights and cards give equal bytes.
///
/// # Errors
///
/// [`Error::Weights`] that lists all tensors that the card's architecture lacks or has in another shape, and all with values that are
/// not finite or leave the range of `dtype`; [`Error::Argument`] for another type, [`Error::Io`] if the file cannot be written.
pub fn save(path: impl AsRef<Path>, variables: &VarMap, card: &Card, dtype: DType) -> Result<()> {
    let path = path.as_ref();
    if !matches!(dtype, DType::F32 | DType::F16 | DType::BF16) {
        return Err(Error::argument("save", "f32, f16 or bf16", format!("{dtype:?}")));
    }
    card.check(path)?;
    let expected = card.architecture.tensors(card.input.channels(), card.classes.len())?;
    let data = variables.data().lock().unwrap_or_else(PoisonError::into_inner);
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, shape) in &expected {
        match data.get(name) {
            None => problems.push(format!("no {name}")),
            Some(var) if var.shape() != shape => {
                problems.push(format!("{name} of shape {:?} instead of {:?}", var.dims(), shape.dims()));
            }
            Some(var) => {
                let on_cpu =
                    var.detach().to_dtype(dtype).and_then(|tensor| tensor.to_device(&Device::Cpu)?.contiguous());
                let tensor = on_cpu.map_err(Error::tensor(format!("saving {name}")))?;
                problems.extend(fault(name, &tensor));
                tensors.insert(name.clone(), tensor);
            }
        }
    }
    let mut extra: Vec<_> = data.keys().filter(|name| !expected.iter().any(|(known, _)| known == *name)).collect();
    extra.sort();
    problems.extend(extra.into_iter().map(|name| format!("{name}, which it does not have")));
    if !problems.is_empty() {
        return Err(wrong(path, format!("the tensors of {}", card.architecture), problems.join("; "), None));
    }
    let header = header(&tensors, dtype, card.write()?)?;
    write(path, &header, &tensors)
}

/// The header of a safetensors file: its length, and JSON filled up with spaces to eight bytes. Tensors and metadata are in the
/// order of their names, so that equal weights give equal files.
fn header(tensors: &BTreeMap<String, Tensor>, dtype: DType, metadata: BTreeMap<String, String>) -> Result<Vec<u8>> {
    let dtype = match dtype {
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        _ => "F32",
    };
    let mut entries = serde_json::Map::new();
    entries.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    let mut start = 0;
    for (name, tensor) in tensors {
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

fn write(path: &Path, header: &[u8], tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    /// Tells the parts of saves that go on at once.
    static SAVES: AtomicUsize = AtomicUsize::new(0);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}-{}.part", std::process::id(), SAVES.fetch_add(1, Ordering::Relaxed)));
    let part = path.with_file_name(name);
    let written = || -> std::io::Result<()> {
        let mut file = BufWriter::new(File::create_new(&part)?);
        file.write_all(header)?;
        for tensor in tensors.values() {
            write_numbers(&mut file, tensor)?;
        }
        file.into_inner()?.sync_all()?;
        std::fs::rename(&part, path)
    };
    written().map_err(|source| {
        // What could not be finished is of no use to anybody; the first error is the one to tell.
        let _ = std::fs::remove_file(&part);
        Error::io("write", path, source)
    })
}

/// The numbers of a contiguous tensor on the CPU, little end first.
fn write_numbers(file: &mut impl Write, tensor: &Tensor) -> std::io::Result<()> {
    let (storage, layout) = tensor.storage_and_layout();
    let range = layout.start_offset()..layout.start_offset() + tensor.elem_count();
    match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => {
            values[range].iter().try_for_each(|x| file.write_all(&x.to_le_bytes()))
        }
        Storage::Cpu(CpuStorage::F16(values)) => {
            values[range].iter().try_for_each(|x| file.write_all(&x.to_le_bytes()))
        }
        Storage::Cpu(CpuStorage::BF16(values)) => {
            values[range].iter().try_for_each(|x| file.write_all(&x.to_le_bytes()))
        }
        _ => Err(std::io::Error::other("a tensor left the CPU while it was saved")),
    }
}
