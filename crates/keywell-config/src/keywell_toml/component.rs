use std::collections::BTreeSet;
use std::path::Path;

use super::config_sets::ConfigSets;
use super::defined::{Components, Defined, Names};
use super::document::Document;
use super::link;
use super::outside::Outside;
use super::read::Read;
use super::table::Table;
use super::value::Value;
use crate::report::secrets;
use crate::{Code, ComponentPlan, DirPlan, ImportPlan, LimitsPlan, Located, Problem, Secret};

/// `[component.NAME]`.
pub(super) fn components(
    root: &mut Table<'_>,
    defined: &Defined<'_>,
    limits: &LimitsPlan,
    manifests: Outside,
) -> Components {
    let document = defined.document;
    let mut components = Components::default();
    let named = root.take("component").and_then(Value::named_tables);
    components.names.are_partial = named.is_wrong() || manifests.are_partial;
    components.names.known.extend(manifests.names.clone());
    let named = named.ok().unwrap_or_default();
    // A component may name one that comes later.
    let known = named.iter().map(|(name, _)| name.value.clone());
    components.names.known.extend(known);
    for (name, table) in named {
        if manifests.has(&name) {
            let problem = format!(
                "the component {} is one of a manifest beside this file",
                name.value
            );
            let help = "write what it reaches into the manifest, or give this one another name";
            document.wrong(name.place, Problem::error(problem).help(help));
            continue;
        }
        let errors = document.errors();
        let defined_components = &components.names;
        let component = table.and_then(|mut table| {
            let sets = ConfigSets::read(document, table.texts("config-sets"));
            let watch = sets.watch.map(|watch| (name.value.clone(), watch));
            components.watches.extend(watch);
            let mut component = component(table, defined, defined_components, limits)?;
            component.config.splice(..0, sets.values);
            Some(component)
        });
        if document.errors() > errors {
            components.wrong.insert(name.value.clone());
        }
        if let Some(component) = component {
            components.plans.insert(name.value, component);
        }
    }
    components.of_manifests = manifests;
    components
}

fn component(
    mut table: Table<'_>,
    defined: &Defined<'_>,
    names: &Names,
    limits: &LimitsPlan,
) -> Option<ComponentPlan> {
    let document = table.document;
    let code = code(&mut table);
    let env = table.take("env").and_then(Value::named);
    let env = env.ok().map(|env| variables(document, env));
    let (env, plain_env) = env.unwrap_or_default();
    let config = table.take("config").and_then(Value::named);
    let (config, concealed) = config.ok().map_or_else(Default::default, values);
    let secrets = table.take("secrets").and_then(Value::named);
    let secrets = secrets.ok().map_or_else(Vec::new, secret_values);
    let link = link::link(&mut table, defined);
    let links = link::links(&mut table, defined);
    let instances = table.number("instances");
    let imports = table.take("imports").and_then(Value::named);
    let imports = imports
        .ok()
        .map_or_else(Vec::new, |imports| self::imports(document, imports, names));
    let memory = table.size("memory");
    if let (Some(own), Some(all)) = (memory, limits.memory)
        && own > all
    {
        let what = &table.what;
        let problem = format!("{what}.memory is more than that of [limits], which is for all");
        document.wrong(table.place, Problem::error(problem));
    }
    let outgoing = table.texts("outgoing").ok();
    let tcp = table.texts("tcp").ok();
    let dirs = table.take("dirs").and_then(Value::named);
    let dirs = dirs
        .ok()
        .map_or_else(Vec::new, |dirs| self::dirs(document, dirs));
    let timeout = table.duration("timeout");
    let build = table.text("build").ok();
    let Located { value: code, place } = code?;
    Some(ComponentPlan {
        code,
        place,
        env,
        plain_env,
        config,
        concealed,
        outgoing: outgoing.map_or_else(Vec::new, |texts| texts.value),
        tcp: tcp.map_or_else(Vec::new, |texts| texts.value),
        dirs,
        secrets,
        link,
        links,
        instances,
        imports,
        memory,
        timeout,
        build: build.map(|build| build.value),
        is_worker: false,
    })
}

/// The file or the image: exactly one has to be given.
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
    Some(Located {
        // Joined to a folder, an absolute path stays as it is.
        value: Code::File(folder(document).join(&path.value)),
        place: path.place,
    })
}

/// That of the file, where relative paths start.
fn folder<'a>(document: &Document<'a>) -> &'a Path {
    document.file.parent().unwrap_or(Path::new(""))
}

/// `[component.NAME.dirs]`.
fn dirs(document: &Document<'_>, dirs: Vec<(Located<String>, Value<'_>)>) -> Vec<DirPlan> {
    let dirs = dirs.into_iter().filter_map(|(guest, host)| {
        let host = host.text()?;
        if guest.is_empty() || host.is_empty() || *host == DirPlan::READ_ONLY {
            let problem = "a folder and the component's name for it are not empty";
            document.wrong(guest.place, Problem::error(problem));
            return None;
        }
        Some(DirPlan::read(&guest, &host, folder(document), host.place))
    });
    dirs.collect()
}

/// `[component.NAME.env]`, and the names of variables that are no secrets.
fn variables(
    document: &Document<'_>,
    variables: Vec<(Located<String>, Value<'_>)>,
) -> (Vec<(String, Secret)>, BTreeSet<String>) {
    let mut plain = BTreeSet::new();
    let variables = variables.into_iter().filter_map(|(name, value)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            let problem = "a variable's name is not empty and has no = in it";
            document.wrong(name.place, Problem::error(problem));
            return None;
        }
        let (place, is_elsewhere) = (value.place, value.is_table());
        let value = value.secret()?.value;
        if value.expose().contains('\0') {
            let problem = "a variable has no zero byte in it";
            document.wrong(place, Problem::error(problem));
            return None;
        }
        if !is_elsewhere && !secrets::is_secret(&name, value.expose()) {
            plain.insert(name.value.clone());
        }
        Some((name.value, value))
    });
    (variables.collect(), plain)
}

/// `[component.NAME.config]`, and the keys of values that may be secret.
fn values(values: Vec<(Located<String>, Value<'_>)>) -> (Vec<(String, String)>, BTreeSet<String>) {
    let mut concealed = BTreeSet::new();
    let values = values.into_iter().filter_map(|(key, value)| {
        let is_elsewhere = value.is_table();
        let value = value.secret()?.value;
        if is_elsewhere || secrets::is_secret(&key, value.expose()) {
            concealed.insert(key.value.clone());
        }
        Some((key.value, value.expose().to_owned()))
    });
    (values.collect(), concealed)
}

/// `[component.NAME.secrets]`.
fn secret_values(values: Vec<(Located<String>, Value<'_>)>) -> Vec<(String, Secret)> {
    let values = values.into_iter();
    values
        .filter_map(|(key, value)| Some((key.value, value.secret()?.value)))
        .collect()
}

/// `[component.NAME.imports]`: to an interface, the component that answers it.
fn imports(
    document: &Document<'_>,
    imports: Vec<(Located<String>, Value<'_>)>,
    names: &Names,
) -> Vec<ImportPlan> {
    let imports = imports.into_iter().filter_map(|(interface, value)| {
        let is_right = is_interface(document, &interface);
        let component = names.find(document, "component", value.text()?)?;
        is_right.then_some(ImportPlan {
            interface,
            component,
        })
    });
    imports.collect()
}

/// Whether a text is the name of an interface, without a version, or that it is not is reported.
fn is_interface(document: &Document<'_>, interface: &Located<String>) -> bool {
    let (name, version) = match interface.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (interface.as_str(), None),
    };
    let is_word = |word: &str| {
        let is_allowed = |char: char| char.is_ascii_alphanumeric() || char == '-';
        !word.is_empty() && word.chars().all(is_allowed)
    };
    let words = name.split_once(':').and_then(|(namespace, rest)| {
        let (package, interface) = rest.split_once('/')?;
        Some([namespace, package, interface])
    });
    let is_name = words.is_some_and(|words| words.into_iter().all(is_word));
    let problem = if is_name && version.is_some() {
        Problem::error("an interface that is answered has no version here")
            .help(format!("write {name:?}: every version of it is answered"))
    } else if is_name {
        return true;
    } else {
        Problem::error(format!("{:?} is no name of an interface", interface.value))
            .help("write it \"NAMESPACE:PACKAGE/INTERFACE\"")
    };
    document.wrong(interface.place, problem);
    false
}
