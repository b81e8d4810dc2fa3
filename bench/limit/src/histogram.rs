//! Counts of durations, in steps of less than one percent, whatever their size.

/// Below this a nanosecond has a step of its own; above, each doubling has half as many.
const STEPS: u64 = 256;

pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum: u64,
    highest: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Histogram { counts: vec![0; (64 * STEPS / 2) as usize], total: 0, sum: 0, highest: 0 }
    }

    // hot: per request
    pub fn record(&mut self, nanoseconds: u64) {
        self.counts[index_of(nanoseconds)] += 1;
        self.total += 1;
        self.sum += nanoseconds;
        self.highest = self.highest.max(nanoseconds);
    }

    /// The least duration that `part` of all do not exceed, to within a step.
    pub fn quantile(&self, part: f64) -> u64 {
        let wanted = (self.total as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && *count > 0 {
                return value_of(index).min(self.highest);
            }
        }
        self.highest
    }

    pub fn json(&self) -> String {
        let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        format!(
            "{{\"count\":{},\"meanMs\":{:.4},\"p50Ms\":{:.4},\"p90Ms\":{:.4},\"p99Ms\":{:.4},\"p999Ms\":{:.4},\"maxMs\":{:.4}}}",
            self.total,
            if self.total == 0 { 0.0 } else { ms(self.sum) / self.total as f64 },
            ms(self.quantile(0.5)),
            ms(self.quantile(0.9)),
            ms(self.quantile(0.99)),
            ms(self.quantile(0.999)),
            ms(self.highest),
        )
    }
}

fn index_of(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = 64 - value.leading_zeros() as u64 - 8; // leaves STEPS / 2 ..= STEPS - 1
    (shift * STEPS / 2 + (value >> shift)) as usize
}

/// The highest of a step.
fn value_of(index: usize) -> u64 {
    let index = index as u64;
    if index < STEPS {
        return index;
    }
    let shift = index / (STEPS / 2) - 1;
    ((index - shift * STEPS / 2 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::{index_of, value_of, Histogram};

    #[test]
    fn a_value_lies_within_a_percent_below_the_highest_of_its_step() {
        for value in (0..100_000u64).chain((0..60).map(|bit| (1 << bit) + 12_345)) {
            let highest = value_of(index_of(value));
            assert!(value <= highest && highest - value <= value / 100, "{value} is in the step of {highest}");
        }
    }

    #[test]
    fn quantiles_are_counted_from_below() {
        let mut histogram = Histogram::new();
        for value in 1..=100 {
            histogram.record(value);
        }
        assert_eq!([0.5, 0.99, 0.999, 1.0].map(|part| histogram.quantile(part)), [50, 99, 100, 100]);
    }
}
