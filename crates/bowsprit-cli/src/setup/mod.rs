//! The program on a machine: its configuration file, completions, manual pages.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::aot::{Shell, generate};
use clap_mangen::Man;

use crate::args::definition;
use crate::printer::text::{escape, fault};

mod config;
pub(crate) mod layers;
mod profiles;

pub(crate) use profiles::Profiles;

/// `bowsprit completions SHELL`
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// `bowsprit man [FORM]`
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The form whose page it is [default: the whole program's]
    form: Option<String>,

    /// Write every page to this directory
    #[arg(long, value_name = "DIR", conflicts_with = "form")]
    directory: Option<PathBuf>,
}

/// Prints what a shell reads to complete the command line.
pub(crate) fn completions(args: &CompletionArgs) -> Result<u8, String> {
    let mut script = Vec::new();
    generate(args.shell, &mut definition(), "bowsprit", &mut script);
    print(&script)
}

/// Prints a manual page, or writes them all.
pub(crate) fn manual(args: &ManArgs) -> Result<u8, String> {
    let mut command = definition();
    command.build();
    if let Some(directory) = &args.directory {
        return write_pages(&command, directory);
    }
    let page = match &args.form {
        None => page(command),
        Some(name) => {
            let form = command.find_subcommand(name).cloned();
            page(form.ok_or_else(|| format!("{} is no form of this program", escape(name)))?)
        }
    };
    print(&page)
}

fn write_pages(command: &Command, directory: &Path) -> Result<u8, String> {
    let failed = |path: &Path, error: &io::Error| {
        format!(
            "cannot write {}: {}",
            escape(&path.display().to_string()),
            fault(error)
        )
    };
    fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    let forms = command.get_subcommands().cloned();
    for command in std::iter::once(command.clone()).chain(forms) {
        let name = command.get_display_name();
        let name = name.unwrap_or_else(|| command.get_name());
        let path = directory.join(format!("{name}.1"));
        fs::write(&path, page(command)).map_err(|error| failed(&path, &error))?;
    }
    Ok(0)
}

/// A page with all of the options: what the help leaves out of its first screen belongs here.
fn page(command: Command) -> Vec<u8> {
    let mut page = Vec::new();
    let man = Man::new(command.mut_args(|arg| arg.hide_short_help(false)));
    // Writing to memory cannot fail.
    let _ = man.render(&mut page);
    page
}

/// Writes all of an output; a reader that has seen enough is no fault.
///
/// # Errors
///
/// When it cannot be written for another reason.
pub(crate) fn print(bytes: &[u8]) -> Result<u8, String> {
    let mut stdout = io::stdout();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write the output: {}", fault(&error)))
        }
        _ => Ok(0),
    }
}
