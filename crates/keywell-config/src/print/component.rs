use super::link;
use super::paths::Paths;
use super::section::Section;
use super::variables::Variables;
use crate::{Code, ComponentPlan, DirPlan, ImportPlan, quoted};

/// `[component.NAME]`, and the tables in it.
pub(super) fn print(
    name: &str,
    component: &ComponentPlan,
    paths: &Paths,
    variables: &mut Variables,
    body: &mut String,
) {
    let head = format!("component.{}", quoted::key(name));
    let mut section = Section::new(format!("[{head}]"));
    match &component.code {
        Code::File(file) => section.raw("path", paths.text(file)),
        Code::Image { reference, .. } => section.text("image", reference),
    }
    if !component.outgoing.is_empty() {
        let hosts = component.outgoing.iter().map(|host| &*host.value);
        section.raw("outgoing", quoted::list(hosts));
    }
    if !component.tcp.is_empty() {
        let peers = component.tcp.iter().map(|peer| &*peer.value);
        section.raw("tcp", quoted::list(peers));
    }
    link::print(&component.link, &mut section);
    section.number("instances", component.instances);
    section.size("memory", component.memory);
    section.duration("timeout", component.timeout);
    if let Some(build) = &component.build {
        section.text("build", build);
    }
    section.finish_always(body);

    let mut dirs = Section::new(format!("[{head}.dirs]"));
    for dir in &component.dirs {
        let mut host = dir.host.clone().into_os_string();
        if dir.is_read_only {
            host.push(DirPlan::READ_ONLY);
        }
        dirs.raw(&dir.guest, paths.text(host.as_ref()));
    }
    dirs.finish(body);
    let mut config = Section::new(format!("[{head}.config]"));
    for (key, value) in last_of_each(&component.config, String::as_str) {
        if component.concealed.contains(key) {
            let what = format!("the configuration {key} of {name}");
            config.raw(key, variables.add(&[name, key], what, value));
        } else {
            config.text(key, value);
        }
    }
    config.finish(body);
    for (table, values) in [("env", &component.env), ("secrets", &component.secrets)] {
        let mut section = Section::new(format!("[{head}.{table}]"));
        for (key, value) in last_of_each(values, |value| value.expose()) {
            if table == "env" && component.plain_env.contains(key) {
                section.text(key, value);
                continue;
            }
            let what = match table {
                "env" => format!("the variable {key} of {name}"),
                _ => format!("the secret {key} of {name}"),
            };
            section.raw(key, variables.add(&[name, key], what, value));
        }
        section.finish(body);
    }
    link::print_buckets(&head, &component.link, body);
    for (name, named) in &component.links {
        let head = format!("{head}.links.{}", quoted::key(name));
        let mut section = Section::new(format!("[{head}]"));
        link::print(named, &mut section);
        section.finish_always(body);
        link::print_buckets(&head, named, body);
    }
    imports(&head, &component.imports, body);
}

/// `[component.NAME.imports]`
fn imports(head: &str, imports: &[ImportPlan], body: &mut String) {
    let mut section = Section::new(format!("[{head}.imports]"));
    for import in imports {
        section.text(&import.interface, &import.component);
    }
    section.finish(body);
}

/// Each key once, with the value that counts.
fn last_of_each<'a, V>(
    values: &'a [(String, V)],
    text: impl Fn(&'a V) -> &'a str,
) -> Vec<(&'a str, &'a str)> {
    let mut last: Vec<(&str, &str)> = Vec::new();
    for (key, value) in values {
        match last.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = text(value),
            None => last.push((key, text(value))),
        }
    }
    last
}
