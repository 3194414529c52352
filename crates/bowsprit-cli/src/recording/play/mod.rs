//! The client's side of a record against a server, and what was not as recorded.

use std::time::Duration;

use bowsprit::{Client, CloseCode};

use super::ReplayArgs;
use super::compare::Rules;
use super::report::Report;
use super::tapes::{Tape, Tapes};
use crate::options::Plan;
use crate::printer::text::escape;
use crate::run;

pub(super) mod clock;
mod facts;
mod live;
mod player;
mod request;

use clock::Clock;
use player::Player;

/// How long the connections have to close after a signal.
const LEAVING: Duration = Duration::from_secs(1);

/// Where recorded URIs lead now.
#[derive(Debug)]
pub(super) struct Destination<'a> {
    /// One URI in place of all.
    uri: Option<&'a str>,
    /// Beginnings of URIs, and what stands in their place.
    maps: &'a [Map],
}

/// `--map OLD=NEW`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Map {
    old: String,
    new: String,
}

impl std::str::FromStr for Map {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A URI may have `=` in its query; the new one begins with its scheme.
        let schemes = ["=ws://", "=wss://", "=ws+unix:"];
        let at = schemes.iter().filter_map(|scheme| text.find(scheme)).min();
        let at = at.or_else(|| text.find('='));
        let pair = at.map(|at| (text.get(..at).unwrap_or_default(), text.get(at + 1..)));
        match pair {
            Some((old, Some(new))) if !old.is_empty() && !new.is_empty() => Ok(Self {
                old: old.to_owned(),
                new: new.to_owned(),
            }),
            _ => Err("expected OLD=NEW, two beginnings of a URI"),
        }
    }
}

impl Destination<'_> {
    fn of(&self, recorded: &str) -> String {
        if let Some(uri) = self.uri {
            return uri.to_owned();
        }
        for Map { old, new } in self.maps {
            if let Some(rest) = recorded.strip_prefix(old.as_str()) {
                return format!("{new}{rest}");
            }
        }
        recorded.to_owned()
    }
}

/// Plays the record and returns the exit status, or the one that `stop` comes to before that.
///
/// # Errors
///
/// When it could not begin, or the record cannot be read any more.
pub(super) fn play(
    args: &ReplayArgs,
    tapes: &Tapes,
    report: &mut Report,
    stop: impl Future<Output = Result<u8, String>>,
) -> Result<u8, String> {
    let plan = Plan::new(&args.options)?;
    let rules = Rules::new(&args.ignore, args.strict)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(run::failed)?;
    runtime.block_on(async {
        let client = Client::new();
        let requests = requests(args, &client, &plan, tapes, report)?;
        let longest = args.longest_pause();
        let clock = Clock::new(args.speed, longest);
        let mut player = Player::new(
            (tapes, &rules),
            (requests, plan.times()),
            (args.speed, clock, args.patience()),
            report,
        );
        let played = tokio::select! {
            played = player.play() => Ok(played?),
            status = stop => Err(status?),
        };
        drop(player);
        if played.is_err() {
            client.shutdown(CloseCode::GOING_AWAY, LEAVING).await;
        }
        if let Ok(cut @ 1..) = played {
            let longest = longest.as_secs_f64();
            report.warn(&format!(
                "{cut} pauses of the record were longer than {longest} s and cut to that (--max-pause)"
            ));
        }
        report.summary();
        Ok(played.err().unwrap_or_else(|| report.status()))
    })
}

/// The request of each connection that is to be played.
fn requests(
    args: &ReplayArgs,
    client: &Client,
    plan: &Plan,
    tapes: &Tapes,
    report: &mut Report,
) -> Result<Vec<Option<bowsprit::ConnectRequest>>, String> {
    let destination = Destination {
        uri: args.uri.as_deref(),
        maps: &args.map,
    };
    let is_wanted = |tape: &Tape| args.connection.is_empty() || args.connection.contains(&tape.id);
    let mut hidden_before = Vec::new();
    let mut requests = Vec::with_capacity(tapes.all.len());
    for tape in &tapes.all {
        if !is_wanted(tape) {
            requests.push(None);
            continue;
        }
        let (request, hidden) = request::request(client, plan, &destination, tape)?;
        if !hidden.is_empty() && hidden != hidden_before {
            let names = escape(&hidden.join(", ")).into_owned();
            report.warn(&format!(
                "connection {}: the record hides {names}, which is not sent; give it with --header, --auth, --bearer or --cookie",
                tape.label
            ));
            hidden_before = hidden;
        }
        args.options.fit(&destination.of(&tape.uri))?;
        requests.push(Some(request));
    }
    if requests.iter().all(Option::is_none) {
        return Err("no connection of the record has one of these ids".to_owned());
    }
    Ok(requests)
}
