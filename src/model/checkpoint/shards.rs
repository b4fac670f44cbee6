//! A safetensors file in several parts, and the folder that holds them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::fault::{Budget, Fault, Parsed, listed, shown};
use super::map::Bytes;
use super::safetensors::TextsSeed;
use super::{Contents, safetensors};
use crate::{Error, Result};

/// The names that an index and a file without one have by custom.
const INDEX_ENDING: &str = ".safetensors.index.json";
const SINGLE: &str = "model.safetensors";

/// The file to open in a folder: its index, or else `model.safetensors`.
pub(super) fn in_folder(folder: &Path) -> Result<PathBuf> {
    let failed = |source| Error::io("list", folder, source);
    let mut indices = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        indices.extend(name.to_str().filter(|name| name.ends_with(INDEX_ENDING)).map(str::to_owned));
    }
    indices.sort_unstable();
    let single = folder.join(SINGLE);
    match indices.as_slice() {
        [index] => Ok(folder.join(index)),
        [] if single.is_file() => Ok(single),
        indices => {
            let found = if indices.is_empty() { "neither".to_owned() } else { listed(indices) };
            let expected = format!("a folder with one file *{INDEX_ENDING}, or with {SINGLE}");
            Err(Fault::new(expected, found).at(folder))
        }
    }
}

/// Reads the index `bytes` of the file at `path`, and the headers of the shards beside it.
pub(super) fn parse(bytes: &Bytes, path: &Path) -> Result<Contents> {
    let index = index(bytes).map_err(|fault| fault.at(path))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut shards: BTreeMap<&str, Option<Contents>> = BTreeMap::new();
    let mut problems = Vec::new();
    for file in index.values() {
        if shards.contains_key(file.as_str()) {
            continue;
        }
        if !is_plain(file) {
            let found = format!("{} (nothing outside the folder is read)", shown(file));
            return Err(Fault::new("shards that are named by a file name beside the index", found).at(path));
        }
        let shard = folder.join(file);
        let present = shard.is_file();
        if !present {
            problems.push(format!("no shard {}", shown(file)));
        }
        shards.insert(file, if present { Some(open(&shard)?) } else { None });
    }
    gather(&index, shards, problems).map_err(|fault| fault.at(path))
}

fn open(shard: &Path) -> Result<Contents> {
    let bytes = Bytes::map(shard)?;
    let parsed = match super::format::detect(&bytes) {
        Ok(super::format::Format::Safetensors) => safetensors::parse(&bytes),
        Ok(_) => Err(Fault::new("a shard in the format safetensors", "another format")),
        Err(fault) => Err(fault),
    };
    parsed.map_err(|fault| fault.at(shard))
}

/// Takes each tensor from the shard that the index names, and lists all that do not fit.
fn gather(
    index: &BTreeMap<String, String>,
    shards: BTreeMap<&str, Option<Contents>>,
    mut problems: Vec<String>,
) -> Parsed<Contents> {
    let mut contents = Contents::default();
    for (name, file) in index {
        let holds = |shard: &Option<Contents>| shard.as_ref().is_some_and(|shard| shard.tensors.contains_key(name));
        match shards.get(file.as_str()).map(Option::as_ref) {
            Some(Some(shard)) => match shard.tensors.get(name) {
                Some(place) => drop(contents.tensors.insert(name.clone(), place.clone())),
                None => problems.push(format!("no {} in {}", shown(name), shown(file))),
            },
            _ => continue,
        }
        let others = shards.iter().filter(|(other, shard)| **other != file && holds(shard));
        problems.extend(others.map(|(other, _)| format!("{} also in {}", shown(name), shown(other))));
    }
    if !problems.is_empty() {
        return Err(Fault::new("every tensor of the index in the shard that it names, once", listed(&problems)));
    }
    for shard in shards.into_values().flatten() {
        contents.metadata.extend(shard.metadata);
    }
    Ok(contents)
}

/// Whether `file` is one name, without a folder, on every system.
fn is_plain(file: &str) -> bool {
    !file.is_empty() && file != "." && file != ".." && !file.contains(['/', '\\', ':', '\0'])
}

/// Which tensor lies in which shard.
fn index(bytes: &[u8]) -> Parsed<BTreeMap<String, String>> {
    let expected = "an index of safetensors shards: a JSON object with weight_map";
    let mut budget = Budget::for_file(bytes.len());
    let mut json = serde_json::Deserializer::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let map = IndexSeed { budget: &mut budget }
        .deserialize(&mut json)
        .and_then(|parsed| json.end().map(|()| parsed))
        .map_err(|source| Fault::new(expected, shown(&source.to_string())).caused_by(source))?;
    map.filter(|map| !map.is_empty()).ok_or_else(|| Fault::new(expected, "a JSON file without it"))
}

struct IndexSeed<'b> {
    budget: &'b mut Budget,
}

impl<'de> DeserializeSeed<'de> for IndexSeed<'_> {
    type Value = Option<BTreeMap<String, String>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for IndexSeed<'_> {
    type Value = Option<BTreeMap<String, String>>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object with weight_map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut weights = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "weight_map" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let texts = map.next_value_seed(TextsSeed { budget: self.budget })?;
            if weights.replace(texts).is_some() {
                return Err(A::Error::custom("weight_map twice"));
            }
        }
        Ok(weights)
    }
}
