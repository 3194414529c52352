//! epoll: who may be read, who may be written.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use bowsprit_bench_servers::options::Options;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    io::Errno,
    net::{
        AddressFamily, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
        sockopt::{set_socket_reuseaddr, set_tcp_nodelay},
    },
};

use crate::connection::{Connection, Kind, Outcome, Scratch};

/// How many events one call may bring.
const EVENTS: usize = 1024;

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 4096;

pub(crate) struct EventLoop {
    epoll: OwnedFd,
    listener: OwnedFd,
    /// By the number of their socket.
    connections: Vec<Option<Box<Connection>>>,
    scratch: Scratch,
    kind: Kind,
    broadcast: bool,
}

impl EventLoop {
    pub(crate) fn listen(options: &Options) -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let listener = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        set_socket_reuseaddr(&listener, true)?;
        // Accepted sockets inherit it.
        set_tcp_nodelay(&listener, true)?;
        bind(&listener, &options.address)?;
        listen(&listener, BACKLOG)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, name(&listener), EventFlags::IN)?;
        Ok(Self {
            epoll,
            listener,
            connections: Vec::new(),
            scratch: Scratch::new(),
            kind: if options.raw {
                Kind::Raw
            } else {
                Kind::WebSocket
            },
            broadcast: options.broadcast,
        })
    }

    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                // The structure is packed: its fields have to be copied out.
                let (data, flags) = (event.data, event.flags);
                let number = data.u64() as usize;
                if number == self.listener.as_raw_fd() as usize {
                    self.accept()?;
                } else if self.serve(number, flags).is_err() {
                    self.connections[number] = None;
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // A client that has gone before it was accepted is no reason to stop.
        let Ok(socket) = accept_with(&self.listener, flags) else {
            return Ok(());
        };
        epoll::add(&self.epoll, &socket, name(&socket), EventFlags::IN)?;
        let number = socket.as_raw_fd() as usize;
        if number >= self.connections.len() {
            self.connections.resize_with(number + 1, || None);
        }
        self.connections[number] = Some(Box::new(Connection::new(socket, self.kind)));
        Ok(())
    }

    /// An error says that the connection is over.
    fn serve(&mut self, number: usize, flags: EventFlags) -> io::Result<()> {
        let Some(connection) = &mut self.connections[number] else {
            return Ok(());
        };
        if flags.contains(EventFlags::OUT) {
            return connection.write_unsent(&self.epoll, &mut self.scratch);
        }
        self.scratch.clear();
        match connection.read(&mut self.scratch)? {
            Outcome::Nothing => Ok(()),
            Outcome::Messages if self.broadcast => {
                self.broadcast();
                Ok(())
            }
            Outcome::Messages | Outcome::Own => connection.write(&self.epoll, &mut self.scratch),
            Outcome::Closing => {
                connection.write(&self.epoll, &mut self.scratch)?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        }
    }

    /// The bare loop: what was framed once is written to everybody.
    fn broadcast(&mut self) {
        self.scratch.join_large();
        for connection in self.connections.iter_mut().flatten() {
            if connection.is_open() {
                // One that has gone is found out by its own event.
                let _ = connection.write(&self.epoll, &mut self.scratch);
            }
        }
    }
}

fn name(socket: &OwnedFd) -> EventData {
    EventData::new_u64(socket.as_raw_fd() as u64)
}

/// Waits for room to write if there is something `unsent`, else for something to read.
pub(crate) fn wait_for(epoll: &OwnedFd, socket: &OwnedFd, unsent: bool) -> io::Result<()> {
    let flags = if unsent {
        EventFlags::OUT
    } else {
        EventFlags::IN
    };
    Ok(epoll::modify(epoll, socket, name(socket), flags)?)
}
