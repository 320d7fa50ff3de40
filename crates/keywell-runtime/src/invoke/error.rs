use super::mismatch::Mismatch;

/// What is wrong with a call as it is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The text is not a call.
    #[error("{0:?} is no call; write NAME(ARGUMENTS), such as get(\"bucket\", \"key\")")]
    NoCall(String),
    /// The call is longer than a call may be.
    #[error("the call has {bytes} bytes, and one in {form} may have {most}{hint}")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// The notation.
        form: &'static str,
        /// How long it may be.
        most: usize,
        /// What to do, after a semicolon.
        hint: &'static str,
    },
    /// The arguments do not parse in the notation.
    #[error("the arguments are not {form}: {problem}")]
    Syntax {
        /// The notation.
        form: &'static str,
        /// What is wrong, and where.
        problem: String,
    },
    /// The component exports no such function.
    #[error("the component exports no function {name}{}", listed(.exported))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is, a function each, with its signature.
        exported: Vec<String>,
    },
    /// The component exports several functions of that name.
    #[error("the component exports several functions {name}; name the interface, too:{}", lines(.exported))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Those that it fits, by their full names.
        exported: Vec<String>,
    },
    /// The call has another number of arguments than the function.
    #[error("{function} takes {}{parameters}, but got {given}", counted(.expected))]
    Count {
        /// The function.
        function: String,
        /// The parameters in WIT, after a colon; empty, if there are none.
        parameters: String,
        /// How many there are.
        expected: usize,
        /// How many came.
        given: usize,
    },
    /// One of its arguments is not of its type.
    #[error("argument {number} of {function}, {parameter}{}: {mismatch}", .mismatch.place())]
    Argument {
        /// The function.
        function: String,
        /// Which argument, from 1.
        number: usize,
        /// The name of the parameter.
        parameter: String,
        /// What is wrong with it.
        mismatch: Box<Mismatch>,
    },
    /// The function takes or returns a value that cannot leave its instance.
    #[error(
        "{function} cannot be called from outside: it takes or returns {what}, which stays with its instance"
    )]
    Held {
        /// The function.
        function: String,
        /// What it takes or returns.
        what: &'static str,
    },
    /// The function is asynchronous.
    #[error("{function} cannot be called from outside: it is asynchronous")]
    Asynchronous {
        /// The function.
        function: String,
    },
}

fn listed(exported: &[String]) -> String {
    if exported.is_empty() {
        return "; it exports none".to_owned();
    }
    format!("; it exports:{}", lines(exported))
}

fn lines(lines: &[String]) -> String {
    lines.iter().flat_map(|line| ["\n", line]).collect()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the field of an error is passed so"
)]
fn counted(arguments: &usize) -> String {
    match arguments {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        many => format!("{many} arguments"),
    }
}
