//! The options of the request: headers, and who asks.

use bowsprit::{ConnectRequest, InvalidRequest};
use clap::Args;

use super::secret::Secret;
use crate::printer::text::escape;

/// What the request says besides what every request says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestOptions {
    /// Offer subprotocols, the most wanted first (repeatable)
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    subprotocol: Vec<String>,

    /// Send a header 'Name: value' (repeatable)
    #[arg(short = 'H', long, value_name = "LINE")]
    header: Vec<Secret>,

    /// Log in with user:password (Basic)
    #[arg(short = 'u', long, value_name = "USER:PW")]
    auth: Option<Secret>,

    /// Log in with a token
    #[arg(long, value_name = "TOKEN")]
    bearer: Option<Secret>,

    /// Send a cookie name=value (repeatable)
    #[arg(short = 'b', long, value_name = "COOKIE")]
    cookie: Vec<Secret>,

    /// Name this program so; '' sends no name [default: bowsprit/VERSION]
    #[arg(short = 'A', long, value_name = "TEXT")]
    user_agent: Option<String>,

    /// Name the site that asks, as browsers do
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
}

/// What is read of [`RequestOptions`]: no file and no variable is looked at again.
#[derive(Clone)]
pub(super) struct Identity {
    subprotocols: Vec<String>,
    headers: Vec<(String, String)>,
    login: Option<Login>,
    cookies: Vec<(String, String)>,
    user_agent: Option<String>,
    origin: Option<String>,
}

#[derive(Clone)]
enum Login {
    Basic { user: String, password: String },
    Bearer(String),
}

/// The options with a header of their own, and that header.
const OWN: [(&str, &str); 4] = [
    ("--auth or --bearer", "Authorization"),
    ("--cookie", "Cookie"),
    ("--user-agent", "User-Agent"),
    ("--origin", "Origin"),
];

impl RequestOptions {
    /// These options, and of `defaults` those that they do not replace.
    pub(super) fn over(self, defaults: &Self) -> Self {
        let logs_in = self.auth.is_some() || self.bearer.is_some();
        let login = |secret: &Option<Secret>| secret.clone().filter(|_| !logs_in);
        Self {
            subprotocol: [defaults.subprotocol.clone(), self.subprotocol].concat(),
            header: [defaults.header.clone(), self.header].concat(),
            auth: self.auth.or_else(|| login(&defaults.auth)),
            bearer: self.bearer.or_else(|| login(&defaults.bearer)),
            cookie: [defaults.cookie.clone(), self.cookie].concat(),
            user_agent: self.user_agent.or_else(|| defaults.user_agent.clone()),
            origin: self.origin.or_else(|| defaults.origin.clone()),
        }
    }

    /// Reads the files and variables.
    ///
    /// # Errors
    ///
    /// When one is not there, a value has not its form, or two options contradict each other. The text
    /// repeats no secret.
    pub(super) fn read(&self) -> Result<Identity, String> {
        if self.auth.is_some() && self.bearer.is_some() {
            return Err("--auth and --bearer are two ways to log in: give one of them".to_owned());
        }
        let mut headers = Vec::new();
        for secret in &self.header {
            let lines = secret.read_lines().map_err(|why| told("--header", &why))?;
            for line in lines {
                headers.push(pair(&line, ':').ok_or("--header: expected 'Name: value'")?);
            }
        }
        let used = [
            self.auth.is_some() || self.bearer.is_some(),
            !self.cookie.is_empty(),
            self.user_agent.is_some(),
            self.origin.is_some(),
        ];
        for ((option, own), _) in OWN.iter().zip(used).filter(|(_, used)| *used) {
            if headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(own))
            {
                return Err(format!(
                    "--header sets {own}, and so does {option}: give one of them"
                ));
            }
        }
        let mut cookies = Vec::new();
        for secret in &self.cookie {
            for line in secret.read_lines().map_err(|why| told("--cookie", &why))? {
                cookies.push(pair(&line, '=').ok_or("--cookie: expected name=value")?);
            }
        }
        Ok(Identity {
            subprotocols: self.subprotocol.clone(),
            headers,
            login: self.login()?,
            cookies,
            user_agent: self.user_agent.clone(),
            origin: self.origin.clone(),
        })
    }

    fn login(&self) -> Result<Option<Login>, String> {
        if let Some(secret) = &self.auth {
            let line = secret.read_line().map_err(|why| told("--auth", &why))?;
            let (user, password) = line
                .split_once(':')
                .ok_or("--auth: expected user:password (user: for an empty one)")?;
            return Ok(Some(Login::Basic {
                user: user.to_owned(),
                password: password.to_owned(),
            }));
        }
        let token = self.bearer.as_ref().map(Secret::read_line).transpose();
        Ok(token
            .map_err(|why| told("--bearer", &why))?
            .map(Login::Bearer))
    }
}

impl Identity {
    /// Sets all of it.
    ///
    /// # Errors
    ///
    /// When something may not stand in a request.
    pub(super) fn apply(&self, request: ConnectRequest) -> Result<ConnectRequest, InvalidRequest> {
        let mut request = request;
        for name in &self.subprotocols {
            request = request.subprotocol(name)?;
        }
        for (name, value) in &self.headers {
            request = request.header(name, value)?;
        }
        request = match &self.login {
            None => request,
            Some(Login::Basic { user, password }) => request.basic_auth(user, password)?,
            Some(Login::Bearer(token)) => request.bearer(token)?,
        };
        for (name, value) in &self.cookies {
            request = request.cookie(name, value)?;
        }
        if let Some(origin) = &self.origin {
            request = request.origin(origin)?;
        }
        if let Some(name) = &self.user_agent {
            request = request.user_agent(name)?;
        }
        Ok(request)
    }
}

fn told(option: &str, why: &str) -> String {
    format!("{option}: {}", escape(why))
}

/// What stands before and behind the first `mark`, without the blanks around it.
fn pair(line: &str, mark: char) -> Option<(String, String)> {
    let (name, value) = line.split_once(mark)?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}
