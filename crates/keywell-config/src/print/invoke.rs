use super::http;
use super::paths::Paths;
use super::section::Section;
use crate::{InvokePlan, WorkersPlan, quoted};

/// `[[trigger.invoke]]` or `[[trigger.worker]]`
pub(super) fn print(invoke: &InvokePlan, paths: &Paths, body: &mut String) {
    let mut section;
    if let Some(workers) = &invoke.workers {
        section = Section::new("[[trigger.worker]]");
        section.text("worker", &workers.names);
        section.text("addr", &invoke.http.addr.to_string());
        let path = above(workers, invoke.http.path.text());
        if path != WorkersPlan::PATH {
            section.text("path", path);
        }
        http::keys_behind_the_path(&invoke.http, paths, &mut section);
    } else {
        section = Section::new("[[trigger.invoke]]");
        http::keys(&invoke.http, paths, &mut section);
    }
    if !invoke.functions.is_empty() {
        let functions = invoke.functions.iter().map(|function| &*function.value);
        section.raw("functions", quoted::list(functions));
    }
    section.number("max-body", invoke.max_body);
    section.finish_always(body);
}

/// The path of a trigger without the name of its only worker.
fn above<'p>(workers: &WorkersPlan, path: &'p str) -> &'p str {
    if workers.are_several() {
        return path;
    }
    let above = path.strip_suffix(workers.names.as_str()).unwrap_or(path);
    match above.strip_suffix('/') {
        Some("") | None => "/",
        Some(above) => above,
    }
}
