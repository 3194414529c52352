//! One connection publishes, and every connection must have it before the next.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    client::{Client, PATIENCE},
    meter::{Meter, Tick, Work},
    report::Report,
    socket::Events,
};

pub(crate) fn run(client: &Client<'_>) -> Outcome<Report> {
    let options = client.options;
    let round = (options.inflight * options.expect.unwrap_or(options.conns)) as u64;
    let mut connections = client.open_all()?;
    sleep(Duration::from_millis(300));

    let mut events = Events::new();
    let mut meter = Meter::new(options);
    let mut work = Work::default();
    let mut rounds = 0_u64;
    let interval = loop {
        let goal = (rounds + 1) * round;
        let published = Instant::now();
        connections[0].send(client, options.inflight)?;
        while work.units < goal {
            client.poller.wait(&mut events, Duration::from_secs(1))?;
            if published.elapsed() > PATIENCE {
                let missing = goal - work.units;
                return Err(
                    format!("{missing} of {round} deliveries missing after {PATIENCE:?}").into(),
                );
            }
            for ready in events.iter() {
                let connection = &mut connections[ready.index];
                let ended = |error| format!("connection {} ended: {error}", ready.index);
                if ready.write {
                    connection.flush(client).map_err(ended)?;
                }
                if ready.read {
                    work += connection.read(client).map_err(ended)?;
                }
            }
        }
        if work.units > goal {
            return Err("more deliveries than expected".into());
        }
        rounds += 1;
        if let Tick::Over(interval) = meter.tick(work) {
            break interval;
        }
    };
    let mut report = Report::new(options);
    interval.write(&mut report, "delivered_per_s", "delivery");
    report.number("msgs_per_read", interval.units / interval.reads, 1);
    report.number("rounds", rounds as f64, 0);
    Ok(report)
}
