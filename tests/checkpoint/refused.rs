//! Hostile and mistaken files, one by one: each is refused for its own reason, and without taking memory.

use candle_core::{DType, Device};
use leap_binder::Error;
use leap_binder::model::Checkpoint;

use crate::alloc::measure;
use crate::broken::assert_modest;
use crate::build::{self, Pickle, safetensors, torch, zip};
use crate::fixture;

/// The message of the refusal, after checking what it cost.
fn refusal(bytes: &[u8]) -> String {
    let copy = bytes.to_vec();
    let (opened, usage) = measure(|| Checkpoint::from_bytes(copy, "bad.pth"));
    assert_modest(usage, bytes.len());
    match opened {
        Err(error @ Error::Weights { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn assert_refused(what: &str, bytes: &[u8], word: &str) {
    let message = refusal(bytes);
    assert!(message.contains(word) && message.contains("bad.pth"), "{what}: {message}");
}

#[test]
fn safetensors_headers_do_not_lie() {
    let tensor = |shape: &str, start: u64, end: u64| {
        format!("{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{start},{end}]}}")
    };
    let file = |tensors: &[String], numbers: usize| {
        let parts: Vec<_> = tensors.iter().enumerate().map(|(i, tensor)| format!("\"t{i}\":{tensor}")).collect();
        safetensors(&format!("{{{}}}", parts.join(",")), &vec![0; numbers])
    };
    assert!(Checkpoint::from_bytes(file(&[tensor("[2]", 0, 8)], 8), "good").is_ok());
    let mut huge = (1u64 << 60).to_le_bytes().to_vec();
    huge.extend_from_slice(b"{}");
    assert_refused("header of 2^60 bytes", &huge, "claims 1152921504606846976 bytes");
    let cases = [
        ("overlap", file(&[tensor("[2]", 0, 8), tensor("[2]", 4, 12)], 12), "overlap"),
        ("same range twice", file(&[tensor("[2]", 0, 8), tensor("[2]", 0, 8)], 8), "overlap"),
        ("gap", file(&[tensor("[1]", 0, 4), tensor("[1]", 8, 12)], 12), "gap"),
        ("truncated", file(&[tensor("[2]", 0, 8)], 7), "truncated"),
        ("numbers that belong to nobody", file(&[tensor("[2]", 0, 8)], 9), "truncated or damaged"),
        ("wrong size", file(&[tensor("[3]", 0, 8)], 8), "[3] of F32 in 8 bytes"),
        ("fewer numbers than bytes", file(&[tensor("[1]", 0, 8)], 8), "[1] of F32 in 8 bytes"),
        ("product that overflows", file(&[tensor("[4294967296,4294967296,4]", 0, 8)], 8), "4294967296"),
        ("backwards", file(&[tensor("[0]", 8, 0)], 8), "ends before it begins"),
        ("many dimensions", file(&[tensor(&format!("[{}1]", "1,".repeat(16)), 0, 4)], 4), "16 dimensions"),
        ("negative", file(&[tensor("[-1]", 0, 4)], 4), "header"),
        ("another type", safetensors(r#"{"t":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#, &[0]), "F8_E4M3"),
        (
            "another key",
            safetensors(r#"{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}"#, &[0]),
            "unknown field",
        ),
        (
            "name twice",
            safetensors(
                r#"{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
                &[0, 0],
            ),
            "two of t",
        ),
        ("no tensors", safetensors("{}", &[]), "none"),
        ("not JSON", safetensors("{a", &[]), "header"),
        ("deep nesting", safetensors(&format!("{{\"t\":{}", "[".repeat(100_000)), &[]), "header"),
        ("not UTF-8", [&4u64.to_le_bytes()[..], b"{\xff\xff}"].concat(), "UTF-8"),
        ("metadata of numbers", safetensors(r#"{"__metadata__":{"a":1}}"#, &[]), "header"),
    ];
    for (what, bytes, word) in cases {
        assert_refused(what, &bytes, word);
    }
}

#[test]
fn pickles_name_and_do_nothing_else() {
    let call = |module: &str, name: &str| Pickle::new().global(module, name).text("echo").op(b"\x85R.").0;
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("subprocess", "Popen"),
        ("torch", "load"),
        ("webbrowser", "open"),
        ("runpy", "_run_code"),
    ] {
        for bytes in [torch(&call(module, name), &[]), call(module, name)] {
            assert_refused("global", &bytes, &format!("{module}.{name}"));
            assert_refused("global", &bytes, "nothing was executed");
        }
    }
    let by_stack = Pickle::new().text("os").text("system").op(b"\x93)R.").0;
    assert_refused("STACK_GLOBAL", &torch(&by_stack, &[]), "os.system");
    for opcode in
        [b'i', b'o', b'P', b'I', b'L', b'V', b'S', b'F', b'd', b'l', b'2', 0x82, 0x83, 0x84, 0x97, 0x98, 0xff, 0]
    {
        let bytes = torch(&Pickle::new().op(&[opcode]).op(b"os\nsystem\n.").0, &[]);
        assert_refused("opcode", &bytes, &format!("opcode {opcode:#04x}"));
    }
}

#[test]
fn pickles_do_not_claim_what_is_not_there() {
    let claims: [(&str, Vec<u8>, &str); 14] = [
        ("BINUNICODE of 2^32 bytes", Pickle::new().op(b"X\xff\xff\xff\xff").0, "4294967295 bytes where 0 are left"),
        ("BINUNICODE8 of 2^63 bytes", Pickle::new().op(b"\x8d\0\0\0\0\0\0\0\x80").0, "9223372036854775808 bytes"),
        ("LONG4", Pickle::new().op(b"\x8b\xff\xff\xff\x7f").0, "2147483647 bytes"),
        ("FRAME", Pickle::new().op(b"\x95\0\0\0\0\0\0\0\x10").0, "bytes where 0 are left"),
        ("BINGET", Pickle::new().op(b"h\x05.").0, "a reference to 5"),
        ("LONG_BINGET", Pickle::new().op(b"j\xff\xff\xff\xff.").0, "a reference to 4294967295"),
        ("empty stack", Pickle::new().op(b".").0, "more values than there are"),
        ("below the mark", Pickle::new().op(b"N(0.").0, "more values than there are"),
        ("no mark", Pickle::new().op(b"Nt.").0, "more values than there are"),
        ("no end", Pickle::new().op(b"N").0, "the end of the data"),
        ("protocol", b"\x80\x09N.".to_vec(), "protocol 9"),
        ("odd entries", Pickle::new().op(b"}(NNNu.").0, "no dictionary"),
        ("call of a text", Pickle::new().text("a").op(b")R.").0, "a call of a text"),
        ("endless name", Pickle::new().op(b"c").op(&[b'a'; 5000]).0, "a name that does not end"),
    ];
    for (what, pickle, word) in claims {
        assert_refused(what, &torch(&pickle, &[]), word);
    }
}

#[test]
fn tensors_stay_inside_their_storage() {
    let good = torch(&Pickle::state_dict(6, 0, &[2, 3], &[3, 1]), &[0; 6]);
    assert!(Checkpoint::from_bytes(good, "good").is_ok());
    let cases: [(&str, i64, i64, &[i64], &[i64]); 9] = [
        ("too large", 6, 0, &[7], &[1]),
        ("offset", 6, 1, &[2, 3], &[3, 1]),
        ("stride", 6, 0, &[2, 3], &[4, 1]),
        ("negative offset", 6, -1, &[2], &[1]),
        ("negative shape", 6, 0, &[-2], &[1]),
        ("storage that claims more", 1 << 40, 0, &[6], &[1]),
        ("overflow", 6, 0, &[i64::MAX, i64::MAX], &[0, 0]),
        ("overflow of strides", 6, 0, &[2, 2], &[i64::MAX, i64::MAX]),
        ("one stride too few", 6, 0, &[2, 3], &[1]),
    ];
    for (what, count, offset, shape, strides) in cases {
        assert_refused(what, &torch(&Pickle::state_dict(count, offset, shape, strides), &[0; 6]), "");
    }
    // A gigabyte out of one byte, at once and in a thousand pieces.
    let unfolded = torch(&Pickle::state_dict(1, 0, &[1 << 30], &[0]), &[0]);
    assert_refused("unfolded", &unfolded, "not larger than its file");
    let pieces = (0..1000)
        .fold(Pickle::new().op(b"}"), |pickle, i| pickle.text(&i.to_string()).tensor(1, 0, &[1 << 20], &[0]).op(b"s"));
    assert_refused("in pieces", &torch(&pieces.op(b".").0, &[0]), "share numbers");
}

/// A pickle whose value has 2^60 leaves, though it is short: each level names the one below it twice.
fn laughs(levels: u32, open: &[u8], between: impl Fn(Pickle, &[u8]) -> Pickle) -> Vec<u8> {
    let mut pickle = Pickle::new().op(open).op(b"r\0\0\0\0");
    for level in 1..=levels {
        let below = [&b"j"[..], &(level - 1).to_le_bytes()].concat();
        pickle = between(pickle, &below).op(b"r").op(&level.to_le_bytes());
    }
    pickle.op(b".").0
}

#[test]
fn small_pickles_stay_small() {
    let lists = laughs(60, b"]", |pickle, below| pickle.op(b"](").op(below).op(below).op(b"e"));
    assert_refused("lists", &torch(&lists, &[]), "a list");
    let wrapped = laughs(60, b"}", |pickle, below| {
        let keys = ["state_dict", "model", "ema", "net"];
        keys.iter().fold(pickle.op(b"}("), |pickle, key| pickle.text(key).op(below)).op(b"u")
    });
    assert_refused("dictionaries", &torch(&wrapped, &[]), "without tensors");
    let modules = laughs(60, b"N", |pickle, below| {
        let object = pickle.global("torch.nn.modules.linear", "Linear").op(b")\x81}").text("_modules").op(b"}(");
        object.text("a").op(below).text("b").op(below).op(b"usb")
    });
    assert_refused("modules", &torch(&modules, &[]), "memory");
    let own_child = Pickle::new()
        .global("torch.nn.modules.linear", "Linear")
        .op(b")\x81q\x00}")
        .text("_modules")
        .op(b"}")
        .text("a");
    assert_refused("a module in itself", &torch(&own_child.op(b"h\x00ssb.").0, &[]), "deep");
    let own_list = Pickle::new().op(b"]q\x00h\x00a.").0;
    assert_refused("a list in itself", &torch(&own_list, &[]), "a list");
    // Copies of a long list by way of OrderedDict(list): n^2 entries out of 3 n bytes.
    let pairs = (0..2000).fold(Pickle::new().op(b"](q\x01"), |pickle, _| pickle.op(b"NN\x86"));
    let copies = (0..20_000)
        .fold(pairs.op(b"eq\x00"), |pickle, _| pickle.global("collections", "OrderedDict").op(b"h\x00\x85R0"));
    assert_refused("copies", &torch(&copies.op(b".").0, &[]), "");
}

#[test]
fn long_pickles_are_paid_for() {
    for (what, part) in [
        ("marks", &b"("[..]),
        ("dictionaries", b"}0"),
        ("values", b"N"),
        ("nested tuples", b"\x85"),
        ("tuples", b"NNN\x870"),
    ] {
        let mut pickle = Pickle::new().op(b"N");
        while pickle.0.len() < 4 << 20 {
            pickle = pickle.op(part);
        }
        assert_refused(what, &torch(&pickle.op(b".").0, &[]), "");
    }
    let mut memo = Pickle::new().op(b"N");
    for index in 0..500_000u32 {
        memo = memo.op(b"r").op(&index.reverse_bits().to_le_bytes());
    }
    assert_refused("memo", &torch(&memo.op(b".").0, &[]), "");
}

#[test]
fn archives_are_what_they_seem() {
    let pickle = Pickle::state_dict(2, 0, &[2], &[1]);
    let good = torch(&pickle, &[0; 2]);
    let patched = |find: &[u8], offset: usize, bytes: &[u8]| {
        let mut file = good.clone();
        let at = (0..file.len()).rev().find(|&at| file[at..].starts_with(find)).unwrap() + offset;
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let (entry, end) = (b"PK\x01\x02", b"PK\x05\x06");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a size beyond the file", patched(entry, 20, &[0xf0; 8]), "does not lie where"),
        ("a place beyond the file", patched(entry, 42, &[0xf0; 4]), "does not lie where"),
        ("two sizes", patched(entry, 24, &[9]), "does not lie where"),
        ("compression", patched(entry, 10, &[8]), "compressed entry a/data/0"),
        ("encryption", patched(entry, 8, &[1]), "encrypted entry a/data/0"),
        ("a directory elsewhere", patched(end, 16, &[0xf0; 4]), "outside the file"),
        ("a directory that is none", patched(end, 12, &[1, 0, 0, 0]), "ends early"),
        ("64-bit sizes that are not there", patched(entry, 20, &[0xff; 8]), "does not lie where"),
        ("truncated", good[..good.len() - 1].to_vec(), "truncated"),
        ("no storage", zip(&[("a/data.pkl", &pickle)]), "no entry data/0"),
        ("a short storage", torch(&pickle, &[0; 1]), "outside its storage"),
        (
            "big-endian",
            zip(&[("a/data.pkl", &pickle), ("a/byteorder", b"big"), ("a/data/0", &[0; 2])]),
            "little-endian",
        ),
        ("two pickles", zip(&[("a/data.pkl", &pickle), ("b/data.pkl", &pickle)]), "several data.pkl"),
        ("the same name twice", zip(&[("a/data.pkl", &pickle), ("a/data.pkl", &pickle)]), "two entries"),
        ("nothing", zip(&[]), "zip archive"),
        ("TorchScript", std::fs::read(fixture("torchscript.pt")).unwrap(), "TorchScript"),
        ("Keras", zip(&[("config.json", b"{}"), ("model.weights.h5", b"")]), "keras_to_safetensors"),
        ("NumPy", zip(&[("a.npy", b"")]), "NumPy"),
        ("zipped weights", zip(&[("x/densenet.pth", b"")]), "unpack it first"),
    ];
    for (what, bytes, word) in cases {
        assert_refused(what, &bytes, word);
    }
    let mut shared = good.clone();
    let second = shared.windows(4).rposition(|w| w == entry).unwrap();
    shared[second + 42..second + 46].copy_from_slice(&[0; 4]);
    assert_refused("entries in one place", &shared, "overlap");
}

#[test]
fn old_files_are_whole() {
    let good = std::fs::read(fixture("legacy.pth")).unwrap();
    assert_refused("truncated", &good[..good.len() - 1], "truncated");
    let at = good.windows(13).position(|w| w == b"little_endian").unwrap();
    let mut big = good.clone();
    let flag = at + (good[at..].iter().position(|&byte| byte == 0x88).unwrap());
    big[flag] = 0x89;
    assert_refused("big-endian", &big, "big-endian");
    assert_refused("another pickle", &Pickle::new().op(b"}.").0, "torch.save did not write");
    // The count of the last storage, an integer of 8 bytes.
    let last = good.len() - 16;
    let mut lying = good.clone();
    lying[last..last + 8].copy_from_slice(&[0xff; 8]);
    assert_refused("a count of 2^64", &lying, "truncated or damaged");
}

#[test]
fn other_files_are_named() {
    for (bytes, word) in [
        (&b""[..], "empty file"),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0", "scripts/keras_to_safetensors.py"),
        (b"<!DOCTYPE html>\n<html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
        (b"\x08\x09\x12\x07pytorch\x1a\x052.0.0:\0", "ONNX"),
        (b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "zip archive"),
        (b"not weights", "6e 6f 74 20"),
    ] {
        assert_refused(word, bytes, word);
    }
    let array = Pickle::new().tensor(1, 0, &[1], &[1]).op(b".").0;
    assert_refused("one tensor", &torch(&array, &[0]), "a single tensor");
    let keys = Pickle::new().op(b"}").text("epoch").op(b"K\x01s").text("lr").op(b"Ns.").0;
    assert_refused("no network", &torch(&keys, &[]), "epoch, lr");
}

#[test]
fn entries_that_repeat_their_numbers_are_read_within_bounds() {
    let file = build::torch(&Pickle::state_dict(2, 1, &[4, 1], &[0, 1]), &[5, 6]);
    let checkpoint = Checkpoint::from_bytes(file, "good").unwrap();
    let values =
        checkpoint.tensor("w", DType::U8, &Device::Cpu).unwrap().flatten_all().unwrap().to_vec1::<u8>().unwrap();
    assert_eq!(values, [6; 4]);
}
