use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use keywell_wasi::KeyvalueView as _;
use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::answered::Answered;
use super::body::{Content, finished};
use super::crowd::{Crowd, Crowds, Job, Jobs};
use super::exported::{Asking, Exported, Exports, of_uri};
use super::idle::{Idle, Reusable};
use super::options::HttpOptions;
use super::refusal::Refusal;
use super::served::Served;
use crate::Error;
use crate::call::{Call, log_failure};
use crate::instance::{self, Instances};
use crate::p3::Answer;
use crate::room::Busy;
use crate::shelf::Shelf;
use crate::state::TimedOut;
use crate::turn::TurnTaker;

/// A component that answers requests by its `wasi:http/incoming-handler` or `wasi:http/handler`.
pub(super) struct Handler {
    served: Served,
    exports: Exports,
    idle: Arc<Shelf<Idle>>,
    crowds: Crowds,
}

type Ended = wasmtime::Result<Option<Reusable>>;

// === impl Handler ===

impl Handler {
    pub(super) fn new(instances: Instances, options: &HttpOptions) -> Result<Self, Error> {
        let exports = Exports::of(&instances)?;
        let is_0_2 = matches!(exports, Exports::P2(_));
        if is_0_2 && options.concurrency > 1 {
            let component = &**instances.name();
            tracing::warn!(
                component,
                "an instance answers one request at a time whatever `concurrency` is, as the \
                 component is for WASI 0.2"
            );
        }
        let most = if is_0_2 { 1 } else { options.concurrency };
        Ok(Self {
            idle: instances.room().shelves().add(),
            served: Served::new(instances, options),
            exports,
            crowds: Crowds::new(most, options.reuse),
        })
    }

    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        scheme: Scheme,
    ) -> Result<Response<Content>, Refusal> {
        let served = &self.served;
        let name = served.instances.name().clone();
        let entered = served.instances.room().enter(served.timeout).await;
        let place = entered.map_err(|Busy| Refusal::Busy)?;
        // Waiting was no fault of the component.
        let deadline = Instant::now() + served.timeout;
        let late = served.late;
        let (asking, mut answering) = self.exports.ask();
        let running = served.instances.run();
        let is_head = request.method() == Method::HEAD;
        let mut call = Some(match asking {
            Asking::P3(answer) if self.crowds.are_any() => {
                let (ended, has_ended) = oneshot::channel();
                let job = Job {
                    request,
                    scheme: of_uri(&scheme),
                    answer,
                    ended,
                    deadline,
                    place,
                };
                let start =
                    |crowd, jobs| drop(tokio::spawn(self.clone().run(crowd, jobs, deadline)));
                let given = self.crowds.give(job, start);
                let guest = async move { given.wait(has_ended).await.map(|()| None) };
                Call::new(name.clone(), guest, deadline, running, None)
            }
            asking => {
                let guest = self.clone().call(request, scheme, asking, deadline);
                Call::new(name.clone(), guest, deadline, running, Some(place))
            }
        });
        poll_fn(|cx| {
            let ended = match call.as_mut().map(|call| Pin::new(call).poll(cx)) {
                Some(Poll::Ready(ended)) => {
                    call = None;
                    Some(ended)
                }
                Some(Poll::Pending) | None => None,
            };
            match (answering.poll(cx), ended) {
                (_, Some(Err(error))) => Poll::Ready(Err(Refusal::unanswered(&name, &error, late))),
                (Some(answered), ended) => {
                    let guest = match (ended, call.take()) {
                        (None, Some(call)) => Guest::Runs(call),
                        (ended, _) => Guest::Returned(ended.and_then(Result::ok).flatten()),
                    };
                    Poll::Ready(respond(&name, is_head, answered, guest, cx))
                }
                (None, Some(Ok(_))) => {
                    Poll::Ready(Err(Refusal::unfit(&name, "returned without a response")))
                }
                (None, None) => Poll::Pending,
            }
        })
        .await
    }

    /// Runs the guest for one request, and returns its instance if it may answer more.
    async fn call(
        self: Arc<Self>,
        request: Request<Incoming>,
        scheme: Scheme,
        asking: Asking,
        deadline: Instant,
    ) -> Ended {
        let counted = self.served.calls.count();
        let Idle {
            mut store,
            exported,
            answered,
        } = self.instance(deadline).await?;
        let called = exported.call(&mut store, request, scheme, asking).await;
        called.map_err(|error| Instances::explain(&store, error))?;
        drop(counted);
        let answered = answered + 1;
        let is_kept = answered < self.served.reuse && !store.data().keyvalue().is_filling();
        let idle = Idle {
            store,
            exported,
            answered,
        };
        Ok(is_kept.then(|| Reusable::new(self.idle.clone(), idle)))
    }

    /// Runs an instance that answers several requests at once.
    async fn run(self: Arc<Self>, crowd: Arc<Crowd>, mut jobs: Jobs, deadline: Instant) {
        let _running = self.served.instances.run();
        let answering = async {
            let mut idle = match self.instance_in_time(deadline).await {
                Ok(idle) => idle,
                Err(error) => {
                    crowd.close();
                    while let Ok(job) = jobs.try_recv() {
                        let _ = job.ended.send(Err(instance::again(&error)));
                    }
                    return Ok(());
                }
            };
            crowd.has_answered(idle.answered);
            let Exported::P3(service) = &idle.exported else {
                return Ok(());
            };
            let count = || self.served.calls.count();
            let answered = crowd.answer(&mut idle.store, service, jobs, count).await;
            idle.answered += answered.map_err(|error| Instances::explain(&idle.store, error))?;
            if idle.answered < self.served.reuse && !idle.store.data().keyvalue().is_filling() {
                Reusable::new(self.idle.clone(), idle).keep();
            }
            Ok(())
        };
        let answered: wasmtime::Result<()> = answering.await;
        crowd.close();
        if let Err(error) = answered {
            log_failure(self.served.instances.name(), "", &error);
        }
    }

    /// As [`Handler::instance`], where no call bounds it in time and takes its turns.
    async fn instance_in_time(&self, deadline: Instant) -> wasmtime::Result<Idle> {
        let mut making = pin!(self.instance(deadline));
        let mut turns = TurnTaker::default();
        let made = poll_fn(|cx| turns.poll(making.as_mut(), cx));
        let made = tokio::time::timeout_at(deadline.into(), made).await;
        made.unwrap_or_else(|_| Err(TimedOut.into()))
    }

    async fn instance(&self, deadline: Instant) -> wasmtime::Result<Idle> {
        if self.served.reuse > 1
            && let Some(mut idle) = self.idle.take()
        {
            Instances::resume(&mut idle.store, deadline);
            return Ok(idle);
        }
        let (mut store, instance) = self.served.instances.instantiate(deadline).await?;
        let exported = self.exports.load(&mut store, &instance)?;
        Ok(Idle {
            store,
            exported,
            answered: 0,
        })
    }
}

/// A guest when there is a response.
enum Guest {
    Returned(Option<Reusable>),
    Runs(Call<Option<Reusable>>),
}

fn respond(
    component: &Arc<str>,
    is_head: bool,
    answered: Answered,
    guest: Guest,
    cx: &mut Context<'_>,
) -> Result<Response<Content>, Refusal> {
    let (mut head, body, is_whole) = match fit(answered) {
        Ok(answer) => {
            let (head, body) = answer.response.into_parts();
            (head, body, answer.is_whole)
        }
        Err(reason) => {
            if let Guest::Runs(call) = guest {
                call.finish_in_background(drop);
            }
            return Err(Refusal::unfit(component, reason));
        }
    };
    let has_body = !is_head
        && head.status != StatusCode::NO_CONTENT
        && head.status != StatusCode::NOT_MODIFIED;
    let declared = declared(&head.headers).filter(|_| has_body);
    let content = match guest {
        Guest::Returned(reusable) => {
            let content = Content::whole(body, declared, reusable, cx);
            content.map_err(|flaw| Refusal::unfit(component, flaw))?
        }
        Guest::Runs(call) if has_body && is_whole => {
            let content = Content::whole(body, declared, None, cx);
            let name = component.clone();
            call.finish_in_background(move |ended| finished(&name, ended));
            content.map_err(|flaw| Refusal::unfit(component, flaw))?
        }
        Guest::Runs(call) if has_body => Content::streaming(body, declared, call),
        Guest::Runs(call) => {
            drop(body);
            let component = component.clone();
            call.finish_in_background(move |ended| finished(&component, ended));
            Content::Whole(None)
        }
    };
    if has_body {
        return Ok(Response::from_parts(head, content));
    }
    // What a request with another method would be answered with.
    if let Some(length) = content.length()
        && is_head
        && length > 0
    {
        let headers = &mut head.headers;
        let length = HeaderValue::from(length);
        headers.entry(header::CONTENT_LENGTH).or_insert(length);
    }
    Ok(Response::from_parts(head, Content::Whole(None)))
}

/// The response, if there is one that can be sent.
fn fit(answered: Answered) -> Result<Answer, String> {
    let answer = answered?;
    let response = &answer.response;
    let status = response.status();
    if status.is_informational() {
        return Err(format!(
            "answered with the status {}, which is not a final one",
            status.as_u16()
        ));
    }
    let mut lengths = response.headers().get_all(header::CONTENT_LENGTH).iter();
    if let Some(first) = lengths.next()
        && (length(first).is_none() || lengths.any(|other| length(other) != length(first)))
    {
        return Err("answered with a content-length that is none".to_owned());
    }
    Ok(answer)
}

/// How long the body is by its header.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH).and_then(length)
}

fn length(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    value.to_str().ok()?.parse().ok()
}
