use wasmtime::component::Component;

/// What a component exports, as the component names it.
pub fn exports(component: &Component) -> Vec<String> {
    let component_type = component.component_type();
    let exports = component_type.exports(component.engine());
    let names = exports.map(|(name, _)| keywell_candidates::as_written(name).into_owned());
    names.collect()
}
