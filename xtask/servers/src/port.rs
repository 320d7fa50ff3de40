use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use rand::RngExt as _;

use crate::error::{Error, Result};

/// How far above its port a cluster's node listens to the other nodes, as Redis has it.
pub(crate) const BUS: u16 = 10_000;

/// A port of the loopback device that no other test has, running or not: a server that is down
/// has its port back when it is started again.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Locked for as long as the port is ours.
    _claim: File,
}

// === impl Port ===

impl Port {
    /// Claims a port that is free now, together with the one for the bus.
    ///
    /// They are below those that systems give to outgoing connections and to listeners on port 0,
    /// which would take them while their server is down.
    ///
    /// # Errors
    ///
    /// No port is free, or the folder of the claims cannot be made.
    pub fn claim() -> Result<Self> {
        let claims = std::env::temp_dir().join("keywell-servers");
        std::fs::create_dir_all(&claims).map_err(Error::file(&claims))?;
        for _ in 0..1000 {
            let number = rand::rng().random_range(11_000..21_000);
            let path = claims.join(number.to_string());
            let Ok(claim) = File::create(path) else {
                continue; // another user's
            };
            if claim.try_lock().is_ok() && is_free(number) && is_free(number + BUS) {
                return Ok(Self {
                    number,
                    _claim: claim,
                });
            }
        }
        let full = "no free port between 11000 and 21000".to_owned();
        Err(Error::Missing(full))
    }

    /// The port on the loopback device.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
