use wasip3::http::types::{Fields, Response};
use wasip3::{spawn_local, wit_future, wit_stream};

/// A response whose body is written after it is returned.
pub fn text(text: String) -> Response {
    let (mut body, written) = wit_stream::new();
    let (trailers, no_trailers) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (response, _sent) = Response::new(Fields::new(), Some(written), no_trailers);
    spawn_local(async move {
        // What is left was not read.
        let _ = body.write_all(text.into_bytes()).await;
    });
    response
}
