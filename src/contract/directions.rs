use super::{Code, MetricDirection, MetricResult, Violation};

/// Which way a metric gets better: one direction, or one for each key of its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricDirections {
    /// One direction for everything the metric returns.
    Single(MetricDirection),
    /// Key and direction, in order.
    Map(Vec<(String, MetricDirection)>),
}

/// Whether insights are computed from a metric: for all of it, or for each key of its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComputeInsights {
    /// One answer for everything the metric returns.
    All(bool),
    /// Key and answer, in order.
    Map(Vec<(String, bool)>),
}

/// A metric's directions once a result is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedDirections {
    /// One direction for one set of values; one for each key, in the result's order, for a map.
    pub directions: MetricDirections,
    /// The parameter that fell back to `Downward` and deserves a warning: `direction`, or `direction[{'p', 'q'}]` with
    /// the keys concerned in alphabetical order.
    pub defaulted: Option<String>,
    /// What else the author should know.
    pub warnings: Vec<String>,
}

impl MetricDirections {
    /// Directions under keys.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, MetricDirection)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, direction)| (key.into(), direction)).collect())
    }
}

impl ComputeInsights {
    /// Answers under keys.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, bool)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, wanted)| (key.into(), wanted)).collect())
    }

    /// Whether insights were explicitly switched off for `key`.
    fn is_off(&self, key: &str) -> bool {
        match self {
            Self::All(wanted) => !wanted,
            Self::Map(entries) => find(entries, key).is_some_and(|wanted| !wanted),
        }
    }
}

impl From<MetricDirection> for MetricDirections {
    fn from(direction: MetricDirection) -> Self {
        Self::Single(direction)
    }
}

impl<const N: usize> From<[(&str, MetricDirection); N]> for MetricDirections {
    fn from(entries: [(&str, MetricDirection); N]) -> Self {
        Self::map(entries)
    }
}

impl From<bool> for ComputeInsights {
    fn from(wanted: bool) -> Self {
        Self::All(wanted)
    }
}

impl<const N: usize> From<[(&str, bool); N]> for ComputeInsights {
    fn from(entries: [(&str, bool); N]) -> Self {
        Self::map(entries)
    }
}

/// Settles a metric's directions from what was declared and from a result, as code_loader 1.0.214 does on a direct call.
///
/// One set of values takes the declared direction; `Downward` when none was declared, or, with a warning, when only a map
/// was. A map gives every key the single declared direction, or its own; keys without one are `Downward`. `insights`
/// only silences: no warning is due for a default whose insights are switched off.
///
/// # Errors
/// `BND-210` when a declared key is not among the result's keys.
pub fn resolve_directions(
    function: &str,
    declared: Option<&MetricDirections>,
    insights: Option<&ComputeInsights>,
    result: &MetricResult,
) -> Result<ResolvedDirections, Violation> {
    let Some(keys) = result.keys() else {
        return Ok(for_plain(function, declared, insights));
    };
    let keys: Vec<&str> = keys.collect();
    let mut defaulted = Vec::new();
    let mut default = |key: &str| {
        if !insights.is_some_and(|insights| insights.is_off(key)) {
            defaulted.push(format!("'{key}'"));
        }
        MetricDirection::Downward
    };
    let direction_of = |key: &&str| {
        let direction = match declared {
            Some(MetricDirections::Single(direction)) => *direction,
            Some(MetricDirections::Map(entries)) => find(entries, key).unwrap_or_else(|| default(key)),
            None => default(key),
        };
        ((*key).to_owned(), direction)
    };
    let directions = MetricDirections::Map(keys.iter().map(direction_of).collect());
    if let Some(MetricDirections::Map(entries)) = declared {
        known_keys(function, "direction", entries, &keys)?;
    }
    defaulted.sort_unstable();
    let defaulted = (!defaulted.is_empty()).then(|| format!("direction[{{{}}}]", defaulted.join(", ")));
    Ok(ResolvedDirections { directions, defaulted, warnings: Vec::new() })
}

/// Holds a metric's `compute_insights` against its result; gives warnings.
///
/// # Errors
/// `BND-210` when a declared key is not among the result's keys.
pub fn check_insights(
    function: &str,
    declared: Option<&ComputeInsights>,
    result: &MetricResult,
) -> Result<Vec<String>, Violation> {
    let Some(ComputeInsights::Map(entries)) = declared else { return Ok(Vec::new()) };
    let Some(keys) = result.keys() else {
        return Ok(vec![format!(
            "{function}: a compute_insights mapping was declared, but the result has no keys; it has no effect"
        )]);
    };
    known_keys(function, "compute_insights", entries, &keys.collect::<Vec<_>>())?;
    Ok(Vec::new())
}

fn for_plain(
    function: &str,
    declared: Option<&MetricDirections>,
    insights: Option<&ComputeInsights>,
) -> ResolvedDirections {
    let silent = matches!(insights, Some(ComputeInsights::All(false)));
    let (direction, defaulted, warnings) = match declared {
        Some(MetricDirections::Single(direction)) => (*direction, None, Vec::new()),
        None => (MetricDirection::Downward, (!silent).then(|| "direction".to_owned()), Vec::new()),
        Some(MetricDirections::Map(_)) => {
            let warning =
                format!("{function}: a direction mapping was declared, but the result has no keys; Downward is used");
            (MetricDirection::Downward, None, vec![warning])
        }
    };
    ResolvedDirections { directions: direction.into(), defaulted, warnings }
}

fn find<T: Copy>(entries: &[(String, T)], key: &str) -> Option<T> {
    entries.iter().find(|(known, _)| known == key).map(|(_, value)| *value)
}

fn known_keys<T>(function: &str, what: &str, declared: &[(String, T)], keys: &[&str]) -> Result<(), Violation> {
    match declared.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, _)) => Err(Violation::new(
            Code::MetricResult,
            function,
            format!("keys in the {what} mapping to be among the result's keys, {keys:?}"),
            format!("the key {key:?}"),
        )),
    }
}
