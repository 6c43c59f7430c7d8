//! Draws scripts and configurations, plays each on a plain store and on the others, and lays the
//! answers side by side.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use fastrand::Rng;

use super::configuration::Configuration;
use super::plan::{self, Step, planned};
use super::player::{assert_same, play};

/// So many scripts are played if nothing else is asked for.
const SCRIPTS: u64 = 24;
const STEPS: usize = 70;
/// On so many stores beside the plain one.
const CONFIGURATIONS: usize = 8;

/// What was seen over all scripts, so that nobody believes a campaign that came to nothing.
type Seen = BTreeMap<String, u64>;

/// Two bots with the same history differ only in how their stores were opened, and in how often and
/// how badly their lives ended. They must never be told anything different.
#[test]
fn no_option_changes_an_answer() {
    keep_panics_quiet();
    let seeds = match (number("SEED"), number("CASES")) {
        (Some(seed), _) => seed..seed + 1,
        (None, cases) => 0..cases.unwrap_or(SCRIPTS),
    };
    let (next, seen) = (AtomicU64::new(seeds.start), Mutex::new(Seen::new()));
    let failed = Mutex::new(None);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || failed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
            {
                return;
            }
            if let Err(failure) = one_script(seed, &seen) {
                let mut first = failed.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert((seed, failure));
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    if let Some((seed, failure)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        panic!("HIGHWATER_METAMORPHIC_SEED={seed}\n{}", shortened(*failure));
    }
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (what, count) in &seen {
        println!("{count:8} {what}");
    }
    if number("SEED").is_none() && number("CASES").is_none() {
        assert_came_to_something(&seen);
    }
}

/// A script on a store that said something else than the plain one.
struct Failure {
    script: Vec<Step>,
    configuration: Configuration,
    dispute: String,
}

fn one_script(seed: u64, seen: &Mutex<Seen>) -> Result<(), Box<Failure>> {
    let mut rng = Rng::with_seed(seed);
    let script = plan::drawn(&mut rng, STEPS);
    let plan = planned(&script);
    let plain = Configuration::plain();
    let configurations: Vec<_> =
        (0..CONFIGURATIONS).map(|_| Configuration::drawn(&mut rng)).collect();
    let mut expected = Vec::new();
    for configuration in std::iter::once(&plain).chain(&configurations) {
        let compared = caught(|| {
            let answers = play(configuration, &plan);
            match expected.is_empty() {
                true => expected = answers,
                false => compare(&plan, &expected, &answers),
            }
        });
        compared.map_err(|dispute| {
            let configuration = configuration.clone();
            Box::new(Failure { script: script.clone(), configuration, dispute })
        })?;
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    for answer in &expected {
        let refused = answer.matches("refused: ").count() as u64;
        *seen.entry("commits refused".to_owned()).or_default() += refused;
        let word = answer.split([' ', '(', '\n', ':']).next().unwrap_or_default();
        if word.chars().next().is_some_and(char::is_uppercase) {
            *seen.entry(format!("answer {word}")).or_default() += 1;
        }
    }
    for one in &configurations {
        for what in [
            format!("on {:?}", one.medium),
            format!("background threads {}", one.threaded_background),
            format!("{:?}", one.durability),
            format!("commits by {:?}", one.form),
            format!("{} threads", one.threads),
            format!("lives end {:?}", one.ends),
            format!("reopens between steps {}", one.reopens.is_some()),
        ] {
            *seen.entry(what).or_default() += 1;
        }
    }
    Ok(())
}

fn compare(plan: &[plan::Planned<'_>], expected: &[String], answers: &[String]) {
    assert_eq!(expected.len(), answers.len(), "so many steps were answered");
    for (planned, (expected, answer)) in plan.iter().zip(expected.iter().zip(answers)) {
        assert_same(&format!("{:?}", planned.step), expected, answer);
    }
}

/// Leaves out steps, many at a time first, as long as the two stores still differ.
fn shortened(mut failure: Failure) -> String {
    let mut size = failure.script.len() / 2;
    while size > 0 {
        let (mut start, mut cut) = (0, false);
        while start < failure.script.len() {
            let end = (start + size).min(failure.script.len());
            let mut script = failure.script.clone();
            script.drain(start..end);
            match differ(&script, &failure.configuration) {
                Err(dispute) => {
                    failure = Failure { script, dispute, ..failure };
                    cut = true;
                }
                Ok(()) => start = end,
            }
        }
        if !cut || size > 1 {
            size /= 2;
        }
    }
    let steps: Vec<_> = failure.script.iter().map(|step| format!("  {step:?}")).collect();
    let (configuration, dispute) = (failure.configuration, failure.dispute);
    format!("{configuration:?}\n{} steps:\n{}\n{dispute}", steps.len(), steps.join("\n"))
}

fn differ(script: &[Step], configuration: &Configuration) -> Result<(), String> {
    caught(|| {
        let plan = planned(script);
        let expected = play(&Configuration::plain(), &plan);
        compare(&plan, &expected, &play(configuration, &plan));
    })
}

/// Refusals have to occur as well as deeds, and every kind of store.
fn assert_came_to_something(seen: &Seen) {
    for what in [
        "answer Done",
        "answer New",
        "answer Posted",
        "answer Insufficient",
        "answer StaleOwner",
        "answer IllegalTransition",
        "answer RecoveryNeeded",
        "answer DuplicatePosition",
        "answer CursorMoved",
        "commits refused",
        "on Files",
        "on Memory",
        "on Simulated",
        "lives end Closed",
        "lives end Killed",
        "lives end PowerCut(LoseAll)",
        "lives end PowerCut(Random)",
        "commits by Ticket",
        "commits by Finishing",
        "4 threads",
        "reopens between steps true",
        "background threads true",
    ] {
        assert!(seen.get(what).is_some_and(|count| *count > 0), "{what} never came about");
    }
}

thread_local! {
    /// Whether a panic is an answer here, and not the end of the test.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

fn caught(body: impl FnOnce()) -> Result<(), String> {
    EXPECTED.set(true);
    LAST_PANIC.with_borrow_mut(String::clear);
    let ended = catch_unwind(AssertUnwindSafe(body));
    EXPECTED.set(false);
    ended.map_err(|panic| {
        let here = LAST_PANIC.with_borrow(String::clone);
        match (here.is_empty(), panic.downcast_ref::<String>()) {
            (true, Some(said)) => said.clone(),
            _ => here,
        }
    })
}

fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            LAST_PANIC.set(panic.to_string());
            // Test threads have names, the threads of a play have none.
            if !EXPECTED.get() && std::thread::current().name().is_some() {
                before(panic);
            }
        }));
    });
}

fn number(what: &str) -> Option<u64> {
    let variable = format!("HIGHWATER_METAMORPHIC_{what}");
    let value = std::env::var(&variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number")))
}
