//! How components nest in a component, counted before it is compiled.

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Instance, Parser, Payload,
};

use crate::Error;
use crate::engine::Tasks;

/// What components within a component need.
pub(crate) struct Nesting {
    depth: usize,
    /// Component instances that have core instances, itself included; none where it makes one of a
    /// component that is imported, as a component within it may.
    with_code: Option<u32>,
}

/// How deep components may nest.
pub(crate) const MAX_DEPTH: usize = 100;
/// How many component instances with code of their own a component for WASI 0.3 may make.
const MAX_WITH_CODE: u32 = 64;

/// A component, or a core module, that is being read.
#[derive(Default)]
struct Level {
    /// The [`Nesting::with_code`] of each component in its index space.
    components: Vec<Option<u32>>,
    /// Of all that it makes.
    made: Option<u32>,
    has_code: bool,
    is_module: bool,
}

// === impl Nesting ===

impl Nesting {
    /// Reads it of a component that is not compiled.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] where components nest too deep. What cannot be read is left to the engine,
    /// which says what is wrong with it.
    pub(crate) fn of(wasm: &[u8]) -> Result<Self, Error> {
        let nesting = Self::read(wasm).unwrap_or(Self {
            depth: 0,
            with_code: Some(1),
        });
        if nesting.depth > MAX_DEPTH {
            return Err(Error::TooLarge(format!(
                "components nest in it more than {MAX_DEPTH} deep; no setting moves this limit"
            )));
        }
        Ok(nesting)
    }

    /// How many stacks an instance may keep: one for each instance with code of its own, where these
    /// run tasks.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`].
    pub(crate) fn stacks(&self, tasks: Tasks) -> Result<u32, Error> {
        match self.with_code {
            _ if tasks != Tasks::Several => Ok(1),
            Some(count) if count <= MAX_WITH_CODE => Ok(count.max(1)),
            Some(count) => Err(Error::TooLarge(format!(
                "it makes {count} instances of components within it, and may make {MAX_WITH_CODE}; \
                 no setting moves this limit"
            ))),
            None => Err(Error::TooLarge(
                "a component within it makes an instance of a component that it imports".to_owned(),
            )),
        }
    }

    fn read(wasm: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut levels = vec![Level::new(false)];
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            let is_end = matches!(payload, Payload::End(_));
            match payload {
                Payload::ComponentSection { .. } => levels.push(Level::new(false)),
                Payload::ModuleSection { .. } => levels.push(Level::new(true)),
                Payload::ComponentAliasSection(aliases) => {
                    for alias in aliases {
                        add_alias(&mut levels, &alias?);
                    }
                }
                payload => {
                    if let Some(level) = levels.last_mut() {
                        level.read(payload)?;
                    }
                }
            }
            let is_in_module = levels.last().is_some_and(|level| level.is_module);
            depth = depth.max(levels.len() - 1 - usize::from(is_in_module));
            if depth > MAX_DEPTH {
                // The rest does not matter.
                break;
            }
            if is_end
                && levels.len() > 1
                && let Some(ended) = levels.pop()
                && !ended.is_module
                && let Some(level) = levels.last_mut()
            {
                level.components.push(ended.with_code());
            }
        }
        let with_code = levels.first().and_then(Level::with_code);
        Ok(Self { depth, with_code })
    }
}

/// Adds what an alias names to the components of the innermost level, if that is one.
fn add_alias(levels: &mut [Level], alias: &ComponentAlias<'_>) {
    let component = match alias {
        ComponentAlias::Outer {
            kind: ComponentOuterAliasKind::Component,
            count,
            index,
        } => {
            let level = levels.len().checked_sub(1 + *count as usize);
            let level = level.and_then(|level| levels.get(level));
            level.and_then(|level| level.component(*index))
        }
        ComponentAlias::InstanceExport {
            kind: ComponentExternalKind::Component,
            ..
        } => None,
        _ => return,
    };
    if let Some(level) = levels.last_mut() {
        level.components.push(component);
    }
}

// === impl Level ===

impl Level {
    fn new(is_module: bool) -> Self {
        Self {
            made: Some(0),
            is_module,
            ..Self::default()
        }
    }

    fn component(&self, index: u32) -> Option<u32> {
        self.components.get(index as usize).copied().flatten()
    }

    fn with_code(&self) -> Option<u32> {
        Some(self.made?.saturating_add(self.has_code.into()))
    }

    fn read(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    self.has_code |= matches!(instance?, Instance::Instantiate { .. });
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    if let ComponentInstance::Instantiate {
                        component_index, ..
                    } = instance?
                    {
                        let more = self.component(component_index);
                        let made = self.made.zip(more);
                        self.made = made.map(|(made, more)| made.saturating_add(more));
                    }
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    if matches!(import?.ty, ComponentTypeRef::Component(_)) {
                        self.components.push(None);
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Component {
                        self.components.push(self.component(export.index));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn with_code(text: &str) -> Option<u32> {
        let wasm = wat::parse_str(format!("(component {text})")).unwrap();
        Nesting::read(&wasm).unwrap().with_code
    }

    const CODE: &str = "(core module $m) (core instance (instantiate $m))";

    #[test]
    fn instances_of_components_with_code_are_counted() {
        for (text, count) in [
            ("(core module)".to_owned(), 0),
            (CODE.to_owned(), 1),
            (format!("(component {CODE})"), 0),
            (
                format!(
                    "{CODE} (component $c {CODE}) (instance (instantiate $c)) (instance (instantiate $c))"
                ),
                3,
            ),
            ("(component $c) (instance (instantiate $c))".to_owned(), 0),
            (
                format!(
                    "(component $a {CODE})
                    (component $b (instance (instantiate $a)) (instance (instantiate $a)))
                    (component $c (instance (instantiate $b)) (instance (instantiate $b)))
                    (export $d \"d\" (component $c))
                    (instance (instantiate $d))"
                ),
                4,
            ),
        ] {
            assert_eq!(with_code(&text), Some(count), "{text}");
        }
        let imported = "(component (import \"c\" (component $c)) (instance (instantiate $c)))";
        assert_eq!(
            with_code(&format!(
                "{imported} (instance (instantiate 0 (with \"c\" (component 0))))"
            )),
            None
        );
    }

    #[test]
    fn what_doubles_at_each_level_is_counted_without_doing_so() {
        let mut text = format!("(component $c0 {CODE})");
        for n in 1..60 {
            let inner = format!("(instance (instantiate $c{}))", n - 1);
            let _ = write!(text, "(component $c{n} {inner} {inner})");
        }
        text += "(instance (instantiate $c59))";
        assert_eq!(with_code(&text), Some(u32::MAX));
        let wasm = wat::parse_str(format!("(component {text})")).unwrap();
        let nesting = Nesting::of(&wasm).unwrap();
        assert!(nesting.stacks(Tasks::Several).is_err());
        assert_eq!(nesting.stacks(Tasks::One).unwrap(), 1);
    }

    #[test]
    fn components_nest_so_deep_and_no_deeper() {
        let nested = |depth: usize| {
            let mut wasm = Vec::new();
            for _ in 0..=depth {
                let inner = std::mem::replace(&mut wasm, b"\0asm\x0d\0\x01\0".to_vec());
                if !inner.is_empty() {
                    let section = wasm_encoder::RawSection {
                        id: 4,
                        data: &inner,
                    };
                    wasm.push(4);
                    wasm_encoder::Encode::encode(&section, &mut wasm);
                }
            }
            wasm
        };
        assert!(Nesting::of(&nested(MAX_DEPTH)).is_ok());
        for depth in [MAX_DEPTH + 1, 3000] {
            let Err(error) = Nesting::of(&nested(depth)) else {
                panic!("it is not refused");
            };
            assert!(error.to_string().contains("deep"), "{error}");
            assert!(crate::skeleton::skeleton(&nested(depth)).is_err());
        }
    }
}
