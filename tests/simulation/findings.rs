//! Runs that failed once, each with the story of what it showed.

use highwater::simulation::replay;

/// Whoever pastes half of a script is told where it ends to make sense.
#[test]
fn a_script_that_makes_no_sense_is_refused_by_line() {
    let failure = replay("(setup:1)").expect_err("that is no beginning");
    assert!(failure.dispute().starts_with("line 1: "), "{failure}");
}
