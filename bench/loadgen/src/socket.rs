//! Non-blocking TCP sockets and epoll.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use rustix::{
    buffer::spare_capacity,
    event::{PollFd, PollFlags, Timespec, epoll, poll},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect as start, recv,
        send, socket_with, sockopt,
    },
};

/// Ports run out on one address: a closed connection keeps its own for a minute.
const SOURCES: usize = 250;

/// Starts a connection, which may take a while to come about.
pub(crate) fn connect(
    to: SocketAddrV4,
    serial: usize,
    receive_buffer: Option<usize>,
) -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if let Some(size) = receive_buffer {
        sockopt::set_socket_recv_buffer_size(&socket, size)?;
    }
    let [last, ..] = (2 + serial % SOURCES).to_le_bytes();
    bind(
        &socket,
        &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), 0),
    )?;
    match start(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// Returns how much was sent: nothing if the socket is full, or not connected yet.
pub(crate) fn send_some(socket: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(unless_blocked(send(socket, bytes, SendFlags::NOSIGNAL))?.unwrap_or(0))
}

/// Returns `None` while there is nothing to read, and zero at the end of the stream.
pub(crate) fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    unless_blocked(recv(socket, buffer, RecvFlags::empty()).map(|(_, length)| length))
}

/// Throws away up to as many bytes as `buffer` is long, which the kernel then does not copy.
pub(crate) fn discard(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    unless_blocked(recv(socket, buffer, RecvFlags::TRUNC).map(|(_, length)| length))
}

fn unless_blocked(result: rustix::io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(Errno::AGAIN | Errno::INTR | Errno::NOTCONN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Waits for one socket.
pub(crate) fn wait(socket: &OwnedFd, write: bool) -> io::Result<()> {
    let writable = if write {
        PollFlags::OUT
    } else {
        PollFlags::empty()
    };
    let patience = Timespec {
        tv_sec: 20,
        tv_nsec: 0,
    };
    match poll(
        &mut [PollFd::new(socket, PollFlags::IN | writable)],
        Some(&patience),
    ) {
        Ok(0) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "no answer for 20 s",
        )),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Which of many sockets are ready.
pub(crate) struct Poller(OwnedFd);

/// A socket that is ready, by the number that it was added with.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) index: usize,
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// What `Poller::wait` fills.
pub(crate) struct Events(Vec<epoll::Event>);

impl Events {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(1024))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Ready> {
        self.0.iter().map(|event| {
            // A copy, because the kernel's structure is packed.
            let (flags, data) = (event.flags, event.data);
            Ready {
                index: usize::try_from(data.u64()).unwrap_or(usize::MAX),
                read: flags.intersects(!epoll::EventFlags::OUT),
                write: flags.contains(epoll::EventFlags::OUT),
            }
        })
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    pub(crate) fn add(&self, socket: impl AsFd, index: usize, write: bool) -> io::Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        Ok(epoll::add(&self.0, socket, data, interest(write))?)
    }

    pub(crate) fn modify(&self, socket: impl AsFd, index: usize, write: bool) -> io::Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        Ok(epoll::modify(&self.0, socket, data, interest(write))?)
    }

    pub(crate) fn wait(&self, events: &mut Events, patience: Duration) -> io::Result<()> {
        events.0.clear();
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        match epoll::wait(&self.0, spare_capacity(&mut events.0), Some(&patience)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn interest(write: bool) -> epoll::EventFlags {
    if write {
        epoll::EventFlags::IN | epoll::EventFlags::OUT
    } else {
        epoll::EventFlags::IN
    }
}
