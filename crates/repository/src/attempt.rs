//! One attempt at one set: its `begin`, its packs, its manifest. Everything it writes lies under its
//! own name, so an attempt that lost its lease can harm nothing.
//!
//! Packs are filled by any number of threads and stored by two; three buffers bound the memory. After
//! the first failure nothing more is taken.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

use blobstore::{BlobStore, ObjectKey, StoreError};

use crate::encode::EncodedFrame;
use crate::format::frame::{AttemptName, FrameId, PackId};
use crate::pack::{PACK_BYTES_MAX, PackBuilder, SealedPack};
use crate::seal::DataKey;
use crate::{InstanceId, Place};

/// Packs in memory: one being filled, one waiting or being stored by each of the threads.
const BUFFERS_MAX: usize = 3;
const STORING_THREADS: usize = 2;

/// Why an attempt cannot write on.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// The store refused a pack; the attempt is over.
    #[error("store pack-{number:06} of attempt {name}")]
    Store {
        /// The pack's number.
        number: u32,
        /// The attempt.
        name: AttemptName,
        /// The cause.
        #[source]
        source: Arc<StoreError>,
    },
    /// Storing the pack would leave less room than the floor.
    #[error(
        "{location} has {free_bytes} bytes free; storing more would leave less than the floor of {floor_bytes}"
    )]
    NoSpace {
        /// The store.
        location: String,
        /// Bytes free.
        free_bytes: u64,
        /// Bytes that must stay free.
        floor_bytes: u64,
    },
    /// The thread that stored a pack panicked: a bug.
    #[error("a thread that stores packs of attempt {0} panicked; please report this with the log")]
    Panicked(AttemptName),
    /// An attempt was asked to write more packs than the format can number.
    #[error("attempt {0} has more packs than the format can number")]
    TooManyPacks(AttemptName),
}

/// Takes frames of one attempt. Used by many threads at once.
#[derive(Debug)]
pub struct AttemptWriter {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn BlobStore>,
    key: DataKey,
    place: Place,
    floor_bytes: Option<u64>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: Option<PackBuilder>,
    /// The open pack's number; so many were sealed before it.
    number: u32,
    waiting: Vec<(u32, SealedPack)>,
    storing: usize,
    buffers: Vec<Vec<u8>>,
    buffers_made: usize,
    /// Sizes of packs, by number; 0 until stored.
    sizes: Vec<u32>,
    frames: u64,
    unstored: BTreeSet<u32>,
    failed: Option<AttemptError>,
    closed: bool,
}

impl AttemptWriter {
    pub(crate) fn new(
        store: Arc<dyn BlobStore>,
        key: DataKey,
        place: Place,
        floor_bytes: Option<u64>,
    ) -> Self {
        let state = Mutex::default();
        let shared = Arc::new(Shared { store, key, place, floor_bytes, state, changed: Condvar::new() });
        let threads = (0..STORING_THREADS).map(|number| {
            let shared = Arc::clone(&shared);
            let name = format!("store-pack-{number}");
            std::thread::Builder::new()
                .name(name)
                .spawn(move || shared.store_packs())
                .expect("a thread starts")
        });
        let threads = threads.collect();
        Self { shared, threads }
    }

    /// The instance.
    pub fn instance(&self) -> &InstanceId {
        &self.shared.place.instance
    }

    /// Set and attempt.
    pub fn name(&self) -> AttemptName {
        self.shared.place.name
    }

    /// Seals `frame` into the open pack and says where it will lie. Blocks while three packs are full.
    ///
    /// # Errors
    /// An earlier pack could not be stored.
    pub fn append(&self, frame: EncodedFrame<'_>) -> Result<FrameId, AttemptError> {
        let mut state = self.shared.lock();
        loop {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            match &mut state.open {
                Some(pack) if pack.has_room(&frame) => {
                    let number = pack.append(frame);
                    state.frames += 1;
                    let pack = PackId { attempt: self.name().attempt, number: state.number };
                    return Ok(FrameId { pack, number });
                }
                Some(_) => self.shared.seal_open(&mut state)?,
                None => state = self.shared.open_pack(state),
            }
        }
    }

    /// Sees that all frames appended so far are durably stored.
    ///
    /// # Errors
    /// A pack could not be stored.
    pub fn flush(&self) -> Result<(), AttemptError> {
        let mut state = self.shared.lock();
        if state.open.as_ref().is_some_and(|pack| !pack.is_empty()) {
            self.shared.seal_open(&mut state)?;
        }
        while !state.unstored.is_empty() && state.failed.is_none() {
            state = self.shared.wait(state);
        }
        state.failed.clone().map_or(Ok(()), Err)
    }

    /// Asks that the open pack be stored soon, without waiting.
    ///
    /// # Errors
    /// An earlier pack could not be stored.
    pub fn flush_soon(&self) -> Result<(), AttemptError> {
        let mut state = self.shared.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        if state.open.as_ref().is_some_and(|pack| !pack.is_empty()) {
            self.shared.seal_open(&mut state)?;
        }
        Ok(())
    }

    /// Is everything up to and including `frame` durably stored?
    pub fn is_stored(&self, frame: FrameId) -> bool {
        let state = self.shared.lock();
        let open = frame.pack.number >= state.number;
        !open && state.unstored.first().is_none_or(|first| *first > frame.pack.number)
    }

    /// Sizes of the packs stored so far, by number.
    pub fn pack_sizes(&self) -> Vec<u32> {
        self.shared.lock().sizes.clone()
    }

    /// Frames appended so far.
    pub fn frames(&self) -> u64 {
        self.shared.lock().frames
    }

    /// Stops the storing threads; what they were doing is finished or failed on return.
    pub(crate) fn close(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A panic in there has failed the attempt already: its pack is not counted as stored.
            let _ = thread.join();
        }
    }
}

impl Drop for AttemptWriter {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics while it holds the packs")
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).expect("no thread panics while it holds the packs")
    }

    /// Opens a pack in a free buffer, or waits for one.
    fn open_pack<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let buffer = match state.buffers.pop() {
            Some(buffer) => buffer,
            None if state.buffers_made < BUFFERS_MAX => {
                state.buffers_made += 1;
                Vec::with_capacity(PACK_BYTES_MAX)
            }
            None => return self.wait(state),
        };
        state.open = Some(PackBuilder::new(&self.key, buffer));
        state
    }

    fn seal_open(&self, state: &mut State) -> Result<(), AttemptError> {
        let Some(pack) = state.open.take() else { return Ok(()) };
        let number = state.number;
        state.number = number.checked_add(1).ok_or(AttemptError::TooManyPacks(self.place.name))?;
        state.waiting.push((number, pack.seal()));
        state.sizes.push(0);
        state.unstored.insert(number);
        self.changed.notify_all();
        Ok(())
    }

    fn store_packs(&self) {
        let mut state = self.lock();
        loop {
            if !state.waiting.is_empty() {
                let (number, pack) = state.waiting.remove(0);
                state.storing += 1;
                drop(state);
                // A panic must not leave the pack unsettled, or everybody would wait for it for ever.
                let stored = catch_unwind(AssertUnwindSafe(|| self.store_pack(number, &pack)));
                let outcome = stored.unwrap_or(Err(AttemptError::Panicked(self.place.name)));
                state = self.lock();
                state.storing -= 1;
                state.settle(number, pack, outcome);
                self.changed.notify_all();
            } else if state.closed {
                return;
            } else {
                state = self.wait(state);
            }
        }
    }

    fn store_pack(&self, number: u32, pack: &SealedPack) -> Result<(), AttemptError> {
        let failed = |source| AttemptError::Store { number, name: self.place.name, source: Arc::new(source) };
        if let Some(floor_bytes) = self.floor_bytes
            && let Some(space) = self.store.space().map_err(failed)?
            && space.free_bytes < floor_bytes.saturating_add(pack.bytes.len() as u64)
        {
            let location = self.store.location();
            return Err(AttemptError::NoSpace { location, free_bytes: space.free_bytes, floor_bytes });
        }
        self.store.put(&self.place.pack(number), &[&pack.bytes]).map_err(failed)
    }
}

impl State {
    fn settle(&mut self, number: u32, pack: SealedPack, outcome: Result<(), AttemptError>) {
        match outcome {
            Ok(()) => {
                let size = u32::try_from(pack.bytes.len()).expect("a pack has at most 32 MiB");
                let position = usize::try_from(number).expect("pack numbers fit in memory");
                self.sizes[position] = size;
                self.unstored.remove(&number);
            }
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
        self.buffers.push(pack.bytes);
    }
}

/// Beginning of the names of a `begin`'s renewals, before their number.
pub(crate) const RENEWAL_PREFIX: &str = "begin-renewed-";

/// Names of an attempt's objects.
impl Place {
    pub(crate) fn folder(&self) -> String {
        format!("{}/sets/{}", self.instance, self.name)
    }

    pub(crate) fn begin(&self) -> ObjectKey {
        self.object("begin")
    }

    pub(crate) fn renewal(&self, number: u32) -> ObjectKey {
        self.object(&format!("{RENEWAL_PREFIX}{number:06}"))
    }

    pub(crate) fn manifest(&self) -> ObjectKey {
        self.object("manifest")
    }

    /// The object of one of its packs.
    pub fn pack(&self, number: u32) -> ObjectKey {
        self.object(&format!("pack-{number:06}"))
    }

    pub(crate) fn tombstone(&self) -> ObjectKey {
        format!("{}/tombstones/{}", self.instance, self.name).parse().expect("ids are plain")
    }

    fn object(&self, name: &str) -> ObjectKey {
        format!("{}/{name}", self.folder()).parse().expect("ids and names are plain")
    }
}
