//! Requests of the API: target, headers and signature, form.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    backstop_fuzz::rpc_request(bytes);
});
