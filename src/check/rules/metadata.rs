//! Keys and types of metadata, held against the first training sample's.

use crate::contract::{Code, Metadata, MetadataType, MetadataTypes, MetadataValue, Violation};

/// The columns that a metadata function gave on the first training sample.
#[derive(Debug)]
pub(in crate::check) enum Columns {
    Scalar(Option<MetadataType>),
    Map(Vec<(String, Option<MetadataType>)>),
}

impl Columns {
    pub(in crate::check) fn of(metadata: &Metadata) -> Self {
        match metadata {
            Metadata::Scalar(value) => Self::Scalar(value.column_type()),
            Metadata::Map(entries) => {
                Self::Map(entries.iter().map(|(key, value)| (key.clone(), value.column_type())).collect())
            }
        }
    }

    fn keys(&self) -> Vec<&str> {
        match self {
            Self::Scalar(_) => vec!["(a single value)"],
            Self::Map(entries) => entries.iter().map(|(key, _)| key.as_str()).collect(),
        }
    }

    /// The same keys in the same order.
    pub(in crate::check) fn same_keys(
        &self,
        function: &str,
        reference: &str,
        metadata: &Metadata,
    ) -> Result<(), Violation> {
        let same = match (self, metadata) {
            (Self::Scalar(_), Metadata::Scalar(_)) => true,
            (Self::Map(known), Metadata::Map(entries)) => {
                known.len() == entries.len() && known.iter().zip(entries).all(|((known, _), (key, _))| known == key)
            }
            _ => false,
        };
        if same {
            return Ok(());
        }
        let other = Self::of(metadata);
        let (known, keys) = (self.keys(), other.keys());
        let without = |a: &[&str], b: &[&str]| -> Vec<String> {
            a.iter().filter(|key| !b.contains(key)).take(5).map(ToString::to_string).collect()
        };
        let expected = format!("the {} columns of training sample {reference}", known.len());
        let (missing, added) = (without(&known, &keys), without(&keys, &known));
        let found = format!("{} columns, missing {missing:?}, added {added:?}", keys.len());
        Err(Violation::new(Code::MetadataKeys, function, expected, found))
    }

    /// The same types, as far as both are known.
    pub(in crate::check) fn same_types(
        &self,
        function: &str,
        reference: &str,
        metadata: &Metadata,
    ) -> Result<(), Violation> {
        match (self, metadata) {
            (Self::Scalar(known), Metadata::Scalar(value)) => same_type(function, reference, "", *known, value),
            (Self::Map(known), Metadata::Map(entries)) => {
                let mut pairs = known.iter().zip(entries);
                pairs.try_for_each(|((key, known), (_, value))| same_type(function, reference, key, *known, value))
            }
            _ => Ok(()),
        }
    }
}

fn same_type(
    function: &str,
    reference: &str,
    key: &str,
    known: Option<MetadataType>,
    value: &MetadataValue,
) -> Result<(), Violation> {
    let (Some(known), Some(found)) = (known, value.column_type()) else { return Ok(()) };
    if known == found {
        return Ok(());
    }
    let column = if key.is_empty() { String::new() } else { format!("{key} ") };
    let expected = format!("{column}of type {} as on training sample {reference}", known.as_str());
    Err(Violation::new(Code::MetadataType, function, expected, found.as_str()))
}

/// The first training sample must show every column's type, unless it is declared.
pub(in crate::check) fn known_types(
    function: &str,
    declared: Option<&MetadataTypes>,
    metadata: &Metadata,
) -> Result<(), Violation> {
    let known = |key: Option<&str>, value: &MetadataValue| {
        value.column_type().is_some() || declared.is_some_and(|types| types.of(key).is_some())
    };
    let unknown = match metadata {
        Metadata::Scalar(value) => (!known(None, value)).then_some("the value"),
        Metadata::Map(entries) => {
            entries.iter().find(|(key, value)| !known(Some(key), value)).map(|(key, _)| key.as_str())
        }
    };
    match unknown {
        None => Ok(()),
        Some(column) => {
            let expected = "a value on the first training sample, or a declared type";
            Err(Violation::new(Code::MetadataType, function, expected, format!("{column} absent")))
        }
    }
}
