#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Lists a small and a large mailbox in turn, and prints how much longer the large one takes.

    build/release/restante --demo -o api_rate_limit=0 -o api_key=bench-key-of-16 &
    tests/bench/listing.py --key bench-key-of-16

Mails of 2 KB are put into Redis as a delivery would, but for the raw mail. Each round times one list of
each mailbox, one behind the other over one connection; the ratio is that of each pair. Numbers only:
nothing passes or fails.
"""
import argparse
import glob
import http.client
import os
import ssl
import statistics
import subprocess
import time

FILL = """local body = string.rep('x', 2000)
for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 't', 'x', 's',
  '"from":"a@example.org","to":"b@example.com","subject":"s"\\n"size":1,"snippet":"","attachments":0',
  'b', '"body_text":"' .. body .. '","body_html":"","attachments":[]') end
return redis.call('XLEN', KEYS[1])"""


def fill(redis, mailbox, count):
    while count > 0:
        step = min(count, 5000)
        subprocess.run(["redis-cli", "-s", redis, "EVAL", FILL, "1", f"inbox:{{{mailbox}}}",
                        str(step)], check=True, capture_output=True)
        count -= step


def timed(connection, path, key):
    begun = time.perf_counter()
    connection.request("GET", path, headers={"X-API-KEY": key})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200 and len(body) > 2, answer.status
    return time.perf_counter() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--https", type=int, default=8443)
    parser.add_argument("--key", required=True)
    parser.add_argument("--small", type=int, default=100)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=500)
    options = parser.parse_args()
    redis, = glob.glob("/tmp/restante-demo.*/run/redis.sock")
    small, large = f"small{os.getpid()}", f"large{os.getpid()}"
    fill(redis, small, options.small)
    fill(redis, large, options.large)
    connection = http.client.HTTPSConnection("127.0.0.1", options.https,
                                             context=ssl._create_unverified_context())
    for query in ("", "?view=summary", "?limit=10"):
        pairs = [(timed(connection, f"/emails/{small}{query}", options.key),
                  timed(connection, f"/emails/{large}{query}", options.key))
                 for _ in range(options.rounds)]
        ratios = sorted(second / first for first, second in pairs)
        quarter = len(ratios) // 4
        print(f"{query or '(50 mails)':14} {options.large} mails / {options.small} mails: ratio "
              f"{statistics.median(ratios):.3f} (quartiles {ratios[quarter]:.3f} to "
              f"{ratios[-quarter]:.3f}), {1000 * statistics.median(p[1] for p in pairs):.2f} ms")


main()
