//! Keeps every connection busy with the same number of messages.

use std::time::{Duration, Instant};

use crate::{
    Outcome,
    client::{Client, PATIENCE},
    meter::{Interval, Meter, Tick, Work},
    report::Report,
    socket::Events,
};

pub(crate) fn run(client: &Client<'_>) -> Outcome<Report> {
    let options = client.options;
    let mut connections = client.open_all()?;
    for connection in &mut connections {
        client.check(connection)?;
    }
    for connection in &mut connections {
        connection.sent = Instant::now();
        connection.send(client, options.inflight)?;
    }

    let mut events = Events::new();
    let mut meter = Meter::new(options);
    let mut work = Work::default();
    let mut latencies = Vec::new();
    let mut last_reply = (Instant::now(), 0);
    let wait = if options.spin {
        Duration::ZERO
    } else {
        Duration::from_secs(1)
    };
    let interval = loop {
        client.poller.wait(&mut events, wait)?;
        match meter.tick(work) {
            Tick::Running => {}
            Tick::Begun => latencies.clear(),
            Tick::Over(interval) => break interval,
        }
        if work.units != last_reply.1 {
            last_reply = (Instant::now(), work.units);
        } else if last_reply.0.elapsed() > PATIENCE {
            return Err(format!("no message came back for {PATIENCE:?}").into());
        }
        for ready in events.iter() {
            let connection = &mut connections[ready.index];
            let ended = |error| format!("connection {} ended: {error}", ready.index);
            if ready.write {
                connection.flush(client).map_err(ended)?;
            }
            if !ready.read {
                continue;
            }
            let read = connection.read(client).map_err(ended)?;
            let replies = read.progress.messages;
            work += read;
            if replies == 0 {
                continue;
            }
            connection.outstanding = connection
                .outstanding
                .checked_sub(replies)
                .ok_or("more replies than messages")?;
            if options.latency {
                latencies.push(connection.sent.elapsed());
                connection.sent = Instant::now();
            }
            if options.refill {
                connection.send(client, replies).map_err(ended)?;
            } else if connection.outstanding == 0 {
                connection.send(client, options.inflight).map_err(ended)?;
            }
        }
    };
    Ok(report(client, &interval, work, latencies))
}

fn report(
    client: &Client<'_>,
    interval: &Interval,
    work: Work,
    mut latencies: Vec<Duration>,
) -> Report {
    let mut report = Report::new(client.options);
    report.number("msgs", work.units as f64, 0);
    interval.write(&mut report, "msgs_per_s", "msg");
    report.number("msgs_per_read", interval.units / interval.reads, 1);
    report.number("MB_per_s", interval.bytes / 1e6 / interval.seconds, 1);
    report.number("reply_bytes_per_msg", interval.payload / interval.units, 1);
    latencies.sort_unstable();
    if let Some(last) = latencies.len().checked_sub(1) {
        for (name, per_mille) in [
            ("p50_us", 500),
            ("p90_us", 900),
            ("p99_us", 990),
            ("p999_us", 999),
        ] {
            report.number(
                name,
                latencies[last * per_mille / 1000].as_secs_f64() * 1e6,
                1,
            );
        }
    }
    report
}
