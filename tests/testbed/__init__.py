# SPDX-License-Identifier: ISC
"""What the test suites and the benchmarks share: the daemon under test, Redis servers and clients."""
