// SPDX-License-Identifier: ISC
// Whether the time that a key takes to be refused tells anything of the real one: Welch's t over
// many measurements of two classes, as dudect does it. Prints it; below 4.5 nothing is told.
#include <time.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "apid/api/keys.h"

namespace {

constexpr std::size_t kKeySize = 48;
using Key = std::array<char, kKeySize>;

// Mean and variance, one value at a time (Welford).
struct Series {
  double count = 0, mean = 0, squares = 0;
  void add(double value) {
    count += 1;
    const double off = value - mean;
    mean += off / count;
    squares += off * (value - mean);
  }
  [[nodiscard]] double variance() const { return squares / (count - 1); }
};

double welch(const Series& one, const Series& other) {
  return (one.mean - other.mean) /
         std::sqrt(one.variance() / one.count + other.variance() / other.count);
}

std::uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

Key random_key(std::mt19937_64& dice) {
  Key key;
  for (char& c : key) c = "0123456789abcdef"[dice() % 16];
  return key;
}

struct Measured {
  bool is_close;
  std::uint64_t took;
};

// Class "close": all but the last character is right. All are made before, in one place, so that
// what is measured is the check alone.
std::vector<Measured> measure(const restante::apid::ApiKeys& keys, const Key& real,
                              std::size_t count, std::mt19937_64& dice) {
  std::vector<Key> offered(count);
  std::vector<Measured> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    all[i].is_close = (dice() & 1) != 0;
    offered[i] = random_key(dice);
    const char last = real.back() == 'a' ? 'b' : 'a';
    if (all[i].is_close) offered[i] = real, offered[i].back() = last;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t begun = now();
    const bool found = keys.find({offered[i].data(), offered[i].size()}).has_value();
    all[i].took = now() - begun;
    if (found) std::abort();
  }
  return all;
}

}  // namespace

int main(int, char** arguments) {
  const auto total = static_cast<std::size_t>(std::atoll(arguments[1]));
  constexpr std::size_t kBatch = 100'000;
  std::mt19937_64 dice(std::random_device{}());
  const Key real = random_key(dice);
  const std::vector<std::string> configured = {std::string(real.data(), real.size())};
  const restante::apid::ApiKeys keys(configured);
  std::array<std::array<Series, 2>, 3> series;  // of all, of the faster 90 and 50 in a hundred
  for (std::size_t done = 0; done < total; done += kBatch) {
    const std::vector<Measured> all = measure(keys, real, kBatch, dice);
    std::vector<std::uint64_t> sorted;
    for (const Measured& one : all) sorted.push_back(one.took);
    std::ranges::sort(sorted);
    const std::array<std::uint64_t, 3> limits = {UINT64_MAX, sorted[kBatch * 9 / 10],
                                                 sorted[kBatch / 2]};
    for (std::size_t i = 0; i < limits.size(); ++i) {
      for (const Measured& one : all) {
        if (one.took <= limits[i])
          series[i][one.is_close ? 1 : 0].add(static_cast<double>(one.took));
      }
    }
  }
  double worst = 0;
  for (const auto& [far, close] : series) worst = std::max(worst, std::fabs(welch(far, close)));
  std::printf("%.2f\n", worst);
}
