//! Functions of every kind of type, for tests, which never run.

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::exports::Functions;
use super::function::Function;

const SHAPES: &str = r#"(component
    (import "a:b/shapes@1.0.0-rc.1" (instance $shapes
        (type $point' (record (field "x" f64) (field "y" f32) (field "label" (option string))))
        (export "point" (type $point (eq $point')))
        (type $shape' (variant (case "nothing") (case "circle" f64) (case "path" (list $point))
            (case "some" u8)))
        (export "shape" (type $shape (eq $shape')))
        (type $colour' (enum "red" "dark-green" "none"))
        (export "colour" (type $colour (eq $colour')))
        (type $marks' (flags "bold" "quoted" "new"))
        (export "marks" (type $marks (eq $marks')))
        (export "bool" (func (param "value" bool)))
        (export "s8" (func (param "value" s8)))
        (export "u16" (func (param "value" u16)))
        (export "s32" (func (param "value" s32)))
        (export "u64" (func (param "value" u64)))
        (export "s64" (func (param "value" s64)))
        (export "f32" (func (param "value" f32)))
        (export "f64" (func (param "value" f64)))
        (export "char" (func (param "value" char)))
        (export "string" (func (param "value" string)))
        (export "bytes" (func (param "value" (list u8))))
        (export "lists" (func (param "value" (list (list string)))))
        (export "tuple" (func (param "value" (tuple u8 string bool))))
        (export "record" (func (param "value" $point)))
        (export "variant" (func (param "value" $shape)))
        (export "enum" (func (param "value" $colour)))
        (export "flags" (func (param "value" $marks)))
        (export "option" (func (param "value" (option (option (option u8))))))
        (export "result" (func (param "value" (result string (error u32)))))
        (export "empty" (func (param "value" (result))))
        (export "one-way" (func (param "value" (result (option u8)))))
        (export "several" (func (param "first" u8) (param "second" (option string))
            (param "third" (option u8)) (result (option (list u8)))))
        (export "name" (func (result string)))))
    (import "a:b/things" (instance $things
        (export "thing" (type $thing (sub resource)))
        (export "[constructor]thing" (func (param "name" string) (result (own $thing))))
        (export "[method]thing.name" (func (param "self" (borrow $thing)) (result string)))
        (export "make" (func (result (option (own $thing)))))
        (export "name" (func (result string)))))
    (import "add" (func $add (param "a" u32) (param "b" u32) (result u32)))
    (core module $any)
    (export "any" (core module $any)))"#;

/// The functions that it imports, as if it exported them.
pub(super) fn functions() -> Functions {
    let component = Component::new(&Engine::default(), wat::parse_str(SHAPES).unwrap());
    let component = component.unwrap();
    let any = component.get_export_index(None, "any").unwrap();
    let mut functions = Vec::new();
    let engine = component.engine();
    for (import, item) in component.component_type().imports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(kind) => {
                functions.push(Function::new(None, import, &kind, any));
            }
            ComponentItem::ComponentInstance(instance) => {
                for (name, item) in instance.exports(engine) {
                    if let ComponentItem::ComponentFunc(kind) = item.ty {
                        functions.push(Function::new(Some(import), name, &kind, any));
                    }
                }
            }
            _ => {}
        }
    }
    Functions(functions)
}
