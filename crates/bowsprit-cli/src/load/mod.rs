//! Many connections that measure a server: `load`.

mod args;
mod director;
mod faults;
mod line;
mod machine;
mod outcome;
mod pacer;
mod payload;
mod progress;
mod report;
mod scenario;
mod schedule;
mod series;
mod tally;
mod threshold;
mod traffic;
mod units;
mod worker;

use bowsprit::Client;

pub(crate) use self::args::LoadArgs;
use self::args::Mode;
use self::outcome::{Outcome, Summary};
use self::progress::Progress;
use self::scenario::Scenario;
use crate::options::Plan;
use crate::printer::{self, text};
use crate::run::{failed, warn_of_risks};
use crate::signals;
use crate::status::Status;

/// Runs a load and reports; the exit status tells whether a threshold was missed.
///
/// # Errors
///
/// When it cannot begin.
pub(crate) fn load(args: &LoadArgs) -> Result<u8, String> {
    let scenario = Scenario::new(args)?;
    for threshold in &args.result.fail_if {
        threshold.fits(scenario.mode)?;
    }
    args.options.fit(&args.uri)?;
    // It costs both sides far more than the rest.
    let plan = Plan::new(&args.options.clone().compressing_only_when_asked())?;
    plan.request(&Client::new(), &args.uri)?;
    warn_of_risks(&args.options);
    let openings = match scenario.mode {
        Mode::Connect => 0,
        _ => director::OPENINGS,
    };
    machine::must_have_room(scenario.connections, scenario.threads, openings)?;
    signals::end_at_the_second().map_err(failed)?;
    let started = jiff::Timestamp::now();
    let progress = Progress::new(args.result.quiet, &scenario);
    let outcome = director::run(scenario.clone(), &plan, &args.uri, progress)?;
    let started = format!("{started:.0}");
    let mut summary = outcome.summary(&scenario, shown(&args.uri), started);
    let judged = args.result.fail_if.iter();
    summary.thresholds = judged.map(|threshold| threshold.judge(&summary)).collect();
    let unwritten = report::write(&summary, &args.result);
    unwritten.iter().for_each(|fault| printer::warn(fault));
    Ok(match status(&outcome, &summary) {
        0 if !unwritten.is_empty() => Status::Refused as u8,
        status => status,
    })
}

/// What went wrong, and the sentence that says so.
fn status(outcome: &Outcome, summary: &Summary) -> u8 {
    let uri = &summary.uri;
    if let Some(signal) = outcome.interrupted {
        return signal.status();
    }
    if let (0, Some(fault)) = (outcome.total.opened, &outcome.fault) {
        printer::warn(&format!("{uri}: no connection opened: {}", fault.name));
        return fault.status.unwrap_or(Status::NotConnected) as u8;
    }
    let mut missed = summary
        .thresholds
        .iter()
        .filter(|judged| judged.is_missed)
        .peekable();
    if missed.peek().is_some() {
        for judged in missed {
            printer::warn(&format!("{uri}: {} (--fail-if)", judged.verdict));
        }
        return Status::Refused as u8;
    }
    if let (true, Some(fault)) = (outcome.total.lost >= outcome.total.opened, &outcome.fault) {
        printer::warn(&format!(
            "{uri}: every connection has ended: {}",
            fault.name
        ));
        return fault.status.unwrap_or(Status::Refused) as u8;
    }
    0
}

/// The URI without what may be a secret: its user, its password, its query.
fn shown(uri: &str) -> String {
    let (whole, has_query) = match uri.split_once('?') {
        Some((before, _)) => (before, true),
        None => (uri, false),
    };
    let whole = match whole.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => whole.to_owned(),
    };
    let query = if has_query { "?…" } else { "" };
    format!("{}{query}", text::escape(&whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_secret_of_a_uri() {
        for (uri, seen) in [
            ("ws://a:1/p", "ws://a:1/p"),
            ("wss://me:secret@a/p?token=secret", "wss://a/p?…"),
            ("ws://a", "ws://a"),
            ("ws://me@a?x", "ws://a?…"),
            ("ws+unix:/tmp/a:/p", "ws+unix:/tmp/a:/p"),
        ] {
            assert_eq!(shown(uri), seen);
        }
    }
}
