//! Properties over broken files: never a panic, and never an allocation beyond the file's own size and a constant.

use std::path::Path;
use std::sync::LazyLock;

use candle_core::Device;
use leap_binder::model::Checkpoint;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::alloc::{Usage, measure};
use crate::build::{Pickle, safetensors, torch};
use crate::fixture;

/// What may be allocated in one piece beyond 1.5 times the file: the whole budget of a file's description.
pub const PIECE: usize = 8 << 20;
/// What may be held at once beyond 1.5 times the file: the budget, while what it was spent on grows and is copied.
pub const SLACK: usize = 16 << 20;

pub fn assert_modest(usage: Usage, file: usize) {
    let most = file + file / 2;
    assert!(usage.largest <= most + PIECE && usage.peak <= most + SLACK, "{usage:?} for {file} bytes");
}

/// Opens the file and reads what there is, whatever it is.
fn exercise(bytes: Vec<u8>, path: &Path) {
    let length = bytes.len();
    let (_, usage) = measure(|| {
        let Ok(checkpoint) = Checkpoint::from_bytes(bytes, path) else { return };
        for name in checkpoint.names() {
            let dtype = checkpoint.entry(name).unwrap().dtype();
            let tensor = checkpoint.tensor(name, dtype, &Device::Cpu).unwrap();
            assert_eq!(tensor.dims(), checkpoint.entry(name).unwrap().shape());
        }
    });
    assert_modest(usage, length);
}

/// Good files of every format.
static FILES: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let names = [
        "plain.safetensors",
        "odd.safetensors",
        "sharded/model.safetensors.index.json",
        "zip.pth",
        "odd.pth",
        "protocol4.pth",
        "legacy.pth",
        "odd_legacy.pth",
        "module.pth",
        "legacy_module.pth",
        "wrapped_model.pth",
        "lightning.ckpt",
        "yolov8_training.pt",
    ];
    names.map(|name| (name, std::fs::read(fixture(name)).unwrap())).to_vec()
});

#[derive(Clone, Debug)]
enum Harm {
    Flip(f64, u8),
    /// Numbers that lengths, counts and offsets are read from.
    Number(f64, u64, usize),
    Cut(f64),
    Remove(f64, usize),
    Insert(f64, Vec<u8>),
    /// One part of the file over another.
    Copy(f64, f64, usize),
}

impl Harm {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |part: f64| (part * bytes.len() as f64) as usize;
        let upto = |start: usize, length: usize| (start + length).min(bytes.len());
        match self {
            Self::Flip(at, mask) => {
                let at = place(*at);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= mask);
            }
            Self::Number(at, number, width) => {
                let at = place(*at);
                bytes.iter_mut().skip(at).zip(&number.to_le_bytes()[..*width]).for_each(|(byte, new)| *byte = *new);
            }
            Self::Cut(at) => bytes.truncate(place(*at)),
            Self::Remove(at, length) => {
                let range = place(*at)..upto(place(*at), *length);
                bytes.drain(range);
            }
            Self::Insert(at, new) => {
                let at = place(*at);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Copy(from, to, length) => {
                let part = bytes[place(*from)..upto(place(*from), *length)].to_vec();
                let to = place(*to);
                bytes.iter_mut().skip(to).zip(part).for_each(|(byte, new)| *byte = new);
            }
        }
    }
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = || prop_oneof![0.0..1.0, 0.0..0.1, 0.9..1.0];
    let number = prop_oneof![
        any::<u64>(),
        Just(u64::MAX),
        Just(1 << 60),
        Just(1 << 31),
        Just(u32::MAX.into()),
        0..70_000u64,
        (0..64u32).prop_map(|n| 1 << n)
    ];
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, mask)| Harm::Flip(at, mask)),
        4 => (at(), number, 1..=8usize).prop_map(|(at, number, width)| Harm::Number(at, number, width)),
        1 => at().prop_map(Harm::Cut),
        1 => (at(), 1..64usize).prop_map(|(at, length)| Harm::Remove(at, length)),
        1 => (at(), vec(any::<u8>(), 1..16)).prop_map(|(at, new)| Harm::Insert(at, new)),
        1 => (at(), at(), 1..200usize).prop_map(|(from, to, length)| Harm::Copy(from, to, length)),
    ]
}

/// Opcodes with what follows them, most of them valid on their own.
fn opcode() -> impl Strategy<Value = Vec<u8>> {
    let plain = b"(}])NaesutbRQ0.1\x85\x86\x87\x88\x89\x81\x92\x8f\x90\x91\x93\x94".to_vec();
    let global = prop_oneof![
        Just(("torch._utils", "_rebuild_tensor_v2")),
        Just(("torch._utils", "_rebuild_parameter")),
        Just(("torch._tensor", "_rebuild_from_type_v2")),
        Just(("torch", "ByteStorage")),
        Just(("collections", "OrderedDict")),
        Just(("torch.nn.modules.linear", "Linear")),
        Just(("os", "system")),
    ];
    let text = prop_oneof![
        Just("storage"),
        Just("0"),
        Just("_modules"),
        Just("_parameters"),
        Just("model"),
        Just("state_dict")
    ];
    let tensor = (0..9i64, -1..9i64, vec(-1..5i64, 0..3), vec(-1..5i64, 0..3));
    prop_oneof![
        6 => prop::sample::select(plain).prop_map(|opcode| vec![opcode]),
        2 => (prop::sample::select(b"qhK".to_vec()), 0..4u8).prop_map(|(opcode, value)| vec![opcode, value]),
        2 => global.prop_map(|(module, name)| Pickle::default().global(module, name).0),
        2 => text.prop_map(|text| Pickle::default().text(text).0),
        1 => any::<i64>().prop_map(|value| Pickle::default().int(value).0),
        2 => tensor.prop_map(|(count, offset, shape, strides)| Pickle::default().tensor(count, offset, &shape, &strides).0),
        1 => vec(any::<u8>(), 1..6),
    ]
}

/// What files of the known formats begin with.
const STARTS: [&[u8]; 5] = [b"", b"PK\x03\x04", b"\x80\x02", b"{", b"\x08\0\0\0\0\0\0\0{"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn harmed_files_do_no_harm(file in 0..13usize, harms in vec(harm(), 1..5)) {
        let (name, good) = &FILES[file];
        let mut bytes = good.clone();
        harms.iter().for_each(|harm| harm.apply(&mut bytes));
        exercise(bytes, &fixture(name));
    }

    #[test]
    fn any_opcodes_do_no_harm(opcodes in vec(opcode(), 0..60), end in any::<bool>()) {
        let mut pickle = Pickle::new().op(b"}").op(&opcodes.concat());
        if end {
            pickle = pickle.op(b".");
        }
        exercise(torch(&pickle.0, &[1, 2, 3, 4, 5, 6, 7, 8]), Path::new("soup.pth"));
        exercise(pickle.0, Path::new("soup.pth"));
    }

    #[test]
    fn any_header_does_no_harm(shape in vec(prop_oneof![0..5u64, any::<u64>()], 0..20), start in 0..9u64, end in prop_oneof![0..9u64, any::<u64>()], dtype in prop_oneof![Just("U8"), Just("F64"), Just("BOOL"), Just("X")], length in prop::option::of(any::<u64>())) {
        let header = format!("{{\"a\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{start},{end}]}}}}");
        let mut bytes = safetensors(&header, &[0; 8]);
        if let Some(length) = length {
            bytes[..8].copy_from_slice(&length.to_le_bytes());
        }
        exercise(bytes, Path::new("header.safetensors"));
    }

    #[test]
    fn any_bytes_do_no_harm(start in prop::sample::select(STARTS.to_vec()), rest in vec(any::<u8>(), 0..200)) {
        exercise([start, &rest].concat(), Path::new("any"));
    }
}
