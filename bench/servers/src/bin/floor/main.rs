//! The floor: an event loop in one thread that frames, unmasks and checks UTF-8, and nothing else.
//!
//! It has no limits, no time-outs and no fragments, and tells nobody why it ends a connection. With
//! `--raw` it sends bytes back and knows no WebSocket either.
//!
//! ```text
//!   event_loop   epoll: who may be read, who may be written
//!   connection   one read, all answers to it, one write
//!   frame        headers and masks
//!   large        a frame that does not fit a read
//! ```

use std::process::ExitCode;

use bowsprit_bench_servers::{options::Options, serve::ready};

mod connection;
mod event_loop;
mod frame;
mod large;

use event_loop::EventLoop;

fn main() -> ExitCode {
    let options = Options::parse(&["raw", "broadcast"]);
    let end = EventLoop::listen(&options).and_then(|mut events| {
        ready()?;
        events.run()
    });
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
