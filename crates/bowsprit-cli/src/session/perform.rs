//! What each command does, but for those that send.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use super::{Session, Target, Wait};
use crate::command::{Goal, Ids, resolve};
use crate::connection::Connection;
use crate::network::{Flow, Reporter};
use crate::options::{Options, Plan};
use crate::printer::Output;
use crate::printer::text::{escape, fault};
use crate::serve::EchoServer;

/// What a command answers when it was not carried out.
pub(super) type Refused = String;

impl Session {
    pub(crate) fn connect(
        &mut self,
        uri: String,
        options: Options,
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
        let own = if options.is_given() {
            Some(Plan::new(&options.over(&self.defaults))?)
        } else {
            None
        };
        let plan = own.as_ref().unwrap_or(&self.plan);
        let request = plan.request(&self.client, &uri)?;
        let id = u32::try_from(self.connections.len())
            .map_err(|_| "Out of connection ids".to_owned())?;
        let flow = Arc::new(Flow::default());
        let reporter = Reporter::new(id, plan, Arc::clone(&flow), self.events.clone());
        let handle = request.handler(reporter).start();
        self.ids.insert(handle.id().to_string(), id);
        let connection = Connection::new(uri, handle, flow, plan);
        self.connections.push(connection);
        out.line(&format!("> Created connection with id {id}"));
        if is_insecure {
            out.line("> WARNING: the certificate is NOT VERIFIED, anyone may listen in");
        }
        self.wait_in_script(Wait::on([(id, Target::Settled)], None));
        Ok(())
    }

    pub(super) fn show(&mut self, ids: &Ids, out: &mut dyn Output) -> Result<(), Refused> {
        let (found, missing) = match ids {
            Ids::All if self.connections.is_empty() => {
                out.line("> No connections");
                return Ok(());
            }
            // Those that have ended have something to show, too.
            Ids::All => ((0..).take(self.connections.len()).collect(), Vec::new()),
            // The original has words of its own for this command.
            Ids::One(id) => self
                .named(ids)
                .map_err(|_| format!("Unknown connection id {id}"))?,
            Ids::List(_) => self.named(ids)?,
        };
        for id in found {
            let with_facts = !self.manner.is_quiet;
            if !matches!(ids, Ids::One(_)) {
                out.line(&format!("> Connection {id}"));
            }
            self.existing(id)?.show(out, with_facts);
        }
        self.refuse_all(&missing, out);
        Ok(())
    }

    pub(super) fn list(&self, out: &mut dyn Output) {
        if self.connections.is_empty() {
            out.line("> No connections");
        }
        for (id, connection) in self.connections.iter().enumerate() {
            let (status, uri) = (connection.status(), escape(&connection.uri));
            out.line(&format!(
                "> {id} {status} {uri} ({} messages)",
                connection.history.total()
            ));
        }
    }

    pub(crate) fn serve(&mut self, port: u16, out: &mut dyn Output) -> Result<(), Refused> {
        if let Some(uri) = self.serving_uri() {
            return Err(format!("Already serving echo on {uri}"));
        }
        let server = EchoServer::start(port, self.events.clone())
            .map_err(|error| serve_fault(port, &error))?;
        out.line(&format!("> Serving echo on {}", server.uri()));
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

    /// The connections that are named, in the order of their ids, and an answer for each one of a list
    /// that there is not. `all` names those that have not ended.
    pub(super) fn named(&self, ids: &Ids) -> Result<(Vec<u32>, Vec<Refused>), Refused> {
        let unknown = |id: &dyn std::fmt::Display| format!("No connection found with id {id}");
        match ids {
            Ids::One(id) => {
                let number = id.number();
                let found = number.filter(|number| (*number as usize) < self.connections.len());
                Ok((vec![found.ok_or_else(|| unknown(id))?], Vec::new()))
            }
            Ids::List(ranges) => {
                let (found, missing) = resolve(ranges, self.connections.len());
                let missing = missing.iter().map(|id| unknown(id)).collect();
                Ok((found.into_iter().collect(), missing))
            }
            Ids::All => {
                let going = (0..).zip(&self.connections);
                let going = going.filter(|(_, connection)| !connection.has_ended());
                let found: Vec<u32> = going.map(|(id, _)| id).collect();
                if found.is_empty() {
                    return Err("No connection is open".to_owned());
                }
                Ok((found, Vec::new()))
            }
        }
    }

    pub(super) fn existing(&mut self, id: u32) -> Result<&mut Connection, Refused> {
        let connection = self.connections.get_mut(id as usize);
        connection.ok_or_else(|| format!("No connection found with id {id}"))
    }
}

fn serve_fault(port: u16, error: &io::Error) -> String {
    let remedy = match error.kind() {
        ErrorKind::AddrInUse => "; port 0 takes any that is free",
        ErrorKind::PermissionDenied => "; ports from 1024 on are free to all",
        _ => "",
    };
    format!(
        "Error serving on 127.0.0.1:{port}: {}{remedy}",
        fault(error)
    )
}
