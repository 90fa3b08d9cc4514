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

say "certbot's part: a challenge, later a new certificate"
challenges=/var/lib/restante/acme/.well-known/acme-challenge
mkdir -p $challenges
echo token.thumbprint >$challenges/token
[ "$(curl -sS http://localhost/.well-known/acme-challenge/token)" = token.thumbprint ] || fail "the challenge is not given out"
rm -r /var/lib/restante/acme/.well-known
shown() { openssl s_client -connect localhost:443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint; }
old=$(state MainPID)
was=$(shown)
lineage=$(mktemp -d)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -out "$lineage/fullchain.pem" -keyout "$lineage/privkey.pem" 2>/dev/null
RENEWED_LINEAGE=$lineage /usr/share/restante/certbot-deploy
[ "$(shown)" = "$(openssl x509 -noout -fingerprint -in "$lineage/fullchain.pem")" ] || fail "the old certificate is shown"
[ "$(shown)" != "$was" ] || fail "it is the same certificate"
[ "$(state MainPID)" = "$old" ] || fail "it was started anew"
rm -r "$lineage"
restantectl status | sed -n '1,3p'

say "a reload with a wrong configuration fails, and changes nothing"
echo 'no_such_setting = 1' >>/etc/restante/restante.conf
systemctl reload restante 2>/dev/null && fail "systemctl reload says that it is good"
sed -i '$d' /etc/restante/restante.conf
[ "$(state ActiveState)" = active ] || fail "it is $(state ActiveState)"
journalctl --no-pager -u restante -o cat | grep no_such_setting || fail "the journal does not say why"
systemctl reload restante || fail "it does not reload any more"

say "the log in a file, and back to the journal"
echo 'log_to = /var/log/restante/restante.log' >>/etc/restante/restante.conf
systemctl reload restante || fail "it does not reload"
mv /var/log/restante/restante.log /var/log/restante/restante.log.1
systemctl kill --kill-whom=main --signal=USR1 restante
ask /emails/nobody >/dev/null
grep -h 'event=log_reopened\|path=/emails/nobody' /var/log/restante/restante.log || fail "the log is elsewhere"
stat -c '%A %U:%G %n' /var/log/restante /var/log/restante/restante.log
sed -i '$d' /etc/restante/restante.conf
systemctl reload restante || fail "it does not reload"

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
filters() { sed -n 's/^Seccomp_filters:.//p' /proc/"$1"/status; }
for pid in $(pgrep -P "$(state MainPID)" restante-); do
  [ "$(filters "$pid")" -gt "$(filters "$(state MainPID)")" ] || fail "$pid is in no sandbox of its own"
done
journalctl --no-pager -u restante -o cat | grep -o 'event=sandbox.*' | sort -u
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

load() {
  round=0
  while [ ! -e enough ]; do
    round=$((round + 1))
    curl -fsS --cacert /etc/restante/tls/fullchain.pem -o /dev/null https://localhost/healthz 2>>trouble || echo "API" >>trouble
    swaks --server localhost:25 --tls --to load@example.com --from "sender$round@example.org" --silent 2 >>trouble 2>&1 || echo "SMTP" >>trouble
    echo "$round" >rounds
  done
}

say "upgrade under load: nobody is refused, the configuration is kept, the workers are of the new version"
sum=$(sha256sum /etc/restante/restante.conf)
old=$(state MainPID)
: >trouble
load &
loader=$!
apt_get install ./restante_*+next*.deb >upgrade.log
grep '^restante: ' upgrade.log || { cat upgrade.log; fail "it does not say what is new"; }
touch enough
wait $loader
dpkg-query -W restante
echo "$(cat rounds) mails and requests meanwhile"
[ ! -s trouble ] || { cat trouble; fail "someone was refused"; }
[ "$(ask '/emails/load?limit=1000&view=summary' | grep -o '"id":' | wc -l)" = "$(cat rounds)" ] || fail "mail was lost"
echo "$sum" | sha256sum --check --quiet || fail "restante.conf was changed"
[ "$(stat -c '%a %U:%G' /etc/restante/restante.conf)" = "640 root:restante" ] || fail "rights of restante.conf"
[ "$(state ActiveState)" = active ] || { cat upgrade.log; fail "it does not run"; }
[ "$(state MainPID)" = "$old" ] || fail "it was started anew"
for pid in $(pgrep '^restante-'); do
  readlink "/proc/$pid/exe" | grep -v deleted || fail "an old worker, $pid, still runs"
done
restantectl status | head -n 1
ask '/emails/alice?view=summary' | grep -q '"subject":"mail ' || fail "the mail is gone"
./send-and-read || fail "send-and-read"

say "an upgrade whose programs cannot join the old master starts it anew"
old=$(state MainPID)
mkdir -p /etc/systemd/system/restante.service.d
printf '[Service]\nExecReload=\nExecReload=/bin/false\n' >/etc/systemd/system/restante.service.d/try.conf
apt_get install --reinstall ./restante_*+next*.deb >/dev/null
[ "$(state MainPID)" != "$old" ] || fail "it was not started anew"
[ "$(state ActiveState)" = active ] || fail "it does not run"
rm -r /etc/systemd/system/restante.service.d
systemctl daemon-reload

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
