//! A gate at which calls wait.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Holds calls until it is let go. Copies are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Stall {
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    arrived: u64,
    open: bool,
}

impl Stall {
    /// Closed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until a call has arrived at the gate; `false` when none has within `deadline`.
    #[must_use]
    pub fn reached(&self, deadline: Duration) -> bool {
        let nobody = |state: &mut State| state.arrived == 0;
        match self.gate.changed.wait_timeout_while(self.lock(), deadline, nobody) {
            Ok((state, _)) => state.arrived > 0,
            Err(_) => false,
        }
    }

    /// Lets all calls go, those to come too.
    pub fn release(&self) {
        self.lock().open = true;
        self.gate.changed.notify_all();
    }

    pub(super) fn wait(&self) {
        let mut state = self.lock();
        state.arrived += 1;
        self.gate.changed.notify_all();
        drop(
            self.gate
                .changed
                .wait_while(state, |state| !state.open)
                .expect("nothing panics while it holds this"),
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.gate.state.lock().expect("nothing panics while it holds this")
    }
}
