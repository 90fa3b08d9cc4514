// SPDX-License-Identifier: ISC
// etc/restante.conf and man/restante.conf.5 name every setting with its default, and no other.
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include "shared/config/config.h"
#include "testing.h"

namespace {

using Defaults = std::map<std::string, std::string>;  // of settings, by name

Defaults defaults_of_table() {
  Defaults defaults;
  for (const restante::config::SettingInfo& setting : restante::config::all_settings()) {
    defaults.emplace(setting.name, setting.default_value);
  }
  return defaults;
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

bool is_name(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string_view::npos;
}

// What is wrong with a document's list, for a human; empty if nothing is.
std::string compare(const Defaults& documented, const Defaults& real) {
  std::string faults;
  for (const auto& [name, value] : real) {
    const auto found = documented.find(name);
    if (found == documented.end()) {
      faults += fmt::format("{} is missing\n", name);
    } else if (found->second != value) {
      faults += fmt::format("{} is said to be '{}', is '{}'\n", name, found->second, value);
    }
  }
  for (const auto& [name, value] : documented) {
    if (!real.contains(name)) faults += fmt::format("{} is no setting\n", name);
  }
  return faults;
}

// "#name = value", without a space behind the "#": prose has one.
Defaults read_example_file(const char* path) {
  Defaults defaults;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t equals = line.find('=');
    if (!line.starts_with('#') || equals == std::string::npos) continue;
    const std::string name = line.substr(1, equals - 1);
    if (!is_name(trimmed(name)) || name.starts_with(' ')) continue;
    const bool fresh = defaults.try_emplace(trimmed(name), trimmed(line.substr(equals + 1))).second;
    if (!fresh) defaults[trimmed(name)] = "given twice";
  }
  return defaults;
}

// ".It Ic name Pq type, default: value; range", where "none" stands for the empty default,
// save for a choice, which is never empty.
Defaults read_manual_page(const char* path) {
  constexpr std::string_view kItem = ".It Ic ", kDefault = "default: ";
  Defaults defaults;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kItem)) continue;
    const std::size_t end = line.find(' ', kItem.size());
    const std::string name = line.substr(kItem.size(), end - kItem.size());
    const std::size_t start = line.find(kDefault);
    std::string value = "no default told";
    if (start != std::string::npos) {
      value = line.substr(start + kDefault.size());
      value = value.substr(0, value.find(';'));
    }
    if (value == "none" && !line.contains(" Pq choice,")) value.clear();
    if (!defaults.try_emplace(name, value).second) defaults[name] = "given twice";
  }
  return defaults;
}

TEST(the_example_file_has_every_setting_with_its_default) {
  const std::string faults = compare(read_example_file("etc/restante.conf"), defaults_of_table());
  assert_same(faults, "");
}

TEST(the_manual_page_has_every_setting_with_its_default) {
  const std::string faults = compare(read_manual_page("man/restante.conf.5"), defaults_of_table());
  assert_same(faults, "");
}

}  // namespace
