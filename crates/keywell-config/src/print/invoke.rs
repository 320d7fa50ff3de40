use super::http;
use super::paths::Paths;
use super::section::Section;
use crate::{InvokePlan, quoted};

/// `[[trigger.invoke]]`
pub(super) fn print(invoke: &InvokePlan, paths: &Paths, body: &mut String) {
    let mut section = Section::new("[[trigger.invoke]]");
    http::keys(&invoke.http, paths, &mut section);
    if !invoke.functions.is_empty() {
        let functions = invoke.functions.iter().map(|function| &*function.value);
        section.raw("functions", quoted::list(functions));
    }
    section.number("max-body", invoke.max_body);
    section.finish_always(body);
}
