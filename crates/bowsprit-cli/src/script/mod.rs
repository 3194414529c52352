//! Scripts: `run FILE`, and what the commands of scripts are made of.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bowsprit::Client;
use clap::Args;
use tokio::sync::mpsc;

use crate::console::Mode;
use crate::log;
use crate::options::{DisplayOptions, Options, Plan};
use crate::printer;
use crate::printer::text::escape;
use crate::run::{self, Turns};
use crate::session::{Course, Manner, Session};
use crate::setup::Profiles;
use crate::signals::{self, Signals};
use crate::status::Status;

pub(crate) mod check;
pub(crate) mod head;
pub(crate) mod json;
pub(crate) mod load;
mod output;
pub(crate) mod parse;
pub(crate) mod path;
pub(crate) mod relation;
pub(crate) mod report;
pub(crate) mod scanner;
pub(crate) mod secrets;
pub(crate) mod steps;
pub(crate) mod variables;

use load::{Loader, Script};
use output::ScriptOutput;
use report::{Suite, Transcript};
use variables::Variables;

/// What a script is called whose lines stand on the command line.
const COMMAND_LINE: &str = "command line";

/// `bowsprit run FILE...`
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The scripts, each a session of its own; - is standard input
    #[arg(required_unless_present = "execute", value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Carry out this line in place of a file (repeatable)
    #[arg(short, long, value_name = "LINE", conflicts_with = "files")]
    execute: Vec<String>,

    /// Give a variable its value (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,

    /// Write the tests and what came of them to a file for CI systems
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Go on with the next test, or the next script, when one fails
    #[arg(long)]
    keep_going: bool,

    /// Look for mistakes and run nothing
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    display: DisplayOptions,

    #[command(flatten)]
    options: Options,
}

/// Runs the scripts, one after the other, and returns the exit status: what went wrong first.
///
/// # Errors
///
/// When a script has mistakes, or nothing can begin; the text says why.
pub(crate) fn run(args: &RunArgs, config: Option<&PathBuf>) -> Result<u8, String> {
    let scripts = load(args)?;
    if args.check {
        return Ok(0);
    }
    let display = &args.display;
    if args.files.len() > 1 && (display.log.is_some() || display.trace || display.record.is_some())
    {
        return Err("--log, --trace and --record are for one script at a time".to_owned());
    }
    let plan = run::ready(&args.options, None)?;
    run::warn_of_risks(&args.options);
    signals::end_at_the_second().map_err(run::failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(run::failed)?;
    let mut suites = Vec::new();
    let mut status = 0;
    let mut has_stopped = false;
    for (name, script) in &scripts {
        if has_stopped {
            suites.push(Suite::skipped(name, &script.tests));
            continue;
        }
        let run = Run {
            args,
            config,
            name,
            script,
        };
        let (suite, ended) = runtime.block_on(run.carry_out(&plan))?;
        suites.push(suite);
        if status == 0 {
            status = ended.status;
        }
        has_stopped = ended.is_signaled || (status != 0 && !args.keep_going);
    }
    summarize(&suites, args.display.quiet);
    if let Some(path) = &args.junit
        && let Err(fault) = report::write_junit(path, &suites)
    {
        printer::warn(&fault);
        status = if status == 0 {
            Status::Refused as u8
        } else {
            status
        };
    }
    Ok(status)
}

/// Reads all scripts, each with its name: a mistake in the last one is told before the first one runs.
fn load(args: &RunArgs) -> Result<Vec<(String, Script)>, String> {
    if args
        .files
        .iter()
        .filter(|path| path.as_os_str() == "-")
        .count()
        > 1
    {
        return Err("standard input is read once, and - stands there twice".to_owned());
    }
    let variables = variables(args)?;
    let mut scripts = Vec::new();
    let mut count = 0;
    let loader = || Loader::new(variables.names());
    let files = args.files.iter();
    let files = files.map(|path| (name_of(path), loader().load(path)));
    let lines = Some(&args.execute).filter(|lines| !lines.is_empty());
    let lines = lines.map(|lines| {
        (
            COMMAND_LINE.to_owned(),
            loader().load_lines(COMMAND_LINE, lines),
        )
    });
    for (name, script) in files.chain(lines) {
        match script {
            Ok(script) => {
                if args.check {
                    let (commands, tests) = (script.commands, script.tests.len());
                    printer::warn(&format!(
                        "{}: no mistakes found in {commands} commands, {tests} tests",
                        escape(&name)
                    ));
                }
                scripts.push((name, script));
            }
            Err(faults) => {
                count += faults.len();
                faults.iter().for_each(|fault| printer::warn(fault));
            }
        }
    }
    match count {
        0 => Ok(scripts),
        1 => Err("the script has a mistake, nothing was run".to_owned()),
        count => Err(format!("the script has {count} mistakes, nothing was run")),
    }
}

fn variables(args: &RunArgs) -> Result<Variables, String> {
    let mut variables = Variables::default();
    for pair in &args.set {
        variables.set_pair(pair)?;
    }
    Ok(variables)
}

fn name_of(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}

fn summarize(suites: &[Suite], is_quiet: bool) {
    let ran: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let failed: usize = suites.iter().map(Suite::failed).sum();
    let skipped: usize = suites.iter().map(|suite| suite.skipped.len()).sum();
    if !is_quiet && ran + skipped > 1 {
        let passed = ran - failed;
        printer::warn(&format!(
            "{passed} passed, {failed} failed, {skipped} not run"
        ));
    }
}

/// A script that is about to run.
struct Run<'a> {
    args: &'a RunArgs,
    /// The configuration file that was asked for.
    config: Option<&'a PathBuf>,
    name: &'a str,
    script: &'a Script,
}

/// How a script ended.
struct Ended {
    status: u8,
    is_signaled: bool,
}

impl Run<'_> {
    /// Runs it in a session of its own.
    async fn carry_out(self, plan: &Plan) -> Result<(Suite, Ended), String> {
        let Self {
            args,
            config,
            name,
            script,
        } = self;
        let since = Instant::now();
        let client = Client::builder().background().map_err(run::failed)?;
        let variables = variables(args)?;
        let transcript = Transcript::default();
        let output = ScriptOutput {
            inner: run::open_console(Mode::Script, &args.display)?,
            secrets: variables.secrets.clone(),
            transcript: transcript.clone(),
        };
        let (sender, events) = mpsc::unbounded_channel();
        let is_logging = log::start(args.display.channels(), sender.clone());
        let manner = Manner {
            is_quiet: args.display.quiet,
            is_script: true,
        };
        let options = (args.options.clone(), plan.clone());
        let profiles = Profiles::new(config.cloned());
        let mut session = Session::new(client, profiles, options, sender, manner);
        session.display_as(&args.display, io::stdout().is_terminal());
        session.record_as(&args.display)?;
        let course = Course {
            variables,
            keeps_going: args.keep_going,
            is_verbose: args.display.verbose > 0,
            name: name.to_owned(),
            transcript,
        };
        session.run_script(script, course);
        let signals = Signals::new().map_err(run::failed)?;
        let mut turns = Turns::new(session, events, signals, Box::new(output), Mode::Script);
        turns.take_all().await;
        if is_logging {
            turns.take_last_lines().await;
        }
        let status = turns.end();
        let cases = turns.session.take_cases();
        let begun = cases.iter().filter(|case| case.is_test).count();
        let skipped = script.tests.iter().skip(begun).cloned().collect();
        let suite = Suite {
            name: name.to_owned(),
            cases,
            skipped,
            took: since.elapsed(),
        };
        let ended = Ended {
            status,
            is_signaled: turns.is_signaled(),
        };
        Ok((suite, ended))
    }
}
