//! The command line: the same for every program, and no program has all of it.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process};

use lexopt::{Arg, Parser, ValueExt};

/// What is asked of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen, on the loopback interface only.
    pub address: SocketAddr,
    /// Compression with context takeover or without.
    pub deflate: Deflate,
    /// The files of the certificate and its key, in PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Threads of the runtime. Without it there is one, and nothing is shared between threads.
    pub workers: Option<usize>,
    /// Sends every message to everybody instead of back.
    pub broadcast: bool,
    /// Defers the flush until no further message is ready, as the library offers it.
    pub batch: bool,
    /// Sends the bytes back, whatever they are.
    pub raw: bool,
}

/// What is agreed to of permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deflate {
    /// Nothing.
    Off,
    /// No context takeover in either direction.
    Shared,
    /// Context takeover, and whatever else the library does by default.
    Takeover,
}

impl Options {
    /// Reads the arguments. `--port` is known to all; of the others, those in `known` are.
    ///
    /// Ends the process with status 2 and a line that says why if anything else is there.
    pub fn parse(known: &[&str]) -> Self {
        Self::from_parser(Parser::from_env(), known).unwrap_or_else(|error| {
            eprintln!("{error}");
            process::exit(2);
        })
    }

    fn from_parser(mut parser: Parser, known: &[&str]) -> Result<Self, lexopt::Error> {
        let mut port = None;
        let mut options = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            deflate: Deflate::Off,
            tls: None,
            workers: None,
            broadcast: false,
            batch: false,
            raw: false,
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("port") => port = Some(parser.value()?.parse()?),
                Arg::Long(name) if !known.contains(&name) => return Err(argument.unexpected()),
                Arg::Long("deflate") => options.deflate = parser.value()?.parse_with(deflate)?,
                Arg::Long("tls") => options.tls = Some(pair(&mut parser)?),
                Arg::Long("workers") => options.workers = Some(parser.value()?.parse()?),
                Arg::Long("broadcast") => options.broadcast = true,
                Arg::Long("batch") => options.batch = true,
                Arg::Long("raw") => options.raw = true,
                _ => return Err(argument.unexpected()),
            }
        }
        options.address.set_port(port.ok_or("--port is missing")?);
        Ok(options)
    }
}

fn pair(parser: &mut Parser) -> Result<(PathBuf, PathBuf), lexopt::Error> {
    let certificate: OsString = parser.value()?;
    Ok((certificate.into(), parser.value()?.into()))
}

fn deflate(text: &str) -> Result<Deflate, String> {
    match text {
        "off" => Ok(Deflate::Off),
        "shared" => Ok(Deflate::Shared),
        "takeover" => Ok(Deflate::Takeover),
        _ => Err("it is off, shared or takeover".to_owned()),
    }
}
