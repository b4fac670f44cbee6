use super::{CheckRow, CheckSummary};
use crate::check::{CheckReport, Severity, Status};

/// The check's table: each function on each subset with what it gave or why it failed, then findings over several samples, then
/// steps that failed without a function.
impl From<&CheckReport> for CheckSummary {
    fn from(report: &CheckReport) -> Self {
        let mut rows = Vec::new();
        for failure in &report.preprocess_failures {
            rows.push(row("preprocess", "", "failed", failure.message.clone()));
        }
        if rows.is_empty() && !report.functions.is_empty() {
            rows.push(row("preprocess", "", "passed", String::new()));
        }
        for function in &report.functions {
            for (place, subset) in function.subsets.iter().enumerate() {
                let (status, detail) = match subset.status {
                    Status::Passed if place == 0 => ("passed", function.result()),
                    Status::Passed => ("passed", String::new()),
                    Status::Failed => ("failed", joined(subset.failures.iter().map(|failure| &failure.message))),
                    Status::Skipped => ("not run", subset.skipped.clone().unwrap_or_default()),
                };
                rows.push(row(&function.title(), subset.state.as_str(), status, detail));
            }
        }
        for finding in &report.findings {
            let failure = &finding.failure;
            let subset = failure.subset.map_or("", |state| state.as_str());
            let status = if finding.severity == Severity::Failure { "failed" } else { "warning" };
            rows.push(row(&failure.function, subset, status, failure.message.clone()));
        }
        for payload in report.payloads.iter().filter(|payload| !payload.is_passed) {
            let told = |text: &String| report.failures().any(|failure| &failure.message == text);
            if !payload.display.values().all(told) {
                rows.push(row(&payload.name, "", "failed", joined(payload.display.values())));
            }
        }
        let failed = rows.iter().filter(|row| row.status == "failed").count();
        let summary = match &report.general_error {
            Some(error) => format!("The check was ended: {error}"),
            None if report.passed() => {
                format!("The binder is valid: {} functions, nothing failed.", report.functions.len())
            }
            None => format!("The binder does not pass: {failed} of {} entries failed.", rows.len()),
        };
        Self { passed: report.passed(), summary, rows }
    }
}

fn row(name: &str, subset: &str, status: &str, detail: String) -> CheckRow {
    CheckRow { name: name.to_owned(), subset: subset.to_owned(), status: status.to_owned(), detail }
}

fn joined<'a>(messages: impl Iterator<Item = &'a String>) -> String {
    messages.map(String::as_str).collect::<Vec<_>>().join("\n")
}
