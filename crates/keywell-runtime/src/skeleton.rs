//! A component without its code, whose types can be read without compiling it.
//!
//! Each core module keeps its types, its imports and what it exports. In place of the functions that
//! it exports there is one of each type, which traps, and the others are left out with everything that only running needs: code, data, elements
//! and custom sections.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use wasm_encoder::{
    CodeSection, ConstExpr, Encode as _, ExportKind, ExportSection, Function, FunctionSection,
    RawSection, Section as _, SectionId,
};
use wasmparser::{
    BinaryReaderError, Chunk, Encoding, ExternalKind, GlobalSectionReader, Parser, Payload,
    TableInit, TableSectionReader, TypeRef, ValType,
};

use crate::nesting::MAX_DEPTH;

/// A module or component that cannot be reduced so: it is damaged, nests too deep, or has a global
/// or a table that has no value without code.
#[derive(Debug)]
pub(crate) struct Irreducible;

/// The component without its code. The components nested in it are treated alike.
pub(crate) fn skeleton(component: &[u8]) -> Result<Vec<u8>, Irreducible> {
    nested(component, 0)
}

/// The skeleton of a component that is so deep within another.
fn nested(component: &[u8], depth: usize) -> Result<Vec<u8>, Irreducible> {
    if depth > MAX_DEPTH {
        return Err(Irreducible);
    }
    let mut skeleton = Vec::new();
    let mut parser = Parser::new(0);
    let mut at = 0;
    while let Some(rest @ [_, ..]) = component.get(at..) {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? else {
            return Err(Irreducible);
        };
        let whole = at..at + consumed;
        at = whole.end;
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } => return Err(Irreducible),
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                at = unchecked_range.end;
                let data = module(within(component, unchecked_range)?)?;
                append(&mut skeleton, component[whole.start], &data);
            }
            Payload::ComponentSection {
                unchecked_range, ..
            } => {
                at = unchecked_range.end;
                let data = nested(within(component, unchecked_range)?, depth + 1)?;
                append(&mut skeleton, component[whole.start], &data);
            }
            Payload::CustomSection(_) => {}
            _ => skeleton.extend_from_slice(within(component, whole)?),
        }
    }
    Ok(skeleton)
}

fn module(wasm: &[u8]) -> Result<Vec<u8>, Irreducible> {
    let mut skeleton = Vec::new();
    let mut functions = Functions::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::Version { range, .. } => {
                skeleton.extend_from_slice(within(wasm, range.clone())?);
            }
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    let is_function = matches!(import?.ty, TypeRef::Func(_));
                    functions.imported += u32::from(is_function);
                }
            }
            Payload::FunctionSection(types) => {
                for ty in types.clone() {
                    functions.types.push(ty?);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        functions.keep(export.index)?;
                    }
                }
            }
            _ => {}
        }
    }
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::TypeSection(_)
            | Payload::ImportSection(_)
            | Payload::MemorySection(_)
            | Payload::TagSection(_) => {
                if let Some((id, range)) = payload.as_section() {
                    append(&mut skeleton, id, within(wasm, range)?);
                }
            }
            Payload::TableSection(tables) => {
                let range = tables.range();
                begin_with_null(tables)?;
                append(&mut skeleton, SectionId::Table.into(), within(wasm, range)?);
            }
            Payload::FunctionSection(_) => functions.declare(&mut skeleton),
            Payload::GlobalSection(globals) => {
                let content = zeroed(wasm, globals)?;
                append(&mut skeleton, SectionId::Global.into(), &content);
            }
            Payload::ExportSection(exports) => {
                let mut section = ExportSection::new();
                for export in exports.clone() {
                    let export = export?;
                    let (kind, index) = match export.kind {
                        ExternalKind::Func => (ExportKind::Func, functions.index(export.index)),
                        ExternalKind::Table => (ExportKind::Table, export.index),
                        ExternalKind::Memory => (ExportKind::Memory, export.index),
                        ExternalKind::Global => (ExportKind::Global, export.index),
                        ExternalKind::Tag => (ExportKind::Tag, export.index),
                        ExternalKind::FuncExact => return Err(Irreducible),
                    };
                    section.export(export.name, kind, index);
                }
                section.append_to(&mut skeleton);
            }
            Payload::CodeSectionStart { .. } => functions.trap(&mut skeleton),
            _ => {}
        }
    }
    Ok(skeleton)
}

/// The functions of a module.
#[derive(Default)]
struct Functions {
    imported: u32,
    /// The types of those that it defines.
    types: Vec<u32>,
    /// The types of those that stay: one of each type, for all that are exported. A library of an
    /// interpreter exports thousands.
    kept: Vec<u32>,
    /// From a type to the new index of its function.
    by_type: HashMap<u32, u32>,
    /// From the indices of those that stay to their new ones.
    indices: HashMap<u32, u32>,
}

// === impl Functions ===

impl Functions {
    fn keep(&mut self, index: u32) -> Result<(), Irreducible> {
        let Some(defined) = index.checked_sub(self.imported) else {
            return Ok(());
        };
        let ty = *self.types.get(defined as usize).ok_or(Irreducible)?;
        let index_of_type = match self.by_type.entry(ty) {
            Entry::Occupied(occupied) => *occupied.get(),
            Entry::Vacant(vacant) => {
                let kept = u32::try_from(self.kept.len()).map_err(|_| Irreducible)?;
                self.kept.push(ty);
                *vacant.insert(self.imported + kept)
            }
        };
        self.indices.insert(index, index_of_type);
        Ok(())
    }

    fn index(&self, former: u32) -> u32 {
        self.indices.get(&former).copied().unwrap_or(former)
    }

    fn declare(&self, skeleton: &mut Vec<u8>) {
        let mut section = FunctionSection::new();
        for ty in &self.kept {
            section.function(*ty);
        }
        section.append_to(skeleton);
    }

    fn trap(&self, skeleton: &mut Vec<u8>) {
        let mut section = CodeSection::new();
        for _ in &self.kept {
            let mut function = Function::new([]);
            function.instructions().unreachable().end();
            section.function(&function);
        }
        section.append_to(skeleton);
    }
}

// === impl Irreducible ===

impl From<BinaryReaderError> for Irreducible {
    fn from(_: BinaryReaderError) -> Self {
        Self
    }
}

fn within(wasm: &[u8], range: Range<usize>) -> Result<&[u8], Irreducible> {
    wasm.get(range).ok_or(Irreducible)
}

fn append(skeleton: &mut Vec<u8>, id: u8, data: &[u8]) {
    skeleton.push(id);
    RawSection { id, data }.encode(skeleton);
}

/// Whether tables begin with null: what else they begin with may be a function that is left out.
fn begin_with_null(tables: &TableSectionReader<'_>) -> Result<(), Irreducible> {
    for table in tables.clone() {
        if !matches!(table?.init, TableInit::RefNull) {
            return Err(Irreducible);
        }
    }
    Ok(())
}

/// A section of globals that begin with zero or null.
fn zeroed(wasm: &[u8], globals: &GlobalSectionReader<'_>) -> Result<Vec<u8>, Irreducible> {
    let mut zeroed = Vec::new();
    globals.count().encode(&mut zeroed);
    for global in globals.clone().into_iter_with_offsets() {
        let (start, global) = global?;
        let expression = global.init_expr.get_binary_reader().original_position();
        let ty = within(wasm, start..expression)?;
        zeroed.extend_from_slice(ty);
        let instructions = match global.ty.content_type {
            ValType::I32 => ConstExpr::i32_const(0),
            ValType::I64 => ConstExpr::i64_const(0),
            ValType::F32 => ConstExpr::f32_const(0.0_f32.into()),
            ValType::F64 => ConstExpr::f64_const(0.0_f64.into()),
            ValType::V128 => ConstExpr::v128_const(0),
            ValType::Ref(reference) if reference.is_nullable() => {
                ConstExpr::raw(null(ty).ok_or(Irreducible)?)
            }
            ValType::Ref(_) => return Err(Irreducible),
        };
        instructions.encode(&mut zeroed);
    }
    Ok(zeroed)
}

/// The instruction for the null of a global's type, which ends with its mutability.
fn null(ty: &[u8]) -> Option<Vec<u8>> {
    const REF_NULL: u8 = 0xd0;
    /// What stands before a heap type that has no shorter form.
    const NULLABLE: u8 = 0x63;
    let (_, reference) = ty.split_last()?;
    let heap = reference.strip_prefix(&[NULLABLE]).unwrap_or(reference);
    Some([&[REF_NULL], heap].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(text: &str) -> Vec<u8> {
        skeleton(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn it_has_the_same_types_and_none_of_the_code_and_data() {
        let text = |body: &str, data: &str, count: usize| {
            let others = "(func (param i64) (drop (local.get 0)))".repeat(count);
            format!(
                r#"(component
                (import "wasi:io/poll@0.2.0" (instance $poll (export "f" (func))))
                (core func $f (canon lower (func $poll "f")))
                (component $inner (core module $m
                    (type $t (func (result i32)))
                    (type (func (param i64)))
                    (import "poll" "f" (func))
                    (memory (export "memory") 1)
                    (global (export "g") (mut i32) (i32.const 7))
                    (global funcref (ref.func $run))
                    (global (ref null $t) (ref.null $t))
                    (global v128 (v128.const i64x2 1 2))
                    (table (export "t") 2 funcref)
                    {others}
                    (func $run (export "run") (export "again") (type $t) {body})
                    (elem (i32.const 0) $run)
                    {data})
                  (export "m" (core module $m)))
                (core module $m
                    (import "poll" "f" (func $f))
                    (export "f" (func $f))
                    (func $run (export "run") (result i32) {body}))
                (core instance $i (instantiate $m (with "poll" (instance (export "f" (func $f))))))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance $run (export "run" (func $run)))
                (export "wasi:cli/run@0.2.0" (instance $run)))"#
            )
        };
        let long = text(
            "(i32.const 5)",
            r#"(data (i32.const 0) "many bytes")"#,
            1000,
        );
        let short = text("(unreachable)", "", 0);
        let (long, short) = (reduced(&long), reduced(&short));
        assert!(long == short);
        let engine = wasmtime::Engine::default();
        let component = wasmtime::component::Component::from_binary(&engine, &long).unwrap();
        let ty = component.component_type();
        assert_eq!(ty.imports(&engine).count(), 1);
        assert_eq!(ty.exports(&engine).next().unwrap().0, "wasi:cli/run@0.2.0");
    }

    #[test]
    fn a_module_that_exports_thousands_of_functions_keeps_one_of_each_type() {
        let exports = |count: usize| -> String {
            let export = |n| format!("(export \"f{n}\" (func $f{n}))");
            let function = |n| format!("(func $f{n} (type {}) unreachable)", n % 2);
            let exports = (0..count).map(export).chain((0..count).map(function));
            exports.collect()
        };
        let module = |count| {
            let types = "(type (func)) (type (func (param i32)))";
            reduced(&format!(
                "(component (core module {types} {}))",
                exports(count)
            ))
        };
        let code = |wasm: &[u8]| {
            let payloads = Parser::new(0).parse_all(wasm).map(Result::unwrap);
            payloads
                .filter(|payload| matches!(payload, Payload::CodeSectionEntry(_)))
                .count()
        };
        assert_eq!(code(&module(2)), 2);
        let many = module(5000);
        assert_eq!(code(&many), 2);
        let engine = wasmtime::Engine::default();
        wasmtime::component::Component::from_binary(&engine, &many).unwrap();
    }

    #[test]
    fn what_has_no_value_without_code_is_refused() {
        for module in [
            "(global (ref func) (ref.func $f)) (func $f)",
            "(table 1 (ref func) (ref.func $f)) (func $f)",
        ] {
            let wasm = wat::parse_str(format!("(component (core module {module}))"));
            assert!(skeleton(&wasm.unwrap()).is_err(), "{module}");
        }
    }

    #[test]
    fn what_is_cut_off_is_refused_or_reduced() {
        let wasm = "(component (core module (func (export \"f\") (drop (i32.const 1)))))";
        let wasm = wat::parse_str(wasm).unwrap();
        for length in 0..wasm.len() {
            let _ = skeleton(&wasm[..length]);
        }
        assert!(skeleton(b"\0asm\x01\0\0\0").is_err());
    }
}
