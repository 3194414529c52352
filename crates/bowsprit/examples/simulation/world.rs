//! One seed: connections one batch after the other, their weather and their ends, on a clock that jumps to what
//! is due next, and the look for what they have left behind.

use std::time::Duration;

use bowsprit::Server;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    runtime::{Builder, Handle},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    again,
    crowd::Crowd,
    ends,
    ledger::{Ledger, Side},
    network::{End, wire},
    part::{Exit, How, Part, Style},
    pulse::Pulse,
    weather::{Mode, any_config, any_fault, any_weather},
};

/// What a seed came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) seeds: u64,
    pub(crate) connections: u64,
    /// Those that opened at both ends.
    pub(crate) opened: u64,
    pub(crate) said: u64,
    pub(crate) heard: u64,
    /// Said, not heard, and told so.
    pub(crate) lost: u64,
    /// Wires that their weather has ended.
    pub(crate) faults: u64,
    /// Connections that a client made again.
    pub(crate) again: u64,
    /// Calls whose futures were dropped before they were done.
    pub(crate) given_up: u64,
    pub(crate) digest: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.connections += other.connections;
        self.opened += other.opened;
        self.said += other.said;
        self.heard += other.heard;
        self.lost += other.lost;
        self.faults += other.faults;
        self.again += other.again;
        self.given_up += other.given_up;
        // Whatever the order of the seeds.
        self.digest = self.digest.wrapping_add(other.digest);
    }

    fn note(&mut self, ledger: &Ledger) {
        self.connections += 1;
        self.opened += u64::from(ledger.opened());
        self.said += ledger.total_said();
        self.heard += ledger.total_heard();
        self.lost += ledger.lost();
    }
}

/// Far beyond all the time-outs of a connection in a row.
const TOO_LONG: Duration = Duration::from_secs(1_000 * 3_600);

/// Lives through one seed with about this many messages in all.
pub(crate) fn live(seed: u64, messages: u64, mode: Mode, traces: bool) -> Result<Tally, String> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let pulse = Pulse::new(traces);
        let whole = batches(seed, messages, mode, &pulse);
        match timeout(TOO_LONG, whole).await {
            Ok(tally) => tally,
            Err(_) => Err(format!("not at an end after {TOO_LONG:?}")),
        }
    })
}

async fn batches(seed: u64, messages: u64, mode: Mode, pulse: &Pulse) -> Result<Tally, String> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    while tally.said < messages {
        // Short lives and long ones: what happens at the beginning and at the end counts as much.
        let left = messages - tally.said;
        let share = left >> random.random_range(0..10);
        let share = share.clamp(20.min(left), left);
        let (before, seed) = (tally.said, random.random());
        if mode == Mode::All && random.random_range(0..6) == 0 {
            let outcome = again::live(seed, share.min(20_000), pulse).await?;
            tally.add(&outcome);
        } else {
            batch(seed, share, mode, pulse, &mut tally).await?;
        }
        nothing_is_left(pulse).await?;
        if tally.said == before {
            // None of these connections opened: the seed ends all the same.
            tally.said += 1;
            tally.lost += 1;
        }
    }
    if mode == Mode::Trickle && tally.lost > 0 {
        return Err(format!(
            "{} messages are lost, and nothing was in the way",
            tally.lost
        ));
    }
    tally.seeds = 1;
    tally.faults = pulse.faults();
    tally.given_up = pulse.given_up();
    tally.digest = pulse.digest();
    Ok(tally)
}

/// Some connections at once to one server.
async fn batch(
    seed: u64,
    messages: u64,
    mode: Mode,
    pulse: &Pulse,
    tally: &mut Tally,
) -> Result<(), String> {
    let mut random = SmallRng::seed_from_u64(seed);
    let count = random.random_range(1..=4);
    let mut server = Server::builder().config(any_config(&mut random, mode));
    if mode == Mode::All && random.random_range(0..8) == 0 {
        server = server.max_connections(2);
    }
    let server = server.build();
    // Who is too slow for it is closed, which is none of the faults that a trickle is to be without.
    let has_crowd = mode == Mode::All && random.random_range(0..3) == 0;
    let crowd = has_crowd.then(Crowd::default);
    let mut lives = Vec::new();
    for n in 0..count {
        let name = tally.connections + n;
        // Two ends with two senders each.
        let quota = messages.div_ceil(count * 4);
        let ledger = Ledger::new(pulse.clone(), name);
        let life = connection(
            random.random(),
            quota,
            mode,
            &ledger,
            &server,
            crowd.as_ref(),
        );
        lives.push((ledger, life));
    }
    if let Some(crowd) = &crowd {
        crowd.speak((messages / 20).min(200), random.random()).await;
    }
    for (ledger, [client, server]) in lives {
        for side in [client, server] {
            side.await.map_err(|error| format!("{error}"))?;
        }
        ledger.verdict()?;
        tally.note(&ledger);
    }
    if crowd.is_some_and(|crowd| !crowd.is_empty()) {
        return Err("somebody is left in the room".to_owned());
    }
    Ok(())
}

/// Starts one connection.
fn connection(
    seed: u64,
    quota: u64,
    mode: Mode,
    ledger: &Ledger,
    server: &Server,
    crowd: Option<&Crowd>,
) -> [JoinHandle<()>; 2] {
    let mut random = SmallRng::seed_from_u64(seed);
    let weather = [(); 2].map(|()| any_weather(&mut random, quota * 150, mode));
    ledger.tell(|| format!("{weather:?}"));
    let (near, far) = wire(weather, random.random(), ledger.pulse());
    if mode == Mode::All && random.random_range(0..8) == 0 {
        cut_later(&mut random, &near);
    }
    let polite = random.random_range(0..3);
    let mut part = |side: Side| {
        let exit = match random.random_range(0..8) {
            0 if mode == Mode::All => hasty(&mut random, quota),
            _ if polite == 2 || polite == side as u32 => Exit::Polite,
            _ => Exit::Never,
        };
        let styles = [Style::Turns, Style::Cancels, Style::Halves, Style::Handler];
        let style = match mode {
            Mode::All => styles[random.random_range(0..4)],
            Mode::Trickle => Style::Cancels,
        };
        let part = Part {
            side,
            ledger: ledger.clone(),
            style,
            quota,
            exit,
            is_slow: mode == Mode::All && random.random_range(0..6) == 0,
            config: any_config(&mut random, mode),
            crowd: crowd.cloned().filter(|_| side == Side::Server),
            seed,
        };
        ledger.tell(|| {
            format!(
                "{side:?} {style:?}, {quota} each, {exit:?}, slow: {}",
                part.is_slow
            )
        });
        part
    };
    let parts = [part(Side::Client), part(Side::Server)];
    let [client, host] = parts;
    [
        tokio::spawn(ends::client(near, client)),
        tokio::spawn(ends::server(server.clone(), far, host)),
    ]
}

fn hasty(random: &mut SmallRng, quota: u64) -> Exit {
    let how = [How::Handle, How::Own, How::Inside, How::Vanish][random.random_range(0..4)];
    // Behind the last message nobody would come to it.
    Exit::Hasty(random.random_range(0..quota.max(1)), how)
}

/// Ends the wire at a moment, in whatever everybody waits for then.
fn cut_later(random: &mut SmallRng, end: &End) {
    let (scissors, fault) = (end.scissors(), any_fault(random));
    let longest = 1 << random.random_range(1..25);
    let moment = Duration::from_micros(random.random_range(0..longest));
    tokio::spawn(async move {
        sleep(moment).await;
        scissors.cut(fault);
    });
}

/// No task goes on once all connections have ended, and no end of a wire is held, nor the endpoint with its
/// buffers and its timer, which owns it.
async fn nothing_is_left(pulse: &Pulse) -> Result<(), String> {
    let begin = Instant::now();
    loop {
        let tasks = Handle::current().metrics().num_alive_tasks();
        let (ends, others) = (pulse.ends(), pulse.others());
        if tasks == 0 && ends == 0 && others == 0 {
            return Ok(());
        }
        // Longer than any cut is put off, and any task of a part sleeps.
        if begin.elapsed() > Duration::from_secs(100) {
            return Err(format!(
                "{tasks} tasks, {ends} ends of wires and {others} other things are left"
            ));
        }
        sleep(Duration::from_millis(1)).await;
    }
}
