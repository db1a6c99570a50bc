/*
 * What runs on a machine that has no more than a POSIX shell, tar, gzip and sha256sum. No backslash stands before a
 * backslash or a quote, so that login shells that read single quotes in their own way pass the text on unchanged.
 *
 * Below the folder of the agents:
 *   node-26.10.0-…/      a runtime: `node`, `SHA256SUMS`
 *   0.1.0-…/             a build of the agent: `causeway-agent`, `causeway-agent.mjs`, `runtime`, `SHA256SUMS`
 *   current, previous    links to builds
 *   trial                while a build has not been linked yet: its id, the one before, how often it was started
 *   state-…/             what the agent keeps of the host with that key
 *   code/                compiled code
 */

const COMMON = String.raw`
export LC_ALL=C
umask 022
say() { printf "cw:%s=%s\n" "$1" "$2"; }
fail() { say fail "$1"; exit 1; }
if command -v sha256sum >/dev/null 2>&1; then sum=sha256sum; else sum="shasum -a 256"; fi
put() { ln -s "$2" "$base/.$1.$$" && { mv -fT "$base/.$1.$$" "$base/$1" 2>/dev/null || { rm -f "$base/.$1.$$"; ln -sfn "$2" "$base/$1"; }; }; }
whole() { [ -f "$1/SHA256SUMS" ] && (cd "$1" && $sum -c SHA256SUMS) >/dev/null 2>&1; }
`;

/** Argument: the folder, or nothing for the usual one. Says what the machine is, and which parts are there, whole. */
export const PROBE_SCRIPT = String.raw`${COMMON}
say system "$(uname -s)"
say arch "$(uname -m)"
for tool in tar gzip; do command -v $tool >/dev/null 2>&1 || say missing $tool; done
command -v sha256sum >/dev/null 2>&1 || command -v shasum >/dev/null 2>&1 || say missing sha256sum
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=
if [ -z "$libc" ]; then for one in /lib/ld-musl-*; do [ -e "$one" ] && libc=musl; done; fi
say libc "$libc"
if [ -n "$1" ]; then base=$1
elif [ "$(id -u)" = 0 ]; then base=/opt/causeway/agent
else
  [ -n "$HOME" ] || fail home
  base=$HOME/.local/share/causeway/agent
fi
say base "$base"
mkdir -p "$base" || fail place
probe=$base/.probe-$$
trap 'rm -f "$probe"' EXIT
printf "#!/bin/sh\nexit 0\n" >"$probe" && chmod 755 "$probe" || fail place
"$probe" 2>/dev/null || fail noexec
df -Pk "$base" | { read -r _; read -r _ _ _ free _; say freeKib "$free"; }
for part in "$base"/*-*; do whole "$part" && say have "$(basename "$part")"; done
say current "$(readlink "$base/current")"
say end 1
`;

/** Arguments: folder, part, SHA-256 of the archive, which comes as input. Whole, or not at all. */
export const RECEIVE_SCRIPT = `${COMMON}
base=$1 part=$2 want=$3
new=$base/.in-$part.$$
trap 'rm -rf "$new"' EXIT
trap "exit 1" HUP INT TERM PIPE
mkdir "$new" "$new/part" || fail place
cat >"$new/archive" || fail write
got=$($sum <"$new/archive") || fail damaged
[ "$(printf %.64s "$got")" = "$want" ] || fail damaged
gzip -dc "$new/archive" | tar -xof - -C "$new/part" || fail write
whole "$new/part" || fail damaged
sync "$new/part"/* 2>/dev/null || sync
[ ! -e "$base/$part" ] || mv "$base/$part" "$new/old" || fail place
mv "$new/part" "$base/$part" || fail place
say end 1
`;

/** Arguments: folder, build. Runs it once, makes it the current one, and removes those before the previous one. */
export const ACTIVATE_SCRIPT = `${COMMON}
base=$1 build=$2
version=$("$base/$build/causeway-agent" --version) || fail run
say version "$version"
former=$(readlink "$base/current")
if [ "$former" != "$build" ]; then
  if [ -n "$former" ] && [ -d "$base/$former" ]; then
    put previous "$former" || fail place
    printf "%s %s 0\n" "$build" "$former" >"$base/trial" || fail place
  else
    rm -f "$base/trial"
  fi
  put current "$build" || fail place
fi
sync
say former "$former"
former=$(readlink "$base/previous")
used=
for one in "$build" "$former"; do
  [ -n "$one" ] && [ -f "$base/$one/runtime" ] && used="$used $(cat "$base/$one/runtime")"
done
for one in "$base"/*-*; do
  [ -f "$one/SHA256SUMS" ] || continue
  name=$(basename "$one")
  case " $build $former $used " in *" $name "*) ;; *) rm -rf "$one" ;; esac
done
find "$base" -maxdepth 1 -name ".in-*" -mmin +1440 -exec rm -rf {} + 2>/dev/null
say end 1
`;

/** Arguments: folder, name of this host's state. What another host has paired stays, and with it the agent. */
export const PURGE_SCRIPT = `${COMMON}
base=$1 state=$2
[ -d "$base" ] || { say end 1; exit 0; }
rm -rf "$base/$state" || fail place
for one in "$base"/state-*; do
  if [ -d "$one" ]; then say kept "$one"; say end 1; exit 0; fi
done
for one in "$base"/*-* "$base"/.in-*; do
  if [ -f "$one/SHA256SUMS" ] || [ -f "$one/archive" ]; then rm -rf "$one" || fail place; fi
done
rm -rf "$base/code" "$base/current" "$base/previous" "$base/trial" || fail place
rmdir "$base" 2>/dev/null && case $base in */causeway/agent) rmdir "$(dirname "$base")" 2>/dev/null ;; esac
say end 1
`;

/**
 * Arguments: folder, name of this host's state. Ends the agents that serve this host: the next link starts the current
 * build.
 */
export const RESTART_SCRIPT = `${COMMON}
base=$1 state=$2
for one in /proc/[0-9]*; do
  case $(readlink "$one/exe" 2>/dev/null) in "$base"/*) ;; *) continue ;; esac
  case $(cat "$one/cmdline" 2>/dev/null) in *"$base/$state"*) kill "$(basename "$one")" ;; esac
done
say end 1
`;

/** Arguments: folder, the build that was tried, the one before. Makes that the current one again. */
export const ROLL_BACK_SCRIPT = `${COMMON}
base=$1 build=$2 former=$3
[ "$(readlink "$base/current")" != "$build" ] || put current "$former" || fail place
rm -f "$base/trial"
say end 1
`;
