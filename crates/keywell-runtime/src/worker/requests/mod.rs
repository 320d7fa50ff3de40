//! The requests of an instance of a worker: each is recorded as a call, with a digest of all of it,
//! and its whole response.
//!
//! 1. A request is sent when the component waits and its body is complete. Its intent is committed
//!    before.
//! 2. Nothing else happens to it but while the component waits and nothing is ready: then one event is
//!    taken, the next of the journal, or else the first response that comes or the end of the wait. So
//!    a replay takes the same events at the same places, and tasks send and receive, but record nothing.
//! 3. What the component has not taken when the invocation ends, or drops before, has no answer.

mod fault;
mod message;
mod writer;

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderName;
use http::{Request, Response, request};
use http_body_util::BodyExt;
use keywell_journal::{Begun, Call, Decision, Result, Sleep, Time};
use keywell_wasi::{Budget, Charge};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use self::message::{Whole, Written};
pub(crate) use self::writer::BodyWriter;
use super::options::InterruptedRequests;
use super::recording::Recording;
use crate::outgoing::Outgoing;

/// Those whose responses the component does not have.
pub(crate) struct Requests {
    recording: Arc<Recording>,
    written: Vec<Writing>,
    under_way: Vec<UnderWay>,
    /// How many were sent.
    sent: u64,
    sender: UnboundedSender<Received>,
    receiver: UnboundedReceiver<Received>,
}

/// A response or an error for a future of the component, by its entry in the resource table.
pub(crate) struct Arrived {
    pub(crate) entry: u32,
    pub(crate) response: Answer,
}

type Answer = Result<Response<WasiBody>, Error>;

/// What requests are sent with, and what responses are charged to.
pub(crate) struct Means<'a> {
    pub(crate) outgoing: &'a mut Outgoing,
    pub(crate) budget: &'a mut Budget,
}

/// A request that was handed over, and is not sent.
struct Writing {
    entry: Option<u32>,
    head: request::Parts,
    body: Written,
    options: Option<RequestOptions>,
}

/// A request whose intent is recorded.
struct UnderWay {
    entry: u32,
    call: Call,
    stage: Stage,
}

enum Stage {
    /// By an earlier process; the journal may have how it ended.
    Opened(Box<(Begun, Request<Whole>, Option<RequestOptions>)>),
    /// By this one, with the number that it was sent under.
    Sent(
        u64,
        #[expect(dead_code, reason = "its end ends the task")] AbortOnDropJoinHandle<()>,
    ),
}

struct Received {
    number: u64,
    outcome: Bytes,
    charge: Charge,
}

// === impl Requests ===

impl Requests {
    const NAME: &str = "request";
    const KEY: HeaderName = HeaderName::from_static("idempotency-key");

    pub(crate) fn new(recording: Arc<Recording>) -> Self {
        let (sender, receiver) = unbounded_channel();
        Self {
            recording,
            written: Vec::new(),
            under_way: Vec::new(),
            sent: 0,
            sender,
            receiver,
        }
    }

    /// Takes a request, which gets the [entry](Self::name) of its future.
    pub(crate) fn add(&mut self, request: Request<WasiBody>, options: Option<RequestOptions>) {
        let (head, body) = request.into_parts();
        self.written.push(Writing {
            entry: None,
            head,
            body: Written::new(body),
            options,
        });
    }

    /// Says which future the last request has.
    pub(crate) fn name(&mut self, entry: u32) {
        if let Some(last) = self.written.last_mut() {
            last.entry = Some(entry);
        }
    }

    /// Gives up the request of a future that is dropped.
    pub(crate) fn forget(&mut self, entry: u32) {
        self.written.retain(|request| request.entry != Some(entry));
        self.under_way.retain(|request| request.entry != entry);
    }

    /// Gives up all of them; the futures that they have.
    pub(crate) fn end(&mut self) -> Vec<u32> {
        let written = self.written.drain(..).filter_map(|request| request.entry);
        let under_way = self.under_way.drain(..).map(|request| request.entry);
        written.chain(under_way).collect()
    }

    /// Whether the component waits for a response that can come.
    pub(crate) fn are_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Sends those whose bodies are complete; the answers that are there at once.
    ///
    /// # Errors
    ///
    /// Those of the journal, and nothing was sent.
    pub(crate) async fn start(&mut self, means: &mut Means<'_>) -> Result<Vec<Arrived>> {
        let (mut arrived, mut at) = (Vec::new(), 0);
        while let Some(request) = self.written.get_mut(at) {
            let Some(body) = request.body.end() else {
                at += 1;
                continue;
            };
            let Writing {
                entry,
                head,
                options,
                ..
            } = self.written.remove(at);
            // Without a future the instance has failed.
            let Some(entry) = entry else { continue };
            let response = match body {
                Ok(body) => {
                    let request = Request::from_parts(head, body);
                    self.begin(entry, request, options, means).await?
                }
                Err(error) => Some(Err(error)),
            };
            arrived.extend(response.map(|response| Arrived { entry, response }));
        }
        Ok(arrived)
    }

    async fn begin(
        &mut self,
        entry: u32,
        request: Request<Whole>,
        options: Option<RequestOptions>,
        means: &mut Means<'_>,
    ) -> Result<Option<Answer>> {
        let (brief, digest) = message::asked(&request);
        let call = self.recording.session().call(Self::NAME, brief, digest);
        match call.open().await? {
            Begun::Answer(outcome) => Ok(Some(answer(&outcome, means.budget))),
            Begun::Fresh => self.send(entry, call, request, options, false, means).await,
            begun @ Begun::Interrupted { .. } => {
                let stage = Stage::Opened(Box::new((begun, request, options)));
                self.under_way.push(UnderWay { entry, call, stage });
                Ok(None)
            }
        }
    }

    /// Sends it, once its intent is committed; an error that it has before.
    async fn send(
        &mut self,
        entry: u32,
        call: Call,
        mut request: Request<Whole>,
        options: Option<RequestOptions>,
        is_intended: bool,
        means: &mut Means<'_>,
    ) -> Result<Option<Answer>> {
        let key = call.key().try_into().expect("it is hexadecimal");
        request.headers_mut().entry(Self::KEY).or_insert(key);
        let request = request.map(BodyExt::boxed_unsync);
        let sending = match means.outgoing.send(request, options) {
            Ok(sending) => sending,
            Err(error) => {
                let outcome = message::failed(error);
                if is_intended {
                    call.settled(outcome.clone()).await?;
                } else {
                    call.answered(outcome.clone()).await?;
                }
                return Ok(Some(answer(&outcome, means.budget)));
            }
        };
        if !is_intended {
            call.intend(Bytes::new()).await?;
        }
        self.sent += 1;
        let (number, sender) = (self.sent, self.sender.clone());
        let mut charge = means.budget.hold_nothing();
        let task = spawn(async move {
            let outcome = message::received(sending, &mut charge).await;
            let received = Received {
                number,
                outcome,
                charge,
            };
            // Otherwise the instance has ended.
            drop(sender.send(received));
        });
        let stage = Stage::Sent(number, task);
        self.under_way.push(UnderWay { entry, call, stage });
        Ok(None)
    }

    /// Waits for the next event: a response, or the time `until` which the component waits at most.
    ///
    /// # Errors
    ///
    /// Those of the journal, and [`keywell_journal::Error::Ambiguous`].
    pub(crate) async fn next(
        &mut self,
        until: Option<Time>,
        means: &mut Means<'_>,
    ) -> Result<Option<Arrived>> {
        let session = self.recording.session().clone();
        // Also where a response comes first: a replay counts the same calls.
        let sleep = until.map(|until| session.sleep(until));
        let asked = "a wait for the response to a request";
        loop {
            let calls = self.under_way.iter().map(|request| request.call.number());
            let calls = calls.chain(sleep.as_ref().map(Sleep::number));
            let calls: Vec<u64> = calls.collect();
            let Some(number) = session.upcoming(&calls, asked).await? else {
                break;
            };
            let is_next = |request: &UnderWay| request.call.number() == number;
            match self.under_way.iter().position(is_next) {
                Some(at) => {
                    if let Some(response) = self.replay(at, means).await? {
                        return Ok(Some(response));
                    }
                }
                None => return doze(&self.recording, sleep).await,
            }
        }
        self.decide().await?;
        let is_opened = |request: &UnderWay| matches!(request.stage, Stage::Opened(_));
        while let Some(at) = self.under_way.iter().position(is_opened) {
            if let Some(response) = self.recover(at, means).await? {
                return Ok(Some(response));
            }
        }
        self.race(sleep).await
    }

    /// Reads the decisions on interrupted requests at the end of the journal, and stops the worker before
    /// any is sent if one is left to decide.
    async fn decide(&mut self) -> Result<()> {
        let policy = self.recording.interrupted();
        for UnderWay { call, stage, .. } in &mut self.under_way {
            let Stage::Opened(opened) = stage else {
                continue;
            };
            opened.0 = call.resume(opened.0.clone()).await?;
            if let Begun::Interrupted {
                position,
                decision: None,
                ..
            } = opened.0
                && policy == InterruptedRequests::Stop
                && !opened.1.method().is_idempotent()
            {
                return Err(call.stop(position).await);
            }
        }
        Ok(())
    }

    /// Takes the next record of a request; its end, if it is that.
    async fn replay(&mut self, at: usize, means: &mut Means<'_>) -> Result<Option<Arrived>> {
        let UnderWay { entry, call, stage } = self.under_way.remove(at);
        let Stage::Opened(mut opened) = stage else {
            // Nothing is recorded behind what this process records.
            return Ok(None);
        };
        opened.0 = call.resume(opened.0).await?;
        if let Begun::Answer(outcome) = &opened.0 {
            let response = answer(outcome, means.budget);
            return Ok(Some(Arrived { entry, response }));
        }
        let stage = Stage::Opened(opened);
        self.under_way.insert(at, UnderWay { entry, call, stage });
        Ok(None)
    }

    /// Goes on with an interrupted request at the end of the journal: it is sent again, or ends.
    async fn recover(&mut self, at: usize, means: &mut Means<'_>) -> Result<Option<Arrived>> {
        let UnderWay { entry, call, stage } = self.under_way.remove(at);
        let Stage::Opened(opened) = stage else {
            return Ok(None);
        };
        let (begun, request, options) = *opened;
        let Begun::Interrupted {
            position, decision, ..
        } = begun
        else {
            return Ok(None);
        };
        let policy = self.recording.interrupted();
        let error = match decision {
            Some(Decision::Retry) => None,
            None if request.method().is_idempotent() => None,
            None if policy == InterruptedRequests::Retry => None,
            None if policy == InterruptedRequests::Stop => return Err(call.stop(position).await),
            None | Some(Decision::NotApplied) => Some(Error::ConnectionTerminated),
            Some(Decision::Applied) => {
                let why = "the request was sent, and its response is lost";
                Some(Error::InternalError(Some(why.to_owned())))
            }
        };
        let response = match error {
            None => {
                self.send(entry, call, request, options, true, means)
                    .await?
            }
            Some(error) => {
                let outcome = message::failed(error);
                call.settled(outcome.clone()).await?;
                Some(answer(&outcome, means.budget))
            }
        };
        Ok(response.map(|response| Arrived { entry, response }))
    }

    /// Waits for the first response of a request that this process has sent.
    async fn race(&mut self, sleep: Option<Sleep>) -> Result<Option<Arrived>> {
        let recording = self.recording.clone();
        let until = sleep.as_ref().map(Sleep::until);
        let mut over = pin!(async {
            match until {
                Some(until) => recording.wait(until).await,
                None => std::future::pending().await,
            }
        });
        loop {
            let received = tokio::select! {
                biased;
                received = self.receiver.recv() => received.expect("this has a sender"),
                () = &mut over => return doze(&self.recording, sleep).await,
            };
            let is_of = |request: &UnderWay| match request.stage {
                Stage::Sent(number, _) => number == received.number,
                Stage::Opened(_) => false,
            };
            // The component may have dropped its future.
            let Some(at) = self.under_way.iter().position(is_of) else {
                continue;
            };
            let request = self.under_way.remove(at);
            request.call.settled(received.outcome.clone()).await?;
            let response = message::response(&received.outcome, received.charge);
            let response = response.map(|response| response.map(BodyExt::boxed_unsync));
            let entry = request.entry;
            return Ok(Some(Arrived { entry, response }));
        }
    }
}

async fn doze(recording: &Recording, sleep: Option<Sleep>) -> Result<Option<Arrived>> {
    if let Some(sleep) = sleep {
        recording.doze(&sleep).await?;
    }
    Ok(None)
}

/// Reads a recorded answer, which is there whatever the budget.
fn answer(outcome: &Bytes, budget: &mut Budget) -> Answer {
    let mut charge = budget.hold_nothing();
    charge.add_anyway(outcome.len());
    let response = message::response(outcome, charge);
    response.map(|response| response.map(BodyExt::boxed_unsync))
}
