# shellcheck shell=bash
# Reads the environment of a script: folders to write to, Sotto's settings, and Compose's, which it
# ignores. Sourced after say.sh and options.sh, never run. It says nothing until `environment_tell`.
# Works on bash 3.2 (macOS).

# Files of ours get into images and caches: their modes are the same for everybody.
umask 022
# With it `cd` prints where it goes.
unset CDPATH

ENVIRONMENT_REMARKS=()
environment_remark() { ENVIRONMENT_REMARKS=(${ENVIRONMENT_REMARKS[@]+"${ENVIRONMENT_REMARKS[@]}"} "$1"); }

usable_folder() { # usable_folder PATH: absolute, and a folder that can be written to, or one that can be made
  local path="$1"
  case "$path" in /*) ;; *) return 1 ;; esac
  while [ ! -e "$path" ] && [ ! -L "$path" ]; do path="$(dirname -- "$path")"; done
  [ -d "$path" ] && [ -w "$path" ] && [ -x "$path" ]
}

# The home that is named, else the one of this user, else a folder of this checkout.
environment_home() {
  local name home=''
  if usable_folder "${HOME:-}"; then return 0; fi
  name="$(id -un 2>/dev/null || true)"
  case "$name" in '' | *[!A-Za-z0-9._-]*) ;; *) eval "home=~$name" ;; esac
  if ! usable_folder "$home"; then home="$SOTTO_ROOT/.state/home"; fi
  if [ -n "${HOME:-}" ]; then environment_remark "HOME=$(shown "$HOME") cannot be written to: using $home"; fi
  HOME="$home"
  export HOME
}

environment_folder() { # environment_folder VARIABLE DEFAULT IN_CHECKOUT
  local stated
  stated="$(printenv "$1" || true)"
  if [ -n "$stated" ] && usable_folder "$stated/sotto"; then
    printf '%s/sotto\n' "$stated"
  elif usable_folder "$2/sotto"; then
    printf '%s/sotto\n' "$2"
  else
    printf '%s\n' "$3"
  fi
}

environment_judge_folder() { # environment_judge_folder VARIABLE CHOSEN
  local stated
  stated="$(printenv "$1" || true)"
  case "$stated" in '' | "${2%/sotto}") return 0 ;; /*) stated="$(shown "$stated") cannot be written to" ;; *) stated="$(shown "$stated") is not an absolute path" ;; esac
  environment_remark "$1=$stated: using $2"
}

environment_temporary() {
  [ -n "${TMPDIR:-}" ] || return 0
  if [ -d "$TMPDIR" ] && usable_folder "$TMPDIR"; then return 0; fi
  environment_remark "TMPDIR=$(shown "$TMPDIR") is no folder that can be written to by an absolute path: passed over"
  unset TMPDIR
}

# An empty value would win over .env in Compose, but not in `setting`.
environment_settings() {
  local name
  while IFS='=' read -r name _; do
    case "$name" in
      SOTTO_*) [ -n "$(printenv "$name" || true)" ] || unset "$name" ;;
    esac
  done <"$SOTTO_ROOT/.env"
}

environment_home
SOTTO_CACHE="$(environment_folder XDG_CACHE_HOME "$HOME/.cache" "$SOTTO_ROOT/.cache")"
SOTTO_STATE="$(environment_folder XDG_STATE_HOME "$HOME/.local/state" "$SOTTO_ROOT/.state")"
environment_judge_folder XDG_CACHE_HOME "$SOTTO_CACHE"
environment_judge_folder XDG_STATE_HOME "$SOTTO_STATE"
environment_temporary
environment_settings

environment_tell() { # says what was passed over, and what nobody reads
  local remark
  for remark in ${ENVIRONMENT_REMARKS[@]+"${ENVIRONMENT_REMARKS[@]}"}; do say "sotto: $remark"; done
  environment_unknown
}

# For scripts that need a folder to write to.
environment_ready() {
  local folder
  environment_tell
  for folder in "$HOME" "$SOTTO_CACHE" "$SOTTO_STATE"; do
    usable_folder "$folder" ||
      die 1 "$folder cannot be written to, and there is no other place." 'next: set HOME to a folder that you can write to'
  done
  [ -d "$HOME" ] || mkdir -p "$HOME"
}

# This function sees all names, so it can report a misspelt one; Compose would use the default.
environment_unknown() {
  local name known
  known="$(grep -v '^#' "$SOTTO_ROOT/scripts/lib/variables.txt" | tr '\n' ' ')"
  for name in $(compgen -e SOTTO_ || true); do
    case " $known" in *" $name "*) continue ;; esac
    say "sotto: nothing reads $(shown "$name")$(nearest_hint "$name" "$known")"
  done
}

environment_pass_over() { # environment_pass_over PREFIX REASON: ignores the user's settings for other runs
  local name names=''
  for name in $(compgen -e "$1" || true); do
    names="$names $name"
    unset "$name"
  done
  [ -z "$names" ] || say "sotto: ignored, because $2:$names"
}
environment_without_compose() { environment_pass_over COMPOSE_ 'this script has its own compose files and project'; }
