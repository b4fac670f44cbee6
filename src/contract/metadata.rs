use std::fmt;

use serde::{Serialize, Serializer};

/// The type of a metadata column (Tensorleap: `DatasetMetadataType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MetadataType {
    /// Any number; code_loader makes integers floats as well.
    Float,
    /// Text.
    String,
    /// An integer column; exists only by declaration.
    Int,
    /// True or false.
    Boolean,
}

/// One fact about one sample.
#[derive(Debug, Clone, PartialEq)]
pub enum MetadataValue {
    /// An integer.
    Int(i64),
    /// A number. NaN and infinities count as absent when they are delivered.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A text.
    Text(String),
    /// Not known for this sample.
    Absent,
}

impl MetadataValue {
    /// The column type that this value gives when code_loader's check records it; none when absent.
    pub const fn column_type(&self) -> Option<MetadataType> {
        match self {
            Self::Int(_) | Self::Float(_) => Some(MetadataType::Float),
            Self::Bool(_) => Some(MetadataType::Boolean),
            Self::Text(_) => Some(MetadataType::String),
            Self::Absent => None,
        }
    }

    /// Whether nothing is known: absent, or a number that is not finite.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent) || matches!(self, Self::Float(value) if !value.is_finite())
    }
}

impl fmt::Display for MetadataValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
            Self::Absent => Ok(()),
        }
    }
}

impl Serialize for MetadataValue {
    /// Numbers, texts and booleans as such; absent and non-finite numbers as null.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Absent => serializer.serialize_none(),
        }
    }
}

macro_rules! metadata_from {
    ($($source:ty => $variant:ident as $target:ty),* $(,)?) => {$(
        impl From<$source> for MetadataValue {
            fn from(value: $source) -> Self {
                Self::$variant(<$target>::from(value))
            }
        }
    )*};
}

metadata_from!(
    i32 => Int as i64, i64 => Int as i64, u8 => Int as i64, u16 => Int as i64, u32 => Int as i64,
    f32 => Float as f64, f64 => Float as f64, bool => Bool as bool, &str => Text as String, String => Text as String,
);

impl<T: Into<MetadataValue>> From<Option<T>> for MetadataValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

/// What a metadata function returns: one value, or several under keys.
///
/// A single value makes a column named like the function; a map makes one column per key, `<function>_<key>`.
#[derive(Debug, Clone, PartialEq)]
pub enum Metadata {
    /// One value.
    Scalar(MetadataValue),
    /// Key and value, in column order.
    Map(Vec<(String, MetadataValue)>),
}

impl<T: Into<MetadataValue>> From<T> for Metadata {
    fn from(value: T) -> Self {
        Self::Scalar(value.into())
    }
}

impl Metadata {
    /// A map from keys and values in column order.
    ///
    /// ```
    /// use leap_binder::contract::Metadata;
    /// let counts = Metadata::map([3i64, 5].iter().enumerate().map(|(level, &count)| (level.to_string(), count)));
    /// assert!(matches!(counts, Metadata::Map(columns) if columns.len() == 2));
    /// ```
    pub fn map<K, V>(entries: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<MetadataValue>,
    {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// The columns that this result fills for the function called `name`.
    pub fn into_columns(self, name: &str) -> Vec<(String, MetadataValue)> {
        match self {
            Self::Scalar(value) => vec![(name.to_owned(), value)],
            Self::Map(entries) => entries.into_iter().map(|(key, value)| (format!("{name}_{key}"), value)).collect(),
        }
    }
}
