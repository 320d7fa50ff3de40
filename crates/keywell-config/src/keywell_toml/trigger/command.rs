use crate::keywell_toml::defined::Defined;
use crate::keywell_toml::table::Table;
use crate::{CommandPlan, TriggerPlan};

/// `[[trigger.command]]`.
pub(super) fn triggers<'d>(
    tables: Vec<Table<'d>>,
    defined: &'d Defined<'d>,
) -> impl Iterator<Item = TriggerPlan> {
    let tables = tables.into_iter();
    tables.filter_map(|table| Some(TriggerPlan::Command(command(table, defined)?)))
}

fn command(mut table: Table<'_>, defined: &Defined<'_>) -> Option<CommandPlan> {
    let component = table.required("component");
    let component = component.and_then(|name| defined.component(name));
    let arguments = table.texts("arguments").ok();
    let arguments = arguments.into_iter().flat_map(|texts| texts.value);
    Some(CommandPlan {
        arguments: arguments.map(|argument| argument.value).collect(),
        place: table.place,
        ..CommandPlan::new(component?)
    })
}
