//! Compares WebSocket libraries in memory, without sockets; see README.md.

#![expect(clippy::print_stdout, reason = "the figures go there")]
#![expect(clippy::print_stderr, reason = "and complaints there")]

use std::{env, process::ExitCode};

mod cell;
mod keys;
mod measure;
mod peers;
mod stream;

use cell::Cell;
use peers::{PEERS, Peer};

const USAGE: &str =
    "usage: memory [--rounds N | --quick] [--only PEER,..] [--cells CELL,..] [--list]
       memory count --peer PEER --cell CELL --messages N
a CELL is DIRECTION/ROLE/PAYLOAD/SIZE, such as receive/server/ascii/125; parts of it choose all
cells that begin with them";

const ROUNDS: usize = 50;
const QUICK_ROUNDS: usize = 10;

fn main() -> ExitCode {
    // Some libraries ask the runtime for the time, even if they never wait.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let Ok(runtime) = runtime else {
        eprintln!("no tokio runtime");
        return ExitCode::FAILURE;
    };
    let _context = runtime.enter();
    match run(env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("{complaint}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut counts, mut lists) = (false, false);
    let (mut rounds, mut messages) = (ROUNDS, 0);
    let mut peers: Vec<&Peer> = PEERS.iter().collect();
    let mut cells = Cell::all();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let missing = || format!("{argument} needs a value");
            arguments.next().ok_or_else(missing)
        };
        match argument.as_str() {
            "count" => counts = true,
            "--list" => lists = true,
            "--quick" => rounds = QUICK_ROUNDS,
            "--rounds" => rounds = number(&value()?)?,
            "--messages" => messages = number(&value()?)?,
            "--only" | "--peer" => {
                peers = value()?.split(',').map(peer).collect::<Result<_, _>>()?
            }
            "--cells" | "--cell" => cells = chosen(&cells, &value()?)?,
            _ => return Err(format!("what is {argument}?")),
        }
    }
    if lists {
        PEERS.iter().for_each(|peer| println!("{}", peer.name));
        cells.iter().for_each(|cell| println!("{}", cell.name()));
    } else if counts {
        let ([peer], [cell]) = (peers.as_slice(), cells.as_slice()) else {
            return Err("count takes one peer and one cell".into());
        };
        measure::count(peer, cell, messages);
    } else {
        cells
            .iter()
            .for_each(|cell| measure::time(&peers, cell, rounds));
    }
    Ok(())
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text} is not a number"))
}

fn peer(name: &str) -> Result<&'static Peer, String> {
    let found = PEERS.iter().find(|peer| peer.name == name);
    found.ok_or_else(|| format!("there is no peer {name}"))
}

/// The cells whose names are in `names` or begin with one of them.
fn chosen(cells: &[Cell], names: &str) -> Result<Vec<Cell>, String> {
    let mut found = Vec::new();
    for name in names.split(',') {
        let before = found.len();
        let inside = format!("{name}/");
        let of_name = |cell: &&Cell| cell.name() == name || cell.name().starts_with(&inside);
        found.extend(cells.iter().filter(of_name).cloned());
        if found.len() == before {
            return Err(format!("there is no cell {name}"));
        }
    }
    Ok(found)
}
