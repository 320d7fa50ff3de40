use std::fmt;

use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{ComponentExportIndex, Type, Val};

use super::error::CallError;
use super::signature::of_type;
use crate::calls::held_in;

/// A function that a component exports.
#[derive(Clone)]
pub struct Function {
    interface: Option<String>,
    name: String,
    parameters: Vec<Parameter>,
    results: Vec<Type>,
    /// What keeps it from being called.
    obstacle: Option<Obstacle>,
    pub(crate) export: ComponentExportIndex,
}

/// A parameter of a function.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Type,
}

/// A function as WIT writes it.
struct Signature<'a>(&'a Function);

#[derive(Clone, Copy, Debug)]
enum Obstacle {
    /// It takes or returns what has no meaning outside the instance.
    Holds(&'static str),
    /// It is asynchronous.
    Asynchronous,
}

// === impl Function ===

impl Function {
    pub(super) fn new(
        interface: Option<&str>,
        name: &str,
        kind: &ComponentFunc,
        export: ComponentExportIndex,
    ) -> Self {
        let parameters = kind.params().map(|(name, kind)| Parameter {
            name: name.to_owned(),
            kind,
        });
        let types = kind.params().map(|(_, kind)| kind).chain(kind.results());
        let obstacle = match held_in(types) {
            Some(what) => Some(Obstacle::Holds(what)),
            None => kind.async_().then_some(Obstacle::Asynchronous),
        };
        Self {
            interface: interface.map(str::to_owned),
            name: name.to_owned(),
            parameters: parameters.collect(),
            results: kind.results().collect(),
            obstacle,
            export,
        }
    }

    /// The interface that it is in, with its version; none where it is in no interface.
    pub fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// Its name within its interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it takes, in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// What it returns: nothing, or one value.
    pub fn results(&self) -> &[Type] {
        &self.results
    }

    /// The function in WIT: `set: func(key: string, value: list<u8>)`. Records, variants and the
    /// like stand there in full, as a component does not keep their names. What is long is cut.
    pub fn signature(&self) -> impl fmt::Display + '_ {
        Signature(self)
    }

    /// Its name with its interface, as a call is written: `acme:shop/cart@1.0.0.{add}`.
    pub fn full_name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}.{{{}}}", self.name),
            None => self.name.clone(),
        }
    }

    /// Checks that it can be called from outside.
    ///
    /// # Errors
    ///
    /// [`CallError::Held`] or [`CallError::Asynchronous`].
    pub fn check(&self) -> Result<(), CallError> {
        let function = || self.full_name();
        match self.obstacle {
            None => Ok(()),
            Some(Obstacle::Holds(what)) => Err(CallError::Held {
                function: function(),
                what,
            }),
            Some(Obstacle::Asynchronous) => Err(CallError::Asynchronous {
                function: function(),
            }),
        }
    }

    /// The arguments that were given, completed with `none` for options at the end that were left
    /// out.
    pub(super) fn complete(&self, mut given: Vec<Val>) -> Vec<Val> {
        given.resize(self.parameters.len(), Val::Option(None));
        given
    }

    /// Checks how many arguments are given. Options at the end may be left out.
    pub(super) fn check_count(&self, given: usize) -> Result<(), CallError> {
        let all = self.parameters.len();
        let left_out = self.parameters.get(given..).unwrap_or_default();
        let is_option = |parameter: &Parameter| matches!(parameter.kind, Type::Option(_));
        if given <= all && left_out.iter().all(is_option) {
            return Ok(());
        }
        let parameters = match &*Signature(self).parameters() {
            "" => String::new(),
            parameters => format!(" ({parameters})"),
        };
        Err(CallError::Count {
            function: self.name.clone(),
            parameters,
            expected: all,
            given,
        })
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("interface", &self.interface)
            .field("signature", &self.signature().to_string())
            .finish_non_exhaustive()
    }
}

// === impl Signature ===

impl Signature<'_> {
    fn parameters(&self) -> String {
        let all = self.0.parameters.iter();
        let all = all.map(|one| format!("{}: {}", one.name, of_type(&one.kind)));
        all.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: func({})", self.0.name, self.parameters())?;
        match &self.0.results[..] {
            [] => Ok(()),
            [only, ..] => write!(f, " -> {}", of_type(only)),
        }
    }
}
