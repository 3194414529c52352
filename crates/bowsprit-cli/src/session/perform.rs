//! What each command does, but for those that send.

use std::sync::Arc;
use std::time::Duration;

use bowsprit::ConnectRequest;

use super::{Session, Target, Wait};
use crate::command::connections::Command;
use crate::command::{Goal, Ids};
use crate::connection::Connection;
use crate::events::What;
use crate::network::{Flow, Reporter};
use crate::options::{Options, Plan, Several};
use crate::printer::Output;
use crate::serve::{LocalServer, ServeArgs};

/// What a command answers when it was not carried out.
pub(super) type Refused = String;

impl Session {
    pub(super) fn perform_connections(
        &mut self,
        command: Command,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        match command {
            Command::Use { ids } => self.use_connection(ids.as_ref(), out),
            Command::Reconnect { ids } => self.reconnect(&ids, out),
            Command::Stats { ids } => self.stats(ids.as_ref(), out),
            Command::History { ids, last } => self.history(&ids, last, out),
            Command::Save { ids, file } => self.save(&ids, &file, out),
            Command::Every { interval, work } => self.every(interval, work, out),
            Command::Jobs => {
                self.list_jobs(out);
                Ok(())
            }
            Command::StopJob { number } => self.stop_job(number, out),
        }
    }

    pub(crate) fn connect(
        &mut self,
        uri: String,
        options: Options,
        several: Several,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (uri, options) = match self.profiles.find(&uri)? {
            None => (uri, options),
            Some((uri, profile)) => {
                let options = options.over(&profile);
                options.fit(&uri)?;
                (uri, options)
            }
        };
        let is_insecure = options.is_insecure();
        let plan = if options.is_given() {
            Arc::new(Plan::new(&options.over(&self.defaults))?)
        } else {
            Arc::clone(&self.plan)
        };
        if let Some(name) = &several.name {
            self.check_name(name)?;
        }
        let uri: Arc<str> = uri.into();
        let first = u32::try_from(self.connections.len());
        let first = first.map_err(|_| "Out of connection ids".to_owned())?;
        let count = several.count.map(|count| count.0);
        let ids = first..first.saturating_add(count.unwrap_or(1));
        let mut requests = Vec::new();
        for id in ids.clone() {
            let (request, flow) = self.request(id, &uri, &plan)?;
            requests.push((id, request, flow));
        }
        self.kept.allow(plan.keep().bytes);
        let mut waiting = Vec::new();
        for (id, request, flow) in requests {
            let handle = request.handle();
            self.ids.insert(handle.id().to_string(), id);
            let mut connection = Connection::new(Arc::clone(&uri), handle, flow, Arc::clone(&plan));
            connection.name = several.name.clone();
            self.connections.push(connection);
            self.ongoing += 1;
            self.last = Some(id);
            self.tell(id, What::connect(&uri, &request), out);
            waiting.push((id, request));
        }
        match (count, several.name) {
            (Some(_), _) => {
                let (first, last) = (ids.start, ids.end - 1);
                out.line(&format!("> Created connections with ids {first}-{last}"));
            }
            (None, Some(name)) => {
                out.line(&format!(
                    "> Created connection with id {first} ({})",
                    name.as_str()
                ));
                self.call(first, name);
            }
            (None, None) => out.line(&format!("> Created connection with id {first}")),
        }
        if is_insecure {
            out.line("> WARNING: the certificate is NOT VERIFIED, anyone may listen in");
        }
        self.start(waiting, count.is_some());
        Ok(())
    }

    /// Makes connections that have ended again, under their ids.
    fn reconnect(&mut self, ids: &Ids, out: &mut dyn Output) -> Result<(), Refused> {
        let (found, missing) = match ids {
            Ids::All => (self.all(Connection::has_ended), Vec::new()),
            ids => self.named(ids)?,
        };
        let mut waiting = Vec::new();
        let mut refusals = missing;
        for id in found {
            let label = self.label(id);
            let connection = self.existing(id)?;
            if !connection.has_ended() {
                let state = connection.state();
                refusals.push(format!(
                    "Connection {label} is {state}: close {label} comes first"
                ));
                continue;
            }
            let (uri, plan) = (Arc::clone(&connection.uri), Arc::clone(&connection.plan));
            let (request, flow) = match self.request(id, &uri, &plan) {
                Ok(made) => made,
                // Others have begun, and must go on.
                Err(answer) => {
                    refusals.push(answer);
                    continue;
                }
            };
            let handle = request.handle();
            self.ids.insert(handle.id().to_string(), id);
            self.existing(id)?.begin_again(handle, flow);
            self.ongoing += 1;
            self.tell(id, What::connect(&uri, &request), out);
            waiting.push((id, request));
        }
        match waiting.as_slice() {
            [] if refusals.is_empty() => return Err("No connection has ended".to_owned()),
            [] => {}
            [(id, _)] => out.line(&format!("> Connecting again with id {id}")),
            several => out.line(&format!("> Connecting again with {} ids", several.len())),
        }
        let is_crowd = waiting.len() > 1;
        self.start(waiting, is_crowd);
        self.refuse_all(&refusals, out);
        Ok(())
    }

    /// A request for the connection with this id, not started.
    fn request(
        &self,
        id: u32,
        uri: &str,
        plan: &Plan,
    ) -> Result<(ConnectRequest, Arc<Flow>), Refused> {
        let flow = Arc::new(Flow::default());
        let reporter = Reporter::new(id, plan, Arc::clone(&flow), self.events.clone());
        let request = plan.request(&self.client, uri)?.handler(reporter);
        Ok((request, flow))
    }

    fn start(&mut self, waiting: Vec<(u32, ConnectRequest)>, is_crowd: bool) {
        let goals: Vec<_> = waiting
            .iter()
            .map(|(id, _)| (*id, Target::Settled))
            .collect();
        if is_crowd {
            self.open_crowd(waiting);
        } else {
            waiting
                .into_iter()
                .for_each(|(_, request)| drop(request.start()));
        }
        if !goals.is_empty() {
            self.wait_in_script(Wait::on(goals, None));
        }
    }

    pub(crate) fn serve(&mut self, port: u16, out: &mut dyn Output) -> Result<(), Refused> {
        self.serve_as(&ServeArgs::echo(port), out)
    }

    pub(super) fn serve_as(
        &mut self,
        args: &ServeArgs,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        if let Some(server) = &self.server {
            let (mode, uri) = (server.mode(), server.uri());
            return Err(format!("Already serving {mode} on {uri}"));
        }
        let server = LocalServer::start(args, self.events.clone())?;
        out.line(&format!("> Serving {} on {}", server.mode(), server.uri()));
        for fact in server.facts() {
            out.line(&format!("> {fact}"));
        }
        self.server = Some(server);
        Ok(())
    }

    pub(super) fn stop(&mut self) -> Result<(), Refused> {
        self.server.as_mut().ok_or("Not serving")?.stop();
        self.wait_in_script(Wait::Server);
        Ok(())
    }

    pub(super) fn wait(
        &mut self,
        ids: &Ids,
        goal: Goal,
        limit: Duration,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (found, missing) = self.named(ids)?;
        let goals = found.into_iter().map(|id| (id, Target::Goal(goal)));
        self.wait = Some(Wait::on(goals, Some(limit)));
        self.refuse_all(&missing, out);
        Ok(())
    }
}
