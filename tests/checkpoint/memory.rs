//! Reading takes the memory of what is read.

use std::fs;
use std::path::Path;

use candle_core::Device;
use leap_binder::model::Checkpoint;

use crate::alloc::measure;
use crate::build::{self, Pickle};

const SIZE: usize = 32 << 20;
const TENSORS: usize = 16;

/// Opens the file and reads every tensor, which are all kept.
fn peak_of(path: &Path) -> f64 {
    let (tensors, usage) = measure(|| {
        let checkpoint = Checkpoint::open(path).unwrap();
        let read = |name| checkpoint.tensor(name, checkpoint.entry(name).unwrap().dtype(), &Device::Cpu).unwrap();
        checkpoint.names().map(read).collect::<Vec<_>>()
    });
    let read: usize = tensors.iter().map(|tensor| tensor.elem_count() * tensor.dtype().size_in_bytes()).sum();
    assert!(read >= SIZE);
    usage.peak as f64 / fs::metadata(path).unwrap().len() as f64
}

#[test]
fn reading_a_safetensors_file_takes_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let size = SIZE / TENSORS;
    let describe = |i| {
        let (start, end, side) = (i * size, (i + 1) * size, size / 4);
        format!("\"layer{i}.weight\":{{\"dtype\":\"F32\",\"shape\":[{side}],\"data_offsets\":[{start},{end}]}}")
    };
    let header = format!("{{{}}}", (0..TENSORS).map(describe).collect::<Vec<_>>().join(","));
    let path = folder.path().join("large.safetensors");
    fs::write(&path, build::safetensors(&header, &vec![1; SIZE])).unwrap();
    let peak = peak_of(&path);
    assert!((1.0 - 1e-3..1.3).contains(&peak), "{peak}");
}

#[test]
fn reading_a_zip_archive_takes_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let (total, side) = (SIZE as i64, (SIZE / TENSORS) as i64);
    let mut pickle = Pickle::new().op(b"}");
    for i in 0..TENSORS as i64 {
        pickle = pickle.text(&format!("layer{i}.weight")).tensor(total, i * side, &[side], &[1]).op(b"s");
    }
    let path = folder.path().join("large.pth");
    fs::write(&path, build::torch(&pickle.op(b".").0, &vec![1; SIZE])).unwrap();
    let peak = peak_of(&path);
    assert!((1.0 - 1e-3..1.3).contains(&peak), "{peak}");
}
