//! Opens connections one after another, some at a time, and closes each once it is upgraded.

use std::time::{Duration, Instant};

use crate::{
    Outcome,
    client::{Client, PATIENCE},
    link::Link,
    meter::{Meter, Tick, Work},
    report::Report,
    socket::Events,
};

/// A handshake under way.
struct Attempt {
    link: Link,
    sent: usize,
    answer: Vec<u8>,
    waits_for_room: bool,
}

impl Attempt {
    fn start(client: &Client<'_>, serial: usize, index: usize) -> Outcome<Self> {
        let link = client.connect(serial, None)?;
        client.poller.add(&link.socket, index, true)?;
        Ok(Self {
            link,
            sent: 0,
            answer: Vec::with_capacity(512),
            waits_for_room: true,
        })
    }

    fn write(&mut self, client: &Client<'_>, index: usize) -> Outcome<()> {
        match &client.request[self.sent..] {
            [] => self.link.push()?,
            rest => self.sent += self.link.send(rest)?,
        }
        let waits_for_room = self.sent < client.request.len() || self.link.wants_write();
        if waits_for_room != self.waits_for_room {
            self.waits_for_room = waits_for_room;
            client
                .poller
                .modify(&self.link.socket, index, waits_for_room)?;
        }
        Ok(())
    }

    /// Returns whether the answer is there.
    fn read(&mut self, client: &Client<'_>) -> Outcome<bool> {
        let mut buffer = [0; 4096];
        match self.link.receive(&mut buffer)? {
            Some(0) => return Err("closed in the handshake".into()),
            Some(count) => self.answer.extend_from_slice(&buffer[..count]),
            None => return Ok(false),
        }
        let is_whole = self.answer.ends_with(b"\r\n\r\n");
        if is_whole {
            client.check_answer(&self.answer)?;
        }
        Ok(is_whole)
    }
}

pub(crate) fn run(client: &Client<'_>) -> Outcome<Report> {
    let options = client.options;
    let mut attempts = (0..options.conns)
        .map(|index| Attempt::start(client, index, index))
        .collect::<Outcome<Vec<_>>>()?;
    let mut serial = options.conns;

    let mut events = Events::new();
    let mut meter = Meter::new(options);
    let mut work = Work::default();
    let mut last = (Instant::now(), 0);
    let interval = loop {
        client.poller.wait(&mut events, Duration::from_secs(1))?;
        if let Tick::Over(interval) = meter.tick(work) {
            break interval;
        }
        if work.units != last.1 {
            last = (Instant::now(), work.units);
        } else if last.0.elapsed() > PATIENCE {
            return Err(format!("no handshake was done for {PATIENCE:?}").into());
        }
        for ready in events.iter() {
            let attempt = &mut attempts[ready.index];
            if ready.write {
                attempt.write(client, ready.index)?;
            }
            if ready.read && attempt.read(client)? {
                work.units += 1;
                // Closes the old one.
                *attempt = Attempt::start(client, serial, ready.index)?;
                serial += 1;
            }
        }
    };
    let mut report = Report::new(options);
    interval.write(&mut report, "handshakes_per_s", "handshake");
    Ok(report)
}
