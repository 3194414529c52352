//! The program as its users meet it: the real binary, driven through pipes.

mod bad_input;
mod closing;
mod connecting;
mod contradictions;
mod crowds;
mod exit_status;
mod history;
mod jobs;
mod leaving;
mod limits;
mod listing;
mod logging;
mod many;
mod messages;
mod names;
mod options;
mod pipes;
mod reconnecting;
mod routes;
mod seed;
mod sending;
mod serving;
mod setup;
mod support;
mod tls;
mod using;
