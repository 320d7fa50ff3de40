/// The result of an attack; the error is why it could not be tried.
pub type Done<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
