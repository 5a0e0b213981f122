//! A job between two runners, in any order of events.

use catalog::conformance::{Runner, Step, follow};
use proptest::prelude::*;
use proptest::test_runner::Config;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let runner = || prop_oneof![Just(Runner::A), Just(Runner::B)];
    let step = prop_oneof![
        3 => (0_u8..40).prop_map(Step::Wait),
        5 => runner().prop_map(Step::Claim),
        1 => runner().prop_map(Step::Renew),
        3 => (runner(), 0_u8..=99).prop_map(|(runner, process)| Step::Report(runner, process)),
        1 => runner().prop_map(Step::Finish),
        1 => runner().prop_map(Step::Fail),
        1 => runner().prop_map(Step::GiveBack),
        2 => runner().prop_map(Step::FailAttempt),
        1 => runner().prop_map(Step::Restart),
        1 => Just(Step::Cancel),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    // Each case is a database of its own, of which a second makes about a dozen.
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_job_between_two_runners_does_what_the_model_does(steps in steps()) {
        let home = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}", home.path().join("catalog.sqlite").display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(follow(&url, &steps));
    }
}
