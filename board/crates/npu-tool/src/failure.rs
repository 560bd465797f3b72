//! Every way the command can fail: code, cause, remedy and exit status. Remedies stand in `errors.json`, which also feeds
//! the registry `docs/errors.json`; nothing else in this crate ends the process.

use std::fmt;

/// A failure for people and for scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Code of the registry, for example `npu.bad-job`.
    pub code: &'static str,
    /// What happened.
    pub cause: String,
    /// Exit status: 1 the answer is no, 2 bad input, 3 refused or faulted, 4 deadline.
    pub exit: u8,
}

impl Failure {
    const fn new(code: &'static str, cause: String, exit: u8) -> Self {
        Self { code, cause, exit }
    }

    /// The command line is wrong.
    pub fn usage(cause: impl Into<String>) -> Self {
        Self::new("npu.usage", cause.into(), 2)
    }

    /// A file cannot be read.
    pub fn read(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new("npu.read-failed", format!("{}: {error}", path.display()), 2)
    }

    /// A file cannot be written.
    pub fn write(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new("npu.write-failed", format!("{}: {error}", path.display()), 2)
    }

    /// `--offset` or `--words` leave the file.
    pub fn range(cause: impl Into<String>) -> Self {
        Self::new("npu.bad-range", cause.into(), 2)
    }

    /// A job file breaks its format; the cause begins with the key.
    pub fn job(cause: impl Into<String>) -> Self {
        Self::new("npu.bad-job", cause.into(), 2)
    }

    /// A network file breaks its format; the cause begins with the key.
    pub fn network(cause: impl Into<String>) -> Self {
        Self::new("npu.bad-network", cause.into(), 2)
    }

    /// The answer is no: words outside the sheet, a broken invariant, bytes that differ.
    pub fn negative(code: &'static str, cause: impl Into<String>) -> Self {
        Self::new(code, cause.into(), 1)
    }

    /// The model refused a program, or the program ran into memory that is not there.
    pub fn refused(cause: impl Into<String>) -> Self {
        Self::new("npu.refused", cause.into(), 3)
    }

    /// A submit passed its deadline.
    pub fn deadline(cause: impl Into<String>) -> Self {
        Self::new("npu.deadline", cause.into(), 4)
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let table: Result<serde_json::Value, _> = serde_json::from_str(include_str!("../errors.json"));
        let remedy = table
            .ok()
            .and_then(|table| table.get(self.code)?.as_str().map(str::to_owned));
        remedy.unwrap_or_default()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.cause)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_remedy() {
        let path = std::path::Path::new("x");
        let error = std::io::Error::other("no");
        for failure in [
            Failure::usage(""),
            Failure::read(path, &error),
            Failure::write(path, &error),
            Failure::range(""),
            Failure::job(""),
            Failure::network(""),
            Failure::negative("npu.rejects", ""),
            Failure::negative("npu.invariant-broken", ""),
            Failure::negative("npu.difference", ""),
            Failure::refused(""),
            Failure::deadline(""),
        ] {
            assert!(failure.remedy().len() > 20, "{failure}");
        }
    }
}
