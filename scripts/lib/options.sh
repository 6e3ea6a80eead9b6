# shellcheck shell=bash
# Reads the arguments of a script, the same way in all of them, before anything is looked for or
# installed. Sourced, never run. After `options_read`: `option_given --name`, `option_value --name`,
# and the array OPERANDS. Works on bash 3.2 (macOS).

OPTIONS_USAGE=''  # the function that prints the usage
OPTIONS_REFUSAL=2 # the exit code of a script that was called wrongly
OPTION_NAMES=()
OPTION_VALUES=()
OPERANDS=()

NEAREST_DISTANCE_MAX=3
NEAREST_LENGTH_MAX=64

# options_read EXIT_CODE USAGE_FUNCTION OPTIONS OPERANDS_MAX ARGUMENT...
# OPTIONS is a list such as '--check --project=NAME'. EXIT_CODE is that of a refusal: 2, or 64 where
# 2 has another meaning.
options_read() {
  local known operands_max="$4" argument name value
  OPTIONS_REFUSAL="$1"
  OPTIONS_USAGE="$2"
  known="$3 --help --version"
  shift 4
  OPTION_NAMES=()
  OPTION_VALUES=()
  OPERANDS=()
  options_answer "$@"
  while [ $# -gt 0 ]; do
    argument="$1"
    shift
    case "$argument" in
      --)
        OPERANDS=(${OPERANDS[@]+"${OPERANDS[@]}"} "$@")
        break
        ;;
      -?*) ;;
      *)
        OPERANDS=(${OPERANDS[@]+"${OPERANDS[@]}"} "$argument")
        continue
        ;;
    esac
    name="${argument%%=*}"
    value=''
    case "$(option_kind "$name" "$known")" in
      unknown) options_refuse "unknown option '$(shown "$name")'$(nearest_hint "$name" "$(option_names "$known")")" ;;
      flag) [ "$name" = "$argument" ] || options_refuse "$name takes no value" ;;
      value)
        if [ "$name" != "$argument" ]; then
          value="${argument#*=}"
        elif [ $# -gt 0 ]; then
          value="$1"
          shift
        fi
        # A value that looks like an option is an option whose own value was left out.
        case "$value" in '' | -*) options_refuse "$name needs a value" ;; esac
        ;;
    esac
    OPTION_NAMES=(${OPTION_NAMES[@]+"${OPTION_NAMES[@]}"} "$name")
    OPTION_VALUES=(${OPTION_VALUES[@]+"${OPTION_VALUES[@]}"} "$value")
  done
  if [ ${#OPERANDS[@]} -gt "$operands_max" ]; then
    options_refuse "unexpected argument '$(shown "${OPERANDS[$operands_max]}")'"
  fi
}

# Help and version answer at every place, beside mistakes, too.
options_answer() {
  local argument
  for argument in "$@"; do
    case "$argument" in
      --) return 0 ;;
      -h | --help)
        "$OPTIONS_USAGE"
        exit 0
        ;;
      --version)
        printf 'Sotto %s\n' "$(setting SOTTO_VERSION)"
        exit 0
        ;;
    esac
  done
}

options_refuse() { # options_refuse LINE: the cause in one line, then the usage
  printf 'sotto: %s\n' "$1" >&2
  "$OPTIONS_USAGE" >&2
  exit "$OPTIONS_REFUSAL"
}

option_kind() { # option_kind NAME KNOWN: flag, value or unknown
  local each
  for each in $2; do
    case "$each" in
      "$1") echo flag && return 0 ;;
      "$1="*) echo value && return 0 ;;
    esac
  done
  echo unknown
}

option_names() { # option_names KNOWN
  local each
  for each in $1; do printf '%s ' "${each%%=*}"; done
}

option_given() { # option_given NAME
  local each
  for each in ${OPTION_NAMES[@]+"${OPTION_NAMES[@]}"}; do
    if [ "$each" = "$1" ]; then return 0; fi
  done
  return 1
}

option_value() { # option_value NAME: the last one that was given, or nothing
  local index found=''
  for ((index = 0; index < ${#OPTION_NAMES[@]}; index++)); do
    if [ "${OPTION_NAMES[$index]}" = "$1" ]; then found="${OPTION_VALUES[$index]}"; fi
  done
  printf '%s\n' "$found"
}

# Prints a user's input as a terminal may show it: bounded, without control characters.
shown() { printf '%.64s' "${1//[[:cntrl:]]/?}"; }

nearest_hint() { # nearest_hint WORD CANDIDATES: "; did you mean ...?", or nothing
  local found
  found="$(nearest "$1" "$2")"
  [ -z "$found" ] || printf "; did you mean '%s'?" "$found"
}

# The candidate that takes the fewest changed letters, if these are few.
nearest() { # nearest WORD CANDIDATES
  # shellcheck disable=SC2086  # a list of words
  LC_ALL=C awk -v most="$NEAREST_DISTANCE_MAX" -v longest="$NEAREST_LENGTH_MAX" '
    function least(a, b) { return a < b ? a : b }
    function distance(one, other,   row, i, j, before, kept) {
      for (j = 0; j <= length(other); j++) row[j] = j
      for (i = 1; i <= length(one); i++) {
        before = row[0]
        row[0] = i
        for (j = 1; j <= length(other); j++) {
          kept = row[j]
          row[j] = least(least(row[j], row[j - 1]) + 1, before + (substr(one, i, 1) != substr(other, j, 1)))
          before = kept
        }
      }
      return row[length(other)]
    }
    BEGIN {
      word = substr(ARGV[1], 1, longest)
      for (n = 2; n < ARGC; n++) {
        far = distance(word, ARGV[n])
        if (far <= most && far * 2 < length(ARGV[n]) && (found == "" || far < nearest)) {
          nearest = far
          found = ARGV[n]
        }
      }
      print found
    }' "$1" $2
}
