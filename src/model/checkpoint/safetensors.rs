//! The safetensors format: a length, a JSON header, and the numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::Contents;
use super::fault::{Budget, Fault, Parsed, shown};
use super::format::SAFETENSORS_PREFIX;
use super::map::Bytes;
use super::stored::{Place, Stored};

/// The format's own limit of its header.
const MAX_HEADER: u64 = 100_000_000;
/// More dimensions than any tensor of a network has.
const MAX_RANK: usize = 16;
/// The header's key that holds no tensor.
const METADATA: &str = "__metadata__";
/// What a tensor's place costs beyond its name: the map's nodes, its shape, its counters.
const PLACE_COST: usize = 2 * (size_of::<Place>() + size_of::<String>()) + MAX_RANK * size_of::<usize>();

/// Reads the header and checks that every byte of the numbers belongs to exactly one tensor.
pub(super) fn parse(bytes: &Bytes) -> Parsed<Contents> {
    let mut budget = Budget::for_file(bytes.len());
    let header = header_range(bytes)?;
    let text = std::str::from_utf8(&bytes[header.clone()]).map_err(|source| not_json().caused_by(source))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let header_seed = HeaderSeed { budget: &mut budget };
    let Header { metadata, tensors } = header_seed
        .deserialize(&mut json)
        .and_then(|parsed| json.end().map(|()| parsed))
        .map_err(|source| Fault::new("a valid safetensors header", shown(&source.to_string())).caused_by(source))?;
    let numbers = header.end..bytes.len();
    check_cover(&tensors, numbers.len())?;
    let mut places = BTreeMap::new();
    for Described { name, dtype, shape, range } in tensors {
        let fault = |found: String| Fault::new("tensors whose sizes match their bytes", format!("{name}: {found}"));
        let stored = by_name(&dtype).ok_or_else(|| {
            let found = format!("{} of type {}", shown(&name), shown(&dtype));
            Fault::new("tensors of type F16, BF16, F32, F64, integer or BOOL", found)
        })?;
        let ends = (numbers.start + range.start, numbers.start + range.end);
        let found = format!("shape {shape:?} of {dtype} in {} bytes", range.len());
        let place = Place::new(bytes, ends, stored, shape, None).map_err(|_| fault(found.clone()))?;
        if place.size() != range.len() {
            return Err(fault(found));
        }
        if places.insert(name.clone(), place).is_some() {
            return Err(Fault::new("one tensor of each name", format!("two of {}", shown(&name))));
        }
    }
    Ok(Contents { metadata, tensors: places })
}

/// Where the header lies, by the length before it.
fn header_range(bytes: &[u8]) -> Parsed<Range<usize>> {
    let room = bytes.len().saturating_sub(SAFETENSORS_PREFIX);
    let length = bytes.first_chunk().map_or(u64::MAX, |length| u64::from_le_bytes(*length));
    if length > MAX_HEADER || length > room as u64 {
        let found = format!("a header of {length} bytes in a file of {}", bytes.len());
        return Err(Fault::new(format!("a safetensors header of at most {MAX_HEADER} bytes inside the file"), found));
    }
    Ok(SAFETENSORS_PREFIX..SAFETENSORS_PREFIX + length as usize)
}

/// Checks that the ranges follow each other without overlap or gap, from the first byte to the last.
fn check_cover(tensors: &[Described], length: usize) -> Parsed<()> {
    let mut order: Vec<&Described> = tensors.iter().collect();
    order.sort_unstable_by_key(|tensor| (tensor.range.start, tensor.range.end));
    let mut end = 0;
    for tensor in order {
        if tensor.range.start != end || tensor.range.end < end {
            let how = if tensor.range.start < end { "an overlap with the tensor before it" } else { "a gap before it" };
            let found = format!("{} at bytes {:?}: {how}", shown(&tensor.name), tensor.range);
            return Err(Fault::new("tensors that follow each other", found));
        }
        end = tensor.range.end;
    }
    match end == length {
        true => Ok(()),
        false => Err(Fault::new(
            format!("{end} bytes of numbers, as the header says"),
            format!("{length}: truncated or damaged"),
        )),
    }
}

fn by_name(dtype: &str) -> Option<Stored> {
    Some(match dtype {
        "F16" => Stored::F16,
        "BF16" => Stored::BF16,
        "F32" => Stored::F32,
        "F64" => Stored::F64,
        "I8" => Stored::I8,
        "U8" => Stored::U8,
        "I16" => Stored::I16,
        "U16" => Stored::U16,
        "I32" => Stored::I32,
        "U32" => Stored::U32,
        "I64" => Stored::I64,
        "U64" => Stored::U64,
        "BOOL" => Stored::Bool,
        _ => return None,
    })
}

fn not_json() -> Fault {
    Fault::new("a safetensors header in JSON", "bytes that are not UTF-8")
}

struct Header<'a> {
    metadata: BTreeMap<String, String>,
    tensors: Vec<Described<'a>>,
}

/// What the header says of one tensor.
struct Described<'a> {
    name: String,
    dtype: Cow<'a, str>,
    shape: Vec<usize>,
    range: Range<usize>,
}

struct HeaderSeed<'b> {
    budget: &'b mut Budget,
}

impl<'de> DeserializeSeed<'de> for HeaderSeed<'_> {
    type Value = Header<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Header<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeaderSeed<'_> {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header<'de>, A::Error> {
        let mut header = Header { metadata: BTreeMap::new(), tensors: Vec::new() };
        while let Some(Text(name)) = map.next_key()? {
            self.budget.spend(PLACE_COST + 2 * name.len()).map_err(|_| A::Error::custom("too many tensors"))?;
            if name == METADATA {
                header.metadata = map.next_value_seed(TextsSeed { budget: self.budget })?;
                continue;
            }
            let Raw { dtype: Text(dtype), shape: Shape(shape), data_offsets: [start, end] } = map.next_value()?;
            if start > end {
                return Err(A::Error::custom(format!("{} ends before it begins", shown(&name))));
            }
            header.tensors.push(Described { name: name.into_owned(), dtype, shape, range: start..end });
        }
        Ok(header)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw<'a> {
    #[serde(borrow)]
    dtype: Text<'a>,
    shape: Shape,
    data_offsets: [usize; 2],
}

/// A string that stays where it is unless it has escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sides;
        impl<'de> Visitor<'de> for Sides {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "a shape of at most {MAX_RANK} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut sides = Vec::new();
                while let Some(side) = seq.next_element()? {
                    if sides.len() == MAX_RANK {
                        return Err(A::Error::invalid_length(MAX_RANK + 1, &self));
                    }
                    sides.push(side);
                }
                Ok(Shape(sides))
            }
        }
        deserializer.deserialize_seq(Sides)
    }
}

/// An object of texts, paid for text by text. Used for the metadata, and for the index of shards.
pub(super) struct TextsSeed<'b> {
    pub(super) budget: &'b mut Budget,
}

impl<'de> DeserializeSeed<'de> for TextsSeed<'_> {
    type Value = BTreeMap<String, String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TextsSeed<'_> {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut texts = BTreeMap::new();
        while let Some((Text(key), Text(value))) = map.next_entry()? {
            let cost = 4 * size_of::<String>() + key.len() + value.len();
            self.budget.spend(cost).map_err(|_| A::Error::custom("too many texts"))?;
            if texts.contains_key(&*key) {
                return Err(A::Error::custom(format!("the key {} twice", shown(&key))));
            }
            texts.insert(key.into_owned(), value.into_owned());
        }
        Ok(texts)
    }
}
