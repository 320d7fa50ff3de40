use std::sync::Arc;

use keywell_config::{ConfigError, Plan, Problem, Report, WatchPlan};
use keywell_runtime::watch::{
    Backoff, Counters, PositionsStore, Subscriptions, WatchOptions, WatchTarget, WatchTrigger,
};
use keywell_runtime::{Error, Runtime};
use keywell_store::BucketName;
use keywell_wasi::Grants;

use crate::AppOptions;
use crate::component::{self, Component};
use crate::status::TriggerSource;
use crate::stop::Stop;
use crate::stores::Stores;

/// The plan of a watch trigger, and what its text means.
pub(crate) struct Prepared {
    plan: WatchPlan,
    target: WatchTarget,
    dead_letters: Option<BucketName>,
}

/// A watch trigger that is ready to run: its watch is open.
pub(crate) struct Watch {
    trigger: WatchTrigger,
    source: TriggerSource,
}

// === impl Prepared ===

impl Prepared {
    pub(crate) fn read(plan: &Plan, watch: &WatchPlan) -> Result<Self, ConfigError> {
        let mut report = Report::default();
        let mut wrong = |place, problem: String| {
            report.push(plan.at(place, Problem::error(problem)));
        };
        for on in &watch.on {
            if let Err(error) = Subscriptions::parse(on) {
                wrong(on.place, error.to_string());
            }
        }
        if let Some(name) = &watch.name
            && name.place.is_known()
            // The runtime checks it again; here it is for the place.
            && let Err(problem) = WatchTarget::check_name(name)
        {
            wrong(name.place, problem.to_string());
        }
        let bucket = component::bucket(plan, &watch.bucket);
        let dead_letters = watch.dead_letters.as_ref();
        let dead_letters = dead_letters.map(|dead| component::bucket(plan, &dead.bucket));
        let dead_letters = dead_letters.transpose();
        let (bucket, dead_letters) = match (bucket, dead_letters) {
            (Ok(bucket), Ok(dead_letters)) if !report.has_errors() => (bucket, dead_letters),
            (bucket, dead_letters) => {
                for error in [bucket.err(), dead_letters.err()].into_iter().flatten() {
                    report.extend(error.report());
                }
                return Err(report.into());
            }
        };
        let texts: Vec<&str> = watch.on.iter().map(|on| on.as_str()).collect();
        // Each was read by itself, so all of them can be.
        let subscriptions = Subscriptions::parse(&texts.join(","))
            .map_err(|error| plan.error_at(watch.place, error.to_string()))?;
        let mut target = WatchTarget::new(&watch.component, bucket, subscriptions);
        target.name = watch.name.as_ref().map(|name| name.value.clone());
        Ok(Self {
            plan: watch.clone(),
            target,
            dead_letters,
        })
    }

    pub(crate) fn is_optional(&self) -> bool {
        self.plan.is_optional
    }

    pub(crate) async fn start(
        &self,
        runtime: &Runtime,
        component: &Component,
        grants: Arc<Grants>,
        stores: &Stores,
        options: &AppOptions,
    ) -> Result<Watch, Error> {
        let plan = &self.plan;
        let mut target = self.target.clone();
        let positions = plan.positions.as_ref();
        target.positions = positions.map(|positions| PositionsStore {
            store: stores.get(positions),
            watched: stores.identity(&plan.store),
        });
        if let (Some(dead), Some(bucket)) = (&plan.dead_letters, &self.dead_letters) {
            let store = dead.store.as_ref().unwrap_or(&plan.store);
            target.dead_letters = (Some(stores.get(store)), bucket.clone());
        }
        let (subscriptions, bucket) = (target.subscriptions.clone(), target.bucket.clone());
        let options = self.options(component, options);
        let trigger = runtime.watch(&component.loaded, grants, target, &options);
        let trigger = trigger.await?;
        let source = TriggerSource::Watch {
            name: trigger.name().to_owned(),
            subscriptions,
            bucket,
            store: plan.store.clone(),
        };
        Ok(Watch { trigger, source })
    }

    fn options(&self, component: &Component, options: &AppOptions) -> WatchOptions {
        let plan = &self.plan;
        let usual = WatchOptions::default();
        WatchOptions {
            parallel: plan
                .parallel
                .map_or(usual.parallel, |parallel| parallel as usize),
            deadline: plan.deadline.or(component.timeout),
            retries: plan.retries.unwrap_or(usual.retries),
            backoff: plan.backoff.map_or(usual.backoff, |first| Backoff {
                first,
                most: usual.backoff.most.max(first),
            }),
            hops: plan.hops.unwrap_or(usual.hops),
            environment: component.environment.clone(),
            members: options.members.clone(),
            ..usual
        }
    }
}

// === impl Watch ===

impl Watch {
    pub(crate) fn source(&self) -> TriggerSource {
        self.source.clone()
    }

    pub(crate) fn counters(&self) -> Arc<Counters> {
        self.trigger.counters()
    }

    pub(crate) async fn run(self, stop: Stop) -> Result<(), Error> {
        self.trigger.run(stop.asked()).await
    }
}
