//! A network in memory, on the runtime's clock: it splits, joins, delays, stalls, cuts and swallows by a seed.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use crate::pulse::Pulse;

/// What a wire does to what passes.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// How long a byte is on its way, at most.
    pub(crate) delay: Duration,
    /// The most bytes that one read or write moves.
    pub(crate) piece: usize,
    /// The most bytes that are on their way.
    pub(crate) capacity: usize,
    /// One in so many calls is not ready, and says at once that it is.
    pub(crate) hesitates: u32,
    /// One in so many writes meets a stall.
    pub(crate) stalls: u32,
    /// What ends it, if anything does, and behind how many bytes.
    pub(crate) fault: Option<(Fault, u64)>,
}

/// The end of a wire that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Both directions fail at once, and what was on its way is gone.
    Reset,
    /// This direction ends as if its writer had shut it down.
    HalfClose,
    /// This direction carries nothing more, and nobody is told.
    Silence,
}

/// The two ends of a wire. `seed` decides what the weather leaves open.
pub(crate) fn wire(weather: [Weather; 2], seed: u64, pulse: &Pulse) -> (End, End) {
    let mut seeds = SmallRng::seed_from_u64(seed);
    let lanes = weather.map(|weather| {
        let lane = Lane::new(weather, seeds.random(), pulse.clone());
        Arc::new(Mutex::new(lane))
    });
    // Who goes with bytes unread resets the other, as TCP does; not every transport is so.
    let resets = seeds.random_bool(0.5);
    let end = |reads: usize| {
        pulse.end_came();
        End {
            incoming: Arc::clone(&lanes[reads]),
            outgoing: Arc::clone(&lanes[1 - reads]),
            sleep: None,
            resets,
        }
    };
    (end(0), end(1))
}

/// A hand on the wire, to end it at a moment rather than at a byte. It does not keep it.
#[derive(Debug)]
pub(crate) struct Scissors(std::sync::Weak<Mutex<Lane>>, std::sync::Weak<Mutex<Lane>>);

impl Scissors {
    pub(crate) fn cut(&self, fault: Fault) {
        if let (Some(incoming), Some(outgoing)) = (self.0.upgrade(), self.1.upgrade()) {
            meet(fault, lock(&outgoing), &incoming);
        }
    }
}

/// One direction.
#[derive(Debug)]
struct Lane {
    weather: Weather,
    random: SmallRng,
    pulse: Pulse,
    bytes: VecDeque<u8>,
    /// When the bytes arrive, and how many.
    arrivals: VecDeque<(Instant, usize)>,
    passed: u64,
    /// Nothing more is written.
    is_shut: bool,
    is_reset: bool,
    /// Nobody reads any more.
    is_deaf: bool,
    is_silent: bool,
    /// When the last byte so far arrives: later ones do not overtake it.
    latest: Instant,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Lane {
    fn new(weather: Weather, seed: u64, pulse: Pulse) -> Self {
        Self {
            weather,
            random: SmallRng::seed_from_u64(seed),
            pulse,
            bytes: VecDeque::new(),
            arrivals: VecDeque::new(),
            passed: 0,
            is_shut: false,
            is_reset: false,
            is_deaf: false,
            is_silent: false,
            latest: Instant::now(),
            reader: None,
            writer: None,
        }
    }

    fn wake_all(&mut self) {
        for waker in [self.reader.take(), self.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }

    fn forget(&mut self) {
        self.bytes = VecDeque::new();
        self.arrivals = VecDeque::new();
    }

    fn reset(&mut self) {
        self.is_reset = true;
        self.forget();
        self.wake_all();
    }

    fn shut(&mut self) {
        self.is_shut |= !self.is_silent;
        self.wake_all();
    }

    fn hesitates(&mut self, cx: &Context<'_>) -> bool {
        let one_in = self.weather.hesitates;
        let hesitates = one_in > 0 && self.random.random_range(0..one_in) == 0;
        if hesitates {
            cx.waker().wake_by_ref();
        }
        hesitates
    }

    /// Takes some of `data` on its way.
    fn take(&mut self, data: &[u8]) -> usize {
        let room = self.weather.capacity - self.bytes.len();
        let most = data.len().min(room).min(self.weather.piece).max(1);
        let mut len = self.random.random_range(1..=most);
        if let Some((_, at)) = self.weather.fault {
            let left = usize::try_from(at - self.passed).unwrap_or(usize::MAX);
            len = len.min(left.max(1));
        }
        let stall = match self.weather.stalls {
            0 => Duration::ZERO,
            one_in if self.random.random_range(0..one_in) > 0 => Duration::ZERO,
            _ => Duration::from_millis(self.random.random_range(0..4_000)),
        };
        let longest = u64::try_from(self.weather.delay.as_micros()).unwrap_or(u64::MAX);
        let delay = Duration::from_micros(self.random.random_range(0..=longest));
        let arrives = self.latest.max(Instant::now() + delay + stall);
        let later = arrives - self.latest;
        self.pulse
            .beat(len as u64 ^ u64::from(later.subsec_nanos()) << 24);
        self.latest = arrives;
        if !self.is_silent {
            match self.arrivals.back_mut() {
                Some((at, count)) if *at == arrives => *count += len,
                _ => self.arrivals.push_back((arrives, len)),
            }
            self.bytes.extend(&data[..len]);
        }
        self.passed += len as u64;
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
        len
    }

    /// Moves some of what has arrived into `buf`.
    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let now = Instant::now();
        let most = buf
            .remaining()
            .min(self.weather.piece)
            .min(self.bytes.len());
        let wanted = self.random.random_range(1..=most.max(1));
        let mut given = 0;
        while let Some((at, count)) = self.arrivals.front_mut()
            && *at <= now
            && given < wanted
        {
            let step = (*count).min(wanted - given);
            *count -= step;
            given += step;
            if *count == 0 {
                self.arrivals.pop_front();
            }
        }
        let (front, back) = self.bytes.as_slices();
        let from_front = front.len().min(given);
        buf.put_slice(&front[..from_front]);
        buf.put_slice(&back[..given - from_front]);
        self.bytes.drain(..given);
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

/// What happens to the direction that `outgoing` is, and with a reset to the other one, too.
fn meet(fault: Fault, mut outgoing: MutexGuard<'_, Lane>, incoming: &Mutex<Lane>) {
    let pulse = outgoing.pulse.clone();
    pulse.count_fault();
    pulse.tell(|| format!("the network: {fault:?} behind {} bytes", outgoing.passed));
    match fault {
        Fault::Reset => {
            outgoing.reset();
            drop(outgoing);
            lock(incoming).reset();
        }
        Fault::HalfClose => outgoing.shut(),
        Fault::Silence => outgoing.is_silent = true,
    }
}

/// One end of a wire.
#[derive(Debug)]
pub(crate) struct End {
    incoming: Arc<Mutex<Lane>>,
    outgoing: Arc<Mutex<Lane>>,
    sleep: Option<Pin<Box<Sleep>>>,
    resets: bool,
}

impl End {
    pub(crate) fn scissors(&self) -> Scissors {
        Scissors(
            Arc::downgrade(&self.incoming),
            Arc::downgrade(&self.outgoing),
        )
    }
}

fn lock(lane: &Mutex<Lane>) -> MutexGuard<'_, Lane> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let mut lane = lock(&this.incoming);
            if lane.is_reset {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if lane.hesitates(cx) {
                return Poll::Pending;
            }
            let Some((arrives, _)) = lane.arrivals.front() else {
                if lane.is_shut {
                    return Poll::Ready(Ok(()));
                }
                lane.reader = Some(cx.waker().clone());
                return Poll::Pending;
            };
            let arrives = *arrives;
            if arrives > Instant::now() {
                // A reset before that moment has to be seen, too.
                lane.reader = Some(cx.waker().clone());
                drop(lane);
                let sleep = this
                    .sleep
                    .get_or_insert_with(|| Box::pin(sleep_until(arrives)));
                if sleep.deadline() != arrives {
                    sleep.as_mut().reset(arrives);
                }
                ready!(sleep.as_mut().poll(cx));
                continue;
            }
            lane.give(buf);
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut lane = lock(&self.outgoing);
        if lane.is_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if lane.is_shut || lane.is_deaf {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if lane.hesitates(cx) {
            return Poll::Pending;
        }
        if lane.bytes.len() >= lane.weather.capacity {
            lane.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = lane.take(data);
        let passed = lane.passed;
        if let Some((fault, _)) = lane.weather.fault.take_if(|(_, at)| *at <= passed) {
            meet(fault, lane, &self.incoming);
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if lock(&self.outgoing).hesitates(cx) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lane = lock(&self.outgoing);
        if lane.hesitates(cx) {
            return Poll::Pending;
        }
        lane.shut();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    /// As a socket: who still writes to it is told, unless the wire is silent.
    fn drop(&mut self) {
        let mut incoming = lock(&self.incoming);
        let resets = self.resets && !incoming.bytes.is_empty();
        incoming.is_deaf = true;
        incoming.forget();
        incoming.wake_all();
        let pulse = incoming.pulse.clone();
        drop(incoming);
        let mut outgoing = lock(&self.outgoing);
        if resets && !outgoing.is_silent {
            outgoing.reset();
        } else {
            outgoing.shut();
        }
        pulse.end_went();
    }
}
