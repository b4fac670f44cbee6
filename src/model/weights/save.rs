use std::collections::HashMap;
use std::path::Path;
use std::sync::PoisonError;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;

use super::{Card, wrong};
use crate::{Error, Result};

/// Writes the tensors of `variables` and the card to a safetensors file at `path` that [`Weights::open`](super::Weights::open)
/// reads, with the numbers as `dtype` (f32, f16 or bf16). Running statistics are among the tensors.
///
/// The file is written beside its place and then renamed, so that what stood there before stays until the new file is whole. The key
/// [`Card::MADE_BY`] is filled in if the card has none.
///
/// # Errors
///
/// [`Error::Weights`] that lists all tensors that the card's architecture lacks or has in another shape, [`Error::Argument`] for another
/// type, [`Error::Io`] if the file cannot be written.
pub fn save(path: impl AsRef<Path>, variables: &VarMap, card: &Card, dtype: DType) -> Result<()> {
    let path = path.as_ref();
    if !matches!(dtype, DType::F32 | DType::F16 | DType::BF16) {
        return Err(Error::argument("save", "f32, f16 or bf16", format!("{dtype:?}")));
    }
    card.check(path)?;
    let expected = card.architecture.tensors(card.input.channels(), card.classes.len())?;
    let data = variables.data().lock().unwrap_or_else(PoisonError::into_inner);
    let mut tensors: HashMap<String, Tensor> = HashMap::new();
    let mut problems = Vec::new();
    for (name, shape) in &expected {
        match data.get(name) {
            None => problems.push(format!("no {name}")),
            Some(var) if var.shape() != shape => {
                problems.push(format!("{name} of shape {:?} instead of {:?}", var.dims(), shape.dims()));
            }
            Some(var) => {
                let on_cpu = var.detach().to_dtype(dtype).and_then(|tensor| tensor.to_device(&Device::Cpu));
                tensors.insert(name.clone(), on_cpu.map_err(Error::tensor(format!("saving {name}")))?);
            }
        }
    }
    let mut extra: Vec<_> = data.keys().filter(|name| !expected.iter().any(|(known, _)| known == *name)).collect();
    extra.sort();
    problems.extend(extra.into_iter().map(|name| format!("{name}, which it does not have")));
    if !problems.is_empty() {
        return Err(wrong(path, format!("the tensors of {}", card.architecture), problems.join("; "), None));
    }
    let metadata: HashMap<String, String> = card.write()?.into_iter().collect();
    write(path, &tensors, metadata)
}

fn write(path: &Path, tensors: &HashMap<String, Tensor>, metadata: HashMap<String, String>) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let io = |source: std::io::Error| Error::io("write", path, source);
    let written = safetensors::serialize_to_file(tensors, Some(metadata), &part).map_err(|error| match error {
        safetensors::SafeTensorError::IoError(source) => io(source),
        other => io(std::io::Error::other(other)),
    });
    let synced = || std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(io);
    let placed = written.and_then(|()| synced()).and_then(|()| std::fs::rename(&part, path).map_err(io));
    if placed.is_err() {
        // What could not be finished is of no use to anybody; the first error is the one to tell.
        let _ = std::fs::remove_file(&part);
    }
    placed
}
