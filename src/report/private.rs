//! Taking ids, attributes and what looks like them out of tables and sentences.

use std::collections::{HashMap, HashSet};

use super::telling;
use crate::contract::{DataState, MetadataValue, SampleId};
use crate::evaluate::{SampleRow, SampleTable};

/// Secrets of fewer characters could be any word, and those of digits any number: they are replaced only after a word that
/// announces them.
const SHORTEST: usize = 4;

/// So many characters of a longer name are enough to know it: sentences cut names.
const KNOWN_BY: usize = 30;

/// Words after which a short number or text is taken for an id.
const ANNOUNCING: [&str; 6] = ["sample", "samples", "patient", "patients", "id", "file"];

/// What a report may not say, and what it says instead.
pub(super) struct Redactor {
    /// Secrets and what stands for them, by their first characters, the longest first.
    secrets: HashMap<String, Vec<(String, String)>>,
    /// Secrets that could be any word or number.
    short: HashMap<String, String>,
    announcing: HashSet<String>,
    /// For each metadata column whether it stays.
    kept: Vec<bool>,
    /// Names of columns that do not.
    columns: HashSet<String>,
    /// Names of attributes, none of which stays.
    attributes: HashSet<String>,
}

impl Redactor {
    pub(super) fn new(table: &SampleTable) -> Self {
        let kept: Vec<bool> = (0..table.metadata.len()).map(|column| stays(table, column)).collect();
        let gone = || table.metadata.iter().zip(&kept).enumerate().filter(|(_, (_, kept))| !**kept);
        let mut secrets: Vec<(String, String)> =
            table.rows.iter().enumerate().map(|(place, row)| (row.id.to_string(), name(place))).collect();
        for (place, row) in table.rows.iter().enumerate() {
            let attributes = table.attributes.iter().zip(row.attributes.iter().cloned());
            let columns = gone().filter_map(|(column, (name, _))| Some((name, named(row.metadata.get(column)?)?)));
            let of = |(what, value)| (value, format!("{what} of {}", name(place)));
            secrets.extend(attributes.chain(columns).map(of));
        }
        let mut redactor = Self {
            secrets: HashMap::new(),
            short: HashMap::new(),
            announcing: ANNOUNCING
                .map(str::to_owned)
                .into_iter()
                .chain(table.attributes.iter().cloned())
                .chain(gone().map(|(_, (name, _))| name.clone()))
                .collect(),
            columns: gone().map(|(_, (name, _))| name.clone()).collect(),
            attributes: table.attributes.iter().cloned().collect(),
            kept,
        };
        let names = table.classes.iter().chain(&table.metadata).chain(&table.attributes).map(String::as_str);
        let mut known: HashSet<String> =
            names.chain(DataState::ALL.map(DataState::as_str)).map(str::to_owned).collect();
        for (secret, instead) in secrets {
            if !secret.trim().is_empty() && known.insert(secret.clone()) {
                redactor.add(secret, instead);
            }
        }
        redactor.secrets.values_mut().for_each(|list| list.sort_by_key(|(secret, _)| usize::MAX - secret.len()));
        redactor
    }

    fn add(&mut self, secret: String, instead: String) {
        let number = secret.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
        match head(&secret).filter(|_| !number) {
            Some(head) => self.secrets.entry(head.to_owned()).or_default().push((secret, instead)),
            None => drop(self.short.insert(secret, instead)),
        }
    }

    /// Whether a metadata column of this name, or a range of such columns, stays.
    pub(super) fn keeps(&self, column: &str) -> bool {
        let first = column.split_once("..").map_or(column, |(first, _)| first);
        let left_out = |name| self.columns.contains(name) || self.attributes.contains(name);
        !left_out(column) && !left_out(first) && !telling::always(column)
    }

    /// Whether a text names a metadata column that is left out, and so may tell its values.
    pub(super) fn names_column(&self, text: &str) -> bool {
        self.columns.iter().any(|column| mentions(text, column))
    }

    /// How many metadata columns do not.
    pub(super) fn columns_left_out(&self) -> usize {
        self.kept.iter().filter(|kept| !**kept).count()
    }

    /// The text without ids.
    pub(super) fn text(&self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let found = if ends_in_word(&clean) { None } else { self.secret_at(rest, &clean) };
            match found {
                Some((length, instead)) => {
                    clean.push_str(instead);
                    rest = &rest[length..];
                    // What was written ends in a digit; a space keeps a following word from hiding in it.
                    if rest.chars().next().is_some_and(char::is_alphanumeric) {
                        clean.push(' ');
                    }
                }
                None => {
                    clean.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
        // "sample person12" has become "sample sample 17".
        clean.replace("samples sample ", "samples ").replace("sample sample ", "sample ")
    }

    /// A rule without ids; a rule over a column that is left out is not told at all.
    pub(super) fn rule(&self, rule: &str) -> String {
        if self.names_column(rule) || self.attributes.iter().any(|attribute| mentions(rule, attribute)) {
            return "a rule over a column that is left out".to_owned();
        }
        self.text(rule)
    }

    /// The secret that `rest` begins with: its length and what stands for it.
    fn secret_at(&self, rest: &str, before: &str) -> Option<(usize, &str)> {
        let ends = |length: usize| !rest[length..].chars().next().is_some_and(char::is_alphanumeric);
        let long = head(rest)
            .and_then(|head| self.secrets.get(head))
            .and_then(|list| list.iter().find(|(secret, _)| rest.starts_with(secret.as_str()) && ends(secret.len())));
        if let Some((secret, instead)) = long {
            return Some((secret.len(), instead));
        }
        let announced = before.split_whitespace().rfind(|word| *word != "=").is_some_and(|word| {
            self.announcing.contains(word.trim_matches(|character: char| !character.is_alphanumeric()))
        });
        let word = &rest[..rest.find(|character: char| !character.is_alphanumeric()).unwrap_or(rest.len())];
        let instead = self.short.get(word).filter(|_| announced)?;
        Some((word.len(), instead))
    }

    /// The table without ids, attributes and columns that tell them; latent vectors are left out as nothing here needs them.
    pub(super) fn table(&self, table: &SampleTable) -> SampleTable {
        let mut clean = SampleTable::new(table.classes.clone());
        clean.losses.clone_from(&table.losses);
        clean.metrics.clone_from(&table.metrics);
        clean.metadata = self.kept(&table.metadata);
        let row = |(place, row): (usize, &SampleRow)| SampleRow {
            label: row.label,
            prediction: row.prediction,
            losses: row.losses.clone(),
            metrics: row.metrics.clone(),
            metadata: self.kept(&row.metadata),
            thumbnail: row.thumbnail.clone(),
            ..SampleRow::new(name(place), row.state, row.probabilities.clone())
        };
        clean.rows = table.rows.iter().enumerate().map(row).collect();
        clean
    }

    fn kept<T: Clone>(&self, of: &[T]) -> Vec<T> {
        of.iter().zip(&self.kept).filter(|(_, kept)| **kept).map(|(one, _)| one.clone()).collect()
    }
}

/// What a sample is called instead of its id.
fn name(place: usize) -> String {
    format!("sample {place}")
}

/// The characters by which secrets are found; none if there are too few.
fn head(text: &str) -> Option<&str> {
    text.char_indices().nth(SHORTEST - 1).map(|(start, last)| &text[..start + last.len_utf8()])
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(char::is_alphanumeric)
}

/// A text or a whole number, by which something may be called.
fn named(value: &MetadataValue) -> Option<String> {
    matches!(value, MetadataValue::Text(_) | MetadataValue::Int(_)).then(|| value.to_string())
}

/// Whether a name, or the beginning of a long one, stands in a text as a word.
fn mentions(text: &str, name: &str) -> bool {
    let plain = |text: &str| text.replace(char::is_control, " ");
    let (text, name) = (plain(text), plain(name));
    let cut = name.char_indices().nth(KNOWN_BY).map(|(end, _)| &name[..end]);
    let wanted = cut.unwrap_or(&name);
    let in_word = |next: Option<char>| next.is_some_and(|next| next.is_alphanumeric() || next == '_');
    let whole = |start: usize| {
        !in_word(text[..start].chars().next_back())
            && (cut.is_some() || !in_word(text[start + wanted.len()..].chars().next()))
    };
    !wanted.trim().is_empty() && text.match_indices(wanted).any(|(start, _)| whole(start))
}

/// Whether a metadata column says nothing about who or which file a sample is.
fn stays(table: &SampleTable, column: usize) -> bool {
    if telling::tells(table, column) {
        return false;
    }
    let mut distinct = HashSet::new();
    let mut texts = 0;
    for row in &table.rows {
        if let Some(MetadataValue::Text(text)) = row.metadata.get(column) {
            texts += 1;
            distinct.insert(text.as_str());
            if tells(text, row) {
                return false;
            }
        }
    }
    texts <= 4 || 2 * distinct.len() <= texts
}

/// Whether a text holds the row's id or one of its attributes.
fn tells(text: &str, row: &SampleRow) -> bool {
    let id = match &row.id {
        SampleId::Text(id) => Some(id),
        SampleId::Int(_) => None,
    };
    let mut secrets = id.into_iter().chain(&row.attributes).filter(|secret| head(secret).is_some());
    secrets.any(|secret| text.contains(secret.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let mut table = SampleTable::new(["normal", "virus"]);
        table.attributes = vec!["file".into(), "patient".into()];
        table.metadata = vec!["image_mean".into(), "patient_id".into(), "note".into(), "gt_name".into()];
        for (place, id) in ["person1_virus_6", "person1", "IM-0001"].iter().enumerate() {
            let mut row = SampleRow::new(*id, DataState::Test, vec![0.5, 0.5]);
            row.attributes = vec![format!("chest/{id}.jpeg"), (place + 70).to_string()];
            row.metadata = vec![1.0.into(), "P9".into(), format!("taken from {id}").into(), "virus".into()];
            table.rows.push(row);
        }
        Redactor::new(&table)
    }

    #[test]
    fn longest_ids_go_first_and_words_that_only_begin_alike_stay() {
        let redactor = redactor();
        let cases = [
            ("person1_virus_6 and person1, not person12", "sample 0 and sample 1, not person12"),
            ("sample person1", "sample 1"),
            ("see chest/IM-0001.jpeg!", "see file of sample 2!"),
            ("72 samples of patient 71", "72 samples of patient patient of sample 1"),
            ("the virus in test", "the virus in test"),
        ];
        for (text, expected) in cases {
            assert_eq!(redactor.text(text), expected);
        }
    }

    #[test]
    fn whole_numbers_are_ids_only_where_that_is_said() {
        let mut table = SampleTable::new(["a", "b"]);
        table.rows.extend([5216_i64, 120].map(|id| SampleRow::new(id, DataState::Test, vec![0.5, 0.5])));
        let redactor = Redactor::new(&table);
        assert_eq!(redactor.text("120 of 5216, of them sample 5216"), "120 of 5216, of them sample 0");
        assert_eq!(redactor.text("id = 5216"), "id = sample 0");
    }

    #[test]
    fn columns_are_named_by_whole_words() {
        assert!(mentions("Samples with patient_id = P7", "patient_id") && mentions("by id", "id"));
        assert!(!mentions("the width", "id") && !mentions("patient_id", "patient") && !mentions("a b", ""));
        let long = "x".repeat(10_000);
        assert!(mentions(&format!("by {}…", &long[..40]), &long) && !mentions("by xxx", &long));
    }

    #[test]
    fn columns_that_tell_are_left_out() {
        assert_eq!(redactor().kept, [true, false, false, true]);
        assert!(!redactor().keeps("patient_id") && redactor().keeps("image_mean"));
    }
}
