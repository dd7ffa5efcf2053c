#!/bin/bash
# A coordinator of the Pool Hub with curl: asks for a miner, says how the job went, reads the match again.
#
#   POOLHUB_COORDINATOR_SECRET=… examples/coordinator.sh whisper
set -euo pipefail

url=${POOLHUB_URL:-http://127.0.0.1:8203}
service=${1:?name a service, like whisper}
job=job-$(date +%s)-$$

# call METHOD PATH [BODY]: prints the answer; an error's body too, and then ends the script.
# The secret goes in by standard input, where no list of processes shows it.
call() {
  curl --silent --show-error --fail-with-body --max-time 10 --config - \
    --request "$1" "$url$2" --header 'Content-Type: application/json' ${3:+--data "$3"} \
    <<<"header = \"Authorization: Bearer ${POOLHUB_COORDINATOR_SECRET:?is needed}\""
  echo
}

match=$(call POST /v1/match "{\"job_id\": \"$job\", \"requirements\": {\"service\": \"$service\"}}")
echo "$match"
miner=$(sed -n 's/.*"candidates":\[{"miner_id":"\([^"]*\)".*/\1/p' <<<"$match")
if [ -z "$miner" ]; then
  echo "nobody offers $service just now" >&2
  exit 1
fi

# Here the job would run. The offer proves that the report is about this match: so it counts whole.
offer=$(sed -n 's/.*"offer":"\([^"]*\)".*/\1/p' <<<"$match")
call POST /v1/feedback \
  "{\"job_id\": \"$job\", \"miner_id\": \"$miner\", \"offer\": \"$offer\", \"outcome\": \"completed\"}"
call GET "/v1/matches/$job"

# Several jobs in one request; with "spread" no miner is offered more of them than it has free slots.
entry() { echo "{\"job_id\": \"$job-$1\", \"requirements\": {\"service\": \"$service\"}}"; }
call POST /v1/match/batch "{\"spread\": true, \"requests\": [$(entry 2), $(entry 3)]}"
