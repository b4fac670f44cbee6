//! Which parts of the contract an integration test went through, as data and as code_loader prints it.

use std::fmt;

use serde::Serialize;

use crate::binder::Registry;

pub(super) const TEST: &str = "tensorleap_integration_test";
pub(super) const PREPROCESS: &str = "tensorleap_preprocess";
pub(super) const INPUT: &str = "tensorleap_input_encoder";
pub(super) const GROUND_TRUTH: &str = "tensorleap_gt_encoder";
pub(super) const LOAD_MODEL: &str = "tensorleap_load_model";
pub(super) const LOSS: &str = "tensorleap_custom_loss";
pub(super) const METRIC: &str = "tensorleap_custom_metric";
pub(super) const METADATA: &str = "tensorleap_metadata";
pub(super) const VISUALIZER: &str = "tensorleap_custom_visualizer";
pub(super) const SIMULATION: &str = "tensorleap simulation";
pub(super) const INSTANCE_METRIC: &str = "tensorleap_custom_instances_metric";
pub(super) const LATENT_SPACE: &str = "tensorleap_custom_latent_space";
pub(super) const STEP: &str = "tensorleap_autoregressive_step";
pub(super) const MODEL_LOOP: &str = "tensorleap_model_loop";
pub(super) const CHAIN_METRIC: &str = "tensorleap_autoregressive_metric";
pub(super) const CHAIN_LOSS: &str = "tensorleap_autoregressive_loss";
pub(super) const CHAIN_VISUALIZER: &str = "tensorleap_autoregressive_visualizer";

/// Functions as violations name their kind, and the row of each.
const ROWS: [(&str, &str); 14] = [
    ("preprocess", PREPROCESS),
    ("input_encoder", INPUT),
    ("gt_encoder", GROUND_TRUTH),
    ("load_model", LOAD_MODEL),
    ("loss", LOSS),
    ("metric", METRIC),
    ("instance_metric", INSTANCE_METRIC),
    ("metadata", METADATA),
    ("visualizer", VISUALIZER),
    ("latent_space", LATENT_SPACE),
    ("autoregressive_step", STEP),
    ("autoregressive_metric", CHAIN_METRIC),
    ("autoregressive_loss", CHAIN_LOSS),
    ("autoregressive_visualizer", CHAIN_VISUALIZER),
];

/// The row of a function, as violations name functions.
pub(super) fn row_of(function: &str) -> Option<&'static str> {
    let kind = function.split("::").next()?;
    ROWS.iter().find(|(known, _)| *known == kind).map(|(_, row)| *row)
}

/// The kind of function that a row stands for.
pub(super) fn function_of(row: &str) -> &'static str {
    ROWS.iter().find(|(_, known)| *known == row).map_or("function", |(kind, _)| kind)
}

/// How a part fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartStatus {
    /// The test stopped before it came to this part.
    Undecided,
    /// A function of this kind was called and kept its rules.
    Passed,
    /// A function of this kind broke a rule, or none was called.
    Failed,
}

/// One part of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatusRow {
    /// Tensorleap's name of the part.
    pub name: &'static str,
    /// Whether a binder may do without.
    pub optional: bool,
    /// How it fared.
    pub status: PartStatus,
}

impl StatusRow {
    fn title(&self) -> String {
        if self.optional { format!("{} (optional)", self.name) } else { self.name.to_owned() }
    }
}

/// How an integration test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It ran to its end.
    Clean,
    /// It stopped in a function of this kind, or before the test began.
    Crashed(Option<&'static str>),
    /// It stopped between functions: in the body itself, or in the wiring.
    FlowFailed,
}

/// The parts of the contract in Tensorleap's order, and how the test ended (code_loader 1.0.214's exit table).
///
/// Its text form is that table, line by line as code_loader prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatusTable {
    /// The parts.
    pub rows: Vec<StatusRow>,
    /// How the test ended.
    pub ending: Ending,
    /// Registered simulations that were not called.
    pub simulations_not_called: Vec<String>,
    /// Simulations of which a call failed.
    pub simulations_failed: Vec<String>,
    #[serde(skip)]
    current: Option<&'static str>,
    #[serde(skip)]
    started: bool,
}

impl StatusTable {
    pub(super) fn new(registry: &Registry) -> Self {
        let mandatory = [TEST, PREPROCESS, INPUT, GROUND_TRUTH, LOAD_MODEL, LOSS].map(|name| (name, false));
        let optional = [METRIC, METADATA, VISUALIZER].map(|name| (name, true));
        let chain = registry.autoregressive.as_ref();
        let mut names: Vec<(&'static str, bool)> = mandatory.into_iter().chain(optional).collect();
        // The step makes the inputs.
        names.retain(|(name, _)| chain.is_none() || *name != INPUT);
        if !registry.simulations.is_empty() {
            names.push((SIMULATION, true));
        }
        if let Some(chain) = chain {
            let has = [
                (STEP, true),
                (MODEL_LOOP, true),
                (CHAIN_METRIC, !chain.metrics.is_empty()),
                (CHAIN_LOSS, !chain.losses.is_empty()),
                (CHAIN_VISUALIZER, !chain.visualizers.is_empty()),
            ];
            names.extend(has.into_iter().filter(|(_, has)| *has).map(|(name, _)| (name, false)));
        }
        let row = |(name, optional)| StatusRow { name, optional, status: PartStatus::Undecided };
        Self {
            rows: names.into_iter().map(row).collect(),
            ending: Ending::Clean,
            simulations_not_called: registry.simulations.iter().map(|simulation| simulation.name.clone()).collect(),
            simulations_failed: Vec::new(),
            current: None,
            started: false,
        }
    }

    /// How a part fared; none when the table has no such row.
    pub fn status(&self, name: &str) -> Option<PartStatus> {
        self.rows.iter().find(|row| row.name == name).map(|row| row.status)
    }

    /// Whether every part passed.
    pub fn is_complete(&self) -> bool {
        self.ending == Ending::Clean && self.next().is_none()
    }

    /// The first part that did not pass: what to add next.
    pub fn next(&self) -> Option<&StatusRow> {
        self.rows.iter().find(|row| row.status != PartStatus::Passed)
    }

    pub(super) fn start(&mut self) {
        self.started = true;
        self.pass(TEST);
    }

    /// A function is being called.
    pub(super) const fn enter(&mut self, name: &'static str) {
        self.current = Some(name);
    }

    /// The function returned and kept its rules.
    pub(super) fn pass(&mut self, name: &'static str) {
        self.current = None;
        self.set(name, PartStatus::Passed);
    }

    pub(super) fn simulated(&mut self, name: &str, passed: bool) {
        self.simulations_not_called.retain(|other| other != name);
        if passed {
            self.current = None;
        } else if !self.simulations_failed.iter().any(|other| other == name) {
            self.simulations_failed.push(name.to_owned());
        }
    }

    /// Closes the table: what was never called is missing.
    pub(super) fn finish(&mut self) {
        self.close_simulations();
        for row in &mut self.rows {
            if row.status == PartStatus::Undecided && row.name != SIMULATION {
                row.status = PartStatus::Failed;
            }
        }
    }

    /// Closes the table after a failure, in the function that is being called.
    pub(super) fn crash(&mut self) {
        self.close_simulations();
        self.ending = match self.current {
            Some(name) => Ending::Crashed(Some(name)),
            None if self.started => Ending::FlowFailed,
            None => Ending::Crashed(None),
        };
        if let Some(name) = self.current {
            self.set(name, PartStatus::Failed);
        }
    }

    fn close_simulations(&mut self) {
        if !self.simulations_failed.is_empty() {
            self.set(SIMULATION, PartStatus::Failed);
        } else if self.simulations_not_called.is_empty() {
            self.set(SIMULATION, PartStatus::Passed);
        }
    }

    /// Once failed, a part stays so.
    fn set(&mut self, name: &str, status: PartStatus) {
        let row = self.rows.iter_mut().find(|row| row.name == name);
        if let Some(row) = row.filter(|row| row.status != PartStatus::Failed) {
            row.status = status;
        }
    }

    fn closing_line(&self) -> String {
        match self.ending {
            Ending::Crashed(None) => return "Script crashed before completing all steps.".to_owned(),
            Ending::Crashed(Some(name)) => {
                return format!("Script crashed before completing all steps. crashed at function '{name}'.");
            }
            Ending::FlowFailed => {
                return "❌ Tensorleap_integration_test code flow failed, check raised exception.".to_owned();
            }
            Ending::Clean => {}
        }
        // The spelling is code_loader's: tools look for these lines.
        match self.next() {
            None => "All parts have been successfully set. If no errors accured, you can now push the project to the \
                     Tensorleap system."
                .to_owned(),
            Some(row) if row.optional => format!(
                "All mandatory parts have been successfully set. If no errors accured, you can now push the project to \
                 the Tensorleap system or continue to the next optional reccomeded interface,adding: {}",
                row.name
            ),
            Some(row) => format!(
                "Some mandatory components have not yet been added to the Integration test. Recommended next interface \
                 to add is: {}",
                row.name
            ),
        }
    }
}

impl fmt::Display for StatusTable {
    /// The lines that code_loader prints when the program ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.simulations_failed.is_empty() {
            writeln!(f, "\n❌ Simulation(s) failed in integration test: {}", self.simulations_failed.join(", "))?;
        }
        if !self.simulations_not_called.is_empty() {
            let names = self.simulations_not_called.join(", ");
            writeln!(f, "\n⚠️  Simulation(s) not called in integration test: {names}")?;
        }
        let width = self.rows.iter().map(|row| row.title().len()).max().unwrap_or(0).max("Decorator Name".len());
        let header = format!("{:<width$} | Added to integration", "Decorator Name");
        writeln!(f, "\n{header}\n{}", "-".repeat(header.len()))?;
        for row in &self.rows {
            let symbol = match row.status {
                PartStatus::Undecided => "❔",
                PartStatus::Passed => "✅",
                PartStatus::Failed => "❌",
            };
            writeln!(f, "{:<width$} | {symbol}", row.title())?;
        }
        writeln!(f, "\n{}", self.closing_line())
    }
}
