//! Sharded files whose index and parts do not fit, and folders.

use std::fs;
use std::path::Path;

use leap_binder::model::Checkpoint;

use crate::build::safetensors;

fn shard(names: &[&str]) -> Vec<u8> {
    let describe = |(i, name): (usize, &&str)| {
        format!("\"{name}\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[{i},{}]}}", i + 1)
    };
    let header = format!("{{{}}}", names.iter().enumerate().map(describe).collect::<Vec<_>>().join(","));
    safetensors(&header, &vec![7; names.len()])
}

fn write_index(folder: &Path, pairs: &[(&str, &str)]) {
    let map = pairs.iter().map(|(name, file)| (name.to_string(), serde_json::Value::from(*file)));
    let index = serde_json::json!({ "metadata": { "total_size": 2, "parts": [1, 2] }, "weight_map": serde_json::Map::from_iter(map) });
    fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
}

fn refusal(folder: &Path) -> String {
    Checkpoint::open(folder).unwrap_err().to_string()
}

#[test]
fn everything_that_does_not_fit_is_listed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    write_index(
        folder.path(),
        &[("a", "1.safetensors"), ("b", "1.safetensors"), ("c", "2.safetensors"), ("d", "3.safetensors")],
    );
    fs::write(folder.path().join("1.safetensors"), shard(&["a", "c"])).unwrap();
    fs::write(folder.path().join("2.safetensors"), shard(&["c"])).unwrap();
    let message = refusal(folder.path());
    for part in
        ["no shard 3.safetensors", "no b in 1.safetensors", "c also in 1.safetensors", "model.safetensors.index.json"]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn nothing_outside_the_folder_is_read() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("inner");
    fs::create_dir(&folder).unwrap();
    let outside = parent.path().join("outside.safetensors");
    fs::write(&outside, shard(&["a"])).unwrap();
    for file in
        ["../outside.safetensors", outside.to_str().unwrap(), "..", ".", "", "sub/x", "..\\outside.safetensors", "C:x"]
    {
        write_index(&folder, &[("a", file)]);
        let message = refusal(&folder);
        assert!(message.contains("nothing outside the folder is read"), "{file}: {message}");
    }
}

#[test]
fn shards_are_safetensors_files() {
    let folder = tempfile::tempdir().unwrap();
    write_index(folder.path(), &[("a", "1.safetensors")]);
    for (content, word) in
        [(&b"<html>"[..], "HTML"), (b"", "empty"), (b"\x80\x02.", "another format"), (b"{}", "another format")]
    {
        fs::write(folder.path().join("1.safetensors"), content).unwrap();
        let message = refusal(folder.path());
        assert!(message.contains(word) && message.contains("1.safetensors"), "{message}");
    }
}

#[test]
fn an_index_names_its_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("x.safetensors.index.json");
    for text in [
        "{}",
        r#"{"weight_map": {}}"#,
        r#"{"weight_map": 3}"#,
        r#"{"weight_map": {"a": 1}}"#,
        "{",
        r#"{"weight_map":{},"weight_map":{}}"#,
        r#"{"weight_map":{"a":"b","a":"c"}}"#,
    ] {
        fs::write(&index, text).unwrap();
        let message = refusal(&index);
        assert!(message.contains("weight_map"), "{text}: {message}");
    }
}

#[test]
fn a_folder_is_opened_if_it_is_clear_what_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refusal(folder.path()).contains("neither"));
    fs::write(folder.path().join("model.safetensors"), shard(&["single"])).unwrap();
    assert_eq!(Checkpoint::open(folder.path()).unwrap().names().collect::<Vec<_>>(), ["single"]);
    write_index(folder.path(), &[("a", "1.safetensors")]);
    fs::write(folder.path().join("1.safetensors"), shard(&["a", "unlisted"])).unwrap();
    assert_eq!(Checkpoint::open(folder.path()).unwrap().names().collect::<Vec<_>>(), ["a"]);
    fs::write(folder.path().join("other.safetensors.index.json"), "{}").unwrap();
    assert!(refusal(folder.path()).contains("other.safetensors.index.json"));
    assert!(matches!(Checkpoint::open(folder.path().join("absent")), Err(leap_binder::Error::Io { .. })));
}
