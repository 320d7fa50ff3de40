//! Components that are made to harm who loads them, and ones that only look strange.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use crate::components::RUN;
use crate::context::scratch;
use crate::process::{Ended, ended};
use crate::terminal::{controls, on_terminal};
use crate::{Context, Done, Seen};

/// How soon a file is refused.
const SOON: Duration = Duration::from_secs(5);

/// What the commands that load components say of one on a terminal.
fn load(context: &Context, wasm: &[u8]) -> Done<Vec<(&'static str, Ended)>> {
    let folder = scratch()?;
    let file = folder.path().join("evil.wasm");
    fs::write(&file, wasm)?;
    let mut all = Vec::new();
    for command in ["inspect", "serve", "run"] {
        let mut keywell = context.keywell();
        keywell.arg(command).arg(&file);
        // What others left in a cache would be worth a warning, which is not about the component.
        keywell.env("KEYWELL_CACHE", folder.path().join("cache"));
        if command != "inspect" {
            keywell.args(["--store", "memory:"]);
        }
        if command == "serve" {
            keywell.args(["--addr", "127.0.0.1:0"]);
        }
        all.push((command, on_terminal(&keywell, 3 * SOON)?));
    }
    Ok(all)
}

/// A component that is to do no harm.
struct Evil {
    what: &'static str,
    wasm: Vec<u8>,
    /// Whether it is a component by all rules, which `inspect` describes.
    is_valid: bool,
}

/// Loads components that must not run, and have to be refused with exit code 1, in time,
/// in a few lines of plain text.
fn refused(context: &Context, components: &[Evil]) -> Done<Seen> {
    let mut faults = Vec::new();
    for Evil {
        what,
        wasm,
        is_valid,
    } in components
    {
        let began = Instant::now();
        for (command, ended) in load(context, wasm)? {
            let says = &ended.printed;
            let is_forged = says.lines().any(|line| line.starts_with("forged"));
            let is_plain = controls(says).is_empty() && !is_forged;
            let is_short = says.len() < 200_000;
            // An import that is not offered makes `inspect` fail, too.
            let is_code = ended.code() == Some(1)
                || (*is_valid && command == "inspect" && ended.code() == Some(0));
            if !is_code || !is_plain || !is_short || says.contains("panicked") {
                let (code, length) = (ended.code(), says.len());
                let begins: String = says.chars().take(400).collect();
                faults.push(format!(
                    "{what}, {command}: exit {code:?}, {length} bytes, plain: {is_plain}: {begins:?}"
                ));
            }
        }
        if began.elapsed() > 3 * SOON {
            faults.push(format!("{what}: {:?}", began.elapsed()));
        }
    }
    let tried = 3 * components.len();
    Ok(Seen::faults(
        "refused with exit 1, in plain text",
        tried,
        &faults,
    ))
}

pub(crate) fn names_with_escape_sequences(context: &Context) -> Done<Seen> {
    let mut components = Vec::new();
    for (what, name) in [
        ("a cleared screen", "\\1b[2J"),
        ("a title", "a:b/\\1b]0;owned\\07@0.2.0"),
        ("a C1 control", "\\c2\\9b31m"),
        ("a forged line", "wasi:io/\\0aforged@0.2.0"),
    ] {
        for form in [
            "(component (import \"NAME\" (func)))",
            "(component (import \"NAME\" (instance (export \"NAME\" (func)))))",
        ] {
            components.push(Evil {
                what,
                wasm: wat::parse_str(form.replace("NAME", name))?,
                is_valid: false,
            });
        }
    }
    // Names that every rule allows, in the backtrace of a trap.
    let trapping = format!(
        "(component (core module $main
            (func $\"\\1b[2J\\c2\\9b31m\" (export \"run\") (result i32) unreachable))
         (core instance $main (instantiate $main)) {RUN})"
    );
    components.push(Evil {
        what: "a function's name",
        wasm: wat::parse_str(trapping)?,
        is_valid: true,
    });
    refused(context, &components)
}

/// A component of one section with these bytes.
fn section(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut wasm = vec![0, b'a', b's', b'm', 0x0d, 0, 1, 0, kind];
    wasm.extend(number(bytes.len()));
    wasm.extend(bytes);
    wasm
}

/// LEB128.
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 127).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 128);
    }
}

pub(crate) fn absurd_counts(context: &Context) -> Done<Seen> {
    let most = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let invalid = |what, wasm| Evil {
        what,
        wasm,
        is_valid: false,
    };
    let mut components = Vec::new();
    // Core modules and instances, aliases, types, canonical functions, starts, imports, exports.
    for kind in (0..=12).step_by(context.effort(3, 1)) {
        components.push(invalid("4,294,967,295 of a kind", section(kind, &most)));
    }
    let mut module = vec![0, b'a', b's', b'm', 1, 0, 0, 0, 1, 5];
    module.extend(most);
    components.push(invalid(
        "4,294,967,295 types in a module",
        section(1, &module),
    ));
    let mut long = section(7, &[]);
    long.extend([10, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    components.push(invalid("a section past the end", long));
    refused(context, &components)
}

pub(crate) fn nested_types(context: &Context) -> Done<Seen> {
    let depth = context.effort(2000, 20_000);
    let mut lists = String::from("(component (type $t0 u8)\n");
    for n in 1..depth {
        let _ = writeln!(lists, "(type $t{n} (list $t{}))", n - 1);
    }
    let _ = write!(
        lists,
        "(import \"f\" (func (param \"a\" $t{}))))",
        depth - 1
    );
    // Each twice as wide as the one before: 2 to the power of 60 in the end.
    let mut tuples = String::from("(component (type $t0 u8)\n");
    for n in 1..60 {
        let _ = writeln!(tuples, "(type $t{n} (tuple $t{0} $t{0}))", n - 1);
    }
    tuples += "(import \"f\" (func (param \"a\" $t59))))";
    let levels = context.effort(90, 900);
    let components = format!("{}{}", "(component ".repeat(levels), ")".repeat(levels));
    let mut all = Vec::new();
    for (what, text) in [
        ("lists in lists", &lists),
        ("tuples of tuples", &tuples),
        ("components in components", &components),
    ] {
        all.push(Evil {
            what,
            wasm: wat::parse_str(text)?,
            is_valid: true,
        });
    }
    refused(context, &all)
}

pub(crate) fn many_imports(context: &Context) -> Done<Seen> {
    let mut text = String::from("(component\n");
    for n in 0..context.effort(5_000, 90_000) {
        let _ = writeln!(text, "(import \"acme:shop/item{n}@1.0.0\" (instance))");
    }
    text += ")";
    let many = Evil {
        what: "imports of nothing known",
        wasm: wat::parse_str(text)?,
        is_valid: false,
    };
    refused(context, &[many])
}

/// A command whose modules have what these texts say.
fn command(modules: &[String]) -> Done<Vec<u8>> {
    let mut text = String::from("(component\n");
    for (n, module) in modules.iter().enumerate() {
        let _ = writeln!(
            text,
            "(core module $m{n} {module}) (core instance (instantiate $m{n}))"
        );
    }
    text += "(core module $main (func (export \"run\") (result i32) i32.const 0))
        (core instance $main (instantiate $main))\n";
    text += RUN;
    text += ")";
    Ok(wat::parse_str(text)?)
}

/// Components as other languages' tools and compositions make them: they have to run.
pub(crate) fn components_of_other_languages(context: &Context) -> Done<Seen> {
    let memory = "(memory 1)".to_owned();
    let tables: String = (0..20).map(|_| "(table 10 funcref)").collect();
    let cases = [
        (
            "30,000 elements in a table",
            command(&["(table 30000 funcref)".to_owned()])?,
        ),
        (
            "6 memories in a composition",
            command(&vec![memory.clone(); 6])?,
        ),
        ("3 memories in a module", command(&[memory.repeat(3)])?),
        ("100 core instances", command(&vec![String::new(); 100])?),
        ("20 tables in a module", command(&[tables])?),
        (
            "a composition of 40 tables",
            command(&vec!["(table 10 funcref)".to_owned(); 40])?,
        ),
    ];
    let mut faults = Vec::new();
    for (what, wasm) in &cases {
        let folder = scratch()?;
        let file = folder.path().join("other.wasm");
        fs::write(&file, wasm)?;
        let mut keywell = context.keywell();
        keywell.arg("run").arg(&file).args(["--store", "memory:"]);
        let ended = ended(&mut keywell, 3 * SOON)?;
        if ended.code() != Some(0) {
            let line = ended.logged.lines().next().unwrap_or_default().to_owned();
            faults.push(format!("{what}: {line}"));
        }
    }
    Ok(Seen::faults("it runs", cases.len(), &faults))
}
