use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use keywell_runtime::{Compilation, CompilationListener};
use keywell_store::terminal;
use parking_lot::Mutex;

use super::output;

/// Says on standard error that a large component is compiled: on a terminal for how long so far,
/// elsewhere by a line when it begins. A line says when it is done.
pub(super) fn listener() -> CompilationListener {
    let shown: Mutex<Option<ProgressBar>> = Mutex::default();
    CompilationListener::new(move |step| {
        let mut shown = shown.lock();
        match step {
            Compilation::Begins {
                name,
                bytes,
                is_kept,
            } => {
                let text = begins(name, bytes, is_kept);
                if output::output().stderr().is_terminal() {
                    *shown = Some(bar(&text));
                } else {
                    output::remark(&text);
                }
            }
            Compilation::Ends { name, took } => {
                // It wipes itself away.
                drop(shown.take());
                if let Some(took) = took {
                    output::remark(&ended(name, took));
                }
            }
        }
    })
}

fn begins(name: &str, bytes: usize, is_kept: bool) -> String {
    let tenths = bytes / 100_000;
    let kept = if is_kept {
        "once; later starts take it from the cache"
    } else {
        "at every start, as there is no cache"
    };
    format!(
        "compiling {name} ({}.{} MB), {kept}",
        tenths / 10,
        tenths % 10
    )
}

fn ended(name: &str, took: Duration) -> String {
    format!("compiled {name} in {:.1} s", took.as_secs_f64())
}

fn bar(text: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}: {elapsed}")
        .expect("the template is well-formed");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        .with_style(style)
        .with_message(terminal::escape(text).into_owned())
        .with_finish(ProgressFinish::AndClear);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_name_the_component_its_size_and_the_time() {
        let line = begins("app.wasm", 18_391_090, true);
        assert!(
            line.starts_with("compiling app.wasm (18.3 MB), once;"),
            "{line}"
        );
        let line = begins("app.wasm", 18_391_090, false);
        assert!(line.contains("at every start"), "{line}");
        let line = ended("app.wasm", Duration::from_millis(12_340));
        assert_eq!(line, "compiled app.wasm in 12.3 s");
    }
}
