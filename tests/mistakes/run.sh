#!/bin/sh
# Makes each mistake of this directory in a scratch copy of the last commit, runs the tests that its
# first lines name (`lib` is the library's own tests), and prints whether they caught it.
#
#   tests/mistakes/run.sh              every mistake
#   tests/mistakes/run.sh 06 12        those whose names begin so
#   ALL=1 tests/mistakes/run.sh        every test of the binary, and lists those that failed
#
# Exit code 0 where every mistake was caught. What is built goes to $CARGO_TARGET_DIR, or to
# target/mistakes, and is shared between the mistakes.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
tree=$scratch/highwater
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target/mistakes}"
export RUST_BACKTRACE=0
git -C "$root" worktree add -q --detach "$tree" HEAD || exit 2
trap 'git -C "$root" worktree remove --force "$tree"; rm -rf "$scratch"' EXIT INT TERM

wanted() {
    [ $# -eq 1 ] && return 0
    name=$1; shift
    for prefix in "$@"; do
        case $name in "$prefix"*) return 0 ;; esac
    done
    return 1
}

survived=0
for patch in "$here"/*.patch; do
    name=$(basename "$patch" .patch)
    wanted "$name" "$@" || continue
    git -C "$tree" checkout -q -- . && git -C "$tree" clean -fdq -- src tests
    if ! git -C "$tree" apply "$patch" 2>"$scratch/log"; then
        printf '%-52s %s\n' "$name" 'DOES NOT APPLY'; survived=1; continue
    fi
    verdict=SURVIVED
    by=
    while read -r _ _ binary test; do
        [ -n "${ALL:-}" ] && test=
        case $binary in lib) target=--lib ;; *) target="--test $binary" ;; esac
        (cd "$tree" && timeout 600 cargo test -q --features simulation $target $test) >"$scratch/log" 2>&1
        code=$?
        failed=$(sed -n 's/^---- \([a-z_0-9:]*\) stdout ----$/\1/p' "$scratch/log" | sort -u | tr '\n' ' ')
        if [ -n "$failed" ]; then verdict=caught; by="$by$failed"
        elif [ $code -eq 124 ]; then verdict=caught; by="${by}hangs "
        elif grep -q SIGABRT "$scratch/log"; then verdict=caught; by="${by}aborts "
        elif grep -q '^error' "$scratch/log"; then verdict='DOES NOT BUILD'
        fi
    done <<END
$(sed -n '/^diff /q; /^# caught-by: /p' "$patch")
END
    [ "$verdict" = caught ] || survived=1
    printf '%-52s %-10s %s\n' "$name" "$verdict" "$by"
done
exit $survived
