//! The text of a `leap.yaml`: its keys with their lines, and errors that show where they are.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::{Spanned, UserMessageFormatter};

use crate::Result;

const KNOWN: [&str; 7] = ["projectId", "secretId", "branch", "entryFile", "include", "exclude", "pythonVersion"];

/// The seven keys as they stand in the file. A key without a value is `Some(None)`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Keys {
    pub(super) project_id: Option<String>,
    pub(super) secret_id: Option<String>,
    pub(super) branch: Option<String>,
    #[serde(deserialize_with = "present")]
    pub(super) entry_file: Option<Option<String>>,
    pub(super) include: Option<Vec<String>>,
    pub(super) exclude: Option<Vec<String>>,
    pub(super) python_version: Option<String>,
}

/// Tells a key without a value from an absent key.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
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
        write!(f, "line {}: key `{}` has no effect, it ", self.line, self.key)?;
        match self.key.as_str() {
            "secretManagerId" => f.write_str("is obsolete: it is called `secretId` now"),
            "codeIntegrationId" => f.write_str("is obsolete: `projectId` alone names the project now"),
            key => match KNOWN.iter().find(|known| simple(known) == simple(key)) {
                Some(known) => write!(f, "is written `{known}`"),
                None => f.write_str("is not known"),
            },
        }
    }
}

/// A key as it is remembered: without case, word breaks and the plural.
fn simple(key: &str) -> String {
    let letters = key.chars().filter(|char| !matches!(char, '_' | '-' | ' ')).flat_map(char::to_lowercase);
    letters.collect::<String>().trim_end_matches('s').to_owned()
}

/// Reads the keys and, in the order of their lines, those that have no effect; or says where the text is wrong.
pub(super) fn parse(text: &str) -> Result<(Keys, Vec<Warning>), String> {
    let problem = |error: serde_saphyr::Error| render(&error, text);
    let keys: Option<Keys> = serde_saphyr::from_str(text).map_err(problem)?;
    let lines: Option<HashMap<Spanned<String>, IgnoredAny>> = serde_saphyr::from_str(text).map_err(problem)?;

    let mut warnings: Vec<Warning> = lines
        .unwrap_or_default()
        .into_keys()
        .filter(|key| !KNOWN.contains(&key.value.as_str()))
        .map(|key| Warning { line: key.referenced.line(), key: key.value })
        .collect();
    warnings.sort();
    Ok((keys.unwrap_or_default(), warnings))
}

/// The error with its line and a caret under its column:
///
/// ```text
/// line 2 column 10: expected a list of patterns, such as [src/**]
///   |
/// 2 | include: src
///   |          ^
/// ```
fn render(error: &serde_saphyr::Error, text: &str) -> String {
    let said = error.without_snippet().render_with_formatter(&UserMessageFormatter);
    let Some(location) = error.location() else { return said };
    let (line, column) = (location.line(), location.column());
    let place = format!("line {line} column {column}");

    // The reader's words without its own mention of the place, and in the words of whoever wrote the file.
    let said = said.trim_start_matches("error: ").trim_start_matches(&place).trim_start_matches(": ");
    let said = said.trim_end_matches(&format!(" at line {line}, column {column}"));
    let said = match said {
        "expected sequence start" => "expected a list of patterns, such as [src/**]",
        "expected string scalar" => "expected one text",
        "expected mapping start" => "expected keys with values, such as `entryFile: tests/leap_test.rs`",
        other => other,
    };

    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let row = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let source = text.lines().nth(row).unwrap_or_default();
    let before = source.chars().take(usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1));
    // A tab is as wide above the caret as it is before it.
    let indent: String = before.map(|char| if char == '\t' { '\t' } else { ' ' }).collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    format!("{place}: {said}\n{margin} |\n{number} | {source}\n{margin} | {indent}^")
}
