#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Which lines of src the tests have run, from what the programs of VARIANT=coverage write when they end.
"""coverage.py BUILD start           forget all runs so far
coverage.py BUILD keep NAME       write the lines that were run since then into BUILD/NAME.json
coverage.py BUILD table NAME...   write BUILD/table.txt, with a column for each NAME, and print it"""
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys


def start(build):
    for counts in build.rglob("*.gcda"):
        counts.unlink()
    make_writable(build)


def make_writable(build):
    """Programs of several users add to the same files, and the master would create them for itself alone."""
    for notes in build.rglob("*.gcno"):
        counts = notes.with_suffix(".gcda")
        counts.touch()
        counts.chmod(0o666)


def gcov(notes):
    """What gcov says of these files, one document for each."""
    output = subprocess.run(["gcov", "--json-format", "--stdout", "--relative-only", *notes],
                            check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def keep(build, name):
    for counts in build.rglob("*.gcda"):
        if counts.stat().st_size == 0:
            counts.unlink()  # gcov takes an empty file for a broken one
    notes = sorted(build.rglob("*.gcno"))
    lines = collections.defaultdict(dict)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for documents in pool.map(gcov, (notes[i:i + 8] for i in range(0, len(notes), 8))):
            for file in (file for document in documents for file in document["files"]):
                if not file["file"].startswith("src/") or not os.path.exists(file["file"]):
                    continue  # notes stay when a source goes
                for line in file["lines"]:
                    known = lines[file["file"]]  # a header is in many
                    number = line["line_number"]
                    known[number] = known.get(number, False) or line["count"] > 0
    (build / f"{name}.json").write_text(json.dumps(lines))
    make_writable(build)


def row(title, counts):
    """counts: all lines, then those that were run, once for each column."""
    parts = [f"{run:7}{100 * run // counts[0]:5} %" for run in counts[1:]]
    return f"{title:44}{counts[0]:7}" + "".join(parts)


def table(build, names):
    columns = [json.loads((build / f"{name}.json").read_text()) for name in names]
    folders = collections.defaultdict(list)
    for file in columns[0]:
        counts = [len(columns[0][file]), *(sum(column[file].values()) for column in columns)]
        folders[os.path.dirname(file)].append((counts[-1] / counts[0], file, counts))
    text = [f"{'file, worst first':44}{'lines':>7}" + "".join(f"{name:>14}" for name in names)]
    sums = {folder: [sum(parts) for parts in zip(*(counts for _, _, counts in files))]
            for folder, files in folders.items()}
    for folder, files in sorted(folders.items()):
        text += [row(folder, sums[folder])]
        text += [row(f"  {os.path.basename(file)}", counts) for _, file, counts in sorted(files)]
    text.append(row("all", [sum(parts) for parts in zip(*sums.values())]))
    (build / "table.txt").write_text("\n".join(text) + "\n")
    print("\n".join(text))


def main():
    build, command, *names = sys.argv[1:]
    {"start": start, "keep": keep, "table": lambda build, *names: table(build, names)}[command](
        pathlib.Path(build), *names)


main()
