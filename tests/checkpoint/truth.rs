//! Files that PyTorch, safetensors and Ultralytics wrote, against the state dicts that they were written from.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use leap_binder::model::Checkpoint;
use serde::Deserialize;

use crate::fixture;

#[derive(Deserialize)]
struct Expected {
    files: BTreeMap<String, BTreeMap<String, Described>>,
}

#[derive(Deserialize)]
struct Described {
    dtype: String,
    shape: Vec<usize>,
    hex: Option<String>,
    fnv1a: Option<String>,
}

fn expected() -> Expected {
    serde_json::from_slice(&std::fs::read(fixture("expected.json")).unwrap()).unwrap()
}

/// The bytes of `tensor` as the type `dtype` of the file has them.
fn bytes(tensor: &Tensor, dtype: &str) -> Vec<u8> {
    fn flat<T: candle_core::WithDType>(tensor: &Tensor) -> Vec<T> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }
    match dtype {
        "F16" => flat::<f16>(tensor).iter().flat_map(|v| v.to_le_bytes()).collect(),
        "BF16" => flat::<bf16>(tensor).iter().flat_map(|v| v.to_le_bytes()).collect(),
        "F32" => flat::<f32>(tensor).iter().flat_map(|v| v.to_le_bytes()).collect(),
        "F64" => flat::<f64>(tensor).iter().flat_map(|v| v.to_le_bytes()).collect(),
        "U8" | "BOOL" => flat::<u8>(tensor),
        "I8" => flat::<i16>(tensor).iter().map(|v| i8::try_from(*v).unwrap() as u8).collect(),
        "I16" => flat::<i16>(tensor).iter().flat_map(|v| v.to_le_bytes()).collect(),
        "U16" => flat::<u32>(tensor).iter().flat_map(|v| u16::try_from(*v).unwrap().to_le_bytes()).collect(),
        "U32" => flat::<u32>(tensor).iter().flat_map(|v| v.to_le_bytes()).collect(),
        "I32" => flat::<i32>(tensor).iter().flat_map(|v| v.to_le_bytes()).collect(),
        "I64" | "U64" => flat::<i64>(tensor).iter().flat_map(|v| v.to_le_bytes()).collect(),
        other => panic!("{other}"),
    }
}

fn fnv1a(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_holds(file: &str, checkpoint: &Checkpoint, expected: &BTreeMap<String, Described>) {
    assert!(checkpoint.names().eq(expected.keys()), "{file}: {:?}", checkpoint.names().collect::<Vec<_>>());
    for (name, expected) in expected {
        let entry = checkpoint.entry(name).unwrap();
        assert_eq!(entry.shape(), expected.shape, "{file} {name}");
        let tensor = checkpoint.tensor(name, entry.dtype(), &Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), expected.shape, "{file} {name}");
        let bytes = bytes(&tensor, &expected.dtype);
        assert_eq!(
            expected.hex.as_ref().is_none_or(|hex_| *hex_ == hex(&bytes)),
            true,
            "{file} {name}: {}",
            hex(&bytes)
        );
        assert!(expected.fnv1a.as_ref().is_none_or(|hash| *hash == fnv1a(&bytes)), "{file} {name}");
        assert!(expected.hex.is_some() != expected.fnv1a.is_some());
    }
}

#[test]
fn every_layout_gives_the_saved_tensors() {
    let expected = expected();
    assert!(expected.files.len() >= 40);
    for (file, tensors) in &expected.files {
        let path = fixture(file);
        assert_holds(file, &Checkpoint::open(&path).unwrap(), tensors);
        if path.is_file() {
            assert_holds(file, &Checkpoint::from_bytes(std::fs::read(&path).unwrap(), &path).unwrap(), tensors);
        }
    }
}

#[test]
fn tensors_are_converted_while_they_are_read() {
    let checkpoint = Checkpoint::open(fixture("odd.pth")).unwrap();
    let read = |name: &str| {
        let tensor = checkpoint.tensor(name, DType::F32, &Device::Cpu).unwrap();
        tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    assert_eq!(read("half"), [1.0, -2.5, 65504.0, 1.0 / 16_777_216.0]);
    assert_eq!(read("double"), [std::f32::consts::PI, f32::NEG_INFINITY]);
    assert_eq!(read("char"), [-128.0, 127.0]);
    assert_eq!(read("bool"), [1.0, 0.0, 1.0]);
    assert_eq!(read("expanded"), [1.5, 1.5, 1.5, 2.5, 2.5, 2.5]);
    let clamped = checkpoint.tensor("long", DType::U8, &Device::Cpu).unwrap().to_vec1::<u8>().unwrap();
    assert_eq!(clamped, [0, 9]);
    assert!(checkpoint.tensor("half", DType::F8E4M3, &Device::Cpu).is_err());
}

#[test]
fn metadata_and_paths_are_those_of_the_file() {
    let plain = Checkpoint::open(fixture("plain.safetensors")).unwrap();
    let metadata: Vec<_> = plain.metadata().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(metadata, [("format", "pt"), ("note", "naïve")]);
    assert_eq!(plain.path(), fixture("plain.safetensors"));
    let sharded = Checkpoint::open(fixture("sharded")).unwrap();
    assert_eq!(sharded.path(), fixture("sharded/model.safetensors.index.json"));
    assert_eq!(sharded.metadata().get("format").map(String::as_str), Some("pt"));
    assert!(Checkpoint::open(fixture("zip.pth")).unwrap().metadata().is_empty());
    assert!(format!("{plain:?}").contains("plain.safetensors"));
}

#[test]
fn a_tensor_that_is_not_there_is_named() {
    let error = Checkpoint::open(fixture("zip.pth")).unwrap().tensor("head.weight", DType::F32, &Device::Cpu);
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("zip.pth") && message.contains("head.weight") && message.contains("head.fc.weight"),
        "{message}"
    );
}
