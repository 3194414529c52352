//! Options made ready: files read, contradictions found, before anything is listened on.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bowsprit::{Accept, Config, Deflate, Server, ServerBuilder};

use super::address::Address;
use super::door::{ANY, Door, Login};
use super::faults::Faults;
use super::files::Files;
use super::house::{Furniture, House};
use super::modes::exec::Exec;
use super::modes::proxy::Target;
use super::modes::{Mode, Replies, Room};
use super::options::ServeArgs;
use super::site::{Desk, Site};
use super::tell::Teller;
use super::tls::Tls;
use super::words::After;
use crate::options::secret::Secret;
use crate::options::units::Time;
use crate::options::{Farewell, Times};
use crate::printer::text::{escape, fault};

/// How many processes there are at once unless told otherwise.
const MAX_PROCESSES: usize = 100;

/// A server that is ready to listen.
#[derive(Debug)]
pub(super) struct Plan {
    address: Address,
    builder: ServerBuilder,
    mode: Mode,
    door: Door,
    tls: Option<Tls>,
    faults: Option<Faults>,
    has_page: bool,
    close_after: Option<(After, Farewell)>,
    times: Times,
    open_timeout: Duration,
}

impl Plan {
    /// What these options come to.
    ///
    /// # Errors
    ///
    /// When what they name is not there or wrong, or they contradict each other. The text repeats no
    /// secret.
    pub(super) fn new(args: &ServeArgs) -> Result<Self, String> {
        let faults = args.faults.of_bytes();
        let config = config(args, faults.as_ref())?;
        let (limit, open_timeout) = (config.limits.message, config.timeouts.open);
        let (mode, target) = mode(args, limit)?;
        let close_after = args.faults.closing();
        let folder = args.manner.folder.as_deref();
        Ok(Self {
            address: args.address.clone(),
            builder: builder(args)?.config(config),
            door: Door {
                login: args.door.auth.as_ref().map(login).transpose()?,
                headers: headers(&args.door.header)?,
                refuse: args.faults.refuse,
                once: args.end.once.then(AtomicBool::default),
                target,
                is_local: args.address.is_local(),
                origins: args.door.origin.clone(),
                has_page: args.manner.ui,
                files: folder.map(Files::new).transpose()?,
            },
            tls: tls(args)?,
            mode,
            faults,
            has_page: args.manner.ui,
            close_after,
            times: args.times,
            open_timeout,
        })
    }

    /// Listens.
    ///
    /// # Errors
    ///
    /// When that cannot be done; the text says why, and what to try.
    pub(super) async fn listen(self, teller: Teller) -> Result<Site, String> {
        let facts = self.facts();
        let scheme = self.scheme();
        let bound = self.address.bind().await?;
        let door = Arc::new(self.door);
        let decide = Arc::clone(&door);
        let mut builder = self
            .builder
            .validate(move |request| Arc::clone(&decide).decide(request));
        if door.answers_http() {
            let answer = Arc::clone(&door);
            builder = builder.http(move |request| Arc::clone(&answer).answer(request));
        }
        let house = House::new(Furniture {
            mode: self.mode,
            teller,
            is_watched: self.has_page,
            is_encrypted: self.tls.is_some(),
            close_after: self.close_after,
            times: self.times,
        });
        let uri = |scheme: &str| bound.uri(scheme).map_err(|error| fault(&error));
        let page = match self.has_page {
            true => Some(format!("Page: {}/", uri(&scheme.replace("ws", "http"))?)),
            false => None,
        };
        Ok(Site {
            uri: uri(scheme)?,
            facts: facts.into_iter().chain(page).collect(),
            bound,
            desk: Arc::new(Desk {
                server: builder.build(),
                house: Arc::new(house),
                door,
                tls: self.tls.map(|tls| tls.server),
                open_timeout: self.open_timeout,
                faults: self.faults,
            }),
        })
    }

    /// What else there is to say at the start.
    pub(super) fn facts(&self) -> Vec<String> {
        let print = self.tls.as_ref().and_then(|tls| tls.fingerprint.as_ref());
        let print = print.map(|print| {
            format!("Certificate made on the spot; clients take it with: --insecure --pin {print}")
        });
        let seed = self.faults.as_ref().and_then(Faults::seed);
        let seed = seed.map(|seed| format!("Faults by chance; they repeat with: --seed {seed}"));
        print.into_iter().chain(seed).collect()
    }

    /// The scheme of this server's URIs.
    pub(super) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "wss" } else { "ws" }
    }
}

fn config(args: &ServeArgs, faults: Option<&Faults>) -> Result<Config, String> {
    let mut config = Config::server();
    // What this program can receive, it can have echoed.
    config.limits.message = Config::client().limits.message;
    args.times.apply(&mut config)?;
    args.limits.apply(&mut config)?;
    let is_altered = faults.is_some_and(Faults::alters);
    config.deflate = config
        .deflate
        .filter(|_| !is_altered)
        .map(|_| Deflate::shared());
    if faults.is_some_and(Faults::stalls) {
        // The client is to find out.
        config.keepalive = None;
    }
    Ok(config)
}

fn mode(args: &ServeArgs, limit: usize) -> Result<(Mode, Option<Arc<Target>>), String> {
    let asked = &args.mode;
    let manner = &args.manner;
    if manner.no_self && !asked.broadcast {
        return Err("--no-self is for --broadcast".to_owned());
    }
    if manner.close_slow && !(asked.broadcast || asked.chat) {
        return Err("--close-slow is for --broadcast and --chat".to_owned());
    }
    if asked.proxy.is_some() && !args.door.subprotocol.is_empty() {
        return Err(
            "--proxy: the target chooses the subprotocol, so --subprotocol means nothing"
                .to_owned(),
        );
    }
    let room = |includes_self| Room::new(manner.close_slow, includes_self);
    let mode = match asked {
        asked if asked.broadcast => Mode::Broadcast(room(!manner.no_self)),
        asked if asked.chat => Mode::chat(room(false)),
        asked if asked.discard => Mode::Discard,
        asked if asked.print => Mode::Print,
        asked => match (&asked.script, &asked.exec, &asked.proxy) {
            (Some(path), ..) => Mode::Script(Arc::new(Replies::read(path)?)),
            (_, Some(command), _) => {
                let format = manner.exec_format.unwrap_or_default();
                Mode::Exec(Arc::new(Exec::new(
                    command,
                    manner.exec_shell,
                    format,
                    limit,
                )?))
            }
            (_, _, Some(target)) => {
                let target = Arc::new(Target::new(target, args.door.auth.is_some())?);
                return Ok((Mode::Proxy, Some(target)));
            }
            _ => Mode::Echo,
        },
    };
    Ok((mode, None))
}

fn builder(args: &ServeArgs) -> Result<ServerBuilder, String> {
    let wrong = |error: bowsprit::InvalidRequest| escape(&error.to_string()).into_owned();
    let mut builder = Server::builder()
        .subprotocols(args.door.subprotocol.iter().map(String::as_str))
        .map_err(wrong)?;
    for rule in &args.door.origin {
        builder = if rule == ANY {
            builder.danger_any_origin()
        } else {
            builder.allow_origin(rule).map_err(wrong)?
        };
    }
    let default = args.mode.exec.is_some().then_some(MAX_PROCESSES);
    let limit = args.door.max_connections.map(|count| count as usize);
    Ok(builder.max_connections(limit.or(default).unwrap_or_default()))
}

fn tls(args: &ServeArgs) -> Result<Option<Tls>, String> {
    let is_asked = args.door.tls_self_signed || args.door.tls.is_some();
    if is_asked && matches!(args.address, Address::Unix(_)) {
        return Err("a Unix socket does not leave the machine, and has no TLS".to_owned());
    }
    match (&args.door.tls, &args.door.key) {
        (Some(chain), Some(key)) => Tls::read(chain, key).map(Some),
        _ if args.door.tls_self_signed => Tls::make(&args.address).map(Some),
        _ => Ok(None),
    }
}

fn login(secret: &Secret) -> Result<Login, String> {
    let given = secret.read_line().map_err(|why| format!("--auth: {why}"))?;
    if given.contains(':') {
        Ok(Login::new(&given))
    } else {
        Err("--auth: expected user:password".to_owned())
    }
}

/// Each tried, so that no answer fails over it.
fn headers(secrets: &[Secret]) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    for secret in secrets {
        for line in secret
            .read_lines()
            .map_err(|why| format!("--header: {why}"))?
        {
            let (name, value) = line
                .split_once(':')
                .ok_or("--header: expected 'Name: value'")?;
            let (name, value) = (name.trim_end(), value.trim());
            Accept::default()
                .header(name, value)
                .map_err(|error| format!("--header: {}", escape(&error.to_string())))?;
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(headers)
}

/// The time that was asked for, if it ends.
pub(super) fn timeout(args: &ServeArgs) -> Option<Duration> {
    args.end.timeout.and_then(Time::get)
}
