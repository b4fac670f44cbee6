//! The files in the cache folder.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Source;
use crate::{Error, Result};

/// Where the files of one source lie.
#[derive(Debug)]
pub(super) struct Places {
    /// The checked file.
    pub(super) file: PathBuf,
    /// What has arrived so far.
    pub(super) part: PathBuf,
    /// What the part was begun from: an [`Origin`].
    pub(super) from: PathBuf,
    /// Held by whoever is fetching.
    pub(super) lock: PathBuf,
}

impl Places {
    pub(super) fn new(cache: &Path, source: &Source) -> Self {
        let place = |end: &str| cache.join(format!("{}{end}", source.name));
        Self { file: place(""), part: place(".part"), from: place(".part.from"), lock: place(".lock") }
    }

    /// Whether the checked file is there and still the right one.
    pub(super) fn holds_file(&self, source: &Source) -> Result<bool> {
        match fs::metadata(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("read", &self.file, error)),
            Ok(found) if !found.is_file() => {
                let error = std::io::Error::new(ErrorKind::AlreadyExists, "not a regular file");
                Err(Error::io("replace", &self.file, error))
            }
            Ok(found) if source.bytes.is_some_and(|bytes| bytes != found.len()) => Ok(false),
            Ok(_) => Ok(source.matches(&digest(&self.file)?)),
        }
    }

    /// Checks the complete part and gives it its name.
    pub(super) fn accept(&self, source: &Source) -> Result<()> {
        let found = digest(&self.part)?;
        if !source.matches(&found) {
            self.discard_part()?;
            let expected =
                if source.sha256.len() == found.len() { "the SHA-256" } else { "a SHA-256 that begins with" };
            let expected = format!("{expected} {}", source.sha256.to_ascii_lowercase());
            return Err(source.failed(expected, format!("{found} (the file has been removed)"), None));
        }
        fs::rename(&self.part, &self.file).map_err(|error| Error::io("create", &self.file, error))?;
        sync_folder_of(&self.file)?;
        remove(&self.from)
    }

    /// Forgets what has arrived.
    pub(super) fn discard_part(&self) -> Result<()> {
        // The origin goes first: a part without one is never resumed.
        remove(&self.from)?;
        remove(&self.part)
    }
}

/// The version of the file at the server that a part belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The source's address.
    pub(super) url: String,
    /// A strong `ETag` or a `Last-Modified`.
    pub(super) version: String,
}

impl Origin {
    /// The one written beside a part, if it is there and whole.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut text = String::new();
        File::open(path).ok()?.take(1 << 16).read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        let (url, version, end) = (lines.next()?.to_owned(), lines.next()?.to_owned(), lines.next()?);
        (end == "." && !version.is_empty()).then_some(Self { url, version })
    }

    /// Writes it for [`Origin::read`].
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = format!("{}\n{}\n.\n", self.url, self.version);
        fs::write(path, text).map_err(|error| Error::io("write", path, error))
    }
}

/// The SHA-256 of a file: 64 lower-case digits.
pub(super) fn digest(path: &Path) -> Result<String> {
    let read = || {
        let mut file = File::open(path)?;
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => hash.update(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    read().map_err(|error| Error::io("read", path, error))
}

/// The file's length; 0 if there is none.
pub(super) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// Removes a file; it may be missing.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, error)),
        _ => Ok(()),
    }
}

/// Makes a rename last through a power cut, where folders can be flushed.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io("write", folder, error))
}

#[cfg(not(unix))]
fn sync_folder_of(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "abc").unwrap(); // FIPS 180-2, B.1
        assert_eq!(digest(&path).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn an_origin_that_was_not_written_whole_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let origin = Origin { url: "http://localhost/w".into(), version: "\"1\"".into() };
        origin.write(&path).unwrap();
        assert_eq!(Origin::read(&path), Some(origin));
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() - 2 {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(Origin::read(&path), None, "{length} bytes");
        }
        fs::write(&path, [0xff; 9]).unwrap();
        assert_eq!(Origin::read(&path), None);
    }
}
