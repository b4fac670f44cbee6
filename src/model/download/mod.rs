//! Fetching weights files: by address, with the digest pinned, into a folder that the caller names.
//!
//! [`fetch`] is the whole of it; [`Download`] is the same with other limits. [`KNOWN`] lists public files. A file that
//! has been fetched once is found again without the network, so a program that fetches at its start runs offline ever
//! after. The bytes that are handed out are always those that the digest names, or there is an error.
//!
//! # In the cache folder
//!
//! | file | what it is |
//! |---|---|
//! | `NAME` | the checked file |
//! | `NAME.part` | what has arrived so far; the next call goes on from there |
//! | `NAME.part.from` | which version of the file at the server the part belongs to |
//! | `NAME.lock` | empty; locked by the process that is fetching, and left in place |
//!
//! Several processes and threads may fetch the same file into the same folder at once: one of them does it under the
//! lock, and the others wait as long as the part grows, then take the result. The operating system lifts the lock of a
//! process that dies. The part is flushed to the disk and renamed only after its digest has been checked.

mod files;
mod known;
mod source;
mod transfer;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use known::{KNOWN, known};
pub use source::Source;

use crate::progress::Progress;
use crate::{Error, Result};
use files::Places;

/// How often a process that waits for another looks again.
const POLL: Duration = Duration::from_millis(50);

/// Fetches `source` into the folder `cache` with the usual limits: see [`Download::fetch`].
///
/// # Errors
///
/// As [`Download::fetch`].
///
/// # Examples
///
/// ```no_run
/// use std::path::Path;
/// use leap_binder::model::download;
///
/// let densenet = download::known("densenet201-c1103571.pth").ok_or("not in the table")?;
/// let path = download::fetch(densenet, Path::new("weights"), &())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fetch(source: &Source, cache: impl AsRef<Path>, progress: &dyn Progress) -> Result<PathBuf> {
    Download::into(cache.as_ref()).fetch(source, progress)
}

/// Where files are fetched to, and within which limits.
#[derive(Debug, Clone)]
pub struct Download {
    cache: PathBuf,
    patience: Duration,
    max_bytes: u64,
    proxy: Option<String>,
}

impl Download {
    /// Fetches into the folder `cache`, which is made if it is missing. Gives up after 30 s without progress and
    /// refuses files of more than 1 GiB.
    pub fn into(cache: impl Into<PathBuf>) -> Self {
        Self { cache: cache.into(), patience: Duration::from_secs(30), max_bytes: 1 << 30, proxy: None }
    }

    /// Gives up when for so long no name is resolved, no connection made, no answer given, or less than 1 KiB a second
    /// arrives; also when another process that fetches the same file does not get on for so long. At least 10 ms.
    ///
    /// There is no limit to the whole: a large file over a slow line takes what it takes.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience.max(Duration::from_millis(10));
        self
    }

    /// Refuses files of more bytes, before or while they arrive.
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Connects through a proxy, for example `http://proxy.example:3128`. Without this call there is none: the
    /// environment is not asked.
    pub fn with_proxy(mut self, proxy: impl Into<String>) -> Self {
        self.proxy = Some(proxy.into());
        self
    }

    /// The path of `source` in the cache folder, fetched if it is not there yet.
    ///
    /// A file that is there is read and its digest compared on every call (0.1 to 0.5 s for 100 MB); if it is the right
    /// one, neither the network nor the lock is touched, and the folder may be read-only. A damaged one is fetched anew.
    ///
    /// A transfer that was cut is resumed by the next call if the server can (it must honour `Range` and name the
    /// version of its file by a strong `ETag` or `Last-Modified`), and started over otherwise. Redirects are followed, five at most, to
    /// `https` addresses only; to `http` ones if the source's own address is one, which is meant for servers nearby.
    ///
    /// `progress` sees a stage `download NAME` in bytes, those of a resumed part included; its total is 0 if nobody
    /// knows the size.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a source that is not well-formed; [`Error::Download`] if the server cannot be reached, answers with another
    /// status, sends more bytes than allowed or fewer than promised, or if the digest is another one: then what was
    /// received has been removed. [`Error::Io`] if the cache cannot be written.
    pub fn fetch(&self, source: &Source, progress: &dyn Progress) -> Result<PathBuf> {
        source.validate()?;
        let places = Places::new(&self.cache, source);
        if places.holds_file(source)? {
            return Ok(places.file);
        }
        fs::create_dir_all(&self.cache).map_err(|error| Error::io("create", &self.cache, error))?;
        let _lock = self.lock(source, &places)?;
        // Another process may have finished while this one waited.
        if places.holds_file(source)? {
            return Ok(places.file);
        }
        transfer::run(self, source, &places, progress)?;
        places.accept(source)?;
        Ok(places.file)
    }

    /// Waits for the lock as long as whoever holds it gets on.
    fn lock(&self, source: &Source, places: &Places) -> Result<File> {
        let file = File::options().create(true).append(true).open(&places.lock);
        let file = file.map_err(|error| Error::io("create", &places.lock, error))?;
        let mut seen = (files::length(&places.part), Instant::now());
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &places.lock, error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let length = files::length(&places.part);
            if length != seen.0 {
                seen = (length, Instant::now());
            } else if seen.1.elapsed() > self.patience {
                let found = format!("a lock on {} and no progress for {:?}", places.lock.display(), self.patience);
                return Err(source.failed("another process that fetches the same file to finish", found, None));
            }
            std::thread::sleep(POLL);
        }
    }
}
