//! The files that a manifest selects.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::glob::{Name, Pattern};
use super::walk::{Tree, walk};
use super::{HEAVY_LIMIT, Manifest, SelectionWarning, heavy};
use crate::{Error, Result};

/// The files of which one should be selected at the root: it says what the binder needs to be built.
pub const REQUIREMENTS: [&str; 4] = ["Cargo.toml", "pyproject.toml", "requirements.txt", "tensorleap_requirements.txt"];

/// A file that is part of the binder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct SelectedFile {
    /// Its path relative to the root.
    pub path: PathBuf,
    /// Its size in bytes when it was selected.
    pub size: u64,
}

/// The files that make up a binder. [`Selection::bundle`] packs them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Selection {
    /// The project's folder.
    pub root: PathBuf,
    /// The entry file relative to the root; one of `files`.
    pub entry: PathBuf,
    /// The files by their path, sorted component by component.
    pub files: Vec<SelectedFile>,
    /// What is most likely not meant.
    pub warnings: Vec<SelectionWarning>,
    rules: Rules,
}

impl Manifest {
    /// Names the files below `root` that make up the binder. Reads no file and changes none.
    ///
    /// A file is one of them if an `include` pattern matches it and no `exclude` pattern does; the entry file always
    /// is. Patterns have the rules of doublestar, as in Tensorleap's command line:
    ///
    /// - They are matched against the whole path relative to the root: the exclude pattern `*.log` means files of the
    ///   root only, and `**/*.log` all. Hidden files are like others, case counts.
    /// - `*` and `?` stay within a component of the path. `**` stands for any number of components where it is one
    ///   itself, and is `*` elsewhere. `[a-z]`, `[^a-z]` or `[!a-z]`, and `{a,b}`, nested too, have their usual
    ///   meaning.
    /// - A backslash makes one of the characters `[]{}()*+?.,\^$|#` literal and separates components before any other.
    /// - Folders are not files: `src` selects nothing, `src/**` all that it holds.
    ///
    /// Two folders of the root are passed over unless an `include` pattern begins with their name: `.git`, and `target`
    /// where cargo builds, that is beside a `Cargo.toml`. Links count as what they lead to.
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] if the entry file is not given, not there, or not below `root`, or if a pattern is
    /// malformed. [`Error::Io`] if a folder that may hold selected files cannot be listed.
    pub fn select(&self, root: impl AsRef<Path>) -> Result<Selection> {
        let root = root.as_ref();
        let (entry, size) = self.entry(root)?;
        let mut rules = Rules {
            include: self.compile("include", &self.include)?,
            exclude: self.compile("exclude", &self.exclude)?,
            skipped: vec![".git"],
        };
        if root.join("Cargo.toml").is_file() {
            rules.skipped.push("target");
        }
        rules.skipped.retain(|name| !rules.include.iter().any(|pattern| pattern.begins_with(name)));

        let tree = walk(root, |folder| rules.enter(folder))?;
        let warnings = rules.warnings(root, &tree);
        let chosen = tree.files.into_iter().filter(|(path, _)| rules.select(path));
        let mut files: BTreeSet<SelectedFile> = chosen.map(|(path, size)| SelectedFile { path, size }).collect();
        if !files.iter().any(|file| file.path == entry) {
            files.insert(SelectedFile { path: entry.clone(), size });
        }

        let files = files.into_iter().collect();
        let mut selection = Selection { root: root.to_owned(), entry, files, warnings, rules };
        if !selection.files.iter().any(|file| REQUIREMENTS.iter().any(|name| file.path == Path::new(name))) {
            selection.warnings.push(SelectionWarning::NoRequirements);
        }
        if selection.is_too_heavy() {
            let (bytes, patterns) = (selection.heavy_bytes(), selection.heavy_patterns());
            selection.warnings.push(SelectionWarning::TooHeavy { bytes, patterns });
        }
        Ok(selection)
    }

    /// The entry file relative to `root`, proved to be there, and its size.
    fn entry(&self, root: &Path) -> Result<(PathBuf, u64)> {
        let name = self.entry_file.as_str();
        if name.is_empty() {
            return Err(self.problem("entry file is not specified in leap.yaml".to_owned()));
        }
        let mut entry = PathBuf::new();
        for part in Path::new(name).components() {
            match part {
                Component::Normal(part) => entry.push(part),
                Component::CurDir => {}
                _ => {
                    return Err(
                        self.problem(format!("entry file '{name}' in leap.yaml is not below the project's folder"))
                    );
                }
            }
        }
        match fs::metadata(root.join(&entry)) {
            Ok(meta) if meta.is_file() => Ok((entry, meta.len())),
            _ => Err(self.problem(format!("entry file '{name}' in leap.yaml is not found in {}", root.display()))),
        }
    }

    /// Reads the patterns of one key.
    fn compile(&self, key: &str, patterns: &[String]) -> Result<Vec<Pattern>> {
        let compile = |pattern: &String| {
            Pattern::new(pattern)
                .map_err(|reason| self.problem(format!("{key} pattern `{pattern}` is malformed: {reason}")))
        };
        patterns.iter().map(compile).collect()
    }

    fn problem(&self, problem: String) -> Error {
        Error::Manifest { path: self.origin.clone(), problem }
    }
}

impl Selection {
    /// The size of all files in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// The files that are most likely data or a model: by the extension (`.onnx`, `.zip`, `.png`, `.parquet` and some
    /// seventy others, in lower case), and all that lies in `.git`. The entry file is never one of them.
    pub fn heavy(&self) -> impl Iterator<Item = &SelectedFile> {
        self.files.iter().filter(|file| self.heavy_pattern(file).is_some())
    }

    /// The size of the heavy files in bytes.
    pub fn heavy_bytes(&self) -> u64 {
        self.heavy().map(|file| file.size).sum()
    }

    /// Whether the heavy files come to [`HEAVY_LIMIT`] or more. There is no limit for the others.
    pub fn is_too_heavy(&self) -> bool {
        self.heavy_bytes() >= HEAVY_LIMIT
    }

    /// The `exclude` patterns that would leave out the heavy files, sorted.
    pub fn heavy_patterns(&self) -> Vec<String> {
        let patterns: BTreeSet<String> = self.files.iter().filter_map(|file| self.heavy_pattern(file)).collect();
        patterns.into_iter().collect()
    }

    /// Leaves out the heavy files, however many they are, and says so with [`SelectionWarning::HeavyLeftOut`].
    /// `leap.yaml` stays as it is.
    #[must_use]
    pub fn without_heavy(mut self) -> Self {
        let (files, bytes, patterns) = (self.heavy().count(), self.heavy_bytes(), self.heavy_patterns());
        if files > 0 {
            let kept = self.files.iter().filter(|file| self.heavy_pattern(file).is_none()).cloned().collect();
            self.files = kept;
            self.warnings.retain(|warning| !matches!(warning, SelectionWarning::TooHeavy { .. }));
            self.warnings.push(SelectionWarning::HeavyLeftOut { files, bytes, patterns });
        }
        self
    }

    /// Whether a file with this path relative to the root would be selected.
    pub(super) fn would_select(&self, path: &Path) -> bool {
        path == self.entry || self.rules.select(path)
    }

    fn heavy_pattern(&self, file: &SelectedFile) -> Option<String> {
        heavy::pattern(&file.path).filter(|_| file.path != self.entry)
    }
}

/// The patterns of a manifest, and what they do not look at.
#[derive(Clone, Debug)]
struct Rules {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    /// Names at the root that are passed over.
    skipped: Vec<&'static str>,
}

impl Rules {
    fn skip(&self, path: &Path) -> bool {
        self.skipped.iter().any(|name| path.starts_with(name))
    }

    /// Whether a file is selected.
    fn select(&self, path: &Path) -> bool {
        let name = Name::new(path);
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(&name));
        !self.skip(path) && any(&self.include) && !any(&self.exclude)
    }

    /// Whether a folder may hold selected files.
    fn enter(&self, folder: &Path) -> bool {
        let name = Name::new(folder);
        !self.skip(folder) && self.include.iter().any(|pattern| pattern.reaches_below(&name))
    }

    fn warnings(&self, root: &Path, tree: &Tree) -> Vec<SelectionWarning> {
        let names: Vec<Name> =
            tree.files.iter().filter(|(path, _)| !self.skip(path)).map(|(path, _)| Name::new(path)).collect();
        let idle = |pattern: &&Pattern| !names.iter().any(|name| pattern.matches(name));
        let include = self.include.iter().filter(idle).map(|pattern| SelectionWarning::IncludesNothing {
            pattern: pattern.text().to_owned(),
            hint: hint(root, pattern.text()),
        });
        let exclude = self.exclude.iter().filter(idle).filter_map(|pattern| {
            let hint = hint(root, pattern.text())?;
            Some(SelectionWarning::ExcludesNothing { pattern: pattern.text().to_owned(), hint })
        });
        let broken = tree.broken.iter().filter(|(path, _)| self.select(path) || self.enter(path));
        let broken = broken.map(|(path, reason)| SelectionWarning::BrokenLink { path: path.clone(), reason });
        include.chain(exclude).chain(broken).collect()
    }
}

/// How a pattern that matches nothing should most likely be written.
fn hint(root: &Path, pattern: &str) -> Option<String> {
    let pattern = pattern.replace('\\', "/");
    if let Some(rest) = pattern.strip_prefix("./") {
        return Some(format!("paths begin below the root; write `{rest}`"));
    }
    if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
        return Some("paths begin below the root and stay there".to_owned());
    }
    let folder = pattern.trim_end_matches('/');
    (!folder.is_empty() && root.join(folder).is_dir()).then(|| format!("a folder; write `{folder}/**`"))
}
