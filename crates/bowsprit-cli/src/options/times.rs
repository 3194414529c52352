//! The options that say how long something may take.

use std::time::Duration;

use bowsprit::{Config, KeepAlive, Stage};
use clap::Args;

use super::units::Time;

/// Every wait of a connection, and its pings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Times (500ms, 10s, 2m, off)")]
pub(crate) struct TimeOptions {
    /// Give up an opening, name and TLS included, that takes longer [default: 10s]
    #[arg(long, visible_alias = "connect-timeout", value_name = "TIME")]
    open_timeout: Option<Time>,

    /// Drop the connection when closing takes longer [default: 5s]
    #[arg(long, value_name = "TIME")]
    close_timeout: Option<Time>,

    /// Close (1001) when no message went either way for so long [default: off]
    #[arg(long, value_name = "TIME")]
    idle_timeout: Option<Time>,

    /// Give up a peer that takes nothing for so long [default: 60s]
    #[arg(long, value_name = "TIME")]
    write_timeout: Option<Time>,

    /// Ping when nothing was heard for so long [default: 20s]
    #[arg(long, value_name = "TIME")]
    keepalive: Option<Time>,

    /// Give up when nothing is heard for so long after that ping [default: 20s]
    #[arg(long, value_name = "TIME")]
    pong_timeout: Option<Time>,
}

impl TimeOptions {
    /// These options, and of `defaults` those that they do not replace.
    pub(super) fn over(self, defaults: &Self) -> Self {
        Self {
            open_timeout: self.open_timeout.or(defaults.open_timeout),
            close_timeout: self.close_timeout.or(defaults.close_timeout),
            idle_timeout: self.idle_timeout.or(defaults.idle_timeout),
            write_timeout: self.write_timeout.or(defaults.write_timeout),
            keepalive: self.keepalive.or(defaults.keepalive),
            pong_timeout: self.pong_timeout.or(defaults.pong_timeout),
        }
    }

    /// Whether the time for this stage was asked for, and is not the default.
    pub(crate) fn is_asked(&self, stage: Stage) -> bool {
        let time = match stage {
            Stage::Close => self.close_timeout,
            Stage::Idle => self.idle_timeout,
            Stage::Write => self.write_timeout,
            Stage::Pong => self.pong_timeout.or(self.keepalive),
            _ => self.open_timeout,
        };
        time.is_some()
    }

    /// The time for the opening handshake.
    pub(crate) fn open_timeout_or_default(&self) -> Duration {
        let default = Config::client().timeouts.open;
        self.open_timeout.map_or(default, Time::or_never)
    }

    /// Sets all of it.
    ///
    /// # Errors
    ///
    /// When two options contradict each other.
    pub(crate) fn apply(&self, config: &mut Config) -> Result<(), String> {
        let timeouts = &mut config.timeouts;
        timeouts.open = self.open_timeout.map_or(timeouts.open, Time::or_never);
        timeouts.close = self.close_timeout.map_or(timeouts.close, Time::or_never);
        timeouts.idle = self.idle_timeout.map_or(timeouts.idle, Time::get);
        timeouts.write = self.write_timeout.map_or(timeouts.write, Time::get);
        let interval = match (self.keepalive.map(Time::get), config.keepalive) {
            (Some(asked), _) => asked,
            (None, default) => default.map(|keepalive| keepalive.interval),
        };
        if interval.is_none() && self.pong_timeout.is_some() {
            return Err(
                "--pong-timeout is for the pings of --keepalive, and that is off".to_owned(),
            );
        }
        let default = config.keepalive.map(|keepalive| keepalive.timeout);
        let timeout = self.pong_timeout.map(Time::or_never).or(default);
        config.keepalive = interval
            .zip(timeout)
            .map(|(interval, timeout)| KeepAlive { interval, timeout });
        Ok(())
    }
}
