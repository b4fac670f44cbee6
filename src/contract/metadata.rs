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

impl MetadataType {
    /// The contract's spelling: `float`, `string`, `int`, `boolean`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::String => "string",
            Self::Int => "int",
            Self::Boolean => "boolean",
        }
    }

    /// What stands for an absent value of this type when metadata are delivered: -1, `"None"`, -1, false.
    pub fn default_value(self) -> MetadataValue {
        match self {
            Self::Float => MetadataValue::Float(-1.0),
            Self::String => MetadataValue::Text("None".to_owned()),
            Self::Int => MetadataValue::Int(-1),
            Self::Boolean => MetadataValue::Bool(false),
        }
    }
}

/// The declared type of a metadata function's columns: one for all, or one for each key of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataTypes {
    /// The type of a single value.
    Scalar(MetadataType),
    /// Key and type of a map's values.
    Map(Vec<(String, MetadataType)>),
}

impl MetadataTypes {
    /// The type declared for a key of a map, or for the single value (`None`).
    pub fn of(&self, key: Option<&str>) -> Option<MetadataType> {
        match (self, key) {
            (Self::Scalar(one), None) => Some(*one),
            (Self::Map(types), Some(key)) => types.iter().find(|(name, _)| name == key).map(|(_, one)| *one),
            _ => None,
        }
    }
}

impl From<MetadataType> for MetadataTypes {
    fn from(one: MetadataType) -> Self {
        Self::Scalar(one)
    }
}

impl<const N: usize> From<[(&str, MetadataType); N]> for MetadataTypes {
    fn from(types: [(&str, MetadataType); N]) -> Self {
        Self::Map(types.into_iter().map(|(key, one)| (key.to_owned(), one)).collect())
    }
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

    /// The value as a column of `column_type` delivers it, and whether it stands for an absent one.
    ///
    /// Absent and non-finite values become [`MetadataType::default_value`], as do texts that are no number in a number's
    /// column; any text but the empty one is true.
    pub fn delivered(&self, column_type: MetadataType) -> (Self, bool) {
        if self.is_absent() {
            return (column_type.default_value(), true);
        }
        let converted = match column_type {
            MetadataType::Float => self.as_f64().map(Self::Float),
            MetadataType::Int => self.as_f64().map(|value| Self::Int(value.trunc() as i64)),
            MetadataType::String => Some(Self::Text(self.to_string())),
            MetadataType::Boolean => Some(Self::Bool(match self {
                Self::Int(value) => *value != 0,
                Self::Float(value) => *value != 0.0,
                Self::Bool(value) => *value,
                Self::Text(text) => !text.is_empty(),
                Self::Absent => false,
            })),
        };
        converted.map_or_else(|| (column_type.default_value(), true), |value| (value, false))
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Text(text) => text.trim().parse().ok(),
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
