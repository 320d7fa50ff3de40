use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use keywell_wasi::{Budget, Grants, Keyvalue, KeyvalueView, OverBudget};
use wasmtime::component::Resource;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::sockets::TcpSocket;
use wasmtime_wasi::{FsPerms, ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::common::Common;
use crate::environment::Environment;
use crate::granted_dir::GrantedDir;
use crate::held::Held;
use crate::last_words::LastWords;
use crate::listings::Listings;
use crate::log::Log;
use crate::memory::{GrowthRefusal, InstanceMemory};
use crate::opened::{Opened, Place};
use crate::outgoing::Outgoing;
use crate::peer::AllowedPeer;
use crate::printing::Printer;
use crate::turn::Turns;
use crate::worker::{BodyWriter, Means, Recording, Requests};

/// The data of one instance's Wasmtime store.
pub(crate) struct State {
    keyvalue: Keyvalue,
    table: ResourceTable,
    http: WasiHttpCtx,
    hooks: Hooks,
    // Made at the first use: most calls of an HTTP component never look at it, and it is the
    // dearest part to make.
    wasi: Option<WasiCtx>,
    environment: Arc<Environment>,
    printer: Arc<Printer>,
    /// Where what the guest writes to standard error is noted, besides being passed on.
    last_words: Option<LastWords>,
    log: Log,
    memory: InstanceMemory,
    held: Held,
    opened: Opened,
    listings: Listings,
    /// Takes the place of `table` in a call that the budget has no room for, so that the call
    /// fails.
    no_table: ResourceTable,
    is_over_budget: bool,
    /// What makes it repeat what it did, if it is of a worker.
    recording: Option<Arc<Recording>>,
    turns: Turns,
    /// Ticks of the epoch in which the call computed.
    ticks: u32,
    deadline: Instant,
}

/// What an instance ends with when its time is up while it computes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the call took longer than it may")]
pub(crate) struct TimedOut;

/// A limit that an instance has run into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    /// Its memories and tables have as many bytes as they may have.
    Memory(usize),
    /// The host holds as many bytes for it as it may.
    Budget(usize),
    /// All instances together have as many bytes as they may have.
    Total,
}

struct Hooks {
    outgoing: Outgoing,
    /// Of a worker.
    requests: Option<Requests>,
}

// === impl State ===

impl State {
    /// What the host holds for an instance at least, however little memory it has itself: 4 MiB.
    pub(crate) const MIN_BUDGET: usize = 4 << 20;
    /// How many pieces of a body are buffered.
    const CHUNKS: usize = 4;
    /// The largest piece of a body that is taken at once, in bytes.
    const CHUNK: usize = 12 * 1024;
    /// What `wasmcloud:bus` calls the link without a name.
    const UNNAMED: &str = "default";

    /// `budget` is how many bytes the host may hold for the instance, [`State::MIN_BUDGET`] at
    /// least. `recording` is of an instance that is replayed.
    pub(crate) fn new(
        grants: Arc<Grants>,
        environment: Arc<Environment>,
        common: &Common,
        memory: usize,
        budget: usize,
        deadline: Instant,
        recording: Option<Arc<Recording>>,
    ) -> Self {
        let budget = budget.max(Self::MIN_BUDGET);
        let mut table = ResourceTable::new();
        table.set_max_capacity(Held::max_entries(budget));
        let mut no_table = ResourceTable::new();
        no_table.set_max_capacity(0);
        let total = common.total.clone();
        Self {
            keyvalue: Keyvalue::new(grants).within(Budget::new(budget).counted_in(total.clone())),
            table,
            http: WasiHttpCtx::new(),
            hooks: Hooks {
                outgoing: Outgoing::new(environment.clone(), common.client.clone()),
                requests: recording.clone().map(Requests::new),
            },
            wasi: None,
            environment,
            printer: common.printer.clone(),
            last_words: None,
            log: Log::default(),
            memory: InstanceMemory::new(memory, total),
            // The channel of a body has a place more than it has chunks.
            held: Held::new((Self::CHUNKS + 1) * Self::CHUNK),
            opened: Opened::default(),
            listings: Listings::new(),
            no_table,
            is_over_budget: false,
            recording,
            turns: common.turns.clone(),
            ticks: 0,
            deadline,
        }
    }

    /// A store for one instance, interrupted at every tick and bounded in memory.
    pub(crate) fn into_store(self, engine: &Engine) -> Store<Self> {
        // What the engine copies of a call's arguments is held by the host too.
        let fuel = self.keyvalue.budget().limit();
        let mut store = Store::new(engine, self);
        store.limiter(|state| &mut state.memory);
        store.epoch_deadline_callback(|mut context| context.data_mut().tick());
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(fuel);
        store
    }

    /// Makes what the first call that looks at it would have to make, for a delivery.
    pub(crate) fn prepare(&mut self) {
        self.last_words();
        let _ = self.ctx();
    }

    /// What the guest writes last to standard error, noted from now on if it has not written any.
    pub(crate) fn last_words(&mut self) -> LastWords {
        self.last_words.get_or_insert_default().clone()
    }

    /// The limit that the instance has run into, if it has.
    pub(crate) fn exhausted(&self) -> Option<Exhausted> {
        match self.memory.refusal() {
            Some(GrowthRefusal::Total) => Some(Exhausted::Total),
            _ if self.is_over_budget => Some(Exhausted::Budget(self.keyvalue.budget().limit())),
            Some(GrowthRefusal::Instance) => Some(Exhausted::Memory(self.memory.limit())),
            None => None,
        }
    }

    /// Begins another call with an instance that is reused.
    pub(crate) fn begin(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.ticks = 0;
    }

    /// Gives the call so much more time.
    pub(crate) fn postpone(&mut self, by: Duration) {
        self.deadline += by;
    }

    /// What makes the instance repeat what it did, if it is of a worker.
    pub(crate) fn recording(&self) -> Option<&Arc<Recording>> {
        self.recording.as_ref()
    }

    /// The requests of a worker, and what they are sent with.
    pub(crate) fn requests(&mut self) -> Option<(&mut Requests, Means<'_>)> {
        let requests = self.hooks.requests.as_mut()?;
        let means = Means {
            outgoing: &mut self.hooks.outgoing,
            budget: self.keyvalue.budget_mut(),
        };
        Some((requests, means))
    }

    /// Whether there is a link of a name for an interface: `ns:package/interface`, without a
    /// version. That without a name is always there.
    pub(crate) fn has_link(&self, interface: &str, name: &str) -> bool {
        name == Self::UNNAMED || self.keyvalue.has_link(interface, name)
    }

    /// Has an interface use the link of a name from now on. Where there is none of that name, its
    /// calls fail.
    pub(crate) fn choose_link(&mut self, interface: &str, name: &str) {
        let name = (name != Self::UNNAMED).then_some(name);
        self.keyvalue.choose_link(interface, name);
    }

    /// When its call has to be done.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Counts bytes of values that the host holds for the instance.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), OverBudget> {
        self.keyvalue.budget_mut().charge(bytes)
    }

    /// Counts them no longer.
    pub(crate) fn release(&mut self, bytes: usize) {
        self.keyvalue.budget_mut().refund(bytes);
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What the instance logs, and the name of its component.
    pub(crate) fn log(&mut self) -> (&mut Log, &str) {
        (&mut self.log, self.printer.component())
    }

    /// What `wasi:io` sees of the instance.
    pub(crate) fn resources(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// A place for another open file, where there is room.
    pub(crate) fn admit_file(&mut self) -> Option<Place> {
        let place = self.opened.admit_file();
        if place.is_none() {
            self.refuse("files");
        }
        place
    }

    /// Counts a file that was opened.
    pub(crate) fn add_file(&mut self, file: &Resource<Descriptor>) -> wasmtime::Result<()> {
        self.opened.add_file(self.table.get(file)?);
        Ok(())
    }

    /// Whether there is room for another socket.
    pub(crate) fn admits_socket(&mut self) -> bool {
        let admits = self.opened.admits_socket(&mut self.table);
        if !admits {
            self.refuse("sockets");
        }
        admits
    }

    /// Counts a socket that was made, by its entry in the resource table.
    pub(crate) fn add_socket(&mut self, entry: u32) {
        self.opened.add_socket(entry);
    }

    /// The place of a socket, for a stream of it.
    pub(crate) fn place_of_socket(&self, socket: &Resource<TcpSocket>) -> Option<Place> {
        self.opened.place_of_socket(socket.rep())
    }

    fn refuse(&self, what: &str) {
        let component = self.printer.component();
        let most = Opened::MOST;
        tracing::debug!(
            component,
            "has {most} {what} open, and may not open another"
        );
    }

    /// What the host holds of folders, and what that is charged to.
    pub(crate) fn listings(&mut self) -> (&mut Listings, &mut Budget) {
        (&mut self.listings, self.keyvalue.budget_mut())
    }

    fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if Instant::now() >= self.deadline {
            return Err(TimedOut.into());
        }
        self.ticks = self.ticks.saturating_add(1);
        if self.ticks <= Turns::FREE_TICKS {
            return Ok(UpdateDeadline::Yield(1));
        }
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(self.turns.need())))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.log.report(self.printer.component());
    }
}

impl KeyvalueView for State {
    const HAS_FIBRE: bool = true;

    fn keyvalue(&self) -> &Keyvalue {
        &self.keyvalue
    }

    fn keyvalue_mut(&mut self) -> &mut Keyvalue {
        &mut self.keyvalue
    }

    fn table(&mut self) -> Option<&mut ResourceTable> {
        Some(&mut self.table)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let last_words = self.last_words.as_ref();
        let ctx = self.wasi.get_or_insert_with(|| {
            let recording = self.recording.as_ref();
            wasi(&self.environment, &self.printer, last_words, recording)
        });
        WasiCtxView {
            ctx,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let budget = self.keyvalue.budget_mut();
        let table = if self.held.admit(&mut self.table, budget) {
            &mut self.table
        } else {
            self.is_over_budget = true;
            &mut self.no_table
        };
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table,
            ctx: &mut self.http,
        }
    }
}

/// WASI as a component sees it.
fn wasi(
    environment: &Environment,
    printer: &Arc<Printer>,
    last_words: Option<&LastWords>,
    recording: Option<&Arc<Recording>>,
) -> WasiCtx {
    let mut wasi = WasiCtxBuilder::new();
    let [stdout, stderr] = printer.streams(last_words);
    wasi.stdout(stdout).stderr(stderr);
    if let Some(recording) = recording {
        recording.configure(&mut wasi);
    }
    if environment.stdin {
        wasi.inherit_stdin();
    }
    wasi.envs(&environment.variables)
        .args(&environment.arguments);
    // What is asked for at once is held by the host first.
    wasi.max_random_size(State::MIN_BUDGET as u64 / 4);
    AllowedPeer::allow(&environment.tcp, &mut wasi);
    for dir in &environment.dirs {
        let GrantedDir { host, guest, .. } = dir;
        let permissions = if dir.is_read_only {
            FsPerms::ReadOnly
        } else {
            FsPerms::ReadWrite
        };
        if let Err(error) = wasi.preopened_dir(host, guest, permissions)
            && let Some(count) = dir.went_missing()
        {
            let host = host.display();
            tracing::error!(
                count,
                "a component goes without its folder {host}: {error:#}"
            );
        }
    }
    wasi.build()
}

// === impl Exhausted ===

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(bytes) => write!(
                f,
                "its memories and tables may have {bytes} bytes together; raise --memory"
            ),
            Self::Budget(bytes) => write!(
                f,
                "the host may hold {bytes} bytes for it (header fields, bodies, cas handles, \
                 values); raise --memory"
            ),
            Self::Total => write!(
                f,
                "all instances together have the memory that they may have; raise --total-memory"
            ),
        }
    }
}

// === impl Hooks ===

impl WasiHttpHooks for Hooks {
    // The same filter as by default, shared rather than made for every set of headers.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        static FORBIDDEN: LazyLock<ForbiddenHeaderFilter> = LazyLock::new(|| {
            Arc::new(|name| wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS.contains(name))
        });
        FORBIDDEN.clone()
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _finished: Box<dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send>,
    ) -> Sending {
        if let Some(requests) = &mut self.requests {
            requests.add(request, options);
            // Its future becomes ready by the recording.
            return Box::new(std::future::pending());
        }
        let sending = self.outgoing.send(request, options);
        Box::new(async move {
            let response = sending?.await?;
            // The pool drives the connection.
            let driven = async { Ok(()) };
            Ok((response, Box::new(driven) as Box<_>))
        })
    }

    // Lets a guest write a small body and return without waiting for the connection.
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        if self.requests.is_some() {
            BodyWriter::PIECES
        } else {
            State::CHUNKS
        }
    }

    // With those chunks, and one that is always there, what a client does not read is 60 KiB here.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        if self.requests.is_some() {
            BodyWriter::PIECE
        } else {
            State::CHUNK
        }
    }

    // One such piece is buffered.
    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        State::CHUNKS * State::CHUNK
    }
}

type Sending = Box<
    dyn Future<
            Output = wasmtime_wasi_http::Result<(
                http::Response<WasiBody>,
                Box<dyn Future<Output = wasmtime_wasi_http::Result<()>> + Send>,
            )>,
        > + Send,
>;
