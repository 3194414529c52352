//! What all connections of a run share, and how one is opened and checked.

use std::{cell::RefCell, io, time::Duration};

use crate::{
    Outcome,
    connection::Connection,
    link::Link,
    options::Options,
    socket::{self, Poller},
    tape::{Tape, inflate},
    tls::Connector,
    wire,
};

/// The key of RFC 6455 §1.3, and the answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// As much as one read takes, or throws away.
const READ: usize = 256 * 1024;

pub(crate) struct Client<'a> {
    pub(crate) options: &'a Options,
    pub(crate) request: Vec<u8>,
    pub(crate) tape: Tape,
    pub(crate) poller: Poller,
    pub(crate) buffer: RefCell<Vec<u8>>,
    connector: Option<Connector>,
}

impl<'a> Client<'a> {
    pub(crate) fn new(options: &'a Options) -> Outcome<Self> {
        let extensions = options
            .deflate
            .as_ref()
            .map(|offer| format!("Sec-WebSocket-Extensions: {offer}\r\n"));
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: loadgen/0.2\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
            options.path,
            options.addr,
            extensions.unwrap_or_default(),
        );
        Ok(Self {
            options,
            request: request.into_bytes(),
            tape: Tape::new(options)?,
            poller: Poller::new()?,
            buffer: RefCell::new(vec![0; READ]),
            connector: Connector::new(&options.tls)?,
        })
    }

    /// Starts a connection; `receive_buffer` is what the kernel may keep for it.
    pub(crate) fn connect(&self, serial: usize, receive_buffer: Option<usize>) -> Outcome<Link> {
        let socket = socket::connect(self.options.addr, serial, receive_buffer)
            .map_err(|error| format!("connect: {error}"))?;
        let tls = self
            .connector
            .as_ref()
            .map(Connector::connect)
            .transpose()?;
        Ok(Link::new(socket, tls))
    }

    /// Opens the connections of a run, with one checked message each, and has the poller watch them.
    pub(crate) fn open_all(&self) -> Outcome<Vec<Connection>> {
        (0..self.options.conns)
            .map(|index| {
                let connection = self.open(index, None)?;
                self.poller.add(&connection.link.socket, index, false)?;
                Ok(connection)
            })
            .collect()
    }

    /// Opens one connection, and waits until it is upgraded.
    pub(crate) fn open(&self, index: usize, receive_buffer: Option<usize>) -> Outcome<Connection> {
        let mut link = self.connect(index, receive_buffer)?;
        if !self.options.raw {
            let answer = exchange(&mut link, &self.request, |got| {
                Ok(got.ends_with(b"\r\n\r\n"))
            })
            .map_err(|error| format!("handshake: {error}"))?;
            self.check_answer(&answer)?;
            if index == 0 && self.options.show {
                eprintln!("{}", String::from_utf8_lossy(&answer).trim_end());
            }
        }
        Ok(Connection::new(link, index))
    }

    pub(crate) fn check_answer(&self, answer: &[u8]) -> Outcome<()> {
        let compresses = contains(&answer.to_ascii_lowercase(), b"permessage-deflate");
        let wrong = if !answer.starts_with(b"HTTP/1.1 101") || !contains(answer, ACCEPT) {
            "bad handshake"
        } else if self.options.deflate.is_some() && !compresses {
            "permessage-deflate refused"
        } else {
            return Ok(());
        };
        Err(format!("{wrong}:\n{}", String::from_utf8_lossy(answer).trim_end()).into())
    }

    /// Sends one message, and compares the reply byte for byte.
    pub(crate) fn check(&self, connection: &mut Connection) -> Outcome<()> {
        let (tape, options) = (&self.tape, self.options);
        let frame = tape.first_frame();
        if options.raw {
            let echo = exchange(&mut connection.link, frame, |got| {
                Ok(got.len() >= frame.len())
            })?;
            return if echo == frame {
                Ok(())
            } else {
                Err("the raw echo differs".into())
            };
        }
        let mut reply = None;
        exchange(&mut connection.link, frame, |got| {
            reply = wire::first_message(got);
            match &reply {
                Some(message) if message.end != got.len() => Err("more than one reply".into()),
                message => Ok(message.is_some()),
            }
        })?;
        let reply = reply.ok_or("no reply")?;
        let body = if reply.compressed {
            inflate(&reply.body, options.size)?
        } else {
            reply.body
        };
        if reply.opcode != options.payload.opcode() || body != tape.first {
            return Err(
                format!("wrong echo: opcode {}, {} bytes", reply.opcode, body.len()).into(),
            );
        }
        Ok(())
    }
}

/// Sends everything, and reads until `is_whole`.
fn exchange(
    link: &mut Link,
    outgoing: &[u8],
    mut is_whole: impl FnMut(&[u8]) -> Outcome<bool>,
) -> Outcome<Vec<u8>> {
    let (mut sent, mut got, mut buffer) = (0, Vec::new(), [0; 16 * 1024]);
    loop {
        let write = sent < outgoing.len() || link.wants_write();
        socket::wait(&link.socket, write)?;
        if sent < outgoing.len() {
            sent += link.send(&outgoing[sent..])?;
        } else {
            link.push()?;
        }
        while let Some(count) = link.receive(&mut buffer)? {
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            got.extend_from_slice(&buffer[..count]);
        }
        if is_whole(&got)? {
            return Ok(got);
        }
    }
}

/// How long a run may stand still.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
