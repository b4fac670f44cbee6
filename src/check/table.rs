use std::fmt;

use super::observation::Value;
use super::report::{CheckReport, FunctionReport, Status, SubsetReport};
use crate::contract::DataState;

impl fmt::Display for CheckReport {
    /// A table of functions by subsets, then every kept failure, then the verdict.
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
        let verdict = if self.preprocess_failures.is_empty() { "ok" } else { "FAILED" };
        writeln!(f, "{:<width$}  {verdict}", "preprocess")?;
        for function in &self.functions {
            write!(f, "{:<width$}", function.title())?;
            for subset in &function.subsets {
                write!(f, "  {:<10}", subset.mark())?;
            }
            writeln!(f, "  {}", function.result())?;
        }
        let failures = self.functions.iter().flat_map(FunctionReport::failures);
        for failure in self.preprocess_failures.iter().chain(failures) {
            writeln!(f, "\n{}", failure.message)?;
        }
        let failed = self.functions.iter().filter(|function| !function.passed()).count();
        match (self.is_valid, failed) {
            (true, _) => {
                write!(f, "\nThe binder is valid: {} functions on {} subsets.", self.functions.len(), states.len())
            }
            (false, 0) => write!(f, "\nThe binder is NOT valid: preprocess failed."),
            (false, failed) => {
                write!(f, "\nThe binder is NOT valid: {failed} of {} functions failed.", self.functions.len())
            }
        }
    }
}

impl FunctionReport {
    fn title(&self) -> String {
        if self.name == self.kind.as_str() {
            self.name.clone()
        } else {
            format!("{}::{}", self.kind.as_str(), self.name)
        }
    }

    fn result(&self) -> String {
        let Some(subset) = self.subsets.iter().find(|subset| !subset.columns.is_empty()) else {
            return String::new();
        };
        match subset.columns.as_slice() {
            [column] => match &column.value {
                Value::Tensor(summary) => {
                    let (min, max) = (summary.min, summary.max);
                    format!("{} {:?}, {min:.4} to {max:.4}, mean {:.4}", summary.dtype, column.shape, summary.mean)
                }
                Value::Metadata(value, _) => value.to_string(),
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
