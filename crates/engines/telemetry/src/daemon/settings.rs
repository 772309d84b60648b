//! What the daemon is told by its flags and its environment.

use std::net::SocketAddr;

use http::Uri;
use names::{AccountId, Region};

/// Where the control plane answers inside a task.
const ENDPOINT: &str = "http://169.254.170.2:4566";
/// Where applications look for the daemon.
const BIND: &str = "0.0.0.0:2000";

/// How the daemon runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where segments arrive, by UDP.
    pub bind: SocketAddr,
    /// Where SDKs ask for sampling rules, by TCP.
    pub bind_tcp: SocketAddr,
    /// The API.
    pub endpoint: Uri,
    /// Whose the segments are.
    pub account: AccountId,
    /// Where they belong.
    pub region: Region,
}

/// A flag or variable makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    /// There is no such flag.
    #[error("the X-Ray daemon has no flag {0} here; -b, -t, -n, -o and -l it has")]
    Flag(String),
    /// A flag lacks its value.
    #[error("the flag {0} needs a value")]
    NoValue(String),
    /// A value is not what it must be.
    #[error("{name} is `{value}`, which is not {wanted}")]
    Value {
        /// The flag or variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
}

impl Settings {
    /// Reads flags and variables: a flag wins over a variable, a variable over the default.
    pub fn read(variable: impl Fn(&str) -> Option<String>, arguments: &[String]) -> Result<Self, SettingsError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let endpoint = set("AWS_ENDPOINT_URL_XRAY").or_else(|| set("AWS_ENDPOINT_URL"));
        let account = set("SERIN_ACCOUNT").map_or_else(|| Ok(AccountId::default()), |text| account(&text))?;
        let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")).map(Region::new);
        let mut settings = Self {
            bind: address("-b", BIND)?,
            bind_tcp: address("-t", BIND)?,
            endpoint: parse_endpoint(endpoint.as_deref().unwrap_or(ENDPOINT))?,
            account,
            region: region.unwrap_or_default(),
        };
        settings.apply(arguments)?;
        Ok(settings)
    }

    fn apply(&mut self, arguments: &[String]) -> Result<(), SettingsError> {
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (flag, joined) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            // Whether to look for EC2's metadata: never done here.
            if matches!(flag, "-o" | "--local-mode") {
                continue;
            }
            let value = joined.or_else(|| arguments.next().cloned());
            let value = value.ok_or_else(|| SettingsError::NoValue(flag.to_owned()))?;
            match flag {
                "-b" | "--bind" => self.bind = address("-b", &value)?,
                "-t" | "--bind-tcp" => self.bind_tcp = address("-t", &value)?,
                "-n" | "--region" => self.region = Region::new(value),
                // Levels are chosen by RUST_LOG, as everywhere in this program.
                "-l" | "--log-level" => {}
                _ => return Err(SettingsError::Flag(flag.to_owned())),
            }
        }
        Ok(())
    }
}

fn address(name: &'static str, value: &str) -> Result<SocketAddr, SettingsError> {
    let wrong = |_| SettingsError::Value { name, value: value.to_owned(), wanted: "an address with a port" };
    value.parse().map_err(wrong)
}

fn account(value: &str) -> Result<AccountId, SettingsError> {
    let wrong = |_| SettingsError::Value { name: "SERIN_ACCOUNT", value: value.to_owned(), wanted: "twelve digits" };
    value.parse().map_err(wrong)
}

fn parse_endpoint(value: &str) -> Result<Uri, SettingsError> {
    let wrong = || SettingsError::Value {
        name: "AWS_ENDPOINT_URL",
        value: value.to_owned(),
        wanted: "an http:// address; the machine's own API is not reached by TLS",
    };
    let uri: Uri = value.parse().map_err(|_| wrong())?;
    let plain = uri.scheme_str() == Some("http") && uri.host().is_some() && uri.query().is_none();
    if plain && matches!(uri.path(), "" | "/") { Ok(uri) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], arguments: &[&str]) -> Result<Settings, SettingsError> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::read(variable, &arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn nothing_said_is_what_a_task_needs() {
        let settings = read(&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-1")], &[]).unwrap();
        assert_eq!(settings.endpoint.to_string(), "http://169.254.170.2:4566/");
        assert_eq!(
            (settings.bind.port(), settings.bind_tcp.port(), settings.region.as_str()),
            (2000, 2000, "eu-west-1")
        );
    }

    #[test]
    fn flags_win_over_variables() {
        let variables = [("AWS_REGION", "us-east-1"), ("SERIN_ACCOUNT", "123456789012")];
        let flags = ["-t", "0.0.0.0:2001", "--bind=127.0.0.1:0", "-o", "--region", "eu-north-1", "-l", "dev"];
        let settings = read(&variables, &flags).unwrap();
        assert_eq!((settings.bind.port(), settings.bind_tcp.port()), (0, 2001));
        assert_eq!((settings.region.as_str(), settings.account.as_str()), ("eu-north-1", "123456789012"));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (variables, flags, reason) in [
            (vec![], vec!["--config", "x"], "--config"),
            (vec![], vec!["-b"], "-b"),
            (vec![], vec!["-b", "2000"], "`2000`"),
            (vec![("AWS_ENDPOINT_URL", "https://example.com")], vec![], "http://"),
            (vec![("SERIN_ACCOUNT", "12")], vec![], "twelve"),
        ] {
            let error = read(&variables, &flags).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
