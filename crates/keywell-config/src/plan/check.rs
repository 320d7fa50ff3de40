use std::collections::HashSet;

use super::chain;
use crate::{ConfigError, Place, Plan, Problem, Report, clash, http};

// === impl Plan ===

impl Plan {
    /// The largest file that is read, in bytes: far more than a file written by hand.
    pub const MAX_BYTES: u64 = 4 << 20;

    /// An error about something in this plan that only its user can know to be wrong.
    pub fn error_at(&self, place: Place, problem: impl Into<String>) -> ConfigError {
        self.at(place, Problem::error(problem)).into()
    }

    /// A problem with something in this plan, at its place.
    #[must_use]
    pub fn at(&self, place: Place, problem: Problem) -> Problem {
        let first = self.file.as_ref();
        let (file, source) = match usize::from(place.file).checked_sub(1) {
            None => (first, self.source.as_ref()),
            Some(number) => {
                let more = self.more_files.get(number);
                (more.map(|(file, _)| file), more.map(|(_, source)| source))
            }
        };
        match file {
            Some(file) => problem.at(file.clone(), source.cloned(), place),
            None => problem,
        }
    }

    /// Checks that every store and every component that is named is there, that triggers of one
    /// address have different routes and none has the address of health, the texts of those that
    /// listen, and that components do not call one another in a circle. A plan that was read from a
    /// file passes.
    ///
    /// # Errors
    ///
    /// Every name that is not defined, every address that is taken and every text that is wrong,
    /// with its place.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut report = Report::default();
        // Each name once: what is missing is missing for all that use it.
        let mut missing = HashSet::new();
        let mut check = |kind, name: &String, is_known: bool, place| {
            if !is_known && missing.insert((kind, name.clone())) {
                let problem = Problem::error(format!("there is no {kind} {name:?}"));
                report.push(self.at(place, problem));
            }
        };
        let has_store = |name: &String| self.stores.contains_key(name);
        for component in self.components.values() {
            for link in component.links() {
                if let Some(name) = &link.store {
                    check("store", name, has_store(name), component.place);
                }
                for grant in link.grants() {
                    let (name, place) = (&grant.store, grant.bucket.place);
                    check("store", name, has_store(name), place);
                }
            }
            for import in &component.imports {
                let (name, place) = (&import.component, import.interface.place);
                let is_known = self.components.contains_key(name);
                check("component", name, is_known, place);
            }
        }
        let mut mistakes = Vec::new();
        for trigger in &self.triggers {
            let (name, place) = (trigger.component().to_owned(), trigger.place());
            let is_known = self.components.contains_key(&name);
            check("component", &name, is_known, place);
            mistakes.extend(trigger.listener().into_iter().flat_map(http::mistakes));
            for name in trigger.stores() {
                check("store", name, has_store(name), place);
            }
        }
        mistakes.extend(chain::problems(&self.components));
        mistakes.extend(clash::clashes(&self.triggers));
        mistakes.extend(clash::of_health(self.health.as_ref(), &self.triggers));
        for (place, problem) in mistakes {
            report.push(self.at(place, problem));
        }
        if report.has_errors() {
            return Err(report.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use crate::{
        ComponentPlan, HttpPlan, LinkPlan, ListenAddress, StorePlan, TriggerPlan, WatchPlan,
    };

    use super::*;

    #[test]
    fn a_plan_that_a_program_made_is_checked_for_names_that_are_not_defined() {
        let mut plan = Plan::default();
        let mut problems = Vec::new();
        let counter = HttpPlan::new("counter", SocketAddr::from(([127, 0, 0, 1], 0)));
        plan.triggers.push(TriggerPlan::Http(counter));
        problems.push(plan.check().unwrap_err().to_string());
        let mut component = ComponentPlan::new("counter.wasm");
        component.link = LinkPlan::to("main");
        plan.components.insert("counter".to_owned(), component);
        problems.push(plan.check().unwrap_err().to_string());
        let main = StorePlan::new("memory:");
        plan.stores.insert("main".to_owned(), main);
        plan.check().unwrap();
        let mut watch = WatchPlan::new("counter", "main", "SET@a");
        watch.positions = Some("other".to_owned());
        plan.triggers.push(TriggerPlan::Watch(Box::new(watch)));
        problems.push(plan.check().unwrap_err().to_string());
        let expected = [
            "there is no component \"counter\"",
            "there is no store \"main\"",
            "there is no store \"other\"",
        ];
        assert_eq!(problems, expected);
    }

    #[test]
    fn health_has_an_address_of_its_own() {
        let addr = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut plan = Plan::default();
        let web = HttpPlan::new("web", addr(80));
        plan.triggers.push(TriggerPlan::Http(web));
        let component = ComponentPlan::new("web.wasm");
        plan.components.insert("web".to_owned(), component);
        plan.health = Some(ListenAddress::from(addr(81)).into());
        plan.check().unwrap();
        plan.health = Some("localhost:80".parse::<ListenAddress>().unwrap().into());
        let expected = "health cannot be answered on localhost:80: 127.0.0.1:80 of a trigger has it, \
                        which calls web";
        let report = plan.check().unwrap_err().report();
        assert_eq!(report.problems()[0].message, expected);
    }

    #[test]
    fn everything_that_is_wrong_with_it_is_reported_once() {
        let mut plan = Plan::default();
        for component in ["a", "b"] {
            let addr = SocketAddr::from(([127, 0, 0, 1], 80));
            let http = HttpPlan::new(component, addr);
            plan.triggers.push(TriggerPlan::Http(http));
            let mut plan_of = ComponentPlan::new("x.wasm");
            plan_of.link = LinkPlan::to("main");
            plan.components.insert(component.to_owned(), plan_of);
        }
        let watch = WatchPlan::new("c", "main", "SET@a");
        plan.triggers.push(TriggerPlan::Watch(Box::new(watch)));
        let report = plan.check().unwrap_err().report();
        let problems = report.problems().iter();
        let problems: Vec<&str> = problems.map(|problem| &*problem.message).collect();
        let expected = [
            "there is no store \"main\"",
            "there is no component \"c\"",
            "127.0.0.1:80 is the address of another trigger, too, which calls a",
        ];
        assert_eq!(problems, expected);
    }
}
