#!/usr/bin/env bash
# Count the words of files by jobs, with curl: each request waits for its own result.
#   bash count_words.sh URL FILE_WITH_ONE_PATH_A_LINE
# Prints `answered<TAB>route<TAB>status` for each answer and `words<TAB>number<TAB>path` for each file.
set -euo pipefail
url=$1
list=$2

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# One curl for all files: starting one for each would take longer than the jobs.
number=0
while IFS= read -r path; do
  number=$((number + 1))
  escaped=${path//\\/\\\\}
  printf '{"args":["%s"]}' "${escaped//\"/\\\"}" >"$folder/$number.request"
  ((number == 1)) || echo next
  printf '%s\n' "url = \"$url/jobs/count_words\"" 'header = "Prefer: wait=30"' \
    "data = \"@$folder/$number.request\"" "output = \"$folder/$number.answer\"" \
    'write-out = "answered\tenqueue\t%{http_code}\n"' silent show-error
done <"$list" >"$folder/requests"
curl --no-progress-meter --parallel --parallel-max 16 --config "$folder/requests"

number=0
while IFS= read -r path; do
  number=$((number + 1))
  answer=$(<"$folder/$number.answer")
  if [[ ! $answer =~ \"success\":true,\"result\":([0-9]+) ]]; then
    echo "no result for $path: $answer" >&2
    exit 1
  fi
  printf 'words\t%s\t%s\n' "${BASH_REMATCH[1]}" "$path"
done <"$list"
