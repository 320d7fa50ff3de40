//! Checks that no files of a crate import each other in a circle.
//!
//! A file imports another if a `use` or a path in it leads to what the other one defines, by way of
//! re-exports too. What is only declared or re-exported is no import, nor is what `#[cfg(test)]` has.
//! It reads files as rustfmt leaves them, by lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::process::root;

/// The files of a crate, by the paths of their modules.
type Files = BTreeMap<Vec<String>, File>;

#[derive(Default)]
struct File {
    /// The paths that are imported, by the names that they get here.
    uses: BTreeMap<String, Vec<String>>,
    /// The paths in the code, and those of names that are imported and not only re-exported.
    paths: BTreeSet<Vec<String>>,
}

/// Checks every crate of the repository.
fn check() -> Result<(), String> {
    let mut problems = Vec::new();
    for parent in ["", "crates", "xtask"] {
        let failed = |error: std::io::Error| format!("cannot list the crates: {error}");
        for folder in std::fs::read_dir(root().join(parent)).map_err(failed)? {
            let folder = folder.map_err(failed)?.path();
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let mut circles = Vec::new();
            for entry in ["src/main.rs", "src/lib.rs"] {
                let mut files = Files::new();
                let (entry, source) = (folder.join(entry), folder.join("src"));
                read(&mut files, &[], &entry, &source);
                circles.extend(self::circles(&files));
            }
            if !circles.is_empty() {
                problems.push(format!("{name}: {} files in circles", circles.len()));
                problems.extend(circles.iter().map(|circle| format!("  {circle}")));
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!(
        "files must not import each other in circles:\n{}",
        problems.join("\n")
    ))
}

/// Adds a file, if it is there, and those of the modules that it declares.
fn read(files: &mut Files, module: &[String], file: &Path, folder: &Path) {
    let Ok(text) = std::fs::read_to_string(file) else {
        return;
    };
    let (parsed, children) = parse(&text);
    files.insert(module.to_owned(), parsed);
    for child in children {
        let folder = folder.join(&child);
        let module = [module, &[child]].concat();
        read(files, &module, &folder.with_extension("rs"), &folder);
        read(files, &module, &folder.join("mod.rs"), &folder);
    }
}

/// Reads a file, and which modules it declares.
fn parse(text: &str) -> (File, Vec<String>) {
    let (mut file, mut children) = (File::default(), Vec::new());
    let (mut imported, mut names) = (Vec::new(), BTreeSet::new());
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let mut lines = code.filter(|line| !line.trim().is_empty());
    while let Some(line) = lines.next() {
        let is_last = |line: &str| !line.starts_with(' ') && line.ends_with([';', '}']);
        let rest = line.strip_prefix("pub").unwrap_or(line);
        let rest = rest
            .strip_prefix('(')
            .map_or(rest, |rest| rest.split_once(')').unwrap_or_default().1);
        if line == "#[cfg(test)]" {
            lines.by_ref().find(|line| is_last(line));
        } else if let Some(child) = rest.trim_start().strip_prefix("mod ")
            && let Some(child) = child.strip_suffix(';')
        {
            children.push(child.to_owned());
        } else if let Some(tree) = rest.trim_start().strip_prefix("use ") {
            let mut tree = tree.to_owned();
            while !tree.ends_with(';') {
                tree += lines.next().unwrap_or(";").trim();
            }
            let mut uses = BTreeMap::new();
            expand(tree.trim_end_matches(';'), "", &mut uses);
            imported.extend(uses.iter().map(|(name, path)| {
                let is_private = rest == line;
                (name.clone(), path.clone(), is_private)
            }));
            file.uses.extend(uses);
        } else {
            let is_other = |char: char| !char.is_alphanumeric() && !"_:".contains(char);
            // `pub(in PATH)` says who may import, and imports nothing.
            let (before, behind) = line.split_once("pub(in ").unwrap_or((line, ""));
            let behind = behind.split_once(')').map_or("", |(_, behind)| behind);
            for word in before.split(is_other).chain(behind.split(is_other)) {
                let path = word.split("::").filter(|name| !name.is_empty());
                let path: Vec<String> = path.map(|name| name.replace(':', "")).collect();
                names.extend(path.first().cloned());
                file.paths.extend((path.len() > 1).then_some(path));
            }
        }
    }
    let used = imported
        .into_iter()
        .filter(|(name, _, is_private)| *is_private || names.contains(name));
    file.paths.extend(used.map(|(_, path, _)| path));
    (file, children)
}

/// Adds the names and paths of a tree behind `use`.
fn expand(tree: &str, prefix: &str, uses: &mut BTreeMap<String, Vec<String>>) {
    if let Some((before, group)) = tree.split_once('{') {
        let prefix = format!("{prefix}{before}");
        let mut depth = 0;
        for tree in group
            .trim_end()
            .strip_suffix('}')
            .unwrap_or(group)
            .split(|char| {
                depth += i32::from(char == '{') - i32::from(char == '}');
                depth == 0 && char == ','
            })
        {
            expand(tree.trim(), &prefix, uses);
        }
        return;
    }
    if tree.is_empty() {
        return;
    }
    let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
    let path = format!("{prefix}{path}");
    let path = path.strip_suffix("::self").unwrap_or(&path);
    let path: Vec<String> = path.split("::").map(str::to_owned).collect();
    let name = path.last().filter(|_| alias.is_empty()).cloned();
    uses.insert(name.unwrap_or_else(|| alias.to_owned()), path);
}

/// The files that are in circles, each with those of its imports that are in the same one.
fn circles(files: &Files) -> Vec<String> {
    let imports: BTreeMap<_, BTreeSet<_>> = files
        .iter()
        .map(|(module, file)| {
            let imports = file.paths.iter();
            let imports = imports.filter_map(|path| resolve(files, module, path, 0));
            (module, imports.filter(|import| *import != module).collect())
        })
        .collect();
    let reaches = |from, to| {
        let (mut reached, mut waiting) = (BTreeSet::from([from]), vec![from]);
        while let Some(file) = waiting.pop() {
            waiting.extend(
                imports[file]
                    .iter()
                    .filter(|import| reached.insert(**import)),
            );
        }
        reached.contains(to)
    };
    let mut circles = Vec::new();
    for (file, imports) in &imports {
        let back = imports.iter().filter(|import| reaches(**import, *file));
        let back: Vec<String> = back
            .map(|import| format!("crate::{}", import.join("::")))
            .collect();
        if !back.is_empty() {
            circles.push(format!(
                "crate::{} imports {}",
                file.join("::"),
                back.join(", ")
            ));
        }
    }
    circles
}

/// The file that defines what a path leads to from a module, if it is one of the crate.
fn resolve<'a>(
    files: &'a Files,
    module: &'a Vec<String>,
    path: &[String],
    depth: usize,
) -> Option<&'a Vec<String>> {
    let child = |at: &[String], name: &String| [at, std::slice::from_ref(name)].concat();
    let (first, mut rest) = path.split_first().filter(|_| depth < 16)?;
    let mut at = module.clone();
    match first.as_str() {
        "crate" => at.clear(),
        "self" => {}
        "super" => drop(at.pop()),
        _ if files.contains_key(&child(&at, first)) => at = child(&at, first),
        _ => {
            let used = files[module].uses.get(first).filter(|used| *used != path)?;
            return resolve(files, module, &[used, rest].concat(), depth + 1);
        }
    }
    while let [next, after @ ..] = rest {
        if next == "super" {
            at.pop();
        } else if files.contains_key(&child(&at, next)) {
            at = child(&at, next);
        } else {
            break;
        }
        rest = after;
    }
    let (at, file) = files.get_key_value(&at)?;
    match rest.first().and_then(|name| file.uses.get(name)) {
        Some(used) => resolve(files, at, used, depth + 1),
        None => Some(at),
    }
}

mod tests {
    use super::*;

    #[test]
    fn no_crate_has_files_that_import_each_other() {
        check().unwrap_or_else(|problem| panic!("{problem}"));
    }

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let module = |name: &str| name.split_terminator("::").map(str::to_owned).collect();
        let files = files.iter();
        circles(
            &files
                .map(|(name, text)| (module(name), parse(text).0))
                .collect(),
        )
    }

    #[test]
    fn a_circle_by_way_of_re_exports_and_paths_is_found() {
        let root = (
            "",
            "mod a;\nmod b;\n\npub use b::{\n    Pair,\n    inner::{self, Thing},\n};\n",
        );
        let a = ("a", "use crate::Pair;\n\nfn f() -> Pair {}\n");
        let b = (
            "b",
            "mod inner;\n\nstruct Pair(u8);\n\nfn f() {\n    super::a::f();\n}\n",
        );
        let inner = ("b::inner", "pub struct Thing;\n");
        let circle = ["crate::a imports crate::b", "crate::b imports crate::a"];
        assert_eq!(found(&[root, a, b, inner]), circle);
        let tested = b.1.replace("fn f", "#[cfg(test)]\nfn f");
        assert_eq!(found(&[root, a, ("b", &tested), inner]), [""; 0]);
    }

    #[test]
    fn a_parent_that_uses_the_child_that_uses_its_type_is_a_circle() {
        let child = ("a::b", "use super::Shape;\n\npub struct B(Shape);\n");
        let parent = "mod b;\n\npub(crate) use b::B;\n";
        assert_eq!(found(&[("a", parent), child]), [""; 0]);
        let using = format!("{parent}\nenum Shape {{\n    B(Box<B>),\n}}\n");
        let circle = [
            "crate::a imports crate::a::b",
            "crate::a::b imports crate::a",
        ];
        assert_eq!(found(&[("a", &using), child]), circle);
    }
}
