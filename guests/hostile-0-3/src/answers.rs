//! Answers, proper and improper.

use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3::wit_bindgen::{StreamReader, StreamResult};
use wasip3::{spawn_local, wit_future, wit_stream};

/// How much is written at once.
const CHUNK: usize = 16 << 10;

/// A response whose body a task writes, and then does something else.
fn written(
    headers: &[(String, Vec<u8>)],
    pieces: impl Iterator<Item = Vec<u8>> + 'static,
    then: impl Future<Output = ()> + 'static,
) -> Response {
    let headers = Fields::from_list(headers).expect("the headers are well formed");
    let (mut body, stream) = wit_stream::new();
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (response, _sent) = Response::new(headers, Some(stream), no_trailers);
    spawn_local(async move {
        for piece in pieces {
            if !body.write_all(piece).await.is_empty() {
                break;
            }
        }
        then.await;
    });
    response
}

fn one(text: &str) -> impl Iterator<Item = Vec<u8>> + use<> {
    std::iter::once(text.as_bytes().to_vec())
}

pub fn text(text: &str) -> Response {
    written(&[], one(text), async {})
}

/// Scheme, authority and path, as this guest sees them.
pub fn describe(request: &Request) -> String {
    let scheme = match request.get_scheme() {
        Some(Scheme::Http) => "http".into(),
        Some(Scheme::Https) => "https".into(),
        Some(Scheme::Other(other)) => other,
        None => "none".into(),
    };
    let authority = request.get_authority().unwrap_or_default();
    let path = request.get_path_with_query().unwrap_or_default();
    format!("{scheme} {authority} {path}")
}

/// The body that came, as it comes.
pub fn echo(request: Request) -> Response {
    let (consumed, result) = wit_future::new(|| Ok(()));
    drop(consumed);
    let (body, trailers) = Request::consume_body(request, result);
    let (response, _sent) = Response::new(Fields::new(), Some(body), trailers);
    response
}

/// The same by reading and writing.
pub fn copy(request: Request) -> Response {
    let (consumed, result) = wit_future::new(|| Ok(()));
    drop(consumed);
    let (mut body, trailers) = Request::consume_body(request, result);
    let (mut copy, stream) = wit_stream::new();
    let (response, _sent) = Response::new(Fields::new(), Some(stream), trailers);
    spawn_local(async move {
        while let Some(piece) = read(&mut body).await {
            if !copy.write_all(piece).await.is_empty() {
                break;
            }
        }
    });
    response
}

/// The next piece, until the end.
pub async fn read(body: &mut StreamReader<u8>) -> Option<Vec<u8>> {
    match body.read(Vec::with_capacity(CHUNK)).await {
        (StreamResult::Complete(_), piece) => Some(piece),
        (StreamResult::Dropped | StreamResult::Cancelled, piece) => {
            (!piece.is_empty()).then_some(piece)
        }
    }
}

pub fn trailers() -> Response {
    let (mut body, stream) = wit_stream::new();
    let (trailers, written) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(stream), written);
    spawn_local(async move {
        let _ = body.write_all(b"text".to_vec()).await;
        drop(body);
        let fields = Fields::from_list(&[("x-sum".to_owned(), b"4".to_vec())]);
        let fields = fields.map_err(|_| ErrorCode::InternalError(None));
        let _ = trailers.write(fields.map(Some)).await;
    });
    response
}

/// Declares a length and sends another.
pub fn length(declared: u64, sent: u64) -> Response {
    let declared = declared.to_string().into_bytes();
    let sent = usize::try_from(sent).unwrap_or_default();
    let pieces = std::iter::once(vec![b'.'; sent]);
    written(&[("content-length".to_owned(), declared)], pieces, async {})
}

pub fn stream(bytes: u64) -> Response {
    let mut left = bytes;
    let pieces = std::iter::from_fn(move || {
        let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        left -= length as u64;
        (length > 0).then(|| vec![b'.'; length])
    });
    written(&[], pieces, async {})
}

/// Begins an answer and then does something else.
pub fn begin_then(act: impl Future<Output = ()> + 'static) -> Response {
    let (mut body, stream) = wit_stream::new();
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (response, _sent) = Response::new(Fields::new(), Some(stream), no_trailers);
    spawn_local(async move {
        let _ = body.write_all(b"begun".to_vec()).await;
        act.await;
        drop(body);
    });
    response
}

/// Answers and then does something else.
pub fn then(act: impl Future<Output = ()> + 'static) -> Response {
    let response = text("answered");
    spawn_local(act);
    response
}
