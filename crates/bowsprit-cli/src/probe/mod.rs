//! What a connection is like: `ping` and `check`.

use std::time::Duration;

use bowsprit::Client;
use clap::Args;

use crate::events::What;
use crate::log;
use crate::options::{DisplayOptions, Options, Plan, Time};
use crate::printer::text;
use crate::run;
use crate::signals::Signals;

mod advice;
mod check;
mod link;
mod outlet;
mod ping;
mod report;
mod stages;
mod tally;

/// The largest payload of a ping (RFC 6455 §5.5).
const MAX_PAYLOAD: i64 = 125;

/// `bowsprit ping URI`
#[derive(Debug, Args)]
pub(crate) struct PingArgs {
    /// Stop after so many pings [default: at Ctrl-C]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,

    /// From one ping to the next: seconds, or a time such as 200ms
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = span)]
    interval: Duration,

    /// Wait so long for each pong
    #[arg(short = 'W', long, value_name = "TIME", default_value = "10s", value_parser = span)]
    wait: Duration,

    /// Bytes of payload; with less than 16, pongs are told apart by their order only
    #[arg(long, value_name = "BYTES", default_value = "16", value_parser = clap::value_parser!(u8).range(0..=MAX_PAYLOAD))]
    size: u8,

    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    display: DisplayOptions,

    /// What to ping: ws://HOST, wss://HOST, HOST:PORT or :PORT
    uri: String,
}

/// `bowsprit check URI`
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Print credentials of the request and the response, too
    #[arg(long)]
    show_secrets: bool,

    /// Fail with exit status 1 where there is a warning
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    display: DisplayOptions,

    /// What to check: ws://HOST, wss://HOST, HOST:PORT or :PORT
    uri: String,
}

/// Measures round trips until it has them all, or is told to stop.
///
/// # Errors
///
/// When it cannot begin; the text says why.
pub(crate) fn ping(args: &PingArgs) -> Result<u8, String> {
    let (uri, plan) = prepare(&args.uri, &args.options, &args.display)?;
    block_on(async {
        let signals = Signals::new().map_err(run::failed)?;
        let request = plan.request(&Client::new(), &uri)?;
        let connect = What::connect(&uri, &request);
        let link = link::Link::start(request, &plan);
        Ok(ping::Pinging::new(args, uri, connect, link)
            .run(signals)
            .await)
    })
}

/// Goes through a handshake, and tells of each stage.
///
/// # Errors
///
/// When it cannot begin; the text says why.
pub(crate) fn check(args: &CheckArgs) -> Result<u8, String> {
    let (uri, plan) = prepare(&args.uri, &args.options, &args.display)?;
    block_on(async {
        let signals = Signals::new().map_err(run::failed)?;
        let request = plan.request(&Client::new(), &uri)?;
        Ok(check::run(args, &uri, &plan, request, signals).await)
    })
}

/// The URI, and what the options come to.
fn prepare(
    uri: &str,
    options: &Options,
    display: &DisplayOptions,
) -> Result<(String, Plan), String> {
    options.fit(uri)?;
    let plan = Plan::new(options)?;
    plan.check(Some(uri))?;
    run::warn_of_risks(options);
    log::start_on_standard_error(display);
    Ok((uri.to_owned(), plan))
}

fn block_on<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(run::failed)?;
    let result = runtime.block_on(work);
    // The system's resolver may block for long, and nobody waits for its answer any more.
    runtime.shutdown_background();
    result
}

/// A time: seconds as ping(8) takes them, or with a unit.
fn span(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(1);
    let with_unit = match text.parse::<f64>() {
        Ok(_) => format!("{text}s"),
        Err(_) => text.to_owned(),
    };
    let time: Time = with_unit.parse().map_err(str::to_owned)?;
    match time.get() {
        Some(time) if time >= LEAST => Ok(time),
        _ => Err("a time must be at least 1ms".to_owned()),
    }
}

/// The URI as it is shown: without its secrets, escaped.
fn shown(uri: &str) -> String {
    text::escape(&crate::events::masked_uri(uri)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_as_ping_does_and_with_units() {
        for (text, millis) in [("1", 1000), ("0.2", 200), ("200ms", 200), ("2m", 120_000)] {
            assert_eq!(span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["0", "-1", "x", "off", "0.1ms", "", "inf", "NaN"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
