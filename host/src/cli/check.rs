//! `rex-runner check -s … -p …`

use super::arguments::CheckArguments;
use super::run::{Loading, prepare};
use crate::audit::Recording;
use crate::limits::Limits;
use crate::report::Report;
use crate::run::{Control, REDACTION_DICTIONARY};

pub(super) fn check(arguments: &CheckArguments, loading: Loading) -> Report {
    let limits = Limits::default();
    let output = limits.output;
    match prepare(loading, &arguments.input, limits, Recording::default(), REDACTION_DICTIONARY) {
        Ok((runner, job)) => runner.check(job, Control::new()),
        Err(outcome) => Report::unstarted(outcome, output),
    }
}
