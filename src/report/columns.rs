//! Metadata columns as the map needs them: numbers, or categories.

use std::collections::HashMap;

use serde::Serialize;

use super::json::{floats, shorts};
use super::numbers::{LONGEST_TEXT, cut};
use crate::contract::MetadataValue;
use crate::evaluate::SampleTable;

/// Most different texts of a column.
const MOST_LEVELS: usize = 65_000;

/// One column by which the map can be coloured and filtered.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) values: Values,
}

/// A column's values, packed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub(super) enum Values {
    /// f32, NaN where nothing is known.
    Number { values: String },
    /// Places in `levels`.
    Category { levels: Vec<String>, codes: String },
}

impl Column {
    pub(super) fn numbers(name: &str, values: impl Iterator<Item = Option<f64>>) -> Self {
        Self { name: cut(name, LONGEST_TEXT), values: Values::Number { values: floats(values) } }
    }

    /// A column of texts; none when there are too many different ones.
    fn texts(name: &str, values: impl Iterator<Item = Option<String>>) -> Option<Self> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut levels = Vec::new();
        let codes: Vec<Option<usize>> = values
            .map(|text| {
                let text = cut(&text?, LONGEST_TEXT);
                let place = *places.entry(text).or_insert_with_key(|text| {
                    levels.push(text.clone());
                    levels.len() - 1
                });
                Some(place)
            })
            .collect();
        let values =
            (levels.len() <= MOST_LEVELS).then(|| Values::Category { codes: shorts(codes.into_iter()), levels })?;
        Some(Self { name: cut(name, LONGEST_TEXT), values })
    }

    /// Roughly how many bytes it takes on the page.
    pub(super) fn bytes(&self) -> usize {
        self.name.len()
            + match &self.values {
                Values::Number { values } => values.len(),
                Values::Category { levels, codes } => {
                    codes.len() + levels.iter().map(|level| level.len() + 3).sum::<usize>()
                }
            }
    }
}

/// The attributes, which say where a sample comes from.
pub(super) fn attributes(table: &SampleTable) -> Vec<Column> {
    let column = |(place, name): (usize, &String)| {
        Column::texts(name, table.rows.iter().map(move |row| row.attributes.get(place).cloned()))
    };
    table.attributes.iter().enumerate().filter_map(column).collect()
}

/// The metadata columns at these places: numbers where all values are, else texts.
pub(super) fn metadata<'a>(
    table: &'a SampleTable,
    places: impl Iterator<Item = usize> + 'a,
) -> impl Iterator<Item = Column> + 'a {
    places.filter_map(|place| {
        let values = || table.rows.iter().map(move |row| row.metadata.get(place).unwrap_or(&MetadataValue::Absent));
        let name = &table.metadata[place];
        if values().all(|value| value.is_absent() || numeric(value).is_some()) {
            return Some(Column::numbers(name, values().map(numeric)));
        }
        Column::texts(name, values().map(|value| (!value.is_absent()).then(|| value.to_string())))
    })
}

/// A finite number; booleans are categories.
pub(super) fn numeric(value: &MetadataValue) -> Option<f64> {
    match value {
        MetadataValue::Int(value) => Some(*value as f64),
        MetadataValue::Float(value) => value.is_finite().then_some(*value),
        MetadataValue::Bool(_) | MetadataValue::Text(_) | MetadataValue::Absent => None,
    }
}
