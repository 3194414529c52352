//! Page 1 of docs/tutorial/core: a client made of the protocol and a TCP socket, one thread, no runtime.
//!
//! `cargo run -p bowsprit-proto --example tutorial_core -- ws://localhost:9002 hello harbour`
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

use std::{
    env,
    error::Error,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use bowsprit_proto::{
    CloseCode, Config, Connection, Event, State, Timestamp, Uri,
    handshake::{ClientHandshake, Request},
};

/// What one read brings at most. Any size will do, also 1.
const READ: usize = 16 * 1024;

fn main() -> ExitCode {
    match talk() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Sends what the arguments say, waits for as many answers, and closes.
fn talk() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let usage = "usage: tutorial_core URI MESSAGE...";
    let uri = Uri::parse(&arguments.next().ok_or(usage)?)?;
    let mut buffer = vec![0; READ];
    let mut client = Client::open(&uri, &mut buffer)?;
    for message in arguments {
        client.connection.send(message.as_str())?;
        client.awaited += 1;
    }
    client.connection.ping_at(b"are you there?", client.now())?;
    client.run(&mut buffer);
    if let Some(closed) = client.connection.closed() {
        println!("{closed}");
    }
    Ok(())
}

/// The protocol, and two things that it does not own: the transport and the clock.
struct Client {
    connection: Connection,
    tcp: TcpStream,
    start: Instant,
    /// How many answers are still to come.
    awaited: usize,
}

impl Client {
    /// Dials, and shakes hands: one head goes out, one comes in.
    fn open(uri: &Uri, buffer: &mut [u8]) -> Result<Self, Box<dyn Error>> {
        if uri.is_secure() || uri.socket_path().is_some() {
            return Err("this client speaks plain TCP".into());
        }
        let config = Arc::new(Config::client());
        let start = Instant::now();
        let mut tcp = TcpStream::connect(format!("{}:{}", uri.host(), uri.port()))?;
        tcp.set_nodelay(config.nodelay)?;
        tcp.set_write_timeout(config.timeouts.write)?;

        let request = Request::new(uri.clone());
        let mut handshake = ClientHandshake::new(&request, rand::random(), &config);
        tcp.write_all(handshake.request_bytes())?;
        let (agreed, behind) = loop {
            let left = config.timeouts.open.saturating_sub(start.elapsed());
            let count = match read_within(&mut tcp, buffer, Some(left))? {
                None if left.is_zero() => return Err("the server takes too long".into()),
                None => continue,
                Some(0) => return Err(handshake.eof().into()),
                Some(count) => count,
            };
            let mut input = &buffer[..count];
            if let Some(agreed) = handshake.receive(&mut input)? {
                break (agreed, count - input.len()..count);
            }
        };
        println!("open, and {} bytes came behind the head", behind.len());

        let connection = Connection::client(config, rand::random).with_agreed(&agreed);
        let mut client = Self {
            connection,
            tcp,
            start,
            awaited: 0,
        };
        client.receive(&mut buffer[behind]);
        Ok(client)
    }

    /// Writes, waits, reads, until the connection has ended.
    fn run(&mut self, buffer: &mut [u8]) {
        while self.connection.state() != State::Ended {
            if let Err(error) = self.turn(buffer) {
                self.connection.transport_failed(&error.to_string());
            }
        }
    }

    fn turn(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.write()?;
        let now = self.now();
        let deadline = self.connection.poll_timeout(now);
        let wait = deadline.map(|at| at.0.saturating_sub(now.0));
        match read_within(&mut self.tcp, buffer, wait)? {
            None => self.connection.handle_timeout(self.now()),
            Some(0) => self.connection.receive_eof(),
            Some(count) => self.receive(&mut buffer[..count]),
        }
        if self.awaited == 0 && self.connection.state() == State::Open {
            // Of an open connection this code is never refused.
            let _ = self.connection.close(CloseCode::NORMAL, "that was all");
        }
        Ok(())
    }

    /// Gives the socket all that is queued.
    fn write(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            for piece in self.connection.transmit() {
                self.tcp.write_all(piece)?;
            }
            let count = self.connection.queued_bytes();
            self.connection.transmitted(count);
        }
        if self.connection.wants_shutdown() {
            self.tcp.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    /// Gives the connection what came, and looks at what was in it.
    fn receive(&mut self, mut input: &mut [u8]) {
        while let Some(event) = self.connection.receive(&mut input) {
            match event {
                Event::Message(message) => {
                    println!("<< {message:?}");
                    self.awaited = self.awaited.saturating_sub(1);
                }
                Event::Ping(payload) => println!("ping {:?}", String::from_utf8_lossy(&payload)),
                Event::Pong(payload) => {
                    let took = self.connection.measure(&payload, self.now());
                    println!("pong after {:.1?}", took.unwrap_or_default());
                }
                Event::Close(frame) => println!("close frame: {frame}"),
                Event::Failed(error) => println!("broken rule: {error}"),
                _ => {}
            }
        }
    }

    /// The time as the connection knows it: since a moment of our choice.
    fn now(&self) -> Timestamp {
        Timestamp(self.start.elapsed())
    }
}

/// Reads what is there, or waits for it; `None` when the time is over first.
fn read_within(
    tcp: &mut TcpStream,
    buffer: &mut [u8],
    wait: Option<Duration>,
) -> io::Result<Option<usize>> {
    // For a socket no time at all would mean for ever.
    tcp.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
    match tcp.read(buffer) {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}
