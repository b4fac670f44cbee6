//! `leap.yaml`: which project a binder belongs to, where it is entered, and which files make it up.
//!
//! [`Manifest::read`] reads the seven keys that Tensorleap's command line knows; [`Manifest::validate`] proves them
//! against the folder they describe and names the files that would be sent. Neither ever writes: comments, order and
//! keys that this crate does not know stay in the file as they are.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::{Spanned, UserMessageFormatter};
use walkdir::{DirEntry, WalkDir};

use crate::{Error, Result};

/// The entry file of a manifest that has no `entryFile` key: the binder test of a cargo package.
pub const DEFAULT_ENTRY_FILE: &str = "tests/leap_test.rs";

/// The folders that hold no part of a binder and are never searched, by their path below the root.
const SKIPPED: [&str; 2] = [".git", "target"];

/// A `leap.yaml` that has been read.
///
/// Text keys that are absent or empty in the file are empty here, apart from the two defaults named below.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// `projectId`: the project on the platform. Empty until one is chosen.
    pub project_id: String,
    /// `secretId`: the secret that the data needs. Empty for none.
    pub secret_id: String,
    /// `branch`: a label for this line of the code.
    pub branch: String,
    /// `entryFile`: the file in which the binder is entered, relative to the root. [`DEFAULT_ENTRY_FILE`] if the key is
    /// absent; empty, which [`Manifest::validate`] refuses, if the key is there and has no value.
    pub entry_file: String,
    /// `include`: patterns of the files that make up the binder. `**`, everything, if absent or empty.
    pub include: Vec<String>,
    /// `exclude`: patterns of files to leave out again.
    pub exclude: Vec<String>,
    /// `pythonVersion`: the platform's base image, such as `py310`. Of no use to a binder in Rust, and kept for one
    /// that has a Python part.
    pub python_version: String,
    origin: PathBuf,
    warnings: Vec<Warning>,
}

/// A key of `leap.yaml` that has no effect. Ordered by line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Warning {
    /// The line of the key, from 1.
    pub line: u64,
    /// The key as it is written.
    pub key: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.key.as_str() {
            "secretManagerId" => "is obsolete: it is called `secretId` now",
            "codeIntegrationId" => "is obsolete: `projectId` alone names the project now",
            _ => "is not known",
        };
        write!(f, "line {}: key `{}` has no effect, it {reason}", self.line, self.key)
    }
}

/// The seven keys as they stand in the file. A key without a value is `Some(None)`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Keys {
    project_id: Option<String>,
    secret_id: Option<String>,
    branch: Option<String>,
    #[serde(deserialize_with = "present")]
    entry_file: Option<Option<String>>,
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
    python_version: Option<String>,
}

/// Tells a key without a value from an absent key.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

const KNOWN: [&str; 7] = ["projectId", "secretId", "branch", "entryFile", "include", "exclude", "pythonVersion"];

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read as UTF-8 text, [`Error::Manifest`] as [`Manifest::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        Self::parse(&text, path)
    }

    /// Parses a manifest; `origin` is the path that errors name.
    ///
    /// ```
    /// let manifest = leap_binder::manifest::Manifest::parse("entryFile: leap.rs\ncolour: red\n", "leap.yaml")?;
    /// assert_eq!(manifest.entry_file, "leap.rs");
    /// assert_eq!(manifest.include, ["**"]);
    /// assert_eq!(manifest.warnings()[0].to_string(), "line 2: key `colour` has no effect, it is not known");
    /// # Ok::<(), leap_binder::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] with line and column, and the lines around them, for text that is not YAML, a value of the
    /// wrong type, or a key that stands twice.
    pub fn parse(text: &str, origin: impl Into<PathBuf>) -> Result<Self> {
        let origin = origin.into();
        let problem = |error: serde_saphyr::Error| Error::Manifest {
            path: origin.clone(),
            problem: error.render_with_formatter(&UserMessageFormatter),
        };
        let keys: Option<Keys> = serde_saphyr::from_str(text).map_err(problem)?;
        let lines: Option<HashMap<Spanned<String>, IgnoredAny>> = serde_saphyr::from_str(text).map_err(problem)?;

        let mut warnings: Vec<Warning> = lines
            .unwrap_or_default()
            .into_keys()
            .filter(|key| !KNOWN.contains(&key.value.as_str()))
            .map(|key| Warning { line: key.referenced.line(), key: key.value })
            .collect();
        warnings.sort();

        let keys = keys.unwrap_or_default();
        let include = keys.include.filter(|patterns| !patterns.is_empty());
        Ok(Self {
            project_id: keys.project_id.unwrap_or_default(),
            secret_id: keys.secret_id.unwrap_or_default(),
            branch: keys.branch.unwrap_or_default(),
            entry_file: keys.entry_file.map_or_else(|| DEFAULT_ENTRY_FILE.to_owned(), Option::unwrap_or_default),
            include: include.unwrap_or_else(|| vec!["**".to_owned()]),
            exclude: keys.exclude.unwrap_or_default(),
            python_version: keys.python_version.unwrap_or_default(),
            origin,
            warnings,
        })
    }

    /// Keys that have no effect, unknown or obsolete, in the order of their lines.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Proves the manifest against the project's folder and returns the files that make up the binder, sorted, relative
    /// to `root`.
    ///
    /// A file is one of them if an `include` pattern matches it and no `exclude` pattern does; the entry file always is.
    /// Patterns are matched against the whole relative path, so that the exclude pattern `*.log` means files of the root
    /// only, and `**/*.log` all. `*` and `?` stay within a folder, `**` crosses folders, `{a,b}` and `[a-z]` work, hidden
    /// files are matched like others. A backslash is a path separator unless it stands before punctuation, which it
    /// escapes. Folders are not files: `src` selects nothing, `src/**` all that it holds.
    ///
    /// A link to a file counts as that file; links to folders are not entered. `.git` and `target` at the root are not
    /// searched.
    ///
    /// # Errors
    ///
    /// [`Error::Manifest`] if the entry file is not given, not there, or not below `root`; if a pattern cannot be
    /// parsed; if an `include` pattern matches no file. [`Error::Io`] if a folder cannot be listed.
    pub fn validate(&self, root: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let root = root.as_ref();
        let entry = self.entry(root)?;
        let include = self.compile("include", &self.include)?;
        let exclude = self.compile("exclude", &self.exclude)?;
        let files = list(root)?;

        if let Some(pattern) = include.iter().find(|pattern| !files.iter().any(|file| pattern.is_match(file))) {
            let pattern = pattern.glob().glob();
            let folder = pattern.trim_end_matches('/');
            let hint =
                if root.join(folder).is_dir() { format!(": a folder; write `{folder}/**`") } else { String::new() };
            return Err(self.problem(format!("include pattern `{pattern}` matches no file{hint}")));
        }

        let any = |patterns: &[GlobMatcher], file: &Path| patterns.iter().any(|pattern| pattern.is_match(file));
        let chosen = files.into_iter().filter(|file| any(&include, file) && !any(&exclude, file));
        let mut chosen: BTreeSet<PathBuf> = chosen.collect();
        chosen.insert(entry);
        Ok(chosen.into_iter().collect())
    }

    /// The entry file relative to `root`, proved to be there.
    fn entry(&self, root: &Path) -> Result<PathBuf> {
        let name = self.entry_file.as_str();
        if name.is_empty() {
            return Err(self.problem("entry file is not specified".to_owned()));
        }
        let mut entry = PathBuf::new();
        for part in Path::new(name).components() {
            match part {
                Component::Normal(part) => entry.push(part),
                Component::CurDir => {}
                _ => return Err(self.problem(format!("entry file `{name}` is not below the project's folder"))),
            }
        }
        if root.join(&entry).is_file() {
            Ok(entry)
        } else {
            Err(self.problem(format!("entry file `{name}` is not found in {}", root.display())))
        }
    }

    /// Compiles the patterns of one key.
    fn compile(&self, key: &str, patterns: &[String]) -> Result<Vec<GlobMatcher>> {
        let compile = |pattern: &String| {
            let glob = compile(pattern).map_err(|error| self.problem(format!("{key} {error}")))?;
            Ok(glob.compile_matcher())
        };
        patterns.iter().map(compile).collect()
    }

    fn problem(&self, problem: String) -> Error {
        Error::Manifest { path: self.origin.clone(), problem }
    }
}

/// Compiles one pattern with the rules of [`Manifest::validate`].
fn compile(pattern: &str) -> Result<Glob, globset::Error> {
    let mut separated = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        match chars.peek() {
            Some(&next) if char == '\\' && r"[]{}()*+?.,\^$|#".contains(next) => {
                separated.extend([char, next]);
                chars.next();
            }
            _ => separated.push(if char == '\\' { '/' } else { char }),
        }
    }
    GlobBuilder::new(&separated).literal_separator(true).backslash_escape(true).empty_alternates(true).build()
}

/// All files below `root` by their relative path, in the order of the walk.
fn list(root: &Path) -> Result<Vec<PathBuf>> {
    let searched = |entry: &DirEntry| entry.depth() != 1 || !SKIPPED.iter().any(|name| entry.file_name() == *name);
    let mut files = Vec::new();
    for entry in WalkDir::new(root).into_iter().filter_entry(searched) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            Error::io("list", path, error.into())
        })?;
        if entry.path().is_file()
            && let Ok(file) = entry.path().strip_prefix(root)
        {
            files.push(file.to_owned());
        }
    }
    Ok(files)
}
