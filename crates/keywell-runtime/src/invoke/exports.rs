use std::fmt;

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::error::CallError;
use super::function::Function;
use super::name::is_called;

/// The functions that a component exports.
#[derive(Clone, Debug)]
pub struct Functions(pub(super) Vec<Function>);

// === impl Functions ===

impl Functions {
    /// Those of a component, in the order of its exports. Functions that cannot be called from
    /// outside are among them.
    pub fn of(component: &Component) -> Self {
        let mut functions = Vec::new();
        let engine = component.engine();
        for (export, item) in component.component_type().exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(kind) => {
                    let index = component.get_export_index(None, export);
                    let index = index.expect("it is among the exports");
                    functions.push(Function::new(None, export, &kind, index));
                }
                ComponentItem::ComponentInstance(instance) => {
                    let interface = component.get_export_index(None, export);
                    let interface = interface.expect("it is among the exports");
                    for (name, item) in instance.exports(engine) {
                        if let ComponentItem::ComponentFunc(kind) = item.ty {
                            let index = component.get_export_index(Some(&interface), name);
                            let index = index.expect("it is among the exports of the instance");
                            functions.push(Function::new(Some(export), name, &kind, index));
                        }
                    }
                }
                _ => {}
            }
        }
        Self(functions)
    }

    /// Those of them that are not so.
    pub(crate) fn without(mut self, is_so: impl Fn(&Function) -> bool) -> Self {
        self.0.retain(|function| !is_so(function));
        self
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Function> {
        self.0.iter()
    }

    /// The function that is called so: `acme:shop/cart@1.0.0.{add}`, `acme:shop/cart.add@1.0.0`,
    /// the same without the version, `cart.add`, or `add`. A name that fits several functions names
    /// none, unless it is the full name of one.
    ///
    /// # Errors
    ///
    /// [`CallError::Unknown`] or [`CallError::Ambiguous`].
    pub fn find(&self, name: &str) -> Result<&Function, CallError> {
        let is_full = |function: &&Function| function.full_name() == name;
        if let Some(function) = self.iter().find(is_full) {
            return Ok(function);
        }
        let fit = self.iter().filter(|function| is_called(function, name));
        let fit: Vec<&Function> = fit.collect();
        match fit[..] {
            [function] => Ok(function),
            [] => Err(CallError::Unknown {
                name: name.to_owned(),
                exported: self.to_string().lines().map(str::to_owned).collect(),
            }),
            _ => Err(CallError::Ambiguous {
                name: name.to_owned(),
                exported: fit.iter().map(|function| function.full_name()).collect(),
            }),
        }
    }
}

impl<'a> IntoIterator for &'a Functions {
    type Item = &'a Function;
    type IntoIter = std::slice::Iter<'a, Function>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Functions {
    /// A line each with its signature, below a line with the interface that they are in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut interface = None;
        for function in self {
            let indent = match function.interface() {
                Some(own) => {
                    if interface != Some(own) {
                        writeln!(f, "{own}")?;
                    }
                    "  "
                }
                None => "",
            };
            interface = function.interface();
            let refused = match function.check() {
                Ok(()) => "",
                Err(_) => " (cannot be called from outside)",
            };
            writeln!(f, "{indent}{}{refused}", function.signature())?;
        }
        Ok(())
    }
}
