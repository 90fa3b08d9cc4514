// SPDX-License-Identifier: ISC
// openapi.json describes the routes and parameters that there are, and no others.
#include "apid/api/openapi.h"

#include <cjson/cJSON.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "apid/api/list_query.h"
#include "apid/api/routes.h"
#include "shared/base/c_ptr.h"
#include "testing.h"

namespace {

using namespace restante::apid;

using Names = std::set<std::string>;
using Document = restante::CPtr<cJSON, cJSON_Delete>;

Document parse() {
  const std::string_view text = openapi_document();
  return Document(cJSON_ParseWithLength(text.data(), text.size()));
}

const cJSON* member(const cJSON* object, std::string_view name) {
  return cJSON_GetObjectItemCaseSensitive(object, std::string(name).c_str());
}

std::string text_of(const cJSON* object, std::string_view name) {
  const char* const text = cJSON_GetStringValue(member(object, name));
  return text == nullptr ? std::string() : std::string(text);
}

// The object itself, or what its "$ref": "#/components/…" leads to.
const cJSON* resolve(const cJSON* root, const cJSON* object) {
  const std::string reference = text_of(object, "$ref");
  if (reference.empty()) return object;
  std::string_view rest = std::string_view(reference).substr(1);
  const cJSON* found = root;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view step = rest.substr(0, rest.find('/'));
    found = member(found, step);
    rest.remove_prefix(step.size());
  }
  return found;
}

// The pattern of the row: a path that names the latest mail, or has placeholders, "{user}".
std::string pattern_of(std::string_view path) {
  std::string pattern;
  while (!path.empty()) {
    path.remove_prefix(1);
    std::string segment(path.substr(0, path.find('/')));
    path.remove_prefix(segment.size());
    if (segment == "latest") segment = "{id}";
    if (segment.starts_with('{')) {
      segment = segment.substr(1, segment.size() - 2);
      std::ranges::transform(segment, segment.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      });
    }
    pattern += "/" + segment;
  }
  return pattern;
}

struct Operation {
  std::string method, path;
  const cJSON* item;  // of the path, with what its methods share
  const cJSON* object;
};

void for_each_operation(const cJSON* root, const std::function<void(const Operation&)>& visit) {
  for (const cJSON* item = member(root, "paths")->child; item != nullptr; item = item->next) {
    for (const cJSON* entry = item->child; entry != nullptr; entry = entry->next) {
      std::string method = entry->string;
      if (method == "parameters") continue;
      std::ranges::transform(method, method.begin(),
                             [](char c) { return static_cast<char>(c - 'a' + 'A'); });
      visit({std::move(method), item->string, item, entry});
    }
  }
}

Names query_parameters(const cJSON* root, const Operation& operation) {
  Names names;
  for (const cJSON* holder : {operation.item, operation.object}) {
    const cJSON* const list = member(holder, "parameters");
    for (const cJSON* entry = list ? list->child : nullptr; entry; entry = entry->next) {
      const cJSON* const parameter = resolve(root, entry);
      if (text_of(parameter, "in") == "query") names.insert(text_of(parameter, "name"));
    }
  }
  return names;
}

Names parameters_taken(const std::string& method, const std::string& path) {
  std::vector<std::string_view> names;
  if (method == "GET" && path == "/emails/{user}") names = parameter_names(QueryFor::kList);
  if (path.starts_with("/emails/{user}/latest")) names = parameter_names(QueryFor::kOne);
  if (path == "/emails/{user}/claim") names = parameter_names(QueryFor::kOne);
  if (path == "/emails/{user}/events") names = parameter_names(QueryFor::kEvents);
  return {names.begin(), names.end()};
}

std::string joined(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return text;
}

TEST(it_is_json_and_of_this_version) {
  const Document root = parse();
  assert_non_null(root.get());
  assert_same(text_of(root.get(), "openapi"), "3.1.0");
  assert_same(text_of(member(root.get(), "info"), "version"), RESTANTE_VERSION);
}

TEST(it_has_the_routes_of_the_table_and_no_other) {
  const Document root = parse();
  Names described, real;
  for_each_operation(root.get(), [&](const Operation& operation) {
    described.insert(operation.method + " " + pattern_of(operation.path));
  });
  for (const RouteRow& row : all_routes()) {
    real.insert(std::string(row.method).append(" ").append(row.pattern));
  }
  assert_same(joined(described), joined(real));
}

TEST(it_says_which_routes_need_no_key) {
  const Document root = parse();
  Names described, real;
  for_each_operation(root.get(), [&](const Operation& operation) {
    if (member(operation.object, "security")) described.insert(operation.path);
  });
  for (const RouteRow& row : all_routes()) {
    if (row.access != Access::kWithKey) real.emplace(row.pattern);
  }
  assert_same(joined(described), joined(real));
}

TEST(it_has_the_parameters_that_are_taken_and_no_other) {
  const Document root = parse();
  for_each_operation(root.get(), [&](const Operation& operation) {
    const std::string what = operation.method + " " + operation.path + "\n";
    assert_same(what + joined(query_parameters(root.get(), operation)),
                what + joined(parameters_taken(operation.method, operation.path)));
  });
}

TEST(its_operations_have_names_of_their_own) {
  const Document root = parse();
  Names names;
  std::size_t count = 0;
  for_each_operation(root.get(), [&](const Operation& operation) {
    ++count;
    names.insert(text_of(operation.object, "operationId"));
  });
  assert_true(count > 0);
  assert_int_equal(names.size(), count);
  assert_false(names.contains(""));
}

void check_references(const cJSON* root, const cJSON* value) {
  const std::string reference = text_of(value, "$ref");
  if (!reference.empty() && resolve(root, value) == nullptr)
    fail_test(reference + " leads nowhere");
  for (const cJSON* entry = value->child; entry; entry = entry->next) check_references(root, entry);
}

TEST(its_references_lead_somewhere) {
  const Document root = parse();
  check_references(root.get(), root.get());
}

}  // namespace
