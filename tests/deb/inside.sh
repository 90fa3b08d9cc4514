#!/bin/sh
# SPDX-License-Identifier: ISC
# Inside the booted root, without network: the package from its installation to its purge.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
cd /try
exec >log 2>&1
say() { printf '\n-- %s\n' "$*"; }
fail() {
  echo "FAILED: $*"
  journalctl --no-pager -u restante -n 40
  exit 1
}
files() {
  find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o -path /try \
    -o -path /var/cache -o -path /var/log/journal -o -path /var/lib/dpkg -o -path /var/lib/apt \) -prune -o -print | sort
}
apt_get() { apt-get -q -y -o Dpkg::Options::=--force-confold "$@" 2>&1 | grep -vE '^(Reading|Building|Get:|Selecting|\(Reading)' || :; }
state() { systemctl show -p "$1" --value restante; }
ask() { curl -sS --cacert /etc/restante/tls/fullchain.pem -H "X-API-KEY: $(sed -n 's/^api_key = //p' /etc/restante/restante.conf)" "https://localhost$1"; }

files >before

say "apt install: not started, and says why"
apt_get install ./old/restante_*.deb >install.log
sed -n '/restante is installed/,$p' install.log
grep -q 'has to be configured first' install.log || { cat install.log; fail "it does not say what is missing"; }
dpkg -s redis-server >/dev/null || fail "the recommended redis-server is not there"
[ "$(systemctl is-active restante)" = inactive ] || fail "it is $(systemctl is-active restante)"
[ "$(systemctl is-enabled restante)" = enabled ] || fail "it is not enabled"
stat -c '%A %U:%G %n' /etc/restante/restante.conf /etc/restante/tls
[ "$(stat -c '%a %U:%G' /etc/restante/restante.conf)" = "640 root:restante" ] || fail "rights of restante.conf"

say "the unit"
complaints=$(systemd-analyze verify restante.service 2>&1 | grep restante || :)
[ -z "$complaints" ] || fail "systemd-analyze verify: $complaints"
systemd-analyze security --no-pager --threshold=15 restante.service | tail -n 1

say "a start without configuration ends once, with 78"
systemctl start restante 2>/dev/null && fail "it started without a domain"
sleep 3
[ "$(state ExecMainStatus) $(state NRestarts) $(state ActiveState)" = "78 0 failed" ] ||
  fail "status $(state ExecMainStatus), $(state NRestarts) restarts, $(state ActiveState)"
journalctl --no-pager -u restante -o cat | grep '^restante: '
systemctl reset-failed restante

say "configured: mail in and out"
./send-and-read || fail "send-and-read"

say "every process: its user, no capability, the filter of system calls"
for pid in $(systemctl show -p MainPID --value restante) $(pgrep -P "$(state MainPID)"); do
  status=$(tr '\n' ' ' </proc/"$pid"/status)
  echo "$(cat /proc/"$pid"/comm): $(ps -o user= -p "$pid")" \
    "$(echo "$status" | grep -oE '(Cap(Prm|Eff|Amb)|NoNewPrivs|Seccomp):.[0-9a-f]+' | tr '\t\n' ' ')"
  for word in 'CapPrm:.0000000000000000' 'CapEff:.0000000000000000' 'CapAmb:.0000000000000000' 'NoNewPrivs:.1' 'Seccomp:.2'; do
    echo "$status" | grep -qE "$word" || fail "$pid: not $word"
  done
  [ "$(ps -o user= -p "$pid")" = restante ] || fail "$pid: another user"
done
[ "$(pgrep -P "$(state MainPID)" | wc -l)" -ge 4 ] || fail "too few processes"
ls -la /var/lib/restante
journalctl --no-pager -u restante -o cat | grep -E 'no_memory_limit|Operation not permitted|event=process_died' && fail "the sandbox is in its way"

say "kill -9: systemd starts it again, the mail is there"
old=$(state MainPID)
kill -9 "$old"
tries=0
until [ "$(state ActiveState)" = active ] && [ "$(state MainPID)" != "$old" ]; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || fail "it does not come back"
  sleep 0.2
done
tries=0
until ask '/emails/alice?view=summary' | grep -o '"subject":"mail [0-9a-f]*"'; do
  tries=$((tries + 1))
  [ $tries -lt 50 ] || fail "the mail is gone: $(ask /emails/alice)"
  sleep 0.2
done

say "upgrade: the configuration is kept, the service runs the new version"
sum=$(sha256sum /etc/restante/restante.conf)
old=$(state MainPID)
apt_get install ./restante_*+next*.deb >upgrade.log
dpkg-query -W restante
echo "$sum" | sha256sum --check --quiet || fail "restante.conf was changed"
[ "$(stat -c '%a %U:%G' /etc/restante/restante.conf)" = "640 root:restante" ] || fail "rights of restante.conf"
[ "$(state ActiveState)" = active ] || { cat upgrade.log; fail "it does not run"; }
[ "$(state MainPID)" != "$old" ] || fail "the old version still runs"
ask '/emails/alice?view=summary' | grep -q '"subject":"mail ' || fail "the mail is gone"
./send-and-read || fail "send-and-read"

say "an upgrade that does not take the configuration leaves the old one running"
old=$(state MainPID)
echo 'no_such_setting = 1' >>/etc/restante/restante.conf
apt_get install --reinstall ./restante_*+next*.deb | sed -n '/restante is not/,$p'
[ "$(state MainPID)" = "$old" ] || fail "it was stopped"
sed -i '$d' /etc/restante/restante.conf

say "remove: stopped, configuration and mail stay; purge: no trace"
apt_get remove restante >/dev/null
pgrep -x restante && fail "it still runs"
if [ ! -e /etc/restante/restante.conf ] || [ ! -d /var/lib/restante ]; then fail "remove took too much"; fi
apt_get purge restante >/dev/null
apt_get autoremove --purge >/dev/null
files >after
# The lists of users of before; nothing of them is restante's but the user.
left=$(diff before after | grep '^[<>]' | grep -vE ' /etc/(passwd|group|shadow|gshadow)-$' || :)
[ -z "$left" ] || fail "left behind or taken away: $left"
echo "nothing is left but the user: $(getent passwd restante)"
touch good
