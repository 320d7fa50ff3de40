use keywell_runtime::invoke::{CallError, Function, Functions, Val, Written, json, wave};
use keywell_store::terminal;

use crate::cli::failed::Failed;

/// How arguments and results are written.
#[derive(Clone, Copy)]
pub(in crate::cli) enum Notation {
    Wave,
    Json,
}

// === impl Notation ===

impl Notation {
    pub(in crate::cli) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Wave }
    }

    /// Reads a call: the function, and its arguments.
    pub(in crate::cli) fn read<'a>(
        self,
        text: &str,
        functions: &'a Functions,
    ) -> Result<(&'a Function, Vec<Val>), Failed> {
        let read = || {
            let written = Written::parse(text)?;
            let function = functions.find(written.name)?;
            function.check()?;
            let arguments = match self {
                Self::Wave => wave::arguments(&written, function)?,
                Self::Json => json::parse(&written, function)?,
            };
            Ok((function, arguments))
        };
        read().map_err(|error: CallError| Failed::Usage(error.to_string()))
    }

    /// Writes what a function returned, a text for each value, which acts on no terminal.
    pub(in crate::cli) fn write(
        self,
        function: &Function,
        results: &[Val],
    ) -> Result<Vec<String>, Failed> {
        let results = results.iter().zip(function.results());
        let texts = results.map(|(value, kind)| match self {
            Self::Wave => wave::to_text(value),
            Self::Json => {
                let json = json::to_json(value, kind)?.to_string();
                Some(terminal::escape_json(&json).into_owned())
            }
        });
        let texts: Option<Vec<String>> = texts.collect();
        texts.ok_or_else(|| {
            let name = function.full_name();
            Failed::Usage(format!("what {name} returns cannot be written; try --json"))
        })
    }
}
