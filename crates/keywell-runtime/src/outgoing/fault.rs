//! What a guest learns of a request that failed. It never reads the texts of what failed here.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use rustls::Error as Tls;
use wasmtime_wasi_http::Error;

use super::connector::{ConnectTimedOut, Unresolved};

/// The code for a failure, found by the first of its causes that has one.
pub(super) fn code(error: &(dyn StdError + 'static)) -> Error {
    let mut next = Some(error);
    let mut code = None;
    let mut is_http = false;
    let mut text = String::new();
    while let Some(cause) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
        // Later causes are nearer to what happened.
        is_http |= cause.is::<hyper::Error>();
        code = match code_of(cause) {
            // An end that HTTP did not expect is that of a response.
            Some(Error::ConnectionTerminated) if is_http && is_end(cause) => {
                Some(Error::HttpResponseIncomplete)
            }
            found => found.or(code),
        };
        next = match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            // Its source is that of what it wraps, which would be passed over.
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    tracing::debug!("an outgoing request failed: {text}");
    code.unwrap_or(Error::HttpProtocolError)
}

/// For a defect in Keywell or a refusal of the system, which the log explains.
pub(super) fn internal(error: &dyn StdError) -> Error {
    tracing::error!("cannot send HTTP requests: {error}");
    Error::InternalError(None)
}

fn code_of(cause: &(dyn StdError + 'static)) -> Option<Error> {
    if cause.is::<ConnectTimedOut>() {
        return Some(Error::ConnectionTimeout);
    }
    if cause.is::<Unresolved>() {
        return Some(Error::DnsError {
            rcode: None,
            info_code: None,
        });
    }
    if let Some(error) = cause.downcast_ref::<Error>() {
        return Some(of_the_request_body(error));
    }
    if let Some(error) = cause.downcast_ref::<Tls>() {
        return Some(tls(error));
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return http(error);
    }
    cause
        .downcast_ref::<io::Error>()
        .and_then(|error| network(error.kind()))
}

fn is_end(cause: &(dyn StdError + 'static)) -> bool {
    let error = cause.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::UnexpectedEof)
}

fn of_the_request_body(error: &Error) -> Error {
    match error {
        Error::HttpRequestBodySize(size) => Error::HttpRequestBodySize(*size),
        _ => Error::ConnectionTerminated,
    }
}

fn tls(error: &Tls) -> Error {
    match error {
        Tls::InvalidCertificate(_) | Tls::NoCertificatesPresented => Error::TlsCertificateError,
        Tls::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: alert.as_str().map(str::to_owned),
        },
        _ => Error::TlsProtocolError,
    }
}

fn http(error: &hyper::Error) -> Option<Error> {
    if error.is_parse_too_large() {
        Some(Error::HttpResponseHeaderSectionSize(None))
    } else if error.is_parse() {
        Some(Error::HttpProtocolError)
    } else if error.is_timeout() {
        Some(Error::HttpResponseTimeout)
    } else if error.is_incomplete_message() {
        Some(Error::HttpResponseIncomplete)
    } else if error.is_closed() || error.is_canceled() {
        Some(Error::ConnectionTerminated)
    } else {
        None
    }
}

fn network(kind: ErrorKind) -> Option<Error> {
    Some(match kind {
        ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Error::ConnectionTerminated,
        ErrorKind::TimedOut => Error::ConnectionTimeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            Error::DestinationIpUnroutable
        }
        ErrorKind::AddrNotAvailable => Error::DestinationUnavailable,
        _ => return None,
    })
}
