//! The files below a folder, links followed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// What lies below a folder. Paths are relative to it, in order.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Files with their size in bytes.
    pub(super) files: Vec<(PathBuf, u64)>,
    /// Links that could not be followed, with the reason.
    pub(super) broken: Vec<(PathBuf, &'static str)>,
}

/// Lists the files below `root`, of the folders that `enter` accepts by their relative path.
///
/// A link counts as what it leads to. One that leads back to a folder around it is not followed.
///
/// # Errors
///
/// [`Error::Io`] for a folder that cannot be listed and a file that cannot be looked at.
pub(super) fn walk(root: &Path, enter: impl Fn(&Path) -> bool) -> Result<Tree> {
    let real = fs::canonicalize(root).map_err(|source| Error::io("list", root, source))?;
    let mut walk = Walk { root, enter, tree: Tree::default(), around: Vec::new() };
    walk.folder(Path::new(""), real)?;
    walk.tree.files.sort_unstable();
    walk.tree.broken.sort_unstable();
    Ok(walk.tree)
}

struct Walk<'a, F> {
    root: &'a Path,
    enter: F,
    tree: Tree,
    /// The folder being listed and those around it, without links.
    around: Vec<PathBuf>,
}

impl<F: Fn(&Path) -> bool> Walk<'_, F> {
    /// Takes in a folder by its relative path and by its path without links.
    fn folder(&mut self, folder: &Path, real: PathBuf) -> Result<()> {
        let place = self.root.join(folder);
        let failed = |source| Error::io("list", &place, source);
        self.around.push(real);
        for entry in fs::read_dir(&place).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_link = entry.file_type().map_err(failed)?.is_symlink();
            self.entry(folder.join(entry.file_name()), is_link)?;
        }
        self.around.pop();
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, is_link: bool) -> Result<()> {
        let place = self.root.join(&path);
        let meta = match fs::metadata(&place) {
            Ok(meta) => meta,
            Err(_) if is_link => {
                self.tree.broken.push((path, "it leads to nothing that can be read"));
                return Ok(());
            }
            // gone since the folder was listed
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("read", place, error)),
        };
        if meta.is_file() {
            self.tree.files.push((path, meta.len()));
        } else if meta.is_dir() && (self.enter)(&path) {
            let real = fs::canonicalize(&place).map_err(|source| Error::io("list", &place, source))?;
            if self.around.contains(&real) {
                self.tree.broken.push((path, "it leads back to a folder that it is in"));
            } else {
                self.folder(&path, real)?;
            }
        }
        Ok(())
    }
}
