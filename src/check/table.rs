use std::fmt;

use super::finding::Severity;
use super::observation::Value;
use super::options::Samples;
use super::report::{CheckReport, FunctionReport, Status, SubsetReport};
use super::rules::Rule;
use crate::contract::DataState;

impl fmt::Display for CheckReport {
    /// A table of functions by subsets, then every kept failure and finding, what was asked for, and the verdict.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states: Vec<DataState> = self
            .functions
            .first()
            .map(|function| function.subsets.iter().map(|subset| subset.state).collect())
            .unwrap_or_default();
        let width =
            self.functions.iter().map(|function| function.title().len()).max().unwrap_or(0).max("function".len());
        write!(f, "{:<width$}", "function")?;
        for state in &states {
            write!(f, "  {state:<10}")?;
        }
        writeln!(f, "  result on the first sample")?;
        let preprocess = self.payloads.iter().find(|payload| payload.name == "preprocess");
        let failed = !self.preprocess_failures.is_empty() || preprocess.is_none_or(|payload| !payload.is_passed);
        let verdict = if failed { "FAILED" } else { "ok" };
        writeln!(f, "{:<width$}  {verdict}", "preprocess")?;
        for function in &self.functions {
            write!(f, "{:<width$}", function.title())?;
            for subset in &function.subsets {
                write!(f, "  {:<10}", subset.mark())?;
            }
            writeln!(f, "  {}", function.result())?;
        }
        for payload in self.payloads.iter().filter(|payload| !payload.is_passed) {
            for (key, text) in &payload.display {
                if !self.failures().any(|failure| &failure.message == text) {
                    writeln!(f, "\n{} ({key}): {text}", payload.name)?;
                }
            }
        }
        if let Some(error) = &self.general_error {
            writeln!(f, "\ngeneral error: {error}")?;
        }
        for failure in self.failures() {
            writeln!(f, "\n{}", failure.message)?;
        }
        for finding in self.findings.iter().filter(|finding| finding.severity == Severity::Warning) {
            writeln!(f, "\nwarning: {}", finding.failure.message)?;
        }
        if !self.not_judged.is_empty() {
            writeln!(f, "\nNot judged:")?;
        }
        for open in &self.not_judged {
            writeln!(f, "  {} of {}: {}", open.rule, open.function, open.reason)?;
        }
        self.verdict(f, states.len())
    }
}

impl CheckReport {
    /// What was asked for and what came of it, for code_loader and beyond.
    fn verdict(&self, f: &mut fmt::Formatter<'_>, subsets: usize) -> fmt::Result {
        let options = &self.options;
        let samples = match options.samples {
            Samples::First => "the first sample of each subset".to_owned(),
            Samples::Every(step) => format!("every sample of {}", step.max(1)),
            Samples::All => "all samples".to_owned(),
        };
        let names: Vec<&str> = options.rules.iter().map(Rule::as_str).collect();
        let rules = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let stop = if options.fail_fast { "; stops at the first failure" } else { "" };
        writeln!(f, "\nChecked {samples}; rules beyond code_loader's: {rules}{stop}.")?;
        let failed = self.functions.iter().filter(|function| !function.passed()).count();
        let findings = self.findings.iter().filter(|finding| finding.severity == Severity::Failure).count();
        let functions = self.functions.len();
        match (self.is_valid, self.passed()) {
            (true, true) => write!(f, "The binder is valid: {functions} functions on {subsets} subsets."),
            (true, false) => write!(
                f,
                "The binder is valid for code_loader but does not pass: failed functions {failed} of {functions}, \
                 findings over several samples {findings}."
            ),
            (false, _) if failed == 0 && !self.preprocess_failures.is_empty() => {
                write!(f, "The binder is NOT valid: preprocess failed.")
            }
            (false, _) => write!(f, "The binder is NOT valid: {failed} of {functions} functions failed."),
        }
    }
}

impl FunctionReport {
    /// `kind::name`, or one of them where both are the same.
    pub(crate) fn title(&self) -> String {
        if self.name == self.kind.as_str() {
            self.name.clone()
        } else {
            format!("{}::{}", self.kind.as_str(), self.name)
        }
    }

    /// What the function gave on the first sample, in a few words.
    pub(crate) fn result(&self) -> String {
        let Some(subset) = self.subsets.iter().find(|subset| !subset.columns.is_empty()) else {
            return String::new();
        };
        match subset.columns.as_slice() {
            [column] => match &column.value {
                Value::Tensor(summary) => {
                    let (min, max) = (summary.min, summary.max);
                    format!("{} {:?}, {min:.4} to {max:.4}, mean {:.4}", summary.dtype, column.shape, summary.mean)
                }
                Value::Metadata(value) => value.to_string(),
                Value::Text(text) => text.clone(),
            },
            [first, .., last] => format!("{} columns, {} to {}", subset.columns.len(), first.name, last.name),
            [] => String::new(),
        }
    }
}

impl SubsetReport {
    fn mark(&self) -> String {
        match self.status {
            Status::Passed if self.samples > 1 => format!("ok {}", self.samples),
            Status::Passed => "ok".to_owned(),
            Status::Failed if self.samples > 1 => format!("FAILED {}", self.failed_samples),
            Status::Failed => "FAILED".to_owned(),
            Status::Skipped => "not run".to_owned(),
        }
    }
}
