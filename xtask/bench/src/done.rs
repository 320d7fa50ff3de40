/// The result of a measurement; errors are printed at the terminal.
pub(crate) type Done<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
