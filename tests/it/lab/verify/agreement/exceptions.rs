//! Where verify may differ from Go.

use super::cases::Case;

/// A difference that is meant.
pub struct Exception {
    /// A part of one of the case's labels.
    label: &'static str,
    /// A part of how verify differs.
    what: &'static str,
    pub reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[];

/// Returns the exception that allows a difference.
pub fn of(case: &Case, why: &str) -> Option<&'static Exception> {
    EXCEPTIONS
        .iter()
        .find(|exception| why.contains(exception.what) && has_label(case, exception.label))
}

fn has_label(case: &Case, part: &str) -> bool {
    case.labels.iter().any(|label| label.contains(part))
}
