use std::sync::{Arc, LazyLock};
use std::time::Instant;

use keywell_wasi::{Grants, Keyvalue, KeyvalueView};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::AllowedHost;
use crate::common::Common;
use crate::last_words::LastWords;
use crate::outgoing::Outgoing;
use crate::printing::Printer;
use crate::turn::Turns;

/// What the components of an application see of the world besides their buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Environment variables; nothing of Keywell's own environment is passed on.
    pub variables: Vec<(String, String)>,
    /// Arguments, the program's name first.
    pub arguments: Vec<String>,
    /// Whether the component reads Keywell's standard input. What it prints goes to
    /// [`Options::output`](crate::Options::output).
    pub stdin: bool,
    /// The hosts that the component may send HTTP requests to.
    pub outgoing: Vec<AllowedHost>,
}

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
    limits: StoreLimits,
    memory: usize,
    turns: Turns,
    /// Ticks of the epoch in which the call computed.
    ticks: u32,
    deadline: Instant,
}

/// What an instance ends with when its time is up while it computes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the call took longer than it may")]
pub(crate) struct TimedOut;

struct Hooks {
    outgoing: Outgoing,
}

// === impl State ===

impl State {
    /// Handles of streams, bodies, headers and the like that an instance may hold at once.
    const MAX_RESOURCES: usize = 100_000;

    pub(crate) fn new(
        grants: Arc<Grants>,
        environment: Arc<Environment>,
        common: &Common,
        memory: usize,
        deadline: Instant,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(Self::MAX_RESOURCES);
        Self {
            keyvalue: Keyvalue::new(grants),
            table,
            http: WasiHttpCtx::new(),
            hooks: Hooks {
                outgoing: Outgoing::new(environment.clone(), common.client.clone()),
            },
            wasi: None,
            environment,
            printer: common.printer.clone(),
            last_words: None,
            limits: StoreLimitsBuilder::new().memory_size(memory).build(),
            memory,
            turns: common.turns.clone(),
            ticks: 0,
            deadline,
        }
    }

    /// A store for one instance, interrupted at every tick and bounded in memory.
    pub(crate) fn into_store(self, engine: &Engine) -> Store<Self> {
        // Values are checked against the limits of the bucket before they are copied, so the engine
        // need not refuse a call for the size of its arguments.
        let fuel = self.memory.saturating_mul(2);
        let mut store = Store::new(engine, self);
        store.limiter(|state| &mut state.limits);
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

    /// Begins another call with an instance that is reused.
    pub(crate) fn begin(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.ticks = 0;
    }

    fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if Instant::now() >= self.deadline {
            return Err(TimedOut.into());
        }
        self.ticks = self.ticks.saturating_add(1);
        if self.ticks <= Turns::FREE_TICKS {
            return Ok(UpdateDeadline::Yield(1));
        }
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(self.turns.take())))
    }
}

impl KeyvalueView for State {
    fn keyvalue(&self) -> &Keyvalue {
        &self.keyvalue
    }

    fn keyvalue_mut(&mut self) -> &mut Keyvalue {
        &mut self.keyvalue
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let last_words = self.last_words.as_ref();
        let ctx = self
            .wasi
            .get_or_insert_with(|| self.environment.context(&self.printer, last_words));
        WasiCtxView {
            ctx,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

// === impl Environment ===

impl Environment {
    fn context(&self, printer: &Arc<Printer>, last_words: Option<&LastWords>) -> WasiCtx {
        let mut wasi = WasiCtxBuilder::new();
        let [stdout, stderr] = printer.streams(last_words);
        wasi.stdout(stdout).stderr(stderr);
        if self.stdin {
            wasi.inherit_stdin();
        }
        wasi.envs(&self.variables).args(&self.arguments);
        wasi.build()
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
        4
    }

    // With those chunks, and one that is always there, what a client does not read is 60 KiB here.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        12 * 1024
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
