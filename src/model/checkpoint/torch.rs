//! The two containers of `torch.save`: the zip archive since PyTorch 1.6, and the file of pickles before it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::Contents;
use super::fault::{Budget, Fault, Parsed, shown};
use super::format::other;
use super::map::Bytes;
use super::pickle::{self, Heap, Node, Storage, Tensor, Value};
use super::state_dict;
use super::stored::{Place, Stored};
use super::zip::Archive;

/// The integer that old files begin with, as its pickle holds it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The version of the old layout.
const PROTOCOL: i64 = 1001;
/// Tensors may share numbers, and so be larger together than their file; but not without end.
const MAX_SHARED: usize = 8;
const MAX_SHARED_BASE: usize = 1 << 20;
const MAX_RANK: usize = 16;

/// Reads a zip archive.
pub(super) fn parse_zip(bytes: &Bytes) -> Parsed<Contents> {
    let mut budget = Budget::for_file(bytes.len());
    let archive = Archive::new(bytes, &mut budget)?;
    let pickle = find_pickle(&archive)?;
    let folder = pickle.strip_suffix("data.pkl").unwrap_or_default();
    let range = |name: &str| archive.range(&format!("{folder}{name}"));
    if let Some(order) = range("byteorder").transpose()?
        && bytes[order.clone()].trim_ascii() != b"little"
    {
        let found = shown(&String::from_utf8_lossy(&bytes[order.start..order.end.min(order.start + 8)]));
        return Err(Fault::new("a file written on a little-endian machine", format!("the byte order {found}")));
    }
    let mut heap = Heap::new(budget);
    let described = range("data.pkl").unwrap_or_else(|| Err(broken("no data.pkl")))?;
    let (root, _) = pickle::run(&bytes[described], &mut heap)?;
    let place = |storage: &Storage| {
        let name = format!("data/{}", storage.key);
        range(&name).unwrap_or_else(|| Err(broken(format!("no entry {}", shown(&name)))))
    };
    contents(bytes, &mut heap, root, place)
}

/// The entry that describes the tensors. Names the archives that are something else.
fn find_pickle<'a>(archive: &Archive<'a>) -> Parsed<&'a str> {
    let is =
        |name: &str, file: &str| name.strip_suffix(file).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    if archive.names().any(|name| is(name, "constants.pkl") || name.split('/').nth(1) == Some("code")) {
        let mend = "save its state dict: torch.save(torch.jit.load(path).state_dict(), new_path)";
        return Err(other("a TorchScript archive, which holds a program", mend));
    }
    let mut pickles = archive.names().filter(|name| is(name, "data.pkl"));
    match (pickles.next(), pickles.next()) {
        (Some(one), None) => return Ok(one),
        (Some(_), Some(_)) => return Err(broken("several data.pkl in one archive")),
        _ => (),
    }
    let any = |test: &dyn Fn(&str) -> bool| archive.names().any(test);
    Err(if any(&|name| name == "model.weights.h5") {
        other("a .keras archive", "convert it with scripts/keras_to_safetensors.py to a safetensors file")
    } else if any(&|name| name.ends_with(".npy")) {
        other("an archive of NumPy arrays", "save the network's state dict with torch.save or as safetensors")
    } else if any(&|name| name.ends_with(".pth") || name.ends_with(".pt") || name.ends_with(".safetensors")) {
        other("a zip archive around a weights file", "unpack it first")
    } else {
        other("a zip archive without data.pkl", "only those of torch.save are read")
    })
}

/// Reads a file of pickles: a magic number, a version, the machine, the value, the storages' keys; then the storages.
pub(super) fn parse_legacy(bytes: &Bytes) -> Parsed<Contents> {
    let mut heap = Heap::new(Budget::for_file(bytes.len()));
    let (magic, mut at) = pickle::run(bytes, &mut heap)?;
    if !matches!(magic, Value::Bytes(magic) if magic == MAGIC) {
        let mend = "save the network's state dict with torch.save(model.state_dict(), path)";
        return Err(other(&format!("a pickle of {} that torch.save did not write", heap.describe(magic)), mend));
    }
    let mut values = [Value::None; 4];
    for value in &mut values {
        let (read, length) = pickle::run(&bytes[at..], &mut heap)?;
        (*value, at) = (read, at + length);
    }
    let [protocol, machine, root, keys] = values;
    if !matches!(protocol, Value::Int(PROTOCOL)) {
        return Err(broken("another version of the old layout"));
    }
    check_machine(&heap, machine)?;
    let blocks = legacy_blocks(bytes, &mut heap, keys, at)?;
    let place = |storage: &Storage| {
        blocks.get(storage.key).cloned().ok_or_else(|| broken(format!("no storage {}", shown(storage.key))))
    };
    contents(bytes, &mut heap, root, place)
}

/// Checks that the machine that wrote an old file was little-endian.
fn check_machine(heap: &Heap, machine: Value) -> Parsed<()> {
    let Some(Node::Dict(entries)) = heap.node(machine) else { return Err(broken("no description of its machine")) };
    let little = entries.iter().find(|(key, _)| matches!(key, Value::Text("little_endian")));
    match little {
        Some((_, Value::Bool(false))) => {
            Err(Fault::new("a file written on a little-endian machine", "one of a big-endian machine"))
        }
        _ => Ok(()),
    }
}

/// Where the storages lie that follow the pickles of an old file: each a count of 8 bytes, then its numbers.
fn legacy_blocks<'a>(
    bytes: &[u8],
    heap: &mut Heap<'a>,
    keys: Value<'a>,
    mut at: usize,
) -> Parsed<HashMap<&'a str, Range<usize>>> {
    let mut sizes = HashMap::new();
    for storage in heap.storages() {
        let size = storage.kind.map_or(1, |kind| kind.size);
        if *sizes.entry(storage.key).or_insert(size) != size {
            return Err(broken(format!("a storage {} of two types", shown(storage.key))));
        }
    }
    let Some(Node::List(keys)) = heap.node(keys) else { return Err(broken("no list of its storages")) };
    let mut blocks = HashMap::new();
    for key in keys {
        let Value::Text(key) = *key else { return Err(broken("a storage without a key")) };
        let size = *sizes.get(key).ok_or_else(|| broken(format!("a storage {} of unknown type", shown(key))))?;
        let short = || broken(format!("a storage {} that ends after the file: truncated or damaged", shown(key)));
        let count = bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|count| u64::from_le_bytes(*count));
        let length = count.and_then(|count| usize::try_from(count).ok()).and_then(|count| count.checked_mul(size));
        let start = at + size_of::<u64>();
        let end = length.and_then(|length| start.checked_add(length)).filter(|&end| end <= bytes.len());
        at = end.ok_or_else(short)?;
        if blocks.insert(key, start..at).is_some() {
            return Err(broken(format!("two storages {}", shown(key))));
        }
    }
    Ok(blocks)
}

/// Finds the network's tensors and where their numbers lie. `place` gives the bytes of a storage's block.
fn contents<'a>(
    bytes: &Bytes,
    heap: &mut Heap<'a>,
    root: Value<'a>,
    place: impl Fn(&Storage<'a>) -> Parsed<Range<usize>>,
) -> Parsed<Contents> {
    let most = bytes.len().saturating_mul(MAX_SHARED).saturating_add(MAX_SHARED_BASE);
    let mut total = 0usize;
    let mut tensors = BTreeMap::new();
    for (name, id) in state_dict::find(heap, root)? {
        let Some(Node::Tensor(tensor)) = heap.node(Value::Node(id)) else { continue };
        let found = locate(bytes, heap, tensor, &place).map_err(|fault| fault.of(&name))?;
        heap.budget.spend(2 * size_of::<(String, Place)>() + 4 * found.shape().len() * size_of::<usize>())?;
        total = total.saturating_add(found.size());
        if total > most {
            let expected = format!("tensors that share numbers to at most {MAX_SHARED} times the size of the file");
            return Err(Fault::new(expected, "tensors that are larger together"));
        }
        tensors.insert(name, found);
    }
    Ok(Contents { metadata: BTreeMap::new(), tensors })
}

/// Where the numbers of one tensor lie.
fn locate<'a>(
    bytes: &Bytes,
    heap: &Heap<'a>,
    tensor: &Tensor<'a>,
    place: impl Fn(&Storage<'a>) -> Parsed<Range<usize>>,
) -> Parsed<Place> {
    let Some(Node::Storage(storage)) = heap.node(tensor.storage) else {
        return Err(broken("a tensor without storage"));
    };
    let stored = number_type(heap, storage, tensor)?;
    let block = place(storage)?;
    let outside = || broken(format!("a tensor outside its storage {}", shown(storage.key)));
    let unit = storage.kind.map_or(1, |kind| kind.size);
    let first = bytes_of(storage.offset, unit).ok_or_else(outside)?;
    let length = bytes_of(storage.count, unit).ok_or_else(outside)?;
    let base = block.start.checked_add(first).ok_or_else(outside)?;
    let end = base.checked_add(length).filter(|&end| end <= block.end).ok_or_else(outside)?;
    let Value::Int(offset) = tensor.offset else { return Err(broken("a tensor whose offset is no number")) };
    let start = bytes_of(offset, stored.size()).and_then(|offset| base.checked_add(offset)).ok_or_else(outside)?;
    Place::new(bytes, (start, end), stored, sides(heap, tensor.size)?, Some(sides(heap, tensor.stride)?))
}

/// The type of a tensor's numbers: its storage's, or for a storage of bytes its own.
fn number_type(heap: &Heap, storage: &Storage, tensor: &Tensor) -> Parsed<Stored> {
    let readable =
        |name: &str| Fault::new("tensors of floats, integers or booleans", format!("numbers of type {name}"));
    match (storage.kind, heap.global(tensor.dtype)) {
        (_, Some((_, name))) => pickle::dtype(name).ok_or_else(|| readable(name)),
        (Some(kind), None) => kind.stored.ok_or_else(|| readable(kind.name.trim_end_matches("Storage"))),
        (None, None) => Err(broken("a tensor without a number type")),
    }
}

fn bytes_of(count: i64, size: usize) -> Option<usize> {
    usize::try_from(count).ok()?.checked_mul(size)
}

/// The tuple of a shape or of strides.
fn sides(heap: &Heap, tuple: Value) -> Parsed<Vec<usize>> {
    let items = heap.tuple(tuple).ok_or_else(|| broken("a tensor whose shape is no tuple"))?;
    if items.len() > MAX_RANK {
        return Err(Fault::new(
            format!("tensors of at most {MAX_RANK} dimensions"),
            format!("{} dimensions", items.len()),
        ));
    }
    let side = |item: &Value| match item {
        Value::Int(side) => usize::try_from(*side).ok(),
        _ => None,
    };
    items.iter().map(side).collect::<Option<_>>().ok_or_else(|| broken("a tensor whose shape is not made of numbers"))
}

fn broken(found: impl Into<String>) -> Fault {
    Fault::new("a complete file as torch.save writes it", found)
}
