use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::keywell_toml::defined::Defined;
use crate::keywell_toml::table::Table;
use crate::{HttpPlan, TriggerPlan};

const DEFAULT_ADDR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// `[[trigger.http]]`.
pub(super) fn triggers<'d>(
    tables: Vec<Table<'d>>,
    defined: &'d Defined<'d>,
) -> impl Iterator<Item = TriggerPlan> {
    let tables = tables.into_iter();
    tables.filter_map(|table| Some(TriggerPlan::Http(http(table, defined)?)))
}

/// A trigger; none if anything is wrong with it, as it may be meant for another address.
fn http(mut table: Table<'_>, defined: &Defined<'_>) -> Option<HttpPlan> {
    let component = table.required("component");
    let component = component.and_then(|name| defined.component(name));
    let plan = HttpPlan {
        addr: table
            .parsed("addr", str::parse)
            .unwrap_or_else(|| DEFAULT_ADDR.into()),
        reuse: table.number("reuse").unwrap_or(1),
        component: component?,
        is_optional: false,
        place: table.place,
    };
    table.is_right().then_some(plan)
}
