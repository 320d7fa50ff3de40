use std::time::Duration;

use hdrhistogram::Histogram;

use crate::Done;

/// The longest latency that is distinguished from longer ones.
const LONGEST: Duration = Duration::from_mins(1);

/// What came of a load.
pub(crate) struct Load {
    /// Requests answered a second.
    pub(crate) per_second: f64,
    /// In nanoseconds, with three digits.
    latencies: Histogram<u64>,
}

// === impl Load ===

impl Load {
    pub(super) fn new(latencies: &[Duration], took: Duration) -> Done<Self> {
        let nanos = |latency: Duration| u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        let mut histogram = Histogram::new_with_bounds(1, nanos(LONGEST), 3)?;
        for latency in latencies {
            histogram.saturating_record(nanos(*latency));
        }
        Ok(Self {
            per_second: latencies.len() as f64 / took.as_secs_f64(),
            latencies: histogram,
        })
    }

    /// The latency that this part of the requests did not exceed, in microseconds.
    pub(crate) fn micros(&self, part: f64) -> f64 {
        self.latencies.value_at_quantile(part) as f64 / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_latencies() {
        let latencies: Vec<Duration> = (1..=1000).map(Duration::from_micros).collect();
        let load = Load::new(&latencies, Duration::from_secs(2)).unwrap();
        assert!((load.per_second - 500.0).abs() < 1e-9);
        for (part, micros) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0)] {
            let measured = load.micros(part);
            assert!(
                (measured / micros - 1.0f64).abs() < 2e-3,
                "{part}: {measured}"
            );
        }
    }

    #[test]
    fn a_latency_past_the_longest_counts_as_the_longest() {
        let load = Load::new(&[Duration::from_hours(1)], Duration::from_secs(1)).unwrap();
        assert!((load.micros(0.5) / LONGEST.as_micros() as f64 - 1.0).abs() < 2e-3);
    }
}
