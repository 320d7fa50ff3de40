use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::keywell_toml::defined::Defined;
use crate::keywell_toml::read::Read;
use crate::keywell_toml::table::Table;
use crate::keywell_toml::value::Value;
use crate::{
    CorsPlan, HostPlan, HttpPlan, ListenAddress, Located, PathPlan, Problem, TlsPlan, TriggerPlan,
    http,
};

const DEFAULT_ADDR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// `[[trigger.http]]`.
pub(super) fn triggers<'d>(
    tables: Vec<Table<'d>>,
    defined: &'d Defined<'d>,
) -> impl Iterator<Item = TriggerPlan> {
    let tables = tables.into_iter();
    tables.filter_map(|table| Some(TriggerPlan::Http(trigger(table, defined)?)))
}

/// A trigger; none if anything is wrong with it, as it may be meant for another address.
fn trigger(mut table: Table<'_>, defined: &Defined<'_>) -> Option<HttpPlan> {
    let plan = HttpPlan {
        path: path(&mut table),
        concurrency: table.number("concurrency").unwrap_or(1),
        is_read_only: table.boolean("read-only").unwrap_or(false),
        cache_control: table.text("cache-control").ok(),
        ..served(&mut table, defined)
    };
    checked(&table, plan)
}

/// What every trigger has that listens.
pub(super) fn served(table: &mut Table<'_>, defined: &Defined<'_>) -> HttpPlan {
    let component = table.required("component");
    let component = component.and_then(|name| defined.component(name));
    served_by(component, table)
}

/// As [`served`], by a component that is known, if it is.
pub(super) fn served_by(component: Option<String>, table: &mut Table<'_>) -> HttpPlan {
    let addr = table.parsed("addr", str::parse);
    let addr: ListenAddress = addr.unwrap_or_else(|| DEFAULT_ADDR.into());
    HttpPlan {
        host: host(table),
        reuse: table.number("reuse").unwrap_or(1),
        timeout: table.duration("timeout"),
        cors: cors(table),
        keeps_alive: table.boolean("keep-alive").unwrap_or(true),
        tls: table.take("tls").and_then(tls).ok(),
        place: table.place,
        ..HttpPlan::new(component.unwrap_or_default(), addr)
    }
}

/// The plan, unless anything is wrong with its table.
pub(super) fn checked(table: &Table<'_>, plan: HttpPlan) -> Option<HttpPlan> {
    for (place, problem) in http::mistakes(&plan) {
        table.document.wrong(place, problem);
    }
    // A name may be unknown without an error, where other names could not be read.
    (table.is_right() && !plan.component.is_empty()).then_some(plan)
}

fn path(table: &mut Table<'_>) -> PathPlan {
    match (table.text("path").ok(), table.text("exact-path").ok()) {
        (Some(_), Some(exact)) => {
            let problem = format!("{} has path and exact-path", table.what);
            let problem = Problem::error(problem).help("keep one of them");
            table.document.wrong(exact.place, problem);
            PathPlan::default()
        }
        (None, Some(exact)) => PathPlan::Exact(exact),
        (Some(prefix), None) => PathPlan::Prefix(prefix),
        (None, None) => PathPlan::default(),
    }
}

fn host(table: &mut Table<'_>) -> Option<HostPlan> {
    let (host, header) = (table.text("host"), table.text("host-header").ok());
    if let (Read::Absent, Some(header)) = (&host, &header) {
        let problem = format!("{} has a host-header and no host", table.what);
        table
            .document
            .missing(header.place, Problem::error(problem));
    }
    let value = host.ok()?;
    let mut header = header.unwrap_or_else(|| Located {
        value: "host".to_owned(),
        place: value.place,
    });
    header.value.make_ascii_lowercase();
    Some(HostPlan { header, value })
}

/// A table, or `true` for one without keys; `false` stands for none.
fn cors(table: &mut Table<'_>) -> Option<CorsPlan> {
    let value = table.take("cors").ok()?;
    if !value.is_table() {
        let is_on = value.boolean_or("a table")?;
        return is_on.then(CorsPlan::default);
    }
    let mut table = value.table()?;
    let usual = CorsPlan::default();
    let mut texts = |key, usual| {
        let texts = table.texts(key).ok();
        texts.map_or(usual, |texts| texts.value)
    };
    Some(CorsPlan {
        origins: texts("origins", usual.origins),
        headers: texts("headers", usual.headers),
        methods: texts("methods", usual.methods),
        exposed_headers: texts("exposed-headers", usual.exposed_headers),
        max_age: table.duration("max-age").unwrap_or(usual.max_age),
    })
}

fn tls(value: Value<'_>) -> Option<TlsPlan> {
    let mut table = value.table()?;
    let (certificate, key) = (table.required("certificate"), table.required("key"));
    let folder = table.document.file.parent().unwrap_or(Path::new(""));
    // Joined to a folder, an absolute path stays as it is.
    let path = |path: Located<String>| -> PathBuf { folder.join(path.value) };
    Some(TlsPlan {
        certificate: path(certificate?),
        key: path(key?),
        place: table.place,
    })
}
