//! What a file lacks is named, with what to add.

use crate::read;

#[test]
fn a_plan_without_a_trigger_or_a_store_is_refused_with_what_to_add() {
    for (text, message) in [
        (
            "",
            "keywell.toml: nothing calls a component; add a [[trigger.http]], [[trigger.watch]], \
             [[trigger.command]], [[trigger.invoke]] or [[trigger.worker]]",
        ),
        (
            "[component.c]\npath='c'\nstore='a'\n",
            "keywell.toml:3:7: there is no store \"a\"; add a [store.a]",
        ),
        (
            "[component.c]\npath='c'\nbuckets={x='y'}\n",
            "keywell.toml:3:12: the bucket \"x\" needs a store, and there is no [store.NAME]",
        ),
        (
            "[[trigger.http]]\ncomponent='c'\n",
            "keywell.toml:2:11: there is no component \"c\"; add a [component.c]",
        ),
        (
            "store=1\n",
            "keywell.toml:1:7: store is written [store.NAME]",
        ),
        (
            "[store]\nmain='memory:'\n",
            "keywell.toml:1:2: store is written [store.NAME]",
        ),
        (
            "[[store]]\nname='main'\n",
            "keywell.toml:1:3: store is written [store.NAME]",
        ),
        (
            "[[trigger]]\nhttp='main'\n",
            "keywell.toml:1:3: trigger should be written [[trigger.http]] or [[trigger.watch]]",
        ),
        (
            "[trigger]\nhttp=[1]\n",
            "keywell.toml:2:1: trigger.http should be written [[trigger.http]]",
        ),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("apps/{message}")),
            "{text:?}: {error}"
        );
    }
}
