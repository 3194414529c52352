//! The program as its users meet it: the real binary, driven through pipes.

mod bad_input;
mod closing;
mod connecting;
mod contradictions;
mod exit_status;
mod leaving;
mod limits;
mod logging;
mod many;
mod messages;
mod options;
mod pipes;
mod reconnecting;
mod routes;
mod seed;
mod serving;
mod setup;
mod support;
mod tls;
