//! The rules of the journal and its base, played through without the engine.
//!
//! The story: a store stages commits, writes and syncs batches, rotates segments, takes checkpoints,
//! is closed, killed, cut from its power and met by failing syncs at any call, also while it recovers,
//! a dozen times in a row. Whatever happens, an opening must find a prefix of the commit order that
//! holds every promise, and never calls its own work corrupt.
//!
//! The model shares no code with the engine. It is there to judge a change of the rules before the
//! engine makes it, so it has to show its teeth: each rule left out must make some run go wrong.
//!
//! A failure prints its seed; `HIGHWATER_PROTOCOL_SEED=7 cargo test --test protocol follow` tells that
//! run step by step. `HIGHWATER_PROTOCOL_RUNS=100000` sets how many runs each test plays, and makes the
//! tests of the rules count all wrong runs where they otherwise stop at the first.

mod protocol {
    pub(crate) mod base;
    pub(crate) mod checkpoint;
    pub(crate) mod damage;
    pub(crate) mod opening;
    pub(crate) mod promises;
    pub(crate) mod rules;
    pub(crate) mod run;
    pub(crate) mod scan;
    pub(crate) mod segment;
    pub(crate) mod store;
    pub(crate) mod world;
}

use protocol::rules::{Rule, Rules};
use protocol::run::{Tell, run, run_damaged};

type Play = fn(Rules, u64, Tell) -> Result<(), String>;

/// A figure from the environment.
fn figure(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The wrong ones among the runs with the seeds from 0 on, as (seed, what went wrong).
fn wrong_runs(play: Play, rules: Rules, runs: u64) -> impl Iterator<Item = (u64, String)> {
    (0..runs).filter_map(move |seed| Some((seed, play(rules, seed, &mut |_| {}).err()?)))
}

fn expect_none(play: Play, rules: Rules) {
    let runs = figure("HIGHWATER_PROTOCOL_RUNS").unwrap_or(3_000);
    let wrong: Vec<_> = wrong_runs(play, rules, runs).collect();
    println!("{} of {runs} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} of {runs} wrong, first: {:?}", wrong.len(), wrong[0]);
}

fn expect_some(play: Play, left_out: &'static [Rule]) {
    let counts = figure("HIGHWATER_PROTOCOL_RUNS");
    let runs = counts.unwrap_or(40_000);
    let most = if counts.is_some() { runs as usize } else { 1 };
    let wrong: Vec<_> = wrong_runs(play, Rules::without(left_out), runs).take(most).collect();
    let first = wrong.first();
    println!("without {left_out:?}: {} of {runs} wrong, first {first:?}", wrong.len());
    assert!(first.is_some(), "nothing goes wrong in {runs} runs without {left_out:?}");
}

/// Power cuts, kills and failed syncs in any order: every promise is kept.
#[test]
fn all_rules_keep_every_promise() {
    expect_none(run, Rules::all());
}

/// A batch or a segment breaks afterwards: what was acknowledged is missed, what is not needed is not.
#[test]
fn all_rules_tell_damage_from_a_torn_tail() {
    expect_none(run_damaged, Rules::all());
}

/// A log sealed without a checkpoint is not taken for clean: nothing depends on the close being right.
#[test]
fn a_seal_without_a_checkpoint_is_met_by_the_opening() {
    expect_none(run, Rules::without(&[Rule::CheckpointBeforeClose]));
    expect_some(run, &[Rule::CheckpointBeforeClose, Rule::CleanNeedsCheckpoint]);
}

/// Tells the run of one seed step by step, with all rules.
#[test]
fn follow() {
    let Some(seed) = figure("HIGHWATER_PROTOCOL_SEED") else {
        return;
    };
    for play in [run, run_damaged] {
        let result = play(Rules::all(), seed, &mut |line| println!("{line}"));
        assert_eq!(result, Ok(()), "seed {seed}");
    }
}

/// One test for each rule: left out, some run goes wrong.
macro_rules! teeth {
    ($($test:ident: $play:ident without $rule:ident;)*) => {
        $(
            #[test]
            fn $test() {
                expect_some($play, &[Rule::$rule]);
            }
        )*
    };
}

mod without {
    use super::*;

    teeth! {
        sync_at_rotation: run without SyncAtRotation;
        sync_covers_what_was_written: run without SyncCoversWhatWasWritten;
        acknowledge_after_sync: run without AcknowledgeAfterSync;
        written_waits_for_synced: run without WrittenWaitsForSynced;
        failed_sync_poisons: run without FailedSyncPoisons;
        never_seal_poisoned: run without NeverSealPoisoned;
        checkpoint_only_synced: run without CheckpointOnlySynced;
        retire_one_late: run without RetireOneLate;
        sync_name_of_segment: run without SyncNameOfSegment;
        fresh_salt: run without FreshSalt;
        only_above_checkpoint: run without OnlyAboveCheckpoint;
        scan_reaches_back: run without ScanReachesBack;
        only_linked_below_checkpoint: run without OnlyLinkedBelowCheckpoint;
        restart_begins_log: run without RestartBeginsLog;
        restart_segment: run without RestartSegment;
        restart_reaches_back: run without RestartReachesBack;
        sync_restart_before_rename: run without SyncRestartBeforeRename;
        sync_name_of_restart: run without SyncNameOfRestart;
        no_append_behind_cut: run without NoAppendBehindCut;
        clean_needs_checkpoint: run without CleanNeedsCheckpoint;
        clean_needs_nothing_behind: run without CleanNeedsNothingBehind;
        sync_name_of_base: run without SyncNameOfBase;
        sync_name_of_base_again: run without SyncNameOfBaseAgain;
        continuity_decides: run without ContinuityDecides;
        durable_lsn_alone: run without DurableLsnAlone;
        durable_lsn_tells_damage: run_damaged without DurableLsnTellsDamage;
        burnt_numbers_are_skipped: run without BurntNumbersAreSkipped;
        successor_must_exist: run_damaged without SuccessorMustExist;
        restart_lsn_tells_damage: run_damaged without RestartLsnTellsDamage;
    }
}
