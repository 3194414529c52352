//! Values of the environment that a script used, and output without them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;

use crate::printer::text::escape;

/// Shorter values of the environment are not masked: they are no secrets, and their letters are everywhere.
const MIN_SECRET: usize = 4;

/// What a secret is replaced with.
const MASK: &str = "***";

/// The values of the environment that were used: they are masked wherever a script's output is printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets(Rc<RefCell<Vec<String>>>);

impl Secrets {
    /// Masks this value from now on.
    pub(super) fn keep(&self, value: &str) {
        let mut secrets = self.0.borrow_mut();
        if value.len() < MIN_SECRET || secrets.iter().any(|known| known == value) {
            return;
        }
        // As it looks where it is printed, too.
        let quoted = serde_json::to_string(value).unwrap_or_default();
        let inner = quoted
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        for form in [value, &*escape(value), inner.unwrap_or(value)] {
            if !secrets.iter().any(|known| known == form) {
                secrets.push(form.to_owned());
            }
        }
        // What has another in it is masked as a whole.
        secrets.sort_by_key(|secret| Reverse(secret.len()));
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// The text without them.
    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for secret in self.0.borrow().iter() {
            if masked.contains(secret.as_str()) {
                masked = Cow::Owned(masked.replace(secret.as_str(), MASK));
            }
        }
        masked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_what_came_from_the_environment() {
        let secrets = Secrets::default();
        secrets.keep("s3cret");
        secrets.keep("s3cret and \"more\"");
        secrets.keep("abc");
        assert_eq!(
            secrets.mask(r#"a s3cret and "more" b s3cret and \"more\" c s3cret abc"#),
            "a *** b *** c *** abc"
        );
    }
}
