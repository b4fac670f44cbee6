use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use crate::contract::MetadataValue;
use crate::evaluate::SampleTable;
use crate::{Error, Result};

/// The fewest neighbouring bins that make a histogram.
const FEWEST_BINS: usize = 8;

/// What a metadata column holds, and so how groups are compared in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Numbers with more than two values: compared by ranks. Integers count as numbers, however few values they have.
    Numeric,
    /// Texts, booleans, a mixture of types, or numbers with exactly two values: compared by shares.
    Categorical,
    /// Nothing is known of any sample.
    Missing,
    /// One value throughout.
    Constant,
    /// Texts of which more than half are unlike all others, such as file names: they tell samples apart, not groups.
    Distinct,
}

/// One metadata column.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// The share of samples of which it says nothing, in [0, 1]: absent, NaN or infinite.
    pub missing: f64,
    /// Whether each of its values stands for one class and each class for one value: the label by another name (or a column
    /// that gives it away without fail), which explains nothing.
    pub copies_label: bool,
    #[serde(skip)]
    pub(crate) values: Values,
}

impl Column {
    /// Whether groups can be told apart by it: numeric or categorical, and no copy of the label.
    pub const fn is_useful(&self) -> bool {
        matches!(self.kind, ColumnKind::Numeric | ColumnKind::Categorical) && !self.copies_label
    }
}

/// A histogram in several columns: `<name>_<first>` to `<name>_<last>`, all numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Family {
    /// What stands before the underscore, for example `pixels_count`.
    pub name: String,
    /// The first bin's number.
    pub first: i64,
    /// Places of the bins' columns, by rising number.
    pub columns: Vec<usize>,
}

impl Family {
    /// The name of the bins from the `from`-th to the `to`-th, both included: `pixels_count_190..231`, or one bin's own.
    pub(crate) fn range(&self, from: usize, to: usize) -> String {
        let (low, high) = (self.first + from as i64, self.first + to as i64);
        if from == to { format!("{}_{low}", self.name) } else { format!("{}_{low}..{high}", self.name) }
    }
}

/// A column's values, ready for tests.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Numbers(Numbers),
    Categories(Categories),
}

/// Numbers with their order, sorted once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    /// One for each row; NaN where it is missing.
    pub(crate) values: Vec<f64>,
    /// Rows that have one, by rising value.
    pub(crate) order: Vec<u32>,
}

impl Numbers {
    pub(crate) fn new(values: Vec<f64>) -> Self {
        let mut order: Vec<u32> =
            (0u32..).zip(&values).filter(|(_, value)| value.is_finite()).map(|pair| pair.0).collect();
        order.sort_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
        Self { values, order }
    }

    /// The sum of several columns, row by row; missing where one of them is.
    pub(crate) fn sum<'a>(of: impl IntoIterator<Item = &'a Self>, rows: usize) -> Self {
        let mut sums = vec![0.0; rows];
        for one in of {
            sums.iter_mut().zip(&one.values).for_each(|(sum, value)| *sum += value);
        }
        Self::new(sums)
    }

    /// Rows of equal value, by rising value.
    pub(crate) fn levels(&self) -> impl Iterator<Item = &[u32]> {
        self.order.chunk_by(|&a, &b| self.values[a as usize] == self.values[b as usize])
    }

    /// The value at a place of the order.
    pub(crate) fn at(&self, place: usize) -> f64 {
        self.values[self.order[place] as usize]
    }
}

/// Categories by number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Categories {
    /// One for each row; none where it is missing.
    pub(crate) codes: Vec<Option<usize>>,
    /// Their names, sorted.
    pub(crate) names: Vec<String>,
    /// Whether they are booleans.
    pub(crate) truth: bool,
}

/// The metadata of a table, typed and sorted once, so that many groups can be compared quickly.
///
/// Values that are absent, NaN or infinite are missing. Columns are sorted in parallel; the result is the same for any number
/// of threads. Takes 12 bytes for each number.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    columns: Vec<Column>,
    families: Vec<Family>,
    rows: usize,
}

impl Columns {
    /// Reads the metadata of a table.
    ///
    /// # Errors
    /// [`Error::Argument`] when a row has another number of values than the table has columns, or a label or prediction beyond
    /// the classes.
    pub fn of(table: &SampleTable) -> Result<Self> {
        for (place, row) in table.rows.iter().enumerate() {
            let refuse = |expected: String, found: String| {
                Err(Error::argument("Columns::of", expected, format!("{found} in row {place}")))
            };
            if row.metadata.len() != table.metadata.len() {
                let expected = format!("{} metadata values a row", table.metadata.len());
                return refuse(expected, row.metadata.len().to_string());
            }
            let classes = table.classes.len();
            if let Some(label) = row.label.filter(|&label| label >= classes) {
                return refuse(format!("labels below {classes}"), label.to_string());
            }
            if row.label.is_some() && row.prediction >= classes {
                return refuse(format!("predictions below {classes}"), row.prediction.to_string());
            }
        }
        let numbers: Vec<Option<Numbers>> =
            (0..table.metadata.len()).into_par_iter().map(|column| numbers(table, column)).collect();
        let families = families(&table.metadata, &numbers);
        let mut binned = vec![false; numbers.len()];
        families.iter().flat_map(|family| &family.columns).for_each(|&column| binned[column] = true);
        let columns = numbers.into_par_iter().enumerate();
        let columns = columns.map(|(place, numbers)| column(table, place, numbers, binned[place])).collect();
        Ok(Self { columns, families, rows: table.rows.len() })
    }

    /// All columns, in the table's order.
    pub fn all(&self) -> &[Column] {
        &self.columns
    }

    /// The histograms among them.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The number of samples.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The numbers of a column, where it holds such.
    pub(crate) fn numbers(&self, column: usize) -> Option<&Numbers> {
        match &self.columns.get(column)?.values {
            Values::Numbers(numbers) => Some(numbers),
            Values::Categories(_) => None,
        }
    }
}

/// A column's numbers, if it holds nothing else.
fn numbers(table: &SampleTable, column: usize) -> Option<Numbers> {
    let number = |value: &MetadataValue| match value {
        MetadataValue::Int(value) => Some(*value as f64),
        MetadataValue::Float(value) => Some(if value.is_finite() { *value } else { f64::NAN }),
        MetadataValue::Absent => Some(f64::NAN),
        MetadataValue::Bool(_) | MetadataValue::Text(_) => None,
    };
    let values: Option<Vec<f64>> = table.rows.iter().map(|row| number(&row.metadata[column])).collect();
    values.map(Numbers::new)
}

fn categories(table: &SampleTable, column: usize) -> Categories {
    let known = || table.rows.iter().map(|row| Some(&row.metadata[column]).filter(|value| !value.is_absent()));
    let mut codes: BTreeMap<String, usize> = known().flatten().map(|value| (value.to_string(), 0)).collect();
    codes.values_mut().enumerate().for_each(|(place, code)| *code = place);
    let truth = known().flatten().all(|value| matches!(value, MetadataValue::Bool(_)));
    let coded = known().map(|value| value.and_then(|value| codes.get(&value.to_string()).copied())).collect();
    Categories { codes: coded, names: codes.into_keys().collect(), truth }
}

fn column(table: &SampleTable, place: usize, numbers: Option<Numbers>, binned: bool) -> Column {
    let two_valued = |numbers: &Numbers| !binned && numbers.levels().take(3).count() == 2;
    let values = match numbers {
        Some(numbers) if !two_valued(&numbers) => Values::Numbers(numbers),
        _ => Values::Categories(categories(table, place)),
    };
    let (present, distinct) = match &values {
        Values::Numbers(numbers) => (numbers.order.len(), numbers.levels().count()),
        Values::Categories(categories) => (categories.codes.iter().flatten().count(), categories.names.len()),
    };
    let kind = match &values {
        _ if present == 0 => ColumnKind::Missing,
        _ if distinct == 1 => ColumnKind::Constant,
        Values::Numbers(_) => ColumnKind::Numeric,
        Values::Categories(categories) if distinct > 2 && mostly_distinct(categories) => ColumnKind::Distinct,
        Values::Categories(_) => ColumnKind::Categorical,
    };
    let rows = table.rows.len();
    let missing = if rows == 0 { 0.0 } else { (rows - present) as f64 / rows as f64 };
    let copies_label = distinct > 1 && distinct <= table.classes.len() && copies_label(table, &values);
    Column { name: table.metadata[place].clone(), kind, missing, copies_label, values }
}

/// Whether more than half of the values stand alone.
fn mostly_distinct(categories: &Categories) -> bool {
    let mut counts = vec![0usize; categories.names.len()];
    categories.codes.iter().flatten().for_each(|&code| counts[code] += 1);
    2 * counts.iter().filter(|&&count| count == 1).count() > counts.iter().sum()
}

/// Whether values and classes stand for each other, in more labelled samples than there are classes and in at least half of
/// them.
fn copies_label(table: &SampleTable, values: &Values) -> bool {
    let key = |row: usize| match values {
        Values::Numbers(numbers) => Some(numbers.values[row]).filter(|value| value.is_finite()).map(f64::to_bits),
        Values::Categories(categories) => categories.codes[row].map(|code| code as u64),
    };
    let (mut classes, mut keys) = (BTreeMap::new(), BTreeMap::new());
    let (mut labelled, mut known) = (0usize, 0usize);
    for (place, label) in table.rows.iter().enumerate().filter_map(|(place, row)| Some((place, row.label?))) {
        labelled += 1;
        let Some(key) = key(place) else { continue };
        known += 1;
        if *classes.entry(key).or_insert(label) != label || *keys.entry(label).or_insert(key) != key {
            return false;
        }
    }
    keys.len() > 1 && known > keys.len() && 2 * known >= labelled
}

/// Runs of number columns whose names differ by consecutive integers after the last underscore.
fn families(names: &[String], numbers: &[Option<Numbers>]) -> Vec<Family> {
    let bin = |place: usize| {
        let (name, text) = names[place].rsplit_once('_')?;
        let bin: i64 = text.parse().ok()?;
        (bin >= 0 && bin.to_string() == text).then_some((name, bin))
    };
    let mut by_name: BTreeMap<&str, Vec<(i64, usize)>> = BTreeMap::new();
    for place in (0..names.len()).filter(|&place| numbers[place].as_ref().is_some_and(|of| !of.order.is_empty())) {
        if let Some((name, bin)) = bin(place) {
            by_name.entry(name).or_default().push((bin, place));
        }
    }
    let mut families = Vec::new();
    for (name, mut bins) in by_name {
        bins.sort_unstable();
        let runs = bins.chunk_by(|a, b| a.0.checked_add(1) == Some(b.0)).filter(|run| run.len() >= FEWEST_BINS);
        families.extend(runs.map(|run| Family {
            name: name.to_owned(),
            first: run[0].0,
            columns: run.iter().map(|&(_, place)| place).collect(),
        }));
    }
    families.sort_by_key(|family| family.columns.iter().copied().min());
    families
}
