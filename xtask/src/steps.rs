use std::time::{Duration, Instant};

use crate::process::Done;

/// Work in steps, each shown with its number before it and with its time after it.
pub(crate) struct Steps {
    of: usize,
    done: usize,
}

// === impl Steps ===

impl Steps {
    pub(crate) fn new(of: usize) -> Self {
        Self { of, done: 0 }
    }

    pub(crate) fn step(&mut self, what: &str, work: impl FnOnce() -> Done) -> Done {
        let (number, of) = (self.done + 1, self.of);
        eprintln!("\n[{number}/{of}] {what}");
        let started = Instant::now();
        work()?;
        eprintln!("[{number}/{of}] done in {}", time(started.elapsed()));
        self.done = number;
        Ok(())
    }
}

/// `0.4 s`, `12 s`, or `4 min 5 s`
fn time(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_a_reader_needs() {
        let times = [0.04, 9.94, 12.9, 245.0].map(|seconds| time(Duration::from_secs_f64(seconds)));
        assert_eq!(times, ["0.0 s", "9.9 s", "12 s", "4 min 5 s"]);
    }

    #[test]
    fn the_first_step_that_fails_is_the_last() {
        let mut steps = Steps::new(2);
        steps.step("works", || Ok(())).unwrap();
        assert!(steps.step("fails", || Err("it".to_owned())).is_err());
        assert_eq!(steps.done, 1);
    }
}
