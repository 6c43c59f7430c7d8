//! The rules of the journal and its base, played through without the engine.
//!
//! The story: a store stages commits, writes and syncs batches, rotates segments, takes checkpoints,
//! is closed, killed, cut from its power and met by failing syncs at any call, also while it recovers,
//! a dozen times in a row. Whatever happens, an opening must find a prefix of the commit order that
//! holds every promise, and never calls its own work corrupt.
//!
//! The model shares no code with the engine. It is there to judge a change of the rules before the
//! engine makes it, so it has to show its teeth: each rule left out must make some run go wrong, or is
//! said to be harmless with the reason.
//!
//! A failure prints its seed; `HIGHWATER_PROTOCOL_SEED=7 cargo test --test protocol follow` tells that
//! run step by step. `HIGHWATER_PROTOCOL_RUNS=100000` sets how many runs each test plays, and makes the
//! tests of the rules count all wrong runs where they otherwise stop at the first.

mod protocol {
    pub(crate) mod announce;
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
use protocol::run::{Tell, run, run_damaged, run_damaged_forgetting_names};

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

fn expect_none(play: Play, rules: Rules, runs: u64) {
    let runs = figure("HIGHWATER_PROTOCOL_RUNS").unwrap_or(runs);
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
    expect_none(run, Rules::all(), 3_000);
}

/// A batch or a segment breaks afterwards: what was acknowledged is missed, what is not needed is not.
#[test]
fn all_rules_tell_damage_from_a_torn_tail() {
    expect_none(run_damaged, Rules::all(), 3_000);
}

/// What no rule covers: a failed sync takes the removal of the base's segment for done, the opening
/// fails, the next one does not see that name and a power cut brings it back. Then the restart segment
/// can be lost without a word. It takes a disk whose later directory syncs do not make up for it.
#[test]
fn a_forgotten_removal_can_hide_a_lost_segment() {
    expect_some(run_damaged_forgetting_names, &[]);
}

/// A rule that is not needed: without it both kinds of runs are as right as with it.
fn expect_harmless(left_out: &'static [Rule]) {
    for play in [run, run_damaged] {
        expect_none(play, Rules::without(left_out), 1_000);
    }
}

/// A log sealed without a checkpoint is a log like any other: an opening trusts no seal.
#[test]
fn a_close_without_a_checkpoint_is_harmless() {
    expect_harmless(&[Rule::CheckpointBeforeClose]);
}

/// A base that did not settle only makes the next restart segment longer, since that reaches back.
#[test]
fn a_close_without_settling_is_harmless() {
    expect_harmless(&[Rule::SettleBeforeClose]);
}

/// A segment that failed and is still there is empty and named by nobody, or a whole restart segment.
#[test]
fn leaving_a_failed_segment_is_harmless() {
    expect_harmless(&[Rule::FailedSegmentIsRemoved]);
}

/// Whatever the disk still shows under a number, the sync that makes its next bearer count replaces it.
#[test]
fn giving_a_number_out_again_is_harmless() {
    expect_harmless(&[Rule::FailedNumberIsBurnt]);
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
        empty_segments_are_no_store: run without EmptySegmentsAreNoStore;
        sync_name_of_base: run without SyncNameOfBase;
        sync_name_of_base_again: run without SyncNameOfBaseAgain;
        continuity_decides: run_damaged without ContinuityDecides;
        durable_lsn_alone: run_damaged without DurableLsnAlone;
        durable_lsn_tells_damage: run_damaged without DurableLsnTellsDamage;
        burnt_numbers_are_skipped: run without BurntNumbersAreSkipped;
        successor_must_exist: run_damaged without SuccessorMustExist;
        restart_lsn_tells_damage: run_damaged without RestartLsnTellsDamage;
        restart_means_a_store: run_damaged without RestartMeansAStore;
        restart_after_close: run_damaged without RestartAfterClose;
        retire_before_restart: run_damaged without RetireBeforeRestart;
        sync_retiring: run_damaged without SyncRetiring;
        opening_needs_retiring: run_damaged without OpeningNeedsRetiring;
    }
}
