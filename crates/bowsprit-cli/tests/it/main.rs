//! The program as its users meet it: the real binary, driven through pipes.

mod bad_input;
mod closing;
mod connecting;
mod leaving;
mod messages;
mod pipes;
mod seed;
mod serving;
mod support;
mod tls;
