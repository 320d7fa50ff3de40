use super::command::CommandPlan;
use super::http::HttpPlan;
use super::invoke::InvokePlan;
use super::watch::WatchPlan;
use crate::Place;

/// What calls a component. It is matched without a wildcard wherever triggers are handled, so that
/// a new kind does not compile until it is handled everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a plan has few triggers, and is not moved often"
)]
pub enum TriggerPlan {
    /// HTTP requests.
    Http(HttpPlan),
    /// Changes of keys.
    Watch(Box<WatchPlan>),
    /// The application's start: the component runs once, as a command.
    Command(CommandPlan),
    /// Calls of exported functions over HTTP.
    Invoke(Box<InvokePlan>),
}

// === impl TriggerPlan ===

impl TriggerPlan {
    /// The component that it calls, by its name in the plan.
    pub fn component(&self) -> &str {
        match self {
            Self::Http(http) => &http.component,
            Self::Watch(watch) => &watch.component,
            Self::Command(command) => &command.component,
            Self::Invoke(invoke) => &invoke.http.component,
        }
    }

    /// Whether it is left out where the component does not export what it calls.
    pub fn is_optional(&self) -> bool {
        match self {
            Self::Http(http) => http.is_optional,
            Self::Watch(watch) => watch.is_optional,
            Self::Command(_) | Self::Invoke(_) => false,
        }
    }

    /// Where and how it listens for HTTP requests, if it does.
    pub fn listener(&self) -> Option<&HttpPlan> {
        match self {
            Self::Http(http) => Some(http),
            Self::Invoke(invoke) => Some(&invoke.http),
            Self::Watch(_) | Self::Command(_) => None,
        }
    }

    /// Where it begins.
    pub fn place(&self) -> Place {
        match self {
            Self::Http(http) => http.place,
            Self::Watch(watch) => watch.place,
            Self::Command(command) => command.place,
            Self::Invoke(invoke) => invoke.http.place,
        }
    }

    /// The same trigger, as if it had not been read from a file.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let mut trigger = self.clone();
        match &mut trigger {
            Self::Http(http) => http.forget_places(),
            Self::Watch(watch) => watch.forget_places(),
            Self::Command(command) => command.place = Place::default(),
            Self::Invoke(invoke) => invoke.forget_places(),
        }
        trigger
    }

    /// The stores that it names, by their names in the plan.
    pub fn stores(&self) -> Vec<&String> {
        match self {
            Self::Http(_) | Self::Command(_) => Vec::new(),
            Self::Invoke(invoke) => {
                let workers = invoke.workers.iter();
                workers.map(|workers| &workers.journal).collect()
            }
            Self::Watch(watch) => {
                let dead_letters = watch.dead_letters.as_ref();
                let dead_letters = dead_letters.and_then(|dead| dead.store.as_ref());
                let watched = std::iter::once(&watch.store);
                watched
                    .chain(&watch.positions)
                    .chain(dead_letters)
                    .collect()
            }
        }
    }
}
