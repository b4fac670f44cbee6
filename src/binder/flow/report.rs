//! What an integration test found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use super::table::{LOAD_MODEL, StatusTable, row_of};
use crate::binder::Registry;
use crate::contract::{NodeConnection, Violation};

/// What is allowed but deserves a look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Warnings {
    /// For each parameter that was left to its default, by its name.
    pub defaults: BTreeMap<String, Defaulted>,
    /// Everything else, each once, in the order in which it came up.
    pub general: Vec<String>,
}

/// A parameter that was left to its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Defaulted {
    /// The default.
    pub value: String,
    /// The functions concerned.
    pub functions: BTreeSet<String>,
}

impl Warnings {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.defaults.is_empty() && self.general.is_empty()
    }

    /// What the registration left to defaults.
    pub(crate) fn registered(registry: &Registry) -> Self {
        let mut warnings = Self::default();
        for input in registry.inputs.iter().filter(|input| input.channel_dim_defaulted) {
            warnings.defaulted("channel_dim", "-1", &input.name);
        }
        if registry.predictions.is_empty() && registry.load_model.is_some() {
            warnings.defaulted("prediction_types", "[]", LOAD_MODEL);
        }
        for (place, prediction) in registry.predictions.iter().enumerate() {
            if prediction.channel_dim_defaulted {
                warnings.defaulted(&format!("prediction_types[{place}].channel_dim"), "-1", LOAD_MODEL);
            }
        }
        warnings
    }

    pub(super) fn defaulted(&mut self, parameter: &str, value: &str, function: &str) {
        let entry = self.defaults.entry(parameter.to_owned());
        let entry = entry.or_insert_with(|| Defaulted { value: value.to_owned(), functions: BTreeSet::new() });
        entry.functions.insert(function.to_owned());
    }

    pub(super) fn add(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.general.contains(&text) {
            self.general.push(text);
        }
    }
}

impl fmt::Display for Warnings {
    /// Defaults by parameter, then the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nWarnings:")?;
        for (parameter, Defaulted { value, functions }) in &self.defaults {
            let functions = functions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            writeln!(
                f,
                " ⚠️ Parameter '{parameter}' defaults to {value} in the following functions: [{functions}]. For more \
                 information, check its documentation."
            )?;
        }
        for text in &self.general {
            writeln!(f, " ⚠️ {text}")?;
        }
        if !self.defaults.is_empty() {
            writeln!(f, "If a default is not what you want, set the parameter where the function is registered.")?;
        }
        Ok(())
    }
}

/// What an integration test found: the graph, warnings, and which parts of the contract it went through.
///
/// Its text form is what code_loader prints: notes, `Successful!`, warnings, the table. A failure stands last, which
/// code_loader leaves to the language.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct IntegrationReport {
    /// The graph as far as it was recorded: labels of predictions first, then calls in their order.
    pub connections: Vec<NodeConnection>,
    /// What deserves a look.
    pub warnings: Warnings,
    /// Hints on a failure.
    pub notes: Vec<String>,
    /// The parts of the contract and how they fared.
    pub table: StatusTable,
    /// What stopped the test.
    #[serde(serialize_with = "as_text")]
    pub failure: Option<Violation>,
}

impl IntegrationReport {
    /// Whether nothing stopped the test. Parts that were never called stand in the table.
    pub const fn passed(&self) -> bool {
        self.failure.is_none()
    }

    /// A failure where the test stands.
    pub(super) fn stop(&mut self, violation: Violation) {
        self.table.crash();
        self.failure = Some(violation);
    }

    /// A failure of the closing check, blamed on its function.
    pub(crate) fn fail(&mut self, violation: Violation) {
        if let Some(row) = row_of(&violation.function) {
            self.table.enter(row);
        }
        self.stop(violation);
    }
}

fn as_text<S: Serializer>(failure: &Option<Violation>, serializer: S) -> Result<S::Ok, S::Error> {
    failure.as_ref().map(ToString::to_string).serialize(serializer)
}

impl fmt::Display for IntegrationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        if self.passed() {
            writeln!(f, "Successful!")?;
        }
        write!(f, "{}{}", self.warnings, self.table)?;
        match &self.failure {
            Some(failure) => writeln!(f, "\n{failure}"),
            None => Ok(()),
        }
    }
}
