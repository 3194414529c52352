//! How to close, as it is typed: `CODE` or `CODE:REASON`.

use std::str::FromStr;

use bowsprit::{CloseCode, CloseFrame};

use crate::command::codes;

/// A close code that may be sent, and a reason that fits behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) code: CloseCode,
    pub(crate) reason: String,
}

impl Default for Farewell {
    fn default() -> Self {
        Self {
            code: CloseCode::NORMAL,
            reason: String::new(),
        }
    }
}

impl FromStr for Farewell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (code, reason) = text.split_once(':').unwrap_or((text, ""));
        let code = codes::parse(code)?;
        if !code.can_be_sent() {
            return Err(format!("{} may not be sent in a close frame", code.0));
        }
        if CloseFrame::fit_reason(reason).len() < reason.len() {
            return Err(format!(
                "the reason has {} bytes, and a close frame has room for {}",
                reason.len(),
                CloseFrame::MAX_REASON
            ));
        }
        Ok(Self {
            code,
            reason: reason.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_code_and_a_reason() {
        for (text, code, reason) in [
            ("1000", 1000, ""),
            ("4001:bye: all", 4001, "bye: all"),
            ("going-away:", 1001, ""),
        ] {
            let reason = reason.to_owned();
            let code = CloseCode(code);
            assert_eq!(text.parse(), Ok(Farewell { code, reason }), "{text}");
        }
    }

    #[test]
    fn refuses_what_no_close_frame_may_hold() {
        for text in ["1006", "1005:x", "999", "5000", "x", "", ":reason"] {
            assert!(Farewell::from_str(text).is_err(), "{text}");
        }
        let long = format!("1000:{}", "x".repeat(124));
        assert!(Farewell::from_str(&long).is_err_and(|fault| fault.contains("124 bytes")));
    }
}
