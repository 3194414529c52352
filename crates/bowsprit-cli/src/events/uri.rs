//! URIs without the secrets that may stand in them.

use std::borrow::Cow;

/// Parameters of a URI that are known to hold what nobody else may know.
const SECRETS: [&str; 10] = [
    "token",
    "key",
    "secret",
    "password",
    "passwd",
    "auth",
    "signature",
    "session",
    "credential",
    "jwt",
];

const MASK: &str = "***";

/// The URI with `***` in place of a user and a password, and of the values of parameters whose names
/// say that they are secret.
pub(crate) fn masked(uri: &str) -> Cow<'_, str> {
    let (before, query) = match uri.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (uri, None),
    };
    let place = place_without_user(before);
    let query = query.map(|query| {
        query
            .split('&')
            .map(parameter)
            .collect::<Vec<_>>()
            .join("&")
    });
    match (place, query) {
        (None, None) => Cow::Borrowed(uri),
        (place, None) => place.unwrap_or_default().into(),
        (place, Some(query)) => format!("{}?{query}", place.as_deref().unwrap_or(before)).into(),
    }
}

/// What stands before the query, if there is a user in it.
fn place_without_user(before: &str) -> Option<String> {
    let (scheme, rest) = before.split_once("//")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    let (user, _) = authority.rsplit_once('@')?;
    let rest = rest.get(user.len()..).unwrap_or_default();
    Some(format!("{scheme}//{MASK}{rest}"))
}

fn parameter(parameter: &str) -> Cow<'_, str> {
    let name = parameter.split('=').next().unwrap_or(parameter);
    let lower = name.to_ascii_lowercase();
    if SECRETS.iter().any(|secret| lower.contains(secret)) && name.len() < parameter.len() {
        format!("{name}={MASK}").into()
    } else {
        parameter.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_users_and_parameters_that_are_secret() {
        for (uri, shown) in [
            (
                "ws://h/?room=1&access_token=abc&b",
                "ws://h/?room=1&access_token=***&b",
            ),
            (
                "wss://me:pw@h:1/@x?API-Key=1",
                "wss://***@h:1/@x?API-Key=***",
            ),
            ("ws://h/a@b", "ws://h/a@b"),
            (
                "ws+unix:/run/a.sock:/x?token=1",
                "ws+unix:/run/a.sock:/x?token=***",
            ),
            ("token=1", "token=1"),
        ] {
            assert_eq!(masked(uri), shown);
        }
    }
}
