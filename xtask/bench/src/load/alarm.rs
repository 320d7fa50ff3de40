use std::io;
use std::time::Instant;

/// Wakes at a time. Tokio's timers are in milliseconds, which is longer than most answers take; the system's are not.
#[cfg(target_os = "linux")]
pub(crate) struct Alarm(tokio::io::unix::AsyncFd<rustix::fd::OwnedFd>);

/// Wakes at a time, by asking for it again and again where the system has no timer to wait for.
#[cfg(not(target_os = "linux"))]
pub(crate) struct Alarm;

// === impl Alarm ===

#[cfg(target_os = "linux")]
impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[allow(
            deprecated,
            reason = "its successor is unsafe, for descriptors that can be replaced; this one is owned"
        )]
        Ok(Self(tokio::io::unix::AsyncFd::new(timer)?))
    }

    /// Waits, unless the time is past.
    pub(crate) async fn at(&self, time: Instant) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let left = time.saturating_duration_since(Instant::now());
        let Ok(in_time) = Timespec::try_from(left) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if left.is_zero() {
            return Ok(());
        }
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: in_time,
        };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut ready = self.0.readable().await?;
            let rung = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?));
            match rung {
                Ok(read) => return read.map(drop),
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits, unless the time is past.
    pub(crate) async fn at(&self, time: Instant) -> io::Result<()> {
        while Instant::now() < time {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
