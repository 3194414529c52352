//! Runs the libraries in turn and tells what a message costs.

use std::time::Duration;

use cpu_time::ThreadTime;

use crate::{
    cell::Cell,
    peers::{Peer, Run},
};

/// How long one turn of one library takes, or one message if that takes longer. Short, so that some
/// turns meet no noise.
const TURN: Duration = Duration::from_millis(1);

struct Contestant {
    name: &'static str,
    run: Run,
    /// How many messages make a turn.
    messages: usize,
    /// Nanoseconds per message, one of each round.
    rounds: Vec<f64>,
}

/// Prints a line for each of `peers` in this cell.
pub fn time(peers: &[&Peer], cell: &Cell, rounds: usize) {
    let mut contestants: Vec<_> = peers
        .iter()
        .map(|peer| Contestant::new(peer, cell))
        .collect();
    for _ in 0..rounds {
        for contestant in &mut contestants {
            contestant.turn();
        }
    }
    for mut contestant in contestants {
        contestant.rounds.sort_by(f64::total_cmp);
        let (Some(min), Some(median)) = (
            contestant.rounds.first(),
            contestant.rounds.get(contestant.rounds.len() / 2),
        ) else {
            continue;
        };
        let (direction, role, payload) = (cell.direction, cell.role, cell.payload);
        let what = format!(
            r#""direction":"{direction:?}","role":"{role:?}","payload":"{payload:?}","size":{}"#,
            cell.size
        );
        println!(
            r#"{{{},"peer":"{}","ns_min":{min:.1},"ns_median":{median:.1}}}"#,
            what.to_lowercase(),
            contestant.name
        );
    }
}

/// Passes `messages` through and times nothing: for callgrind.
pub fn count(peer: &Peer, cell: &Cell, messages: usize) {
    peer.start(cell).0(messages);
}

impl Contestant {
    fn new(peer: &Peer, cell: &Cell) -> Self {
        let (run, _) = peer.start(cell);
        let mut contestant = Self {
            name: peer.name,
            run,
            messages: 1,
            rounds: Vec::new(),
        };
        // The first measurements warm up and grow the turn.
        while contestant.elapsed() < TURN {
            contestant.messages *= 2;
        }
        contestant
    }

    fn turn(&mut self) {
        let elapsed = self.elapsed();
        self.rounds
            .push(elapsed.as_nanos() as f64 / self.messages as f64);
    }

    fn elapsed(&mut self) -> Duration {
        let start = ThreadTime::now();
        (self.run)(self.messages);
        start.elapsed()
    }
}
