use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::keywell_toml::defined::Defined;
use crate::keywell_toml::table::Table;
use crate::{HttpPlan, ListenAddress, TriggerPlan};

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
    let addr = table.parsed("addr", str::parse);
    let addr: ListenAddress = addr.unwrap_or_else(|| DEFAULT_ADDR.into());
    let plan = HttpPlan {
        reuse: table.number("reuse").unwrap_or(1),
        place: table.place,
        ..HttpPlan::new(component?, addr)
    };
    table.is_right().then_some(plan)
}
