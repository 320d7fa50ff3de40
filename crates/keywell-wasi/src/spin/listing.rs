use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use keywell_store::{Answer, Bucket as _, List, Page, Result};
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult, VecBuffer};

use super::error::SpinError;
use crate::budget::Charge;
use crate::error::StoreError;
use crate::opened::Opened;
use crate::values::Trace;

/// The keys of a bucket as a stream: a page is asked for when all keys of the one before are read.
pub(super) struct Listing {
    bucket: Arc<Opened>,
    /// The page to ask for; none after the last.
    next: Option<List>,
    asked: Option<Asked>,
    /// For the keys of the page that is read.
    charge: Charge,
    ended: Option<oneshot::Sender<Ended>>,
}

/// How a listing ended.
pub(super) type Ended = std::result::Result<(), SpinError>;

type Asked = Pin<Box<dyn Future<Output = Result<Page>> + Send>>;

// === impl Listing ===

impl Listing {
    /// What a key is charged beside its bytes.
    const KEY: usize = size_of::<String>();

    pub(super) fn new(bucket: Arc<Opened>, charge: Charge) -> (Self, oneshot::Receiver<Ended>) {
        let (sender, ended) = oneshot::channel();
        let listing = Self {
            bucket,
            next: Some(List::default()),
            asked: None,
            charge,
            ended: Some(sender),
        };
        (listing, ended)
    }

    /// The next page; none after the last.
    fn poll_page(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Page>>> {
        if self.asked.is_none() {
            let Some(next) = self.next.take() else {
                return Poll::Ready(None);
            };
            match self.bucket.list(next) {
                Answer::Now(page) => return Poll::Ready(Some(page)),
                Answer::Later(page) => self.asked = Some(Box::pin(page)),
            }
        }
        let Some(asked) = &mut self.asked else {
            return Poll::Ready(None);
        };
        let page = std::task::ready!(asked.as_mut().poll(cx));
        self.asked = None;
        Poll::Ready(Some(page))
    }

    /// The keys of a page, if the host may hold them.
    fn keys(&mut self, page: Result<Page>) -> std::result::Result<Vec<String>, SpinError> {
        let page = page.map_err(StoreError::from)?;
        let bytes = page.keys.iter().map(|key| key.len() + Self::KEY).sum();
        self.charge.release();
        let charged = self.charge.add(bytes);
        charged.map_err(|over| StoreError::from(Trace::from(over)))?;
        self.next = page.cursor.map(|cursor| List {
            cursor: Some(cursor),
            ..List::default()
        });
        Ok(page.keys)
    }

    fn end(&mut self, ended: Ended) -> StreamResult {
        if let Some(sender) = self.ended.take() {
            // Nobody may wait for it.
            let _ = sender.send(ended);
        }
        StreamResult::Dropped
    }
}

impl<D: 'static> StreamProducer<D> for Listing {
    type Item = String;
    type Buffer = VecBuffer<String>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, String, VecBuffer<String>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = self.get_mut();
        // A read of nothing asks whether a read would wait, which nothing is done to find out.
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        loop {
            let page = match this.poll_page(cx) {
                Poll::Ready(Some(page)) => page,
                Poll::Ready(None) => return Poll::Ready(Ok(this.end(Ok(())))),
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            };
            match this.keys(page) {
                Err(error) => return Poll::Ready(Ok(this.end(Err(error)))),
                // A page can be empty, and not be the last.
                Ok(keys) if keys.is_empty() => {}
                Ok(keys) => {
                    destination.set_buffer(VecBuffer::from(keys));
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
            }
        }
    }
}
