//! Why a request has no response, as it is recorded.

use serde::{Deserialize, Serialize};
use wasmtime_wasi_http::Error;

/// Declares the recorded form of errors, and the ways there and back. Other errors than these, which
/// nothing here answers, are recorded as internal ones.
macro_rules! faults {
    ($($plain:ident),*; $($sized:ident($size:ty)),*) => {
        /// An error. The encoding has the place of a variant: new ones go to the end.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(super) enum Fault {
            Internal(Option<String>),
            Dns(Option<String>, Option<u16>),
            TlsAlert(Option<u8>, Option<String>),
            $($plain,)*
            $($sized(Option<$size>),)*
        }

        impl From<Error> for Fault {
            fn from(error: Error) -> Self {
                match error {
                    Error::InternalError(text) => Self::Internal(text),
                    Error::DnsError { rcode, info_code } => Self::Dns(rcode, info_code),
                    Error::TlsAlertReceived {
                        alert_id,
                        alert_message,
                    } => Self::TlsAlert(alert_id, alert_message),
                    $(Error::$plain => Self::$plain,)*
                    $(Error::$sized(size) => Self::$sized(size),)*
                    _ => Self::Internal(None),
                }
            }
        }

        impl From<Fault> for Error {
            fn from(fault: Fault) -> Self {
                match fault {
                    Fault::Internal(text) => Self::InternalError(text),
                    Fault::Dns(rcode, info_code) => Self::DnsError { rcode, info_code },
                    Fault::TlsAlert(alert_id, alert_message) => Self::TlsAlertReceived {
                        alert_id,
                        alert_message,
                    },
                    $(Fault::$plain => Self::$plain,)*
                    $(Fault::$sized(size) => Self::$sized(size),)*
                }
            }
        }
    };
}

faults! {
    DnsTimeout,
    DestinationNotFound,
    DestinationUnavailable,
    DestinationIpProhibited,
    DestinationIpUnroutable,
    ConnectionRefused,
    ConnectionTerminated,
    ConnectionTimeout,
    ConnectionReadTimeout,
    ConnectionWriteTimeout,
    ConnectionLimitReached,
    TlsProtocolError,
    TlsCertificateError,
    HttpRequestDenied,
    HttpRequestLengthRequired,
    HttpRequestMethodInvalid,
    HttpRequestUriInvalid,
    HttpRequestUriTooLong,
    HttpResponseIncomplete,
    HttpResponseTimeout,
    HttpUpgradeFailed,
    HttpProtocolError,
    LoopDetected,
    ConfigurationError;
    HttpRequestBodySize(u64),
    HttpRequestHeaderSectionSize(u32),
    HttpResponseHeaderSectionSize(u32),
    HttpResponseBodySize(u64),
    HttpResponseTransferCoding(String),
    HttpResponseContentCoding(String)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a released version wrote, this one reads.
    #[test]
    fn errors_keep_their_bytes() {
        for (error, bytes) in [
            (Error::InternalError(None), &[0, 0][..]),
            (
                Error::DnsError {
                    rcode: None,
                    info_code: Some(300),
                },
                &[1, 0, 1, 0xac, 2],
            ),
            (Error::DnsTimeout, &[3]),
            (Error::ConnectionRefused, &[8]),
            (Error::ConfigurationError, &[26]),
            (Error::HttpRequestBodySize(Some(5)), &[27, 1, 5]),
            (
                Error::HttpResponseContentCoding(Some("x".to_owned())),
                &[32, 1, 1, b'x'],
            ),
        ] {
            let text = error.to_string();
            let fault = Fault::from(error);
            assert_eq!(postcard::to_stdvec(&fault).unwrap(), bytes, "{text}");
            let read: Fault = postcard::from_bytes(bytes).unwrap();
            assert_eq!(Error::from(read).to_string(), text);
        }
    }
}
