//! Servers: those of the prompt, each on a thread of its own, and `bowsprit serve`.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::events::What;
use crate::log;
use crate::network::Report;
use crate::run::failed;
use crate::signals::{self, Signals};
use crate::status::Status;

mod address;
mod door;
mod environment;
mod faults;
mod files;
mod house;
mod modes;
mod options;
mod page;
mod plan;
mod queue;
mod site;
mod tell;
mod tls;
mod visit;
mod waiting;
mod words;

pub(crate) use options::ServeArgs;
use plan::Plan;
use site::Site;
use tell::Teller;

/// A server of the prompt, which tells nothing of its connections.
#[derive(Debug)]
pub(crate) struct LocalServer {
    mode: &'static str,
    uri: String,
    facts: Vec<String>,
    stop: Option<oneshot::Sender<()>>,
}

impl LocalServer {
    /// Serves on a thread of its own.
    ///
    /// # Errors
    ///
    /// When it cannot; the text says why, and what to try.
    pub(crate) fn start(args: &ServeArgs, events: UnboundedSender<Report>) -> Result<Self, String> {
        let plan = Plan::new(args)?;
        let (bound, listening) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || match listen(plan) {
                Ok((runtime, site)) => {
                    let house = Arc::clone(&site.desk.house);
                    let unseen = house.mode().unseen().map(str::to_owned);
                    let facts = site.facts.iter().cloned().chain(unseen).collect();
                    // Whoever asked waits for this answer.
                    let _ = bound.send(Ok((house.mode().name(), site.uri.clone(), facts)));
                    // A session that is gone stops its server as well.
                    let _ = runtime.block_on(site.run(stopped));
                    drop(runtime);
                    // The session may be gone already.
                    let _ = events.send(Report::Stopped(house.dismissed()));
                }
                Err(error) => drop(bound.send(Err(error))),
            })
            .map_err(failed)?;
        // Binding takes no time, and "serving" must not be said before it is true.
        let (mode, uri, facts) = listening.recv().map_err(|_| "the server did not start")??;
        Ok(Self {
            mode,
            uri,
            facts,
            stop: Some(stop),
        })
    }

    /// What is served.
    pub(crate) const fn mode(&self) -> &'static str {
        self.mode
    }

    /// The address that it listens on, as a URI.
    pub(crate) fn uri(&self) -> String {
        self.uri.clone()
    }

    /// What else there is to say at the start, in lines.
    pub(crate) fn facts(&self) -> &[String] {
        &self.facts
    }

    /// Closes its connections with 1001; [`Report::Stopped`] tells when that is done.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A server that is gone has nothing left to stop.
            let _ = stop.send(());
        }
    }
}

fn listen(plan: Plan) -> Result<(Runtime, Site), String> {
    let runtime = runtime()?;
    let site = runtime.block_on(plan.listen(Teller::default()))?;
    Ok((runtime, site))
}

/// Serves as asked for, and returns the exit status.
///
/// # Errors
///
/// When it cannot start; the text says why.
pub(crate) fn serve(args: &ServeArgs) -> Result<u8, String> {
    let plan = Plan::new(args)?;
    signals::end_at_the_second().map_err(failed)?;
    let (teller, printing) = Teller::start(&args.display, args.mode.shows_messages())?;
    let (sender, mut logged) = tokio::sync::mpsc::unbounded_channel();
    log::start(args.display.channels_of_server(), sender);
    let runtime = runtime()?;
    let status = runtime.block_on(async {
        let mut signals = Signals::new().map_err(failed)?;
        let site = plan.listen(teller.clone()).await?;
        let house = Arc::clone(&site.desk.house);
        teller.tell(None, || What::Serve {
            uri: site.uri.clone(),
            mode: house.mode().name().to_owned(),
        });
        for text in site.facts.clone() {
            teller.tell(None, || What::answer(&text, false));
        }
        let end = async {
            loop {
                tokio::select! {
                    signal = signals.recv() => break signal.status(),
                    () = after(plan::timeout(args)) => break Status::TimedOut as u8,
                    status = house.one_ended(), if args.end.once => break status,
                    status = teller.closed() => break status,
                    Some(report) = logged.recv() => tell_log(&teller, report),
                }
            }
        };
        Ok::<_, String>(site.run(end).await)
    });
    // Tasks hold tellers, and the thread prints until the last of those is gone.
    drop((runtime, teller));
    printing.finish();
    status
}

fn tell_log(teller: &Teller, report: Report) {
    if let Report::Logged(entry) = report {
        teller.tell(None, || What::Log {
            text: format!("log {}", entry.text),
        });
    }
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)
}
