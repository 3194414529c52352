//! The implementations, each behind one function from a case to a verdict.

pub mod bowsprit;
pub mod tungstenite;
pub mod websockets;
