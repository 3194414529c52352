//! Profiles at the prompt: `connect @staging`.

use std::path::PathBuf;

use super::config::Config;
use super::layers::{Layers, PROFILE};
use crate::args::definition;
use crate::options::{self, Options};

/// Knows where the profiles are. They are read when one is asked for, so that an edited file counts.
#[derive(Debug)]
pub(crate) struct Profiles {
    asked: Option<PathBuf>,
}

impl Profiles {
    /// Those of this file, or of the user's own.
    pub(crate) const fn new(asked: Option<PathBuf>) -> Self {
        Self { asked }
    }

    /// What a name leads to, and the options of a connection that are configured for it; `None` where
    /// the text is no name.
    ///
    /// # Errors
    ///
    /// When there is no such profile, or something in the file is wrong.
    pub(crate) fn find(&self, uri: &str) -> Result<Option<(String, Options)>, String> {
        let Some(named) = uri.strip_prefix(PROFILE) else {
            return Ok(None);
        };
        let mut definition = definition();
        // Only then does an option know how many values it takes.
        definition.build();
        let config = Config::read(self.asked.clone(), &definition)?;
        let profile = config.profile(named)?;
        let mut line = options::line_definition();
        let nothing = line.try_get_matches_from_mut([] as [&str; 0]);
        let nothing = nothing.map_err(|fault| fault.to_string())?;
        let mut layers = Layers::new(&definition, &line, &nothing);
        layers.put_all(profile.options())?;
        let options = options::from_words(layers.words())?;
        Ok(Some((profile.uri, options)))
    }
}
