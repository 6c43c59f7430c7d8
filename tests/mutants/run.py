#!/usr/bin/env python3
"""Mutation testing: which small changes of the code does no test notice?

    tests/mutants/run.py                     a sample of every area, some minutes of building and an hour of tests
    tests/mutants/run.py ledger=3/8          every 8th mutant of the ledger, from the fourth
    tests/mutants/run.py --wide journal=0/7  what the nearest tests miss meets every other test as well
    tests/mutants/run.py -j2                 two mutants at a time
    tests/mutants/run.py --again             those that survived or hung, with what was built last

cargo-mutants says which mutants there are. Building each for itself would take far longer than testing it,
so all of a sample are built at once: a function of which mutants were drawn becomes a choice between its
bodies, made by an environment variable. What does not compile is left out, as unviable. The work is done in
a scratch copy of the last commit ($TREE, or a worktree beside the target directory).

Results are printed and kept in $OUT, or in target/mutants: outcomes.json, and a log for each survivor.
"""

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = Path(os.environ.get("OUT", ROOT / "target/mutants"))
TREE = Path(os.environ.get("TREE", OUT / "tree"))
ENV = {
    **os.environ,
    "CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", str(OUT / "build")),
    "HIGHWATER_CRASH_SEEDS": "40",
    "HIGHWATER_LEDGER_LIVES": "20",
    "RUST_BACKTRACE": "0",
}
# What takes so many times longer than without a mutant hangs; on a busy machine times vary.
HANGS = 6

# The files of each area, which of their mutants are drawn if nothing is said, and the tests that are nearest:
# a test binary and the arguments it gets.
LIB_ENGINE = ("lib", "engine::", "--skip", "base::tests", "--skip", "epoch_tests")
CRASH = ("crash", "--skip", "every::", "--skip", "files_do_not_grow", "--skip", "a_close_that_only_memory")
DOMAIN = ("lib", "--skip", "engine::", "--skip", "lock_table::")
AREAS = {
    "ledger": ("src/ledger/**", "0/8", [DOMAIN, ("ledger",), ("operations",)]),
    "operations": ("src/operations/**", "0/7", [DOMAIN, ("operations",), ("ledger",)]),
    "journal": ("src/engine/journal/**", "0/7", [LIB_ENGINE, ("store",), CRASH]),
    "recovery": ("src/engine/{recover,open,create,offline}.rs", "0/2", [LIB_ENGINE, ("store",), CRASH]),
    "view": ("src/engine/{view,merge,read,registry,snapshot,memtable}{.rs,/**}", "0/4",
             [LIB_ENGINE, ("store",), CRASH]),
    "checkpoint": ("src/engine/{checkpoint,life}.rs", "0/2", [LIB_ENGINE, ("store",), CRASH]),
    "values": ("{src/tokens/merge.rs,src/processed/**,src/money/**}", "0/9",
               [DOMAIN, ("money",), ("tokens",), ("store",)]),
}
# What is left, for those that the nearest tests miss.
WIDE = [("lib",), ("store",), ("ledger",), ("operations",), ("concurrency",), ("simulation",), ("processes",), ("crash",)]

SWITCH = """
#![allow(arithmetic_overflow, unconditional_panic)]

#[doc(hidden)]
#[allow(missing_docs)]
pub mod mutant {
    /// The number of the mutant that is to live; 0 is none.
    pub fn number() -> u32 {
        static NUMBER: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
        *NUMBER.get_or_init(|| {
            std::env::var("HIGHWATER_MUTANT").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
        })
    }
}
"""


def drawn(samples):
    """The mutants of the samples, as cargo-mutants lists them, each with its area and a number."""
    mutants = []
    for area, shard in samples:
        command = ["cargo", "mutants", "--list", "--json", "--file", AREAS[area][0],
                   "--shard", shard, "--sharding", "round-robin"]
        listed = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
        mutants += [{**mutant, "area": area} for mutant in listed]
    for number, mutant in enumerate(mutants, 1):
        mutant["number"] = number
        if not mutant["function"]:
            mutant["outcome"], mutant["why"] = "unviable", "a constant"
        del mutant["diff"]
    return mutants


class Source:
    """The text of a file, and where its braces are."""

    TOKEN = re.compile(
        r"//[^\n]*|/\*.*?\*/|b?r(#*)\".*?\"\1|b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\[^']+|[^\\'])'|[{}]", re.DOTALL)

    def __init__(self, text):
        self.text = text
        self.starts = [0] + [at.end() for at in re.finditer("\n", self.text)]
        self.opening, open_ones = {}, []
        for token in self.TOKEN.finditer(self.text):
            if token.group() == "{":
                open_ones.append(token.start())
            elif token.group() == "}":
                self.opening[token.start()] = open_ones.pop()

    def offset(self, place):
        return self.starts[place["line"] - 1] + place["column"] - 1

    def body(self, mutant):
        """From the opening to behind the closing brace of the function."""
        end = self.offset(mutant["function"]["span"]["end"])
        return self.opening[end - 1], end


def with_switches(mutants):
    """Writes every function of which mutants were drawn as a choice between its bodies. Returns, by file, where
    which mutant stands in what was written."""
    places = {}
    for file in sorted({mutant["file"] for mutant in mutants}):
        source, bodies = Source(committed(file)), {}
        for mutant in mutants:
            if mutant["file"] == file:
                bodies.setdefault(source.body(mutant), []).append(mutant)
        written, at = "", 0
        for (start, end), changed in sorted(bodies.items(), key=lambda found: found[0]):
            if start < at:  # A function within a function that is switched already.
                for mutant in changed:
                    mutant["outcome"] = "nested"
                continue
            written += source.text[at:start]
            head = written.count("\n") + 1
            written += "{ match crate::mutant::number() {\n"
            for mutant in changed:
                first, last = source.offset(mutant["span"]["start"]), source.offset(mutant["span"]["end"])
                body = source.text[start:first] + " " + mutant["replacement"] + " " + source.text[last:end]
                line = written.count("\n") + 1
                written += f"{mutant['number']} => {body}\n"
                places.setdefault(file, []).append((line, written.count("\n"), mutant))
            written += f"_ => {source.text[start:end]}\n}} }}"
            # An error in the untouched body comes from its being one of several: of all of them.
            for mutant in changed:
                places[file].append((head, written.count("\n") + 1, mutant))
            at = end
        write(file, written + source.text[at:])
    return places


def committed(file):
    """The file as it was committed."""
    return subprocess.run(["git", "-C", TREE, "show", f"HEAD:{file}"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout


def write(file, text):
    """Writes the file, unless it says so already: what did not change need not be compiled again."""
    if (TREE / file).read_text() != text:
        (TREE / file).write_text(text)


def errors():
    """Where the compiler finds errors in the tree: by file and line."""
    command = ["cargo", "check", "--features", "simulation", "--profile", "mutants", "--lib",
               "--message-format", "json"]
    ran = subprocess.run(command, cwd=TREE, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    found = []
    for line in ran.stdout.splitlines():
        message = json.loads(line).get("message") or {}
        if message.get("level") == "error":
            found += [(span["file_name"], span["line_start"], message["message"])
                      for span in message["spans"] if span["is_primary"]]
    return ran.returncode == 0, found, ran.stderr


def build(mutants, wide):
    """Builds what compiles, and marks the rest."""
    if (OUT / "built.json").exists():
        why = {mutant["name"]: mutant.get("why") for mutant in json.loads((OUT / "built.json").read_text())["mutants"]}
        for mutant in mutants:
            if why.get(mutant["name"]):
                mutant["outcome"], mutant["why"] = "unviable", why[mutant["name"]]
    while True:
        living = [mutant for mutant in mutants if "outcome" not in mutant]
        places = with_switches(living)
        for file in {mutant["file"] for mutant in mutants} - {mutant["file"] for mutant in living}:
            write(file, committed(file))
        # Inner attributes stand between the page of the crate and its first item.
        write("src/lib.rs", re.sub(r"\A((?://!.*\n|\n)*)", lambda page: page.group(1) + SWITCH, committed("src/lib.rs")))
        sound, found, log = errors()
        if sound:
            break
        before = sum("outcome" in mutant for mutant in mutants)
        for file, line, text in found:
            # The narrowest place that holds the line: the body of the mutant, else the whole function.
            around = [(last - first, mutant) for first, last, mutant in places.get(file, []) if first <= line <= last]
            narrowest = min((width for width, _ in around), default=None)
            for width, mutant in around:
                if width == narrowest:
                    mutant["outcome"], mutant["why"] = "unviable", text
        left_out = sum("outcome" in mutant for mutant in mutants) - before
        print(f"{left_out} do not compile", flush=True)
        if left_out == 0:
            sys.exit(f"errors that belong to no mutant: {found}\n{log}")
    binaries = {test[0] for mutant in mutants for test in AREAS[mutant["area"]][2]}
    binaries = sorted(binaries | ({test[0] for test in WIDE} if wide else set()))
    chosen = [argument for name in binaries for argument in (["--lib"] if name == "lib" else ["--test", name])]
    command = ["cargo", "test", "--features", "simulation", "--profile", "mutants", "--no-run",
               "--message-format", "json", *chosen]
    ran = subprocess.run(command, cwd=TREE, env=ENV, stdout=subprocess.PIPE, text=True)
    if ran.returncode != 0:
        messages = [(json.loads(line).get("message") or {}).get("rendered") for line in ran.stdout.splitlines()]
        sys.exit("".join(text for text in messages if text and text.startswith("error")))
    executables = {}
    for line in ran.stdout.splitlines():
        artifact = json.loads(line)
        if artifact.get("executable") and artifact["profile"]["test"]:
            kind = artifact["target"]["kind"][0]
            executables["lib" if kind == "lib" else artifact["target"]["name"]] = artifact["executable"]
    return executables


def run(executables, mutant, tests, usual):
    """Runs the tests with the mutant alive, up to the first that fails. Returns the verdict and who gave it. The
    seconds that they take without a mutant are in `usual`; those of healthy tests are put there."""
    for test in tests:
        binary, *arguments = test
        environment = {**ENV, "HIGHWATER_MUTANT": str(mutant["number"]), "PROPTEST_MAX_SHRINK_ITERS": "0"}
        ran = subprocess.Popen([executables[binary], *arguments], cwd=TREE, env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        os.set_blocking(ran.stdout.fileno(), False)
        begun, kept = time.monotonic(), ""
        try:
            while True:
                kept += (ran.stdout.read() or b"").decode(errors="replace")
                failed = re.search(r"^test (\S+) .*\bFAILED", kept, re.MULTILINE)
                if failed:
                    return "caught", f"{binary}::{failed.group(1)}"
                if ran.poll() is not None:
                    break
                if time.monotonic() - begun > max(60, HANGS * usual.get(test, 1000)):
                    hung = re.findall(r"^test (\S+) has been running", kept, re.MULTILINE)
                    return "hangs", f"{binary}: {' '.join(hung)}"
                time.sleep(0.02)
            if ran.returncode != 0:
                return "caught", f"{binary} ended with {ran.returncode}"
            if mutant["number"] == 0:
                usual[test] = time.monotonic() - begun
        finally:
            if ran.poll() is None:
                os.killpg(ran.pid, 9)
            ran.wait()
    return "survived", ""


def main():
    arguments = sys.argv[1:]
    wide = "--wide" in arguments
    samples = [argument.split("=") for argument in arguments if "=" in argument]
    samples = samples or [(area, about[1]) for area, about in AREAS.items()]
    if not TREE.exists():
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "-q", "--detach", TREE, "HEAD"], check=True)
    OUT.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    if "--again" in arguments:
        kept = json.loads((OUT / "built.json").read_text())
        mutants, executables, usual = kept["mutants"], kept["executables"], dict()
        for mutant in json.loads((OUT / "outcomes.json").read_text()):
            if mutant["outcome"] == "caught":
                mutants[mutant["number"] - 1] = mutant
        samples = [(area, None) for area in AREAS if any(mutant["area"] == area for mutant in mutants)]
    else:
        mutants, usual = drawn(samples), {}
        print(f"{len(mutants)} drawn", flush=True)
        executables = build(mutants, wide)
        (OUT / "built.json").write_text(json.dumps({"mutants": mutants, "executables": executables}, indent=1))
        print(f"built in {time.monotonic() - begun:.0f} s", flush=True)
    tests_of = {area: AREAS[area][2] + (WIDE if wide else []) for area in dict(samples)}
    for tests in tests_of.values():
        verdict = run(executables, {"number": 0}, [test for test in tests if test not in usual], usual)
        if verdict[0] != "survived":
            sys.exit(f"the tests fail without a mutant: {verdict}")
    print(f"without a mutant all pass; {time.monotonic() - begun:.0f} s; {usual}", flush=True)

    def judge(mutant):
        at = time.monotonic()
        outcome = run(executables, mutant, tests_of[mutant["area"]], usual)
        mutant["seconds"] = round(time.monotonic() - at, 1)
        return mutant, outcome

    jobs = [int(argument[2:]) for argument in arguments if argument.startswith("-j")] or [1]
    with ThreadPoolExecutor(jobs[0]) as pool:
        for judged in as_completed([pool.submit(judge, mutant) for mutant in mutants if "outcome" not in mutant]):
            mutant, (mutant["outcome"], mutant["by"]) = judged.result()
            print(f"{mutant['outcome']:9}{mutant['seconds']:7} {mutant['name']}  {mutant['by']}", flush=True)
            (OUT / "outcomes.json").write_text(json.dumps([m for m in mutants if "outcome" in m], indent=1))
    for area in dict(samples):
        counts = {}
        for mutant in mutants:
            if mutant["area"] == area:
                counts[mutant["outcome"]] = counts.get(mutant["outcome"], 0) + 1
        print(area, counts)
    print(f"{time.monotonic() - begun:.0f} s")


main()
