//! The client: many connections, each of which sends numbered messages and wants each of them back, in order.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, Config, ConnectRequest, Deflate, Message, Reconnect, WebSocket, proto::Uri,
};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream, lookup_host},
    sync::watch,
    task::JoinSet,
    time::{Instant, interval, sleep, sleep_until, timeout},
};

use crate::{
    Failure, Options,
    message::{EVERYBODY, HEAD, Stamp, next},
    tally::{TELL, Tally, count, hear, say},
};

/// Far longer than an answer takes on a connection that lives.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a slow reader does not read, what it sends before, and into how small a window it lets the answers.
const NAP: Duration = Duration::from_secs(3);
const BURST: [usize; 8] = [60_000; 8];
const NARROW: u32 = 8 << 10;

/// One of so many connections that have lived their time is dropped without a closing handshake.
const RUDE: u64 = 8;

/// A ping follows each message whose number this divides.
const PING: u64 = 8;

struct Crowd {
    options: Options,
    client: Client,
    tally: Tally,
    /// All connections are open: from now on it counts how long answers take.
    is_steady: AtomicBool,
}

/// Runs from the first line of standard input to its end.
pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let crowd = Arc::new(Crowd {
        client: Client::builder().config(options.config.clone()).build(),
        options,
        tally: Tally::default(),
        is_steady: AtomicBool::new(false),
    });
    say(&json!({ "ready": true }));
    hear().await;
    let told = crowd.clone();
    let telling = tokio::spawn(async move {
        let mut ticks = interval(TELL);
        loop {
            ticks.tick().await;
            say(&told.tally.counts());
        }
    });
    let (stop, stopped) = watch::channel(false);
    let mut guests = JoinSet::new();
    let mut ticks = interval(Duration::from_secs_f64(1.0 / crowd.options.ramp));
    for sender in 0..crowd.options.connections {
        ticks.tick().await;
        let guest = Guest::new(crowd.clone(), sender, stopped.clone());
        guests.spawn(guest.stay());
    }
    crowd.is_steady.store(true, Relaxed);
    say(&json!({ "steady": true }));
    let all_left = async { while guests.join_next().await.is_some() {} };
    // Over before its time if each has sent as many messages as it may.
    let _ = timeout(crowd.options.time, all_left).await;
    say(&json!({ "leaves": true }));
    let _ = stop.send(true);
    while guests.join_next().await.is_some() {}
    telling.abort();
    say(&json!({
        "done": crowd.tally.counts(),
        "p50_ms": crowd.tally.waits.quantile(0.5),
        "p99_ms": crowd.tally.waits.quantile(0.99),
        "max_ms": crowd.tally.waits.quantile(1.0),
    }));
    while hear().await {}
    Ok(())
}

/// One after the other the connections of one sender, whose numbers go on.
struct Guest {
    crowd: Arc<Crowd>,
    sender: u64,
    /// The number of the next message.
    number: u64,
    chance: u64,
    stopped: watch::Receiver<bool>,
}

/// What one connection waits for.
struct Talk {
    /// Messages that are not answered, and when they were sent.
    pending: VecDeque<(u64, Instant)>,
    /// The number of the next message to all, once the first has come.
    notice: Option<u64>,
    /// Whether it counts how long answers take.
    is_measured: bool,
}

impl Guest {
    fn new(crowd: Arc<Crowd>, sender: u64, stopped: watch::Receiver<bool>) -> Self {
        Self {
            crowd,
            sender,
            number: 0,
            chance: sender,
            stopped,
        }
    }

    async fn stay(mut self) {
        let crowd = self.crowd.clone();
        let is_slow = crowd
            .options
            .slow
            .is_some_and(|nth| self.sender.is_multiple_of(nth));
        let Ok(request) = self.request() else {
            return crowd.tally.wrong("no URI to connect to");
        };
        let mut policy = Reconnect::default();
        policy.first = Duration::from_millis(100);
        policy.max = Duration::from_secs(1);
        let mut attempts = request.reconnect(policy).attempts();
        while !self.is_over() {
            // Not given up half-way, so that both sides count the same connections.
            if is_slow {
                match self.dial_narrow().await {
                    Ok(ws) => self.talk(ws, true).await,
                    Err(error) => self.fail(&error.to_string()).await,
                }
            } else {
                match attempts.next().await {
                    Ok(ws) => self.talk(ws, false).await,
                    Err(error) => self.fail(&error.to_string()).await,
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        *self.stopped.borrow() || self.number >= self.crowd.options.count
    }

    async fn fail(&self, why: &str) {
        count(&self.crowd.tally.failed);
        say(&json!({ "failed": why, "sender": self.sender }));
        sleep(Duration::from_secs(1)).await;
    }

    fn request(&self) -> Result<ConnectRequest, Failure> {
        let options = &self.crowd.options;
        let mut config: Config = options.config.clone();
        // Half of the connections, with and without context takeover.
        config.deflate = match self.sender % 4 {
            1 if options.compresses => Some(Deflate::shared()),
            3 if options.compresses => Some(Deflate::dedicated()),
            _ => None,
        };
        Ok(self.crowd.client.request(&options.uri)?.config(config))
    }

    /// A connection whose receiving window is so small that what is not read piles up at the server.
    async fn dial_narrow(&self) -> Result<WebSocket<TcpStream>, Failure> {
        let uri = Uri::parse(&self.crowd.options.uri)?;
        let address = lookup_host(format!("{}:{}", uri.host(), uri.port()))
            .await?
            .next();
        let address = address.ok_or("the name has no address")?;
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_recv_buffer_size(NARROW)?;
        let stream = socket.connect(address).await?;
        Ok(self.request()?.connect_on(stream).await?)
    }

    /// Talks to the server for as long as this connection lives.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        mut ws: WebSocket<S>,
        is_slow: bool,
    ) {
        let crowd = self.crowd.clone();
        let tally = &crowd.tally;
        count(&tally.open);
        count(&tally.opened);
        if ws.info().deflate().is_some() {
            count(&tally.compressed);
        }
        let mut talk = Talk {
            pending: VecDeque::new(),
            notice: None,
            is_measured: !is_slow,
        };
        let said = timeout(PATIENCE, async {
            if is_slow {
                self.burst(&mut ws, &mut talk).await?;
                sleep(NAP).await;
            }
            Ok::<_, bowsprit::Error>(())
        });
        let lives = matches!(said.await, Ok(Ok(()))) && self.converse(&mut ws, &mut talk).await;
        tally.pongs.fetch_add(ws.round_trips().count, Relaxed);
        tally.open.fetch_sub(1, Relaxed);
        let left = u64::try_from(talk.pending.len()).unwrap_or(u64::MAX);
        tally.missing.fetch_add(left, Relaxed);
        if !lives {
            tally.lost(self.sender, ws.close_info());
        } else if crowd.options.life.is_some() && self.draw().is_multiple_of(RUDE) {
            count(&tally.dropped);
        } else if !matches!(ws.close(CloseCode::NORMAL, "").await, Ok(closed) if closed.is_clean())
        {
            tally.lost(self.sender, ws.close_info());
        }
    }

    /// More than the server can get rid of while nobody reads.
    async fn burst<S>(
        &mut self,
        ws: &mut WebSocket<S>,
        talk: &mut Talk,
    ) -> Result<(), bowsprit::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        for length in BURST {
            self.say(ws, talk, length).await?;
        }
        Ok(())
    }

    /// Sends and receives until it is time to leave and all is answered; `false` if the connection has ended.
    async fn converse<S>(&mut self, ws: &mut WebSocket<S>, talk: &mut Talk) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let end = self
            .crowd
            .options
            .life
            .map(|life| Instant::now() + life.mul_f64(0.5 + self.fraction()));
        let mut due = Instant::now() + self.pause();
        let mut stopped = self.stopped.clone();
        let mut leaves = self.is_over();
        while !(leaves && talk.pending.is_empty()) {
            let until = if leaves {
                Instant::now() + PATIENCE
            } else {
                due.min(end.unwrap_or(due))
            };
            tokio::select! {
                () = stop(&mut stopped), if !leaves => leaves = true,
                received = ws.recv() => match received {
                    Ok(Some(message)) => self.take(&message, talk),
                    _ => return false,
                },
                () = sleep_until(until) => {
                    if leaves {
                        self.crowd.tally.wrong("an answer never came");
                        return false;
                    }
                    if end.is_some_and(|end| end <= until) {
                        leaves = true;
                        continue;
                    }
                    let length = self.length();
                    if self.say(ws, talk, length).await.is_err() {
                        return false;
                    }
                    due = Instant::now() + self.pause();
                    leaves = self.is_over();
                }
            }
        }
        true
    }

    async fn say<S>(
        &mut self,
        ws: &mut WebSocket<S>,
        talk: &mut Talk,
        length: usize,
    ) -> Result<(), bowsprit::Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stamp = Stamp {
            sender: self.sender,
            number: self.number,
        };
        let message = stamp.message(length);
        // Counted before: of a send that fails nobody knows whether it arrived.
        talk.pending.push_back((self.number, Instant::now()));
        self.number += 1;
        count(&self.crowd.tally.sent);
        ws.send(message).await?;
        if stamp.number.is_multiple_of(PING) {
            ws.ping(&stamp.number.to_be_bytes()).await?;
        }
        Ok(())
    }

    fn take(&self, message: &Message, talk: &mut Talk) {
        let tally = &self.crowd.tally;
        let Some(Stamp { sender, number }) = Stamp::of(message) else {
            return tally.wrong("a message to a client was changed");
        };
        if sender == EVERYBODY {
            if talk.notice.is_some_and(|expected| expected != number) {
                tally.wrong("a message to all is missing, or came twice");
            }
            talk.notice = Some(number + 1);
            return count(&tally.broadcasts);
        }
        let Some((expected, sent)) = talk.pending.pop_front() else {
            return tally.wrong("an answer came twice");
        };
        if (sender, number) != (self.sender, expected) {
            return tally.wrong("an answer is missing, or came twice, or is another's");
        }
        count(&tally.right);
        let length = u64::try_from(message.as_bytes().len()).unwrap_or(u64::MAX);
        tally.bytes.fetch_add(length, Relaxed);
        if talk.is_measured && self.crowd.is_steady.load(Relaxed) {
            tally.waits.add(sent.elapsed());
        }
    }

    /// Half of the messages are as short as can be, few are long.
    fn length(&mut self) -> usize {
        let halved = self.draw() % 12;
        (self.crowd.options.size >> halved).max(HEAD)
    }

    fn pause(&mut self) -> Duration {
        let options = &self.crowd.options;
        let connections = u32::try_from(options.connections).map_or(f64::MAX, f64::from);
        Duration::from_secs_f64(connections / options.rate * (0.5 + self.fraction()))
    }

    fn fraction(&mut self) -> f64 {
        let draw = u32::try_from(self.draw() >> 32).unwrap_or_default();
        f64::from(draw) / f64::from(u32::MAX)
    }

    fn draw(&mut self) -> u64 {
        next(&mut self.chance)
    }
}

/// Until it is time for all to leave.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stop| stop).await;
}
