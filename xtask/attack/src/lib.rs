//! Attacks the program as a hostile client, a hostile component, a hostile neighbour on the machine,
//! or plain bad luck would.
//!
//! Every attack runs the real program as a process, with real sockets, components and files, and
//! where it says so a real Redis. It answers what it saw beside a bound:
//!
//! ```no_run
//! # fn main() -> keywell_attack::Done {
//! let context = keywell_attack::Context::new("target/debug/keywell", "target/tmp", false);
//! for attack in keywell_attack::ATTACKS {
//!     let seen = attack.run(&context)?;
//!     println!("{}: at most {}, seen {}", attack.name, seen.bound, seen.seen);
//! }
//! # Ok(()) }
//! ```
//!
//! One file is one group of attacks, one function one attack. [`every_attack!`] names them all, for
//! the table that `cargo xtask attack` prints, and for the tests in `crates/keywell/tests/attack.rs`.
//!
//! # What it does not do
//!
//! It needs Linux: memory is measured by `/proc/PID/status`. Damage inside data files is not
//! attacked here.

#![forbid(unsafe_code)]

mod cache;
mod clients;
mod components;
mod context;
mod done;
mod fairness;
mod files;
mod frames;
mod http;
mod http2;
mod imports;
mod memory;
mod output;
mod process;
mod seen;
mod smuggling;
mod stores;
mod tasks;
mod terminal;

pub use context::Context;
pub use done::Done;
pub use seen::Seen;

/// One attack.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// The group; those of `stores` need a Redis server.
    pub group: &'static str,
    /// The name within the group.
    pub name: &'static str,
    /// Whether it takes so long that only the long form runs it.
    pub is_long: bool,
    run: fn(&Context) -> Done<Seen>,
}

// === impl Attack ===

impl Attack {
    /// How often it is run at most.
    const ATTEMPTS: u32 = 3;

    /// The attack of a group by its name.
    pub fn named(group: &str, name: &str) -> Option<&'static Self> {
        ATTACKS
            .iter()
            .find(|attack| attack.group == group && attack.name == name)
    }

    /// Runs it, again where it does not hold: memory and time of one run can pass a bound by chance,
    /// and what has no bound passes it each time.
    ///
    /// # Errors
    ///
    /// Where it could not be tried: the program does not start, a guest or a server is missing.
    pub fn run(&self, context: &Context) -> Done<Seen> {
        let attempt = || {
            (self.run)(context)
                .map_err(|error| format!("{}::{}: {error}", self.group, self.name).into())
        };
        let mut seen: Done<Seen> = attempt();
        for _ in 1..Self::ATTEMPTS {
            if seen.as_ref().is_ok_and(|seen| seen.held) {
                break;
            }
            seen = attempt();
        }
        seen
    }
}

/// Hands all attacks to a macro: `GROUP: [SHORT, ...] + [LONG, ...]`, where the long ones are for the
/// long form alone.
#[macro_export]
macro_rules! every_attack {
    ($each:ident) => {
        $each! {
            clients: [
                unread_response,
                rate_limited_reader,
                pipelined_requests_without_reading,
                unread_responses_together,
                unread_responses_in_every_instance,
                refused_requests,
                bytes_behind_a_request,
                silent_clients,
                slow_request_body,
                unread_request_body,
                hosts_and_targets,
                connection_flood,
            ] + [],
            smuggling: [hidden_requests] + [],
            http2: [
                zero_window_in_every_instance,
                stalled_streams,
                rapid_reset,
                continuation_flood,
                settings_and_ping_flood,
                header_bomb,
                window_overflow,
                empty_data_flood,
            ] + [idle_connection, stalled_write],
            components: [
                many_reads_of_one_value,
                snapshots_of_values,
                unsent_bodies,
                header_sets,
                pending_requests,
                many_instances_together,
                memory_growth,
                memories_of_four_modules,
                large_tables,
                pollables,
                streams,
                sockets,
                random_bytes,
                failed_instances_with_reuse,
                improper_answers,
            ] + [],
            tasks: [
                unread_response,
                header_sets,
                requests_that_are_not_sent,
                pipes,
                waits,
                pending_requests,
                memory_growth,
                endless_loops_beside_another_component,
                churning_calls_beside_another_component,
            ] + [],
            fairness: [
                endless_loops_beside_another_component,
                waiting_calls_beside_another_component,
            ] + [],
            output: [
                unread_pipe,
                flood_into_a_pipe,
                escape_sequences,
                escape_sequences_on_a_terminal,
                secrets,
            ] + [],
            cache: [
                flipped_bits,
                truncated_code,
                swapped_code,
                code_written_after_its_rename,
                draft_that_is_a_link,
                processes_that_share_a_cache,
                folder_open_to_strangers,
            ] + [],
            files: [
                links_in_a_data_folder,
                folders_open_to_strangers,
                data_files_that_are_none,
                full_disk,
                file_size_limit,
            ] + [],
            imports: [
                names_with_escape_sequences,
                absurd_counts,
                nested_types,
                many_imports,
                components_of_other_languages,
            ] + [],
            stores: [
                many_reads_of_one_value,
                many_reads_of_many_values,
                snapshots_of_values,
                export_of_large_values,
                keys_of_hostile_names,
                records_of_the_host,
                frozen_server,
                bare_keys_of_others,
                unread_watch,
            ] + [notifications_switched_off],
        }
    };
}

macro_rules! table {
    ($($group:ident: [$($name:ident),* $(,)?] + [$($long:ident),* $(,)?]),* $(,)?) => {
        /// All attacks.
        pub const ATTACKS: &[Attack] = &[$(
            $(Attack {
                group: stringify!($group),
                name: stringify!($name),
                is_long: false,
                run: $group::$name,
            },)*
            $(Attack {
                group: stringify!($group),
                name: stringify!($long),
                is_long: true,
                run: $group::$long,
            },)*
        )*];
    };
}

every_attack!(table);
