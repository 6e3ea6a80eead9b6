# shellcheck shell=bash
# Another generation of Docker's engine beside the one that runs, in a network namespace of its own.
# Sourced, never run. `other_engine_fetch` and `other_engine_start` first; `other_engine_stop` last:
# it ends what was started here, by pid.

OTHER_ENGINES='20.10 26'
OTHER_ENGINE_START_LIMIT_SECONDS=60
OTHER_ENGINE_STOP_LIMIT_SECONDS=60
# The address of its machine, and a gateway that leads nowhere (RFC 5737, not the leak lab's range).
OTHER_ENGINE_ADDRESS=192.0.2.2
OTHER_ENGINE_GATEWAY=192.0.2.1

OTHER_ENGINE_HOST=''
OTHER_ENGINE_PID=''
OTHER_ENGINE_SINK_PID=''
OTHER_ENGINE_RUN=''  # sockets and pid files
OTHER_ENGINE_DATA='' # images, layers, volumes

other_engine_release() { # other_engine_release GENERATION: the Debian release that has it
  case "$1" in
    20.10) echo bookworm ;;
    26) echo trixie ;;
    *) die 1 "there is no engine $1 here; there are: $OTHER_ENGINES" ;;
  esac
}

other_engine_programs() { printf '%s/engine-%s\n' "$SOTTO_CACHE" "$1"; }

# The engine's own packages, and for all generations the oldest release's runc: newer ones want a
# newer C library than Debian 12's.
other_engine_fetch() { # other_engine_fetch GENERATION
  local release programs program
  release="$(other_engine_release "$1")"
  programs="$(other_engine_programs "$1")"
  is_debian_root || die 2 "engine $1 needs Debian and root."
  have iptables || apt_install iptables
  have ip || apt_install iproute2
  if [ ! -x "$programs/usr/sbin/dockerd" ]; then
    say "   unpacking Docker's engine $1 from Debian $release into $SOTTO_CACHE"
    rm -rf "$programs" "$programs.part"
    { release_ready "$release" && release_ready bookworm; } ||
      die 2 "engine $1 is not available here: this machine's package sources are not Debian's."
    { release_unpack "$release" "$programs.part" docker.io containerd tini &&
      release_unpack bookworm "$programs.part" runc; } ||
      die 2 "engine $1 is not available here: its packages could not be fetched from Debian $release."
    mv "$programs.part" "$programs"
  fi
  for program in usr/sbin/dockerd usr/bin/containerd usr/bin/containerd-shim-runc-v2 usr/sbin/runc; do
    [ -x "$programs/$program" ] || die 2 "engine $1 is not available here: its packages have no $program."
    # ldd fails on programs that are linked with nothing, which is fine.
    if ldd "$programs/$program" 2>/dev/null | grep 'not found' >&2; then
      die 2 "engine $1 cannot run here: $program needs the libraries above."
    fi
  done
  case "$("$programs/usr/sbin/dockerd" --version)" in
    "Docker version $1."*) ;;
    *) die 2 "Debian $release has no engine $1 any more: $("$programs/usr/sbin/dockerd" --version)" ;;
  esac
}

other_engine_start() { # other_engine_start GENERATION
  local programs started=$SECONDS
  programs="$(other_engine_programs "$1")"
  mkdir -p "$SOTTO_STATE"
  other_engine_sweep
  OTHER_ENGINE_RUN="$(mktemp -d "/run/sotto-engine-$1.XXXXXX")"
  OTHER_ENGINE_DATA="$(mktemp -d "$SOTTO_STATE/engine-$1.XXXXXX")"
  echo $$ >"$OTHER_ENGINE_RUN/owner"
  echo $$ >"$OTHER_ENGINE_DATA/owner"
  OTHER_ENGINE_HOST="unix://$OTHER_ENGINE_RUN/docker.sock"
  # Sessions of their own: Ctrl-C is for this script, which ends them; and they end with it, however
  # it ends.
  setsid setpriv --pdeathsig TERM unshare --net sleep infinity </dev/null >/dev/null 2>&1 &
  OTHER_ENGINE_SINK_PID=$!
  # shellcheck disable=SC2016  # its own shell expands them
  PATH="$programs/usr/sbin:$programs/usr/bin:$PATH" setsid setpriv --pdeathsig TERM unshare --net \
    sh -c 'until [ -e "$1/wired" ]; do sleep 0.1; done
      exec dockerd --data-root "$2" --exec-root "$1/exec" --pidfile "$1/dockerd.pid" --host "unix://$1/docker.sock"' \
    sh "$OTHER_ENGINE_RUN" "$OTHER_ENGINE_DATA" </dev/null >"$OTHER_ENGINE_RUN/log" 2>&1 &
  OTHER_ENGINE_PID=$!
  other_engine_wire
  touch "$OTHER_ENGINE_RUN/wired"
  until DOCKER_HOST="$OTHER_ENGINE_HOST" docker version >/dev/null 2>&1; do
    if ! kill -0 "$OTHER_ENGINE_PID" 2>/dev/null || [ $((SECONDS - started)) -ge "$OTHER_ENGINE_START_LIMIT_SECONDS" ]; then
      tail -n 20 "$OTHER_ENGINE_RUN/log" >&2
      die 1 "engine $1 did not answer within $OTHER_ENGINE_START_LIMIT_SECONDS s; the end of its log is above"
    fi
    sleep 0.5
  done
  say "   Docker engine $(DOCKER_HOST="$OTHER_ENGINE_HOST" docker version --format '{{.Server.Version}}') runs beside ($((SECONDS - started)) s)"
}

# A link from the engine's namespace into another one that forwards nothing: packets on it are
# counted and dropped.
other_engine_wire() {
  local own there
  own="$(readlink /proc/self/ns/net)"
  for there in "$OTHER_ENGINE_PID" "$OTHER_ENGINE_SINK_PID"; do
    until [ "$(readlink "/proc/$there/ns/net")" != "$own" ]; do
      kill -0 "$there" 2>/dev/null || die 1 'the other engine got no network namespace'
      sleep 0.1
    done
  done
  in_namespace "$OTHER_ENGINE_PID" ip link set lo up
  in_namespace "$OTHER_ENGINE_PID" ip link add uplink0 type veth peer name sink0 netns "$OTHER_ENGINE_SINK_PID"
  in_namespace "$OTHER_ENGINE_PID" ip addr add "$OTHER_ENGINE_ADDRESS/24" dev uplink0
  in_namespace "$OTHER_ENGINE_PID" ip link set uplink0 up
  in_namespace "$OTHER_ENGINE_SINK_PID" ip addr add "$OTHER_ENGINE_GATEWAY/24" dev sink0
  in_namespace "$OTHER_ENGINE_SINK_PID" ip link set sink0 up
  in_namespace "$OTHER_ENGINE_PID" ip route add default via "$OTHER_ENGINE_GATEWAY"
}

in_namespace() { # in_namespace PID COMMAND...
  local pid="$1"
  shift
  nsenter "--net=/proc/$pid/ns/net" "$@"
}

# Copies the images that the tests use; it builds and pulls none.
other_engine_bring_images() {
  local version image images='' started=$SECONDS
  version="$(setting SOTTO_VERSION)"
  for image in tor gate relay host client tornet leaklab; do images="$images sotto-$image:$version"; done
  images="$images $(setting SOTTO_NODE_IMAGE) $(setting SOTTO_REDIS_IMAGE)"
  for image in $images; do
    docker image inspect "$image" >/dev/null 2>&1 || die 1 "$image is not here; next: ./scripts/setup and the leak tests build it"
  done
  # shellcheck disable=SC2086  # a list of image names
  docker save $images | DOCKER_HOST="$OTHER_ENGINE_HOST" docker load --quiet >/dev/null
  say "   copied the images ($((SECONDS - started)) s)"
}

other_engine_stop() {
  other_engine_end "$OTHER_ENGINE_PID"
  other_engine_end "$OTHER_ENGINE_SINK_PID"
  other_engine_remove "$OTHER_ENGINE_RUN"
  other_engine_remove "$OTHER_ENGINE_DATA"
}

# Files of killed runs: their engines ended with them, their files did not.
other_engine_sweep() {
  local directory owner
  for directory in /run/sotto-engine-*.* "$SOTTO_STATE"/engine-*.*; do
    owner="$(cat "$directory/owner" 2>/dev/null || true)"
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then other_engine_remove "$directory"; fi
  done
}

other_engine_remove() { # other_engine_remove DIRECTORY
  local mounted
  [ -n "$1" ] || return 0
  awk -v under="$1/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r |
    while read -r mounted; do umount --lazy "$mounted" || true; done
  # Never across a mount: a mount that could not be removed stays.
  rm -rf --one-file-system "$1"
}

# Only a child of this shell: its pid is not reused before the shell has waited for it.
other_engine_end() { # other_engine_end PID
  local pid="$1" waited=0
  [ -n "$pid" ] || return 0
  kill -TERM "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$waited" -ge "$OTHER_ENGINE_STOP_LIMIT_SECONDS" ]; then kill -KILL "$pid" 2>/dev/null || true; fi
    sleep 1
    waited=$((waited + 1))
  done
  wait "$pid" 2>/dev/null || true
}
