//! A client that makes its connection again: what its handle sends arrives in order, and only what a connection
//! had been given when it was lost may be missing.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, Closed, ConnectError, Context, Handle, Handler, MessageRef, Reconnect,
    Retry, SendError, Server, State,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::time::sleep;

use crate::{
    ledger::{Side, Voice},
    network::{End, wire},
    payload::{excerpt, is_message, message, sender_of},
    pulse::Pulse,
    weather::{Mode, any_config, any_weather},
    world::Tally,
};

/// What both ends know.
#[derive(Clone, Debug, Default)]
struct Story(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    said: u64,
    /// What each of the server's connections was given, in the order in which they were dialled: the first message,
    /// and the one behind the last. An earlier connection may be heard to its end when a later one is there.
    heard: Vec<Option<(u64, u64)>>,
    opens: u64,
    closes: u64,
    fails: u64,
    retries: u64,
    /// How the server's end of the latest connection has ended.
    server: Option<Closed>,
    fault: Option<String>,
}

impl Story {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn live(seed: u64, messages: u64, pulse: &Pulse) -> Result<Tally, String> {
    let mut random = SmallRng::seed_from_u64(seed);
    let story = Story::default();
    let mut policy = Reconnect::default();
    // The order of events is to repeat itself.
    policy.jitter = 0.0;
    policy.max = Duration::from_secs(2);
    let request = Client::new()
        .request("ws://in.memory/")
        .map_err(|error| error.to_string())?
        .config(any_config(&mut random, Mode::All))
        .reconnect(policy)
        .handler(Teller(story.clone()));
    let (dialled, pulse) = (story.clone(), pulse.clone());
    let bytes = messages * 60;
    let mut dice = SmallRng::seed_from_u64(random.random());
    let handle = request.start_on(move || {
        let io = dial(&mut dice, bytes, &dialled, &pulse);
        std::future::ready(io)
    });
    say(&handle, messages, &story, &mut random).await;
    let closed = handle.closed().await;
    // What has arrived is heard by the server's end, which may be behind.
    sleep(Duration::from_secs(60)).await;
    verdict(&handle, &closed, &story)
}

/// A wire, and a server at its far end; or a failure to get one.
fn dial(random: &mut SmallRng, bytes: u64, story: &Story, pulse: &Pulse) -> io::Result<End> {
    if random.random_range(0..4) == 0 {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    let weather = [(); 2].map(|()| any_weather(random, bytes, Mode::All));
    let (near, far) = wire(weather, random.random(), pulse);
    let server = Server::builder()
        .config(any_config(random, Mode::All))
        .build();
    // Tired of it, it closes, or goes without a word.
    let patience = (random.random_range(0..3) > 0).then(|| random.random_range(0..bytes / 60 + 2));
    let vanishes = random.random_bool(0.5);
    let story = story.clone();
    let place = {
        let mut facts = story.facts();
        facts.heard.push(None);
        facts.server = None;
        facts.heard.len() - 1
    };
    tokio::spawn(async move {
        let Ok(mut ws) = server.accept_on(far, None).await else {
            return;
        };
        let mut count = 0;
        while let Ok(Some(heard)) = ws.recv().await {
            story.facts().hear(&MessageRef::from(&heard), place);
            count += 1;
            if patience == Some(count) {
                if vanishes {
                    break;
                }
                let handle = ws.handle();
                let _ = handle.close(CloseCode::SERVICE_RESTART, "tired");
            }
        }
        if story.facts().heard.len() == place + 1 {
            story.facts().server = ws.close_info().cloned();
        }
    });
    Ok(near)
}

impl Facts {
    fn hear(&mut self, heard: &MessageRef<'_>, place: usize) {
        let number = sender_of(heard).map(|(_, number)| number);
        let number = number.unwrap_or(u64::MAX >> 8);
        let (first, next) = self.heard[place].unwrap_or((number, number));
        if number != next || !is_message(Side::Client, Voice::Handle, number, heard) {
            self.fault.get_or_insert_with(|| {
                let excerpt = excerpt(heard);
                format!("connection {place} expected {next} and was given {number}: {excerpt}")
            });
        }
        self.heard[place] = Some((first, number + 1));
    }

    /// How many messages were heard. Between two connections some may be missing, but none comes twice or late.
    fn count(&self) -> Result<u64, String> {
        if matches!(self.heard.first(), Some(Some((1.., _)))) {
            return Err("the first connection has not begun with the first message".to_owned());
        }
        let (mut next, mut count) = (0, 0);
        for (first, behind) in self.heard.iter().flatten() {
            if *first < next || *behind > self.said {
                return Err(format!("twice, late or never said: {:?}", self.heard));
            }
            next = *behind;
            count += behind - first;
        }
        Ok(count)
    }

    /// Whether all that was said when the last connection was there has arrived.
    fn ends_whole(&self) -> bool {
        match self.heard.last() {
            Some(Some((_, behind))) => *behind == self.said,
            // All may have been given to one that was lost before.
            _ => self.opens != 1 || self.said == 0,
        }
    }
}

/// Says all, through as many connections as it takes.
async fn say(handle: &Handle, messages: u64, story: &Story, random: &mut SmallRng) {
    for number in 0..messages {
        loop {
            let next = message(Side::Client, Voice::Handle, number);
            let sent = match random.random_range(0..8) {
                0 => handle.send_wait(next).await,
                _ => handle.send(next),
            };
            match sent {
                Ok(()) => break,
                Err(SendError::Closed) => return,
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
        story.facts().said += 1;
        if random.random_range(0..200) == 0 {
            sleep(Duration::from_millis(random.random_range(0..500))).await;
        }
    }
    while handle.close(CloseCode::NORMAL, "all said").is_err() && handle.state() != State::Closed {
        sleep(Duration::from_millis(20)).await;
    }
}

struct Teller(Story);

impl Handler for Teller {
    fn on_open(&mut self, _: &mut Context<'_>) {
        self.0.facts().opens += 1;
    }

    fn on_fail(&mut self, _: &Handle, _: &ConnectError) {
        self.0.facts().fails += 1;
    }

    fn on_retry(&mut self, _: &Handle, _: &Retry<'_>) {
        self.0.facts().retries += 1;
    }

    fn on_close(&mut self, _: &mut Context<'_>, _: &Closed) {
        self.0.facts().closes += 1;
    }
}

fn verdict(handle: &Handle, closed: &Closed, story: &Story) -> Result<Tally, String> {
    let facts = story.facts();
    if let Some(fault) = &facts.fault {
        return Err(format!("made again: {fault}"));
    }
    let is_over = handle.state() == State::Closed && handle.buffered_bytes() == 0;
    if !is_over || facts.opens != facts.closes || facts.fails > 1 {
        return Err(format!("made again: {handle:?}, {facts:?}"));
    }
    // An answer has the code that it answers; a close that has crossed ours knows nothing of what we sent.
    let is_answered = closed.is_clean() && closed.remote_code() == CloseCode::NORMAL;
    let is_clean = facts.server.as_ref().is_some_and(Closed::is_clean);
    let heard = facts.count()?;
    if (is_answered || is_clean) && !facts.ends_whole() {
        return Err(format!(
            "made again, ended well, and lost something: {facts:?}"
        ));
    }
    Ok(Tally {
        connections: 1,
        opened: u64::from(facts.opens > 0),
        again: facts.opens.saturating_sub(1),
        said: facts.said,
        heard,
        lost: facts.said - heard,
        ..Tally::default()
    })
}
