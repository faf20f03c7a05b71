#!/bin/sh
# Does what is due, except for a switch, which waits for whoever approves it. Rounds of saved plans: what was looked at is
# done exactly, or refused as stale (exit 4).
#
# A plan with a switch in it is left alone as a whole; its other steps come with the switch. One that was begun, and so was
# approved, is finished: later waves, or what a crash left. Prints switch=true or switch=false, and appends it to the file
# named as first argument. Exit codes are those of rotator: 0; 3 when a due step is blocked or a region could not be written.
set -eu

plan=$(mktemp -d)/rotator.plan
trap 'rm -rf "$(dirname "$plan")"' EXIT

steps() {
  python3 - "$plan" <<'PYTHON'
import json, sys

with open(sys.argv[1], encoding="utf-8") as file:
    steps = [step for issuer in json.load(file)["issuers"] for step in issuer["steps"]]
begins = any(s["kind"] == "switch" and s["reason_code"] != "switch_unfinished" for s in steps)
print("switch" if begins else "others" if steps else "none")
PYTHON
}

say() {
  echo "switch=$1"
  if [ -n "${output:-}" ]; then echo "switch=$1" >> "$output"; fi
}

output=${1:-}
code=0
for _ in 1 2 3 4 5 6 7 8; do
  code=0
  rotator plan --out "$plan" || code=$?
  case $code in 0 | 3) ;; *) exit "$code" ;; esac # 3: a plan was made, and something in it is blocked
  case $(steps) in
    switch) say true && exit "$code" ;;
    none) break ;;
  esac
  code=0
  rotator apply "$plan" || code=$?
  [ "$code" -eq 0 ] || break
done
say false
exit "$code"
