use std::path::Path;

use super::defined::{Components, Defined};
use super::document::Document;
use super::link;
use super::table::Table;
use super::value::Value;
use crate::{Code, ComponentPlan, LimitsPlan, Located, Problem, Secret};

/// `[component.NAME]`.
pub(super) fn components(
    root: &mut Table<'_>,
    defined: &Defined<'_>,
    limits: &LimitsPlan,
) -> Components {
    let document = defined.document;
    let mut components = Components::default();
    let named = root.take("component").and_then(Value::named_tables);
    components.names.are_partial = named.is_wrong();
    for (name, table) in named.ok().into_iter().flatten() {
        let errors = document.errors();
        let component = table.and_then(|table| component(table, defined, limits));
        if document.errors() > errors {
            components.wrong.insert(name.value.clone());
        }
        components.names.known.insert(name.value.clone());
        if let Some(component) = component {
            components.plans.insert(name.value, component);
        }
    }
    components
}

fn component(
    mut table: Table<'_>,
    defined: &Defined<'_>,
    limits: &LimitsPlan,
) -> Option<ComponentPlan> {
    let document = table.document;
    let code = code(&mut table);
    let env = table.take("env").and_then(Value::named);
    let env = env
        .ok()
        .map_or_else(Vec::new, |env| variables(document, env));
    let config = table.take("config").and_then(Value::named);
    let config = config.ok().map_or_else(Vec::new, values);
    let secrets = table.take("secrets").and_then(Value::named);
    let secrets = secrets.ok().map_or_else(Vec::new, secret_values);
    let link = link::link(&mut table, defined);
    let links = link::links(&mut table, defined);
    let instances = table.number("instances");
    let memory = table.size("memory");
    if let (Some(own), Some(all)) = (memory, limits.memory)
        && own > all
    {
        let what = &table.what;
        let problem = format!("{what}.memory is more than that of [limits], which is for all");
        document.wrong(table.place, Problem::error(problem));
    }
    let outgoing = table.texts("outgoing").ok();
    let timeout = table.duration("timeout");
    let Located { value: code, place } = code?;
    Some(ComponentPlan {
        code,
        place,
        env,
        config,
        outgoing: outgoing.map_or_else(Vec::new, |texts| texts.value),
        secrets,
        link,
        links,
        instances,
        memory,
        timeout,
        ..ComponentPlan::default()
    })
}

/// The file or the image, only one of which is to be given.
fn code(table: &mut Table<'_>) -> Option<Located<Code>> {
    let document = table.document;
    let path = match (table.text("path"), table.text("image")) {
        (Read::Absent, Read::Is(image)) => {
            return Some(Located {
                value: Code::Image {
                    reference: image.value,
                    file: None,
                },
                place: image.place,
            });
        }
        (Read::Is(path), Read::Absent) => path,
        (Read::Absent, Read::Absent) => {
            let problem = Problem::error(format!("{} has no path and no image", table.what));
            document.missing(table.place, problem);
            return None;
        }
        (Read::Is(_), Read::Is(image)) => {
            let problem = format!("{} has a path, and an image, too", table.what);
            document.wrong(
                image.place,
                Problem::error(problem).help("keep one of them"),
            );
            return None;
        }
        (Read::Wrong, _) | (_, Read::Wrong) => return None,
    };
    let folder = document.file.parent().unwrap_or(Path::new(""));
    Some(Located {
        // Joined to a folder, an absolute path stays as it is.
        value: Code::File(folder.join(&path.value)),
        place: path.place,
    })
}

fn variables(
    document: &Document<'_>,
    variables: Vec<(Located<String>, Value<'_>)>,
) -> Vec<(String, Secret)> {
    let variables = variables.into_iter().filter_map(|(name, value)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            let problem = "a variable's name is not empty and has no = in it";
            document.wrong(name.place, Problem::error(problem));
            return None;
        }
        let place = value.place;
        let value = value.secret()?.value;
        if value.expose().contains('\0') {
            let problem = "a variable has no zero byte in it";
            document.wrong(place, Problem::error(problem));
            return None;
        }
        Some((name.value, value))
    });
    variables.collect()
}

/// `[component.NAME.config]`.
fn values(values: Vec<(Located<String>, Value<'_>)>) -> Vec<(String, String)> {
    let values = secret_values(values).into_iter();
    values
        .map(|(key, value)| (key, value.expose().to_owned()))
        .collect()
}

/// `[component.NAME.secrets]`.
fn secret_values(values: Vec<(Located<String>, Value<'_>)>) -> Vec<(String, Secret)> {
    let values = values.into_iter();
    values
        .filter_map(|(key, value)| Some((key.value, value.secret()?.value)))
        .collect()
}
