//! Chains of components that call one another by their imports.

use std::collections::{BTreeMap, BTreeSet};

use super::component::{ComponentPlan, ImportPlan};
use crate::{Place, Plan, Problem};

type Components = BTreeMap<String, ComponentPlan>;

// === impl Plan ===

impl Plan {
    /// How many components a call may go through, the first included.
    pub const MAX_CHAIN: u32 = 8;

    /// How many components a call goes through at most, the first included; 1 where none answers
    /// imports of another.
    pub fn chain(&self) -> u32 {
        let lengths = starts(&self.components);
        let longest = lengths
            .iter()
            .rposition(|starts| !starts.is_empty())
            .map_or(1, |longest| longest + 1);
        u32::try_from(longest)
            .unwrap_or(Self::MAX_CHAIN)
            .min(Self::MAX_CHAIN)
    }
}

/// Chains that lead in a circle or are too long, each at the import where it begins.
pub(crate) fn problems(components: &Components) -> Vec<(Place, Problem)> {
    let lengths = starts(components);
    let Some((too_long, shorter)) = lengths.split_last() else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let mut reported = BTreeSet::new();
    for start in too_long {
        let chain = chain(components, start, shorter);
        let begin = chain.iter().enumerate().find_map(|(at, (name, _))| {
            let again = chain[at + 1..]
                .iter()
                .position(|(other, _)| other == name)?;
            Some((at, at + 1 + again))
        });
        let is_new = !chain.iter().any(|(name, _)| reported.contains(name));
        reported.extend(chain.iter().map(|(name, _)| *name));
        if !is_new {
            continue;
        }
        let (links, what) = if let Some((first, last)) = begin {
            (&chain[first..=last], "imports lead in a circle".to_owned())
        } else {
            let most = Plan::MAX_CHAIN;
            let what = format!("a call goes through more than {most} components");
            (&chain[..], what)
        };
        let names: Vec<&str> = links.iter().map(|(name, _)| *name).collect();
        let problem = Problem::error(format!("{what}: {}", names.join(" calls ")));
        let place = links[0]
            .1
            .map_or(Place::default(), |import| import.interface.place);
        problems.push((place, problem.help("remove one of these imports")));
    }
    problems
}

/// For each number of components, less one, those where a chain of that many begins: up to one more
/// than there may be.
fn starts(components: &Components) -> Vec<BTreeSet<&str>> {
    let all: BTreeSet<&str> = components.keys().map(String::as_str).collect();
    let mut lengths = vec![all];
    for _ in 0..Plan::MAX_CHAIN {
        let before = lengths.last().expect("there is one for a component alone");
        let longer = components.iter().filter(|(_, component)| {
            let mut imports = component.imports.iter();
            imports.any(|import| before.contains(&*import.component))
        });
        let longer = longer.map(|(name, _)| name.as_str()).collect();
        lengths.push(longer);
    }
    lengths
}

/// A chain that begins at a component, each with the import that leads on.
fn chain<'a>(
    components: &'a Components,
    start: &'a str,
    shorter: &[BTreeSet<&'a str>],
) -> Vec<(&'a str, Option<&'a ImportPlan>)> {
    let mut chain = Vec::new();
    let mut name = start;
    for starts in shorter.iter().rev() {
        let imports = &components[name].imports;
        let next = imports
            .iter()
            .find(|import| starts.contains(&*import.component));
        chain.push((name, next));
        let Some(next) = next else {
            return chain;
        };
        name = &next.component;
    }
    chain.push((name, None));
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(imports: &[(&str, &str)]) -> Plan {
        let mut plan = Plan::default();
        for (caller, callee) in imports {
            for name in [caller, callee] {
                let component = || ComponentPlan::new("x.wasm");
                plan.components
                    .entry((*name).to_owned())
                    .or_insert_with(component);
            }
            let caller = plan.components.get_mut(*caller).unwrap();
            caller.imports.push(ImportPlan {
                interface: "a:b/c".to_owned().into(),
                component: (*callee).to_owned(),
            });
        }
        plan
    }

    fn messages(plan: &Plan) -> Vec<String> {
        let problems = problems(&plan.components).into_iter();
        problems.map(|(_, problem)| problem.message).collect()
    }

    #[test]
    fn the_chain_is_the_longest_path() {
        assert_eq!(Plan::default().chain(), 1);
        let diamond = plan(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "e"), ("e", "d")]);
        assert_eq!(diamond.chain(), 4);
        assert!(messages(&diamond).is_empty());
    }

    #[test]
    fn a_circle_is_named_once() {
        for (imports, expected) in [
            (&[("a", "a")][..], "a calls a"),
            (
                &[("z", "a"), ("a", "b"), ("b", "c"), ("c", "a")],
                "a calls b calls c calls a",
            ),
        ] {
            let circle = plan(imports);
            let expected = format!("imports lead in a circle: {expected}");
            assert_eq!(messages(&circle), [expected]);
            assert_eq!(circle.chain(), Plan::MAX_CHAIN);
        }
    }

    #[test]
    fn a_chain_of_more_than_eight_is_refused() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let imports: Vec<(&str, &str)> = names.windows(2).map(|two| (two[0], two[1])).collect();
        assert!(messages(&plan(&imports[1..])).is_empty());
        assert_eq!(plan(&imports[1..]).chain(), 8);
        let message = messages(&plan(&imports)).remove(0);
        let expected = "a call goes through more than 8 components: a calls b calls c";
        assert!(message.starts_with(expected), "{message}");
    }
}
