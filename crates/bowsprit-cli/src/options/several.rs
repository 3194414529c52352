//! What `connect` takes besides the options of a connection: how many there are to be, and a name.

use std::str::FromStr;

use clap::Args;

use crate::command::Name;

/// How many connections, or which one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Many")]
pub(crate) struct Several {
    /// Call the connection so, in place of its id
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,

    /// Open so many at once
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<Count>,
}

impl Several {
    /// So many, without a name.
    pub(crate) const fn of(count: Count) -> Self {
        Self {
            name: None,
            count: Some(count),
        }
    }

    /// These options, unless they contradict each other.
    pub(crate) fn checked(self) -> Result<Self, String> {
        if self.name.is_some() && self.count.is_some() {
            return Err("A name is for one connection: --name does not go with a count".to_owned());
        }
        Ok(self)
    }
}

/// How many connections are made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u32);

/// The most: a port of this side for each, and some for others.
const MAX: u32 = 50_000;

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const _: () = assert!(MAX == 50_000, "the text says so");
        let count = text.parse().ok().filter(|count| (1..=MAX).contains(count));
        count.map(Self).ok_or("a count is a number from 1 to 50000")
    }
}
