//! The bundle of a selection: what it holds, and that nothing but the files decides its bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime};

use flate2::read::GzDecoder;
use leap_binder::Error;
use leap_binder::manifest::{Manifest, Selection};
use tempfile::TempDir;

/// Paths and contents, in the order that the bundle must have.
fn files() -> Vec<(String, Vec<u8>)> {
    let noise: Vec<u8> = (0..200_000_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let long = format!("nested/{}/{}.txt", "folder".repeat(20), "name".repeat(30));
    let all = [
        (".hidden", b"hidden".to_vec()),
        ("empty", Vec::new()),
        ("leap.rs", b"fn main() {}\n".to_vec()),
        ("nested/b/noise.dat", noise),
        (&long, b"a path longer than a tar header".to_vec()),
        ("nested/\u{e4}\u{6f22}.txt", b"umlaut".to_vec()),
        ("nested.txt", b"after the folder".to_vec()),
    ];
    all.map(|(name, content)| (name.to_owned(), content)).into()
}

fn tree() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files().into_iter().rev() {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn select(folder: &Path) -> Selection {
    Manifest::parse("entryFile: leap.rs\nexclude: [out/**]\n", "leap.yaml").unwrap().select(folder).unwrap()
}

fn bundle(selection: &Selection) -> Vec<u8> {
    let mut bytes = Vec::new();
    let summary = selection.bundle(&mut bytes).unwrap();
    assert_eq!(summary.packed_bytes, bytes.len() as u64);
    assert_eq!(summary.files, selection.files.len());
    assert_eq!(summary.bytes, selection.bytes());
    bytes
}

/// What is left in a folder below which the bundle is written.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn unpacking_gives_the_files_under_their_paths_in_order() {
    let folder = tree();
    let bytes = bundle(&select(folder.path()));
    let mut archive = tar::Archive::new(GzDecoder::new(&bytes[..]));
    let unpacked: Vec<(String, Vec<u8>)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            assert!(entry.header().entry_type().is_file());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), content)
        })
        .collect();
    assert_eq!(unpacked, files());
}

#[test]
fn no_time_owner_or_name_is_packed() {
    let bytes = bundle(&select(tree().path()));
    // RFC 1952: magic, deflate, no flags (so no file name), time 0, -, system unknown
    assert_eq!(bytes[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[9], 255);
    for entry in tar::Archive::new(GzDecoder::new(&bytes[..])).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        assert_eq!(header.mode().unwrap(), 0o644);
        assert!(header.username_bytes().is_none_or(<[u8]>::is_empty));
    }
}

#[test]
fn the_bytes_depend_on_paths_and_contents_alone() {
    let folder = tree();
    let first = bundle(&select(folder.path()));
    assert_eq!(bundle(&select(folder.path())), first);
    for (name, _) in files() {
        let file = fs::File::options().write(true).open(folder.path().join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    }
    assert_eq!(bundle(&select(folder.path())), first);
    assert_eq!(bundle(&select(tree().path())), first, "another folder");
    fs::write(folder.path().join("empty"), "no longer").unwrap();
    assert_ne!(bundle(&select(folder.path())), first);
}

#[cfg(unix)]
#[test]
fn the_executable_bit_is_kept_and_other_permissions_are_not() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tree();
    let set = |name: &str, mode| {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("empty", 0o700);
    set("leap.rs", 0o600);
    set(".hidden", 0o664);
    let bytes = bundle(&select(folder.path()));
    for entry in tar::Archive::new(GzDecoder::new(&bytes[..])).entries().unwrap() {
        let entry = entry.unwrap();
        let expected = if entry.path().unwrap() == Path::new("empty") { 0o755 } else { 0o644 };
        assert_eq!(entry.header().mode().unwrap(), expected, "{:?}", entry.path());
    }
}

#[cfg(unix)]
#[test]
fn links_are_packed_as_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("leap.rs"), "content").unwrap();
    std::os::unix::fs::symlink("leap.rs", folder.path().join("link.rs")).unwrap();
    let bytes = bundle(&select(folder.path()));
    let mut archive = tar::Archive::new(GzDecoder::new(&bytes[..]));
    let target = tempfile::tempdir().unwrap();
    archive.unpack(target.path()).unwrap();
    let link = target.path().join("link.rs");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    assert_eq!(fs::read_to_string(link).unwrap(), "content");
}

#[test]
fn a_bundle_replaces_the_last_one_and_leaves_nothing_else() {
    let folder = tree();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("b.tar.gz"), "old").unwrap();
    let selection = select(folder.path());
    let summary = selection.bundle_to(out.join("b.tar.gz")).unwrap();
    let written = fs::read(out.join("b.tar.gz")).unwrap();
    assert_eq!(written, bundle(&selection));
    assert_eq!(summary.packed_bytes, written.len() as u64);
    assert_eq!(names(&out), ["b.tar.gz"]);
}

#[test]
fn a_bundle_does_not_go_into_itself() {
    let folder = tree();
    let selection = select(folder.path());
    let before = names(folder.path());
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), folder.path().join("nested/here")).unwrap();
    for name in ["b.tar.gz", "nested/b.tar.gz", "leap.rs", "nested/b/../../b.tar.gz", "nested/here/b.tar.gz"] {
        if cfg!(not(unix)) && name.contains("here") {
            continue;
        }
        match selection.bundle_to(folder.path().join(name)) {
            Err(error @ Error::Argument { .. }) => assert!(error.to_string().contains(name), "{error}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(names(folder.path()), before);
    assert_eq!(fs::read_to_string(folder.path().join("leap.rs")).unwrap(), "fn main() {}\n");
}

#[cfg(unix)]
#[test]
fn a_bundle_does_not_replace_a_file_that_a_link_selects() {
    let (folder, elsewhere) = (tree(), tempfile::tempdir().unwrap());
    let shared = elsewhere.path().join("shared.rs");
    fs::write(&shared, "shared").unwrap();
    std::os::unix::fs::symlink(&shared, folder.path().join("linked.rs")).unwrap();
    assert!(matches!(select(folder.path()).bundle_to(&shared), Err(Error::Argument { .. })));
    assert_eq!(fs::read_to_string(&shared).unwrap(), "shared");
}

#[test]
fn failures_name_the_file_and_keep_the_last_bundle() {
    let folder = tree();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("b.tar.gz"), "old").unwrap();
    let selection = select(folder.path());

    fs::remove_file(folder.path().join("nested/b/noise.dat")).unwrap();
    let Err(Error::Io { action: "read", path, .. }) = selection.bundle_to(out.join("b.tar.gz")) else { panic!() };
    assert!(path.ends_with("nested/b/noise.dat"));
    assert_eq!(fs::read_to_string(out.join("b.tar.gz")).unwrap(), "old");
    assert_eq!(names(&out), ["b.tar.gz"]);

    let Err(Error::Io { path, .. }) = selection.bundle_to(out.join("none/b.tar.gz")) else { panic!() };
    assert!(path.starts_with(out.join("none")));
    assert!(matches!(selection.bundle_to("/"), Err(Error::Argument { .. })));

    let mut short = [0_u8; 20];
    let Err(Error::Io { action: "write", path, .. }) = select(folder.path()).bundle(&mut short[..]) else { panic!() };
    assert_eq!(path, Path::new("<bundle>"));
}
