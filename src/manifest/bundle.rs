//! The selected files in one `tar.gz`.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use super::{SelectedFile, Selection};
use crate::{Error, Result};

/// What a bundle holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BundleSummary {
    /// How many files.
    pub files: usize,
    /// Their size in bytes, unpacked.
    pub bytes: u64,
    /// The size of the bundle in bytes.
    pub packed_bytes: u64,
}

impl Selection {
    /// Packs the files as `tar.gz` for the platform.
    ///
    /// Entries are files only, in the order of the selection, under their paths relative to the root with `/` between
    /// the components. A link is packed as the file that it leads to. On a file system without executable bits no file
    /// has one.
    ///
    /// # Determinism
    ///
    /// The same paths, contents and executable bits give the same bytes, with the same versions of this crate's
    /// dependencies: times, owners and other permissions are not packed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] with the file that cannot be read or that changes while it is read, or with the path `<bundle>` if
    /// `writer` fails.
    pub fn bundle(&self, writer: impl Write) -> Result<BundleSummary> {
        self.pack(writer, Path::new("<bundle>"))
    }

    /// Packs the files into a file, as [`Selection::bundle`] does. The bundle is written under another name beside
    /// `path` and renamed when it is whole, so that a failure leaves what was there before.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the bundle would be part of the selection or overwrite a file of it, else as
    /// [`Selection::bundle`].
    pub fn bundle_to(&self, path: impl AsRef<Path>) -> Result<BundleSummary> {
        let path = path.as_ref();
        let wrong =
            |found: String| Err(Error::argument("Selection::bundle_to", "a path outside of the selection", found));
        let Some(name) = path.file_name() else { return wrong(format!("{}, which names no file", path.display())) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if self.holds(&folder.join(name))? {
            return wrong(format!("{}, which the patterns select", path.display()));
        }

        let mut partial = name.to_owned();
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = folder.join(partial);
        let file = File::create_new(&partial).map_err(|source| Error::io("create", &partial, source))?;
        let summary = self.pack(BufWriter::new(file), path).and_then(|summary| {
            fs::rename(&partial, path).map_err(|source| Error::io("write", path, source))?;
            Ok(summary)
        });
        if summary.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&partial);
        }
        summary
    }

    /// Whether a file with this path is selected, or would be once it is there.
    fn holds(&self, path: &Path) -> Result<bool> {
        let real = |path: &Path| fs::canonicalize(path).map_err(|source| Error::io("read", path, source));
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
        let place = real(folder)?.join(name);
        if place.strip_prefix(real(&self.root)?).is_ok_and(|below| self.would_select(below)) {
            return Ok(true);
        }
        // By a link, from here or from the selection.
        let Ok(place) = fs::canonicalize(path) else { return Ok(false) };
        Ok(self.files.iter().any(|file| fs::canonicalize(self.root.join(&file.path)).is_ok_and(|file| file == place)))
    }

    fn pack(&self, writer: impl Write, target: &Path) -> Result<BundleSummary> {
        let failed = |source| Error::io("write", target, source);
        let counted = CountedWriter { inner: writer, bytes: 0 };
        let gzip = GzBuilder::new().mtime(0).operating_system(255).write(counted, Compression::default());
        let mut archive = tar::Builder::new(gzip);
        let mut bytes = 0;
        for file in &self.files {
            bytes += self.append(&mut archive, file, target)?;
        }
        let mut counted = archive.into_inner().and_then(GzEncoder::finish).map_err(failed)?;
        counted.flush().map_err(failed)?;
        Ok(BundleSummary { files: self.files.len(), bytes, packed_bytes: counted.bytes })
    }

    /// Adds one file and returns its size.
    fn append<W: Write>(&self, archive: &mut tar::Builder<W>, file: &SelectedFile, target: &Path) -> Result<u64> {
        let path = self.root.join(&file.path);
        let unreadable = |source| Error::io("read", &path, source);
        let source = File::open(&path).map_err(unreadable)?;
        let meta = source.metadata().map_err(unreadable)?;

        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(if is_executable(&meta) { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(meta.len());

        let mut reader = Exact { inner: BufReader::new(source), left: meta.len(), error: None };
        let written = archive.append_data(&mut header, entry_name(&file.path), &mut reader);
        match (reader.error, written) {
            (Some(error), _) => Err(Error::io("read", path, error)),
            (None, Err(error)) => Err(Error::io("write", target, error)),
            (None, Ok(())) => Ok(meta.len()),
        }
    }
}

/// The path with `/` between its components.
fn entry_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::new();
    for part in path {
        if !name.is_empty() {
            name.push("/");
        }
        name.push(part);
    }
    name.into()
}

#[cfg(unix)]
fn is_executable(meta: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_meta: &fs::Metadata) -> bool {
    false
}

/// Counts what is written.
struct CountedWriter<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for CountedWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Reads exactly as many bytes as the entry's header says, and keeps its own errors apart from the archive's.
struct Exact<R> {
    inner: R,
    left: u64,
    error: Option<io::Error>,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let error = match self.inner.read(buffer) {
            Ok(0) if self.left > 0 && !buffer.is_empty() => io::Error::other("it became shorter while it was read"),
            Ok(read) if read as u64 > self.left => io::Error::other("it became longer while it was read"),
            Ok(read) => {
                self.left -= read as u64;
                return Ok(read);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => error,
        };
        self.error = Some(error);
        Err(io::Error::other("the file could not be read"))
    }
}
