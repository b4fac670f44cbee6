use super::{CheckRow, CheckSummary};
use crate::check::{CheckReport, Status};

/// The check's table: preprocess, then each function on each subset with what it gave or why it failed, then the findings
/// over several samples.
impl From<&CheckReport> for CheckSummary {
    fn from(report: &CheckReport) -> Self {
        let row = |name: &str, subset: &str, status: &str, detail: String| CheckRow {
            name: name.to_owned(),
            subset: subset.to_owned(),
            status: status.to_owned(),
            detail,
        };
        let mut rows: Vec<CheckRow> = report
            .preprocess_failures
            .iter()
            .map(|failure| row("preprocess", "", "failed", failure.message.clone()))
            .collect();
        if rows.is_empty() {
            rows.push(row("preprocess", "", "passed", String::new()));
        }
        for function in &report.functions {
            for (place, subset) in function.subsets.iter().enumerate() {
                let (status, detail) = match subset.status {
                    Status::Passed if place == 0 => ("passed", function.result()),
                    Status::Passed => ("passed", String::new()),
                    Status::Failed => ("failed", messages(subset.failures.iter().map(|failure| &failure.message))),
                    Status::Skipped => ("not run", subset.skipped.clone().unwrap_or_default()),
                };
                rows.push(row(&function.title(), subset.state.as_str(), status, detail));
            }
        }
        for finding in &report.findings {
            let failure = &finding.failure;
            let subset = failure.subset.map_or("", |state| state.as_str());
            let status = if finding.severity == crate::check::Severity::Failure { "failed" } else { "warning" };
            rows.push(row(&failure.function, subset, status, failure.message.clone()));
        }
        let failed = rows.iter().filter(|row| row.status == "failed").count();
        let summary = match (&report.general_error, failed) {
            (Some(error), _) => format!("The check was ended: {error}"),
            (None, 0) => format!("The binder is valid: {} functions, nothing failed.", report.functions.len()),
            (None, _) => format!("The binder is not valid: {failed} of {} checks failed.", rows.len()),
        };
        Self { passed: report.passed(), summary, rows }
    }
}

fn messages<'a>(messages: impl Iterator<Item = &'a String>) -> String {
    messages.map(String::as_str).collect::<Vec<_>>().join("\n")
}
