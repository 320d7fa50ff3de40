//! Removal of expired keys.

use parking_lot::RwLock;

use crate::budget::Expire;
use crate::data::MemoryBucket;
use crate::stripe::Stripe;
use crate::writer::Writer;

/// Removes some expired keys of a stripe, unless another thread has locked it.
pub(crate) fn some(bucket: &MemoryBucket, stripe: &RwLock<Stripe>) {
    if let Some(mut stripe) = stripe.try_write() {
        Writer::new(bucket, &mut stripe);
        drop(stripe);
        bucket.log().wake();
    }
}

/// Removes all expired keys, up to a limit, and sets the alarm for the next ones.
pub(crate) fn due(bucket: &MemoryBucket) {
    const AT_A_TIME: usize = 1024;
    let (clock, alarm) = (bucket.clock(), bucket.alarm());
    let now = clock.now();
    if !alarm.take(now) {
        return;
    }
    let mut left = AT_A_TIME;
    for stripe in bucket.stripes().iter() {
        let mut stripe = stripe.write();
        if stripe.expiries().is_empty() {
            continue;
        }
        left -= Writer::new(bucket, &mut stripe).clear(left);
        if let Some(next) = stripe.expiries().earliest() {
            alarm.set(next);
        }
        if left == 0 {
            alarm.set(now);
            break;
        }
    }
    // While the alarm was off, another watcher may have gone to sleep without one.
    bucket.log().wake();
}

// === impl MemoryBucket ===

impl Expire for MemoryBucket {
    fn remove_expired(&self) {
        let now = self.clock().now();
        let is_due = |stripe: &Stripe| {
            let earliest = stripe.expiries().earliest();
            earliest.is_some_and(|deadline| deadline <= now)
        };
        for stripe in self.stripes().iter() {
            if stripe.try_read().is_some_and(|stripe| is_due(&stripe))
                && let Some(mut stripe) = stripe.try_write()
            {
                Writer::again(self, &mut stripe).clear(usize::MAX);
            }
        }
        self.log().wake();
    }
}
