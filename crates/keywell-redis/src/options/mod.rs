mod address;
mod settings;
mod table;
mod url;

use std::time::Duration;

pub(crate) use address::Address;
pub(crate) use keywell_client::Tls;
pub(crate) use keywell_store::Secret;
pub(crate) use table::TABLE;

use crate::journal;

/// How a store on Redis is opened: which servers, how they are talked to, and how keys are laid
/// out.
///
/// It is read from a URL and its settings ([`Options::from_url`]), and from named configuration
/// ([`Options::from_settings`]); the crate's front page has both.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "settings that are on or off")]
pub struct Options {
    pub(crate) servers: Servers,
    pub(crate) login: Login,
    pub(crate) database: u32,
    pub(crate) tls: Option<Tls>,
    pub(crate) layout: Layout,
    /// What names begin with; none in the plain layout.
    pub(crate) prefix: Option<String>,
    pub(crate) connections: usize,
    pub(crate) share_connections: bool,
    pub(crate) lazy: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_timeout: Duration,
    pub(crate) connect_retries: u32,
    pub(crate) reconnect_max_delay: Duration,
    pub(crate) watch: bool,
    pub(crate) configure_notifications: bool,
    /// How often a watched server is asked whether it still emits events.
    pub(crate) notifications_checked: Duration,
    pub(crate) journal: journal::Settings,
}

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Servers {
    /// One server.
    One(Address),
    /// The primary that these sentinels name.
    Sentinel {
        sentinels: Vec<Address>,
        service: String,
        login: Login,
    },
    /// A cluster that some of these are nodes of.
    Cluster(Vec<Address>),
}

/// Who we are to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
}

/// How keys and values lie in Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Key `k` of bucket `b` is the Redis string `b:k`, which any other program can read and write.
    #[default]
    Plain,
    /// A key is the Redis string of its name, or of a prefix and its name: the keys that other
    /// programs have. All are in the default bucket.
    Flat,
    /// Values with versions, an ordered index and a history, written by scripts only.
    Journal,
}

// === impl Options ===

impl Options {
    pub(crate) const DEFAULT_CONNECT: Duration = Duration::from_secs(3);
    pub(crate) const DEFAULT_ANSWER: Duration = Duration::from_secs(1);

    pub(crate) fn new(servers: Servers) -> Self {
        Self {
            servers,
            login: Login::default(),
            database: 0,
            tls: None,
            layout: Layout::default(),
            prefix: None,
            connections: 1,
            share_connections: false,
            lazy: false,
            connect_timeout: Self::DEFAULT_CONNECT,
            answer_timeout: Self::DEFAULT_ANSWER,
            connect_retries: 0,
            reconnect_max_delay: Duration::from_secs(2),
            watch: true,
            configure_notifications: false,
            notifications_checked: Duration::from_mins(1),
            journal: journal::Settings::default(),
        }
    }

    /// What of them makes a link: the rest is about what is done with it.
    pub(crate) fn of_link(&self) -> Self {
        Self {
            layout: Layout::default(),
            prefix: None,
            share_connections: true,
            watch: true,
            configure_notifications: false,
            journal: journal::Settings::default(),
            ..self.clone()
        }
    }
}
