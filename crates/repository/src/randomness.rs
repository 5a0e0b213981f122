//! Random bytes for keys, salts and ids: the system's. A test may give its own thread others, so that what
//! is written can be compared byte by byte.

/// Fills `bytes`.
///
/// # Panics
/// When the system has no randomness to give, for then nothing may be sealed.
pub(crate) fn fill(bytes: &mut [u8]) {
    #[cfg(test)]
    if given::fill(bytes) {
        return;
    }
    getrandom::fill(bytes).expect("the system gives random bytes");
}

#[cfg(test)]
pub(crate) mod given {
    use std::cell::RefCell;

    thread_local! {
        static SOURCE: RefCell<Option<blake3::OutputReader>> = const { RefCell::new(None) };
    }

    /// While this lives, the thread that made it draws from its seed.
    pub(crate) struct Given(());

    impl Given {
        pub(crate) fn by(seed: &str) -> Self {
            let mut hasher = blake3::Hasher::new();
            let reader = hasher.update(seed.as_bytes()).finalize_xof();
            SOURCE.with_borrow_mut(|source| *source = Some(reader));
            Self(())
        }
    }

    impl Drop for Given {
        fn drop(&mut self) {
            SOURCE.with_borrow_mut(|source| *source = None);
        }
    }

    pub(super) fn fill(bytes: &mut [u8]) -> bool {
        SOURCE.with_borrow_mut(|source| source.as_mut().map(|source| source.fill(bytes)).is_some())
    }
}
