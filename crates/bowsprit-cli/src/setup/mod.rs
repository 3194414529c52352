//! The program on a machine: its configuration file, completions, manual pages.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueHint};
use clap_complete::aot::{Shell, generate};
use clap_mangen::Man;

use crate::args::definition;
use crate::command::words;
use crate::printer;
use crate::printer::text::{escape, fault};
use crate::status::Status;

mod config;
pub(crate) mod layers;
mod profiles;
#[cfg(test)]
mod reference;

pub(crate) use profiles::Profiles;

/// What a shell calls the program, and the name of its manual page.
const PROGRAM: &str = "bowsprit";

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
    generate(
        args.shell,
        &mut offered(&definition()),
        PROGRAM,
        &mut script,
    );
    Ok(print(&script))
}

/// The command with what it may be completed to: the generators offer options that are hidden, too. The
/// words of the program itself are a URI, or a form and what belongs to that.
fn offered(command: &Command) -> Command {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    // Files and programs would be offered where a URI stands.
    let hinted = shown.map(|arg| match arg.get_id().as_str() {
        "uri" => arg.clone().value_hint(ValueHint::Other),
        _ => arg.clone(),
    });
    let about = command.get_about().cloned().unwrap_or_default();
    let offer = Command::new(command.get_name().to_owned()).about(about);
    let offer = match command.get_version() {
        Some(version) => offer.version(version.to_owned()),
        None => offer,
    };
    offer
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .args(hinted)
        .subcommands(command.get_subcommands().map(offered))
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
            page(form.ok_or_else(|| unknown(name, &command))?)
        }
    };
    Ok(print(&page))
}

fn unknown(name: &str, command: &Command) -> String {
    let forms = || command.get_subcommands().map(Command::get_name);
    let hint = words::closest(name, forms)
        .map_or_else(String::new, |meant| format!(" (did you mean {meant}?)"));
    format!("{} is no form of this program{hint}", escape(name))
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
fn page(mut command: Command) -> Vec<u8> {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").lines();
    // What a line is good for stands behind two blanks.
    let usage = usage.filter_map(|line| line.trim_start().split("  ").next());
    let usage = usage.collect::<Vec<_>>().join("\n");
    let ending = command.get_after_help().map(ToString::to_string);
    // The generator would fill its lines as it does those of a sentence.
    let command = command.after_help(None).override_usage(usage);
    let mut page = Vec::new();
    let others = see_also(&command);
    let name = command.get_display_name().unwrap_or(PROGRAM).to_owned();
    let man = Man::new(command.mut_args(|arg| arg.hide_short_help(false)))
        .title(name.to_uppercase())
        // A form has no version of its own.
        .source(concat!("bowsprit ", env!("CARGO_PKG_VERSION")))
        .manual("Bowsprit");
    // Writing to memory cannot fail.
    let _ = man.render(&mut page);
    if let Some(ending) = ending {
        page.extend_from_slice(as_typed("NOTES", &ending).as_bytes());
    }
    page.extend_from_slice(others.as_bytes());
    page
}

/// The section that leads from the program's page to those of its forms, and back.
fn see_also(command: &Command) -> String {
    let forms = command.get_subcommands().map(Command::get_name);
    let mut pages: Vec<String> = forms.map(|form| format!("{PROGRAM}\\-{form}")).collect();
    pages.sort();
    if pages.is_empty() {
        pages.push(PROGRAM.to_owned());
    }
    format!(
        ".SH \"SEE ALSO\"\n\\fB{}\\fR(1)\n",
        pages.join("\\fR(1), \\fB")
    )
}

/// A section of a manual page whose lines stay as they are.
fn as_typed(title: &str, text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    // A line that begins so would be an order.
    let lines = text.lines().map(|line| match line {
        line if line.starts_with(['.', '\'']) => format!("\\&{line}\n"),
        line => format!("{line}\n"),
    });
    format!(".SH {title}\n.nf\n{}.fi\n", lines.collect::<String>())
}

/// Writes all of an output, and returns the exit status; a reader that has seen enough is no fault.
pub(crate) fn print(bytes: &[u8]) -> u8 {
    let mut stdout = io::stdout();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            printer::warn(&format!("cannot write the output: {}", fault(&error)));
            Status::Refused as u8
        }
        _ => 0,
    }
}
