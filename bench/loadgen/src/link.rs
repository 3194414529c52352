//! A socket, plain or with TLS over it.

use std::{
    io::{self, Read, Write},
    os::fd::OwnedFd,
};

use rustls::ClientConnection;

use crate::socket;

pub(crate) struct Link {
    pub(crate) socket: OwnedFd,
    tls: Option<Box<ClientConnection>>,
}

impl Link {
    pub(crate) fn new(socket: OwnedFd, tls: Option<ClientConnection>) -> Self {
        Self {
            socket,
            tls: tls.map(Box::new),
        }
    }

    /// Returns how much was taken: nothing if there is no room.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return socket::send_some(&self.socket, bytes);
        };
        let taken = tls.writer().write(bytes)?;
        self.push()?;
        Ok(taken)
    }

    /// Returns `None` while there is nothing to read, and zero at the end of the stream.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(tls) = &mut self.tls else {
            return socket::receive(&self.socket, buffer);
        };
        // What an earlier call had no room for comes before what the socket has.
        if let Some(count) = unless_blocked(tls.reader().read(buffer))? {
            return Ok(Some(count));
        }
        match unless_blocked(tls.read_tls(&mut Raw(&self.socket)))? {
            Some(0) => return Ok(Some(0)),
            None => return Ok(None),
            Some(_) => {}
        }
        tls.process_new_packets().map_err(io::Error::other)?;
        let count = unless_blocked(tls.reader().read(buffer))?;
        self.push()?;
        Ok(count)
    }

    /// Writes what TLS has waiting.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.wants_write()) {
            if unless_blocked(tls.write_tls(&mut Raw(&self.socket)))?.is_none() {
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Whether payload may be thrown away in the kernel.
    pub(crate) fn is_plain(&self) -> bool {
        self.tls.is_none()
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}

/// The socket as rustls wants it.
struct Raw<'a>(&'a OwnedFd);

impl Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(self.0, buffer)?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match socket::send_some(self.0, bytes)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            sent => Ok(sent),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
