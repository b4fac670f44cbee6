//! Finds the X-rays of a folder in the layouts that the set is passed around in.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::config::Classes;
use super::naming::{Finding, patient};
use crate::contract::DataState;
use crate::imaging::sniff_file;
use crate::train::{Cohort, SplitOptions};
use crate::{Error, Result};

const SPLITS: [(DataState, &str); 3] =
    [(DataState::Training, "train"), (DataState::Validation, "val"), (DataState::Test, "test")];
const NORMAL: &str = "NORMAL";
const KAGGLE: [&str; 2] = [NORMAL, "PNEUMONIA"];
const REFERENCE: [&str; 3] = [NORMAL, "bacteria", "virus"];
const LOOKED_FOR: &str = "{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg or {train,val,test}/{NORMAL,bacteria,virus}/*.jpeg \
                          in it, in chest_xray/ or in chest_xray/chest_xray/ (val may be missing)";

/// One X-ray on disk.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Path below the root with forward slashes; the sample's id.
    pub(super) relative: String,
    pub(super) class: usize,
    pub(super) patient: String,
    finding: Finding,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The folder that holds `train`.
    pub(super) root: PathBuf,
    pub(super) entries: BTreeMap<DataState, Vec<Entry>>,
    /// Files that cannot be X-rays, each with the reason.
    pub(super) rejected: Vec<Error>,
    /// What stands outside the class folders, and hidden and system files.
    pub(super) ignored: Vec<PathBuf>,
    /// Whether validation was taken from training.
    pub(super) drawn: bool,
    /// Class folders that validation or test lack.
    pub(super) absent: Vec<PathBuf>,
}

impl Listing {
    /// Lists `folder`; a tenth of the training patients, by `seed`, becomes validation if there is no `val`.
    pub(super) fn read(folder: &Path, classes: Classes, seed: u64) -> Result<Self> {
        let (root, class_folders) = find_root(folder)?;
        let mut listing = Self { root, ..Self::default() };
        listing.ignore_others(&listing.root.clone(), &SPLITS.map(|(_, split)| split))?;
        for (state, split) in SPLITS {
            if listing.root.join(split).is_dir() {
                listing.ignore_others(&listing.root.join(split), class_folders)?;
                let entries = listing.read_split(state, split, class_folders, classes)?;
                if state == DataState::Training {
                    every_class(&listing.root.join(split), &entries, classes)?;
                }
                listing.entries.insert(state, entries);
            }
        }
        if !listing.entries.contains_key(&DataState::Validation) {
            listing.take_validation_from_training(classes, seed)?;
            listing.drawn = true;
        }
        Ok(listing)
    }

    /// Notes everything in `folder` that is none of the `known` folders.
    fn ignore_others(&mut self, folder: &Path, known: &[&str]) -> Result<()> {
        let others = children(folder)?.into_iter().filter(|(name, path)| !(known.contains(&&**name) && path.is_dir()));
        self.ignored.extend(others.map(|(_, path)| path));
        Ok(())
    }

    fn read_split(
        &mut self,
        state: DataState,
        split: &str,
        class_folders: &[&str],
        classes: Classes,
    ) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for class_folder in class_folders {
            let folder = self.root.join(split).join(class_folder);
            // With a folder for each cause, a small split may lack one: the official validation images show no virus.
            let may_lack = state != DataState::Training && class_folders.len() == REFERENCE.len();
            let (before, rejected) = (entries.len(), self.rejected.len());
            if folder.is_dir() || !may_lack {
                self.read_class(&folder, &format!("{split}/{class_folder}"), class_folder, classes, &mut entries)?;
            }
            match self.rejected.get(rejected) {
                _ if entries.len() > before => {}
                None if may_lack => self.absent.push(folder),
                reason => return Err(no_images(&folder, reason)),
            }
        }
        if entries.is_empty() {
            return Err(no_images(&self.root.join(split), None));
        }
        // The reference lists NORMAL, virus, bacteria when it has two classes, and in label order when it has three.
        let rank = |finding| match (classes, finding) {
            (Classes::Binary, Finding::Virus) => Finding::Bacteria,
            (Classes::Binary, Finding::Bacteria) => Finding::Virus,
            (_, finding) => finding,
        };
        entries.sort_by(|a, b| (rank(a.finding), &a.relative).cmp(&(rank(b.finding), &b.relative)));
        Ok(entries)
    }

    fn read_class(
        &mut self,
        folder: &Path,
        relative: &str,
        class_folder: &str,
        classes: Classes,
        entries: &mut Vec<Entry>,
    ) -> Result<()> {
        if !folder.is_dir() {
            let parent = folder.parent().unwrap_or(folder);
            let expected = format!("a folder {class_folder} with X-rays of that class");
            return Err(Error::Folder { path: parent.to_path_buf(), expected, found: contents(parent) });
        }
        for (name, path) in children(folder)? {
            if is_system_file(&name) {
                self.ignored.push(path);
                continue;
            }
            let finding = if class_folder == NORMAL {
                Finding::Normal
            } else if class_folder == KAGGLE[1] {
                Finding::of_pneumonia(&name)
            } else if class_folder == REFERENCE[1] {
                Finding::Bacteria
            } else {
                Finding::Virus
            };
            match (class_of(finding, classes), sniff_image(&path)) {
                (_, Err(error)) => self.rejected.push(error),
                (None, Ok(())) => self.rejected.push(Error::Image {
                    origin: path.display().to_string(),
                    expected: "\"bacteria\" or \"virus\" in the name of an X-ray of pneumonia".to_owned(),
                    found: name,
                    source: None,
                }),
                (Some(class), Ok(())) => {
                    let patient = patient(&name);
                    entries.push(Entry { relative: format!("{relative}/{name}"), class, patient, finding });
                }
            }
        }
        Ok(())
    }

    fn take_validation_from_training(&mut self, classes: Classes, seed: u64) -> Result<()> {
        let training = self.entries.remove(&DataState::Training).unwrap_or_default();
        let patients: BTreeSet<&str> = training.iter().map(|entry| &*entry.patient).collect();
        if patients.len() < 2 {
            return Err(Error::Folder {
                path: self.root.join("train"),
                expected: "a val folder beside it, or two patients or more to take validation from".to_owned(),
                found: format!("{} patient", patients.len()),
            });
        }
        // A tenth of the patients, whatever their classes: some may have more images than others.
        let samples =
            training.iter().map(|entry| ((DataState::Training, &*entry.relative), entry.class, Some(&*entry.patient)));
        let options = SplitOptions { share: 0.1, stratified: false, judging: None, seed };
        let split = Cohort::new(classes.labels().iter().copied(), samples).and_then(|cohort| cohort.split(&options));
        let split = split.map_err(|_| Error::Folder {
            path: self.root.join("train"),
            expected: "a val folder beside it, or patients whose X-rays training can spare".to_owned(),
            found: "none whose class would not be lost with them".to_owned(),
        })?;
        let chosen: HashSet<String> = split.validation.iter().map(|(_, id)| id.to_string()).collect();
        let (validation, training) = training.into_iter().partition(|entry| chosen.contains(&entry.relative));
        self.entries.insert(DataState::Validation, validation);
        self.entries.insert(DataState::Training, training);
        Ok(())
    }
}

/// The folder that holds `train`, and its class folders.
fn find_root(folder: &Path) -> Result<(PathBuf, &'static [&'static str])> {
    let unknown = |found| Error::Folder { path: folder.to_path_buf(), expected: LOOKED_FOR.to_owned(), found };
    if !folder.is_dir() {
        return Err(unknown("no such folder".to_owned()));
    }
    let roots = [folder.to_path_buf(), folder.join("chest_xray"), folder.join("chest_xray/chest_xray")];
    let Some(root) = roots.into_iter().find(|root| root.join("train").is_dir()) else {
        return Err(unknown(contents(folder)));
    };
    let has = |class: &str| SPLITS.iter().any(|(_, split)| root.join(split).join(class).is_dir());
    match (has(KAGGLE[1]), has(REFERENCE[1]) || has(REFERENCE[2])) {
        (true, false) => Ok((root, &KAGGLE)),
        (false, true) => Ok((root, &REFERENCE)),
        (true, true) => Err(unknown("both PNEUMONIA and bacteria or virus folders".to_owned())),
        (false, false) => Err(unknown(format!("train with {}", contents(&root.join("train"))))),
    }
}

/// Training must show every class, whatever folders it has.
fn every_class(folder: &Path, entries: &[Entry], classes: Classes) -> Result<()> {
    let missing = (0..).zip(classes.labels()).find(|(class, _)| !entries.iter().any(|entry| entry.class == *class));
    missing.map_or(Ok(()), |(_, label)| {
        let expected = format!("one X-ray or more of class {label}");
        Err(Error::Folder { path: folder.to_path_buf(), expected, found: "none of it".to_owned() })
    })
}

/// What file managers leave behind.
fn is_system_file(name: &str) -> bool {
    name.starts_with('.') || ["Thumbs.db", "desktop.ini"].contains(&name)
}

fn class_of(finding: Finding, classes: Classes) -> Option<usize> {
    match (classes, finding) {
        (_, Finding::Normal) => Some(0),
        (Classes::Binary, _) | (Classes::Three, Finding::Bacteria) => Some(1),
        (Classes::Three, Finding::Virus) => Some(2),
        (Classes::Three, Finding::Pneumonia) => None,
    }
}

fn sniff_image(path: &Path) -> Result<()> {
    let refused = |expected: &str, found: &str| {
        let origin = path.display().to_string();
        Err(Error::Image { origin, expected: expected.to_owned(), found: found.to_owned(), source: None })
    };
    if path.to_str().is_none() {
        return refused("a file name in UTF-8", "other bytes in it");
    }
    if path.exists() && !path.is_file() {
        return refused("a JPEG or PNG file", if path.is_dir() { "a folder" } else { "a device or a pipe" });
    }
    sniff_file(path)
}

fn children(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut children = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::io("list", folder, error))? {
        let entry = entry.map_err(|error| Error::io("list", folder, error))?;
        children.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    children.sort();
    Ok(children)
}

/// A folder's content in words, for messages.
fn contents(folder: &Path) -> String {
    match children(folder) {
        Err(_) => "no such folder".to_owned(),
        Ok(children) if children.is_empty() => "an empty folder".to_owned(),
        Ok(children) => {
            let names: Vec<&str> = children.iter().take(8).map(|(name, _)| name.as_str()).collect();
            let more = if children.len() > names.len() { ", ..." } else { "" };
            format!("{} entries ({}{more})", children.len(), names.join(", "))
        }
    }
}

/// No image in `folder` can be used; `reason` is why the first was rejected.
fn no_images(folder: &Path, reason: Option<&Error>) -> Error {
    let expected = "one usable JPEG or PNG image or more".to_owned();
    let mut found = contents(folder);
    if let Some(reason) = reason {
        found.push_str(&format!("; {reason}"));
    }
    Error::Folder { path: folder.to_path_buf(), expected, found }
}
