#!/bin/sh
# Makes each mistake of this directory in a scratch copy of the last commit, runs the tests that its
# first lines name (`lib` is the library's own tests, `shuttle` those of them that are model-checked),
# and prints whether they caught it and in how many seconds, compiling not counted.
#
#   tests/mistakes/run.sh              every mistake
#   tests/mistakes/run.sh 06 12        those whose names begin so
#   ALL=1 tests/mistakes/run.sh        every test of the binary, and lists those that failed
#
# Exit code 0 where every mistake was caught. What is built goes to $CARGO_TARGET_DIR, or to
# target/mistakes, and is shared between the mistakes; two runs at once need two of them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target/mistakes}"
export RUST_BACKTRACE=0
mkdir -p "$CARGO_TARGET_DIR"
# Always in the same place, so that only what a mistake changes is built anew.
tree=$CARGO_TARGET_DIR/scratch
log=$CARGO_TARGET_DIR/scratch.log
forget_tree() { git -C "$root" worktree remove --force "$tree" 2>/dev/null; }
forget_tree
git -C "$root" worktree add -q --detach "$tree" HEAD || exit 2
trap forget_tree EXIT
trap 'exit 3' INT TERM

wanted() {
    [ $# -eq 1 ] && return 0
    name=$1; shift
    for prefix in "$@"; do
        case $name in "$prefix"*) return 0 ;; esac
    done
    return 1
}

# Runs tests in the scratch tree: in $1 seconds at most, the rest is what `cargo test` is to know.
tests() {
    limit=$1; shift
    (
        cd "$tree" || exit 2
        if [ "$binary" = shuttle ]; then
            # Other flags: a directory of its own, or everything would be built anew each time.
            export RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR="$CARGO_TARGET_DIR/shuttle"
        fi
        timeout "$limit" cargo test -q "$@"
    ) >"$log" 2>&1
}

survived=0
for patch in "$here"/*.patch; do
    name=$(basename "$patch" .patch)
    wanted "$name" "$@" || continue
    git -C "$tree" checkout -q -- . && git -C "$tree" clean -fdq -- src tests
    if ! git -C "$tree" apply "$patch" 2>"$log"; then
        printf '%-56s %s\n' "$name" 'DOES NOT APPLY'; survived=1; continue
    fi
    verdict=SURVIVED
    by=
    while read -r _ _ binary test; do
        [ -n "${ALL:-}" ] && test=
        case $binary in
            lib) target="--features simulation --lib" ;;
            cli) target="--all-features --test cli" ;;
            shuttle) target=--lib; [ -n "$test" ] || test=model_checking ;;
            *) target="--features simulation --test $binary" ;;
        esac
        if ! tests 1200 $target --no-run; then
            verdict='DOES NOT BUILD'; continue
        fi
        began=$(date +%s.%N)
        tests 600 $target $test
        code=$?
        seconds=$(echo "$(date +%s.%N) - $began" | bc)
        failed=$(sed -n 's/^---- \([a-z_0-9:]*\) stdout ----$/\1/p' "$log" | sort -u | tr '\n' ' ')
        if [ $code -eq 124 ]; then failed='hangs '
        elif [ -z "$failed" ] && grep -q SIGABRT "$log"; then failed='aborts '
        fi
        [ -n "$failed" ] && verdict=caught
        by="$by$binary ${failed:-nothing }$(printf '(%.1f s) ' "$seconds")"
    done <<END
$(sed -n '/^diff /q; /^# caught-by: /p' "$patch")
END
    [ "$verdict" = caught ] || survived=1
    printf '%-56s %-10s %s\n' "$name" "$verdict" "$by"
done
exit $survived
