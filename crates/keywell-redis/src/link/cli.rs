use std::borrow::Cow;

use crate::options::{Address, Options, Tls};

/// How people reach our servers by `redis-cli`. The password is none of it: they are asked for it.
pub(super) struct Cli {
    tls: Option<Tls>,
    user: Option<String>,
    has_password: bool,
}

// === impl Cli ===

impl Cli {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            tls: options.tls.clone(),
            user: options.login.user.clone(),
            has_password: options.login.password.is_some(),
        }
    }

    /// The words, as a shell takes them, to which a command is added.
    pub(super) fn at(&self, address: &Address) -> String {
        let mut words: Vec<Cow<'_, str>> = vec!["redis-cli".into()];
        match address {
            Address::Tcp { host, port } => {
                words.extend([
                    "-h".into(),
                    host.into(),
                    "-p".into(),
                    port.to_string().into(),
                ]);
            }
            Address::Unix(path) => words.extend(["-s".into(), path.to_string_lossy()]),
        }
        // What is behind a socket is not encrypted, whatever the rest is.
        if let (Some(tls), Address::Tcp { .. }) = (&self.tls, address) {
            words.push("--tls".into());
            if let Some(authority) = &tls.ca {
                words.extend(["--cacert".into(), authority.to_string_lossy()]);
            }
            if let Some((chain, key)) = &tls.certificate {
                words.extend(["--cert".into(), chain.to_string_lossy()]);
                words.extend(["--key".into(), key.to_string_lossy()]);
            }
        }
        if let Some(user) = &self.user {
            words.extend(["--user".into(), user.into()]);
        }
        if self.has_password {
            words.push("--askpass".into());
        }
        let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
        words.join(" ")
    }
}

/// A word that a shell does not take apart.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,=".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(url: &str, address: &str) -> String {
        let options = Options::from_url(url).unwrap();
        Cli::new(&options).at(&Address::parse(address, 1).unwrap())
    }

    #[test]
    fn words_lead_to_a_server_and_have_no_password() {
        assert_eq!(command("redis://h", "h:7"), "redis-cli -h h -p 7");
        assert_eq!(
            command("redis://:secret@h", "[::1]:7"),
            "redis-cli -h ::1 -p 7 --askpass"
        );
        assert_eq!(
            command("redis://o'neill:secret@h", "h:7"),
            r"redis-cli -h h -p 7 --user 'o'\''neill' --askpass"
        );
        let certificates = "tls-ca=/a%20b.pem&tls-certificate=/c.pem&tls-key=/k.pem";
        assert_eq!(
            command(&format!("rediss://h?{certificates}"), "h:7"),
            "redis-cli -h h -p 7 --tls --cacert '/a b.pem' --cert /c.pem --key /k.pem"
        );
        let options = Options::from_url("redis+unix:///run/x").unwrap();
        let socket = Address::Unix("/run/$x".into());
        assert_eq!(Cli::new(&options).at(&socket), "redis-cli -s '/run/$x'");
    }
}
