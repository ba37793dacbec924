#!/bin/sh
# Call the example functions with curl:
#   sh examples/call_with_curl.sh [URL]
# URL is that of a gateway, by default http://127.0.0.1:8080 as started by `make run`.
set -eu
base=${1:-http://127.0.0.1:8080}

# Wait up to five seconds for the result.
curl -sS -X POST "$base/jobs/count_words" -H 'Prefer: wait=5' -d '{"args":["README.md"]}'
echo

# Enqueue a job under a chosen id, get its status, then wait for the result by long polling.
id="report-$(date +%s)-$$"
curl -sS -X POST "$base/jobs/slow_report" -d "{\"args\":[1],\"job_id\":\"$id\"}"
echo
curl -sS "$base/jobs/$id/status"
echo
curl -sS "$base/jobs/$id/result?wait=10"
echo

# Abort a job.
curl -sS -X POST "$base/jobs/slow_report" -d "{\"args\":[60],\"job_id\":\"$id-long\"}"
echo
curl -sS -X POST "$base/jobs/$id-long/abort?wait=10"
echo
