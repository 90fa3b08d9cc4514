// SPDX-License-Identifier: ISC
#include "apid/api/list_query.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "apid/api/mail_filter.h"
#include "apid/http/uri.h"
#include "shared/base/number.h"

namespace restante::apid {
namespace {

constexpr std::size_t kMaxLimit = 1000;
constexpr std::size_t kMaxWait = 60;     // seconds
constexpr std::size_t kMaxNeedle = 300;  // characters
constexpr std::size_t kUnixDigits = 10;  // enough until 2286

struct Parsed {
  store::ListQuery query;
  std::chrono::milliseconds wait{0};
  MailFilter filter;
};

// Each gives the error, or an empty text.

std::string read_limit(Parsed& parsed, std::string_view value) {
  const auto limit = parse_number<std::uint64_t>(value);
  if (!limit || *limit < 1 || *limit > kMaxLimit) {
    return fmt::format("limit must be a number from 1 to {}", kMaxLimit);
  }
  parsed.query.limit = *limit;
  return {};
}

std::string read_before(Parsed& parsed, std::string_view value) {
  parsed.query.before = store::MailId::parse(value);
  return parsed.query.before ? "" : "before must be the id of a mail: 19 digits";
}

std::string read_after(Parsed& parsed, std::string_view value) {
  parsed.query.after = store::MailId::parse(value);
  return parsed.query.after ? "" : "after must be the id of a mail: 19 digits";
}

std::string read_since(Parsed& parsed, std::string_view value) {
  const auto since = parse_number<std::uint64_t>(value);
  if (!since || value.size() > kUnixDigits) return "since must be a Unix time in whole seconds";
  parsed.query.since = std::chrono::seconds(*since);
  return {};
}

// Each is in the link to the next page again, which has to fit into the answer's head.
std::string read_needle(std::string& needle, std::string_view name, std::string_view value) {
  if (value.empty()) return fmt::format("{} must not be empty", name);
  const auto characters = std::ranges::count_if(
      value, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; });
  if (static_cast<std::size_t>(characters) > kMaxNeedle) {
    return fmt::format("{} must have at most {} characters", name, kMaxNeedle);
  }
  needle = make_needle(value);
  return {};
}

std::string read_from(Parsed& parsed, std::string_view value) {
  return read_needle(parsed.filter.from, "from", value);
}

std::string read_subject(Parsed& parsed, std::string_view value) {
  return read_needle(parsed.filter.subject, "subject", value);
}

std::string read_view(Parsed& parsed, std::string_view value) {
  parsed.query.with_bodies = false;
  return value == "summary" ? "" : "view must be summary, or left out";
}

std::string read_wait(Parsed& parsed, std::string_view value) {
  const auto wait = parse_number<std::uint64_t>(value);
  if (!wait || *wait > kMaxWait) {
    return fmt::format("wait must be a number of seconds from 0 to {}", kMaxWait);
  }
  parsed.wait = std::chrono::seconds(*wait);
  return {};
}

enum class Use : std::uint8_t {
  kPage,  // the link to the next page has its own
  kFilter,
  kForm,
  kWait,  // for this request, not for the next page
};

struct Row {
  std::string_view name;
  std::string (*read)(Parsed&, std::string_view);
  Use use;
};

constexpr std::array kRows = {
    Row{"limit", read_limit, Use::kPage},   Row{"before", read_before, Use::kPage},
    Row{"after", read_after, Use::kFilter}, Row{"since", read_since, Use::kFilter},
    Row{"from", read_from, Use::kFilter},   Row{"subject", read_subject, Use::kFilter},
    Row{"view", read_view, Use::kForm},     Row{"wait", read_wait, Use::kWait},
};

bool is_taken(const Row& row, QueryFor what) {
  if (what == QueryFor::kList || row.use == Use::kFilter) return true;
  return what == QueryFor::kOne && row.use == Use::kWait;
}

std::string unknown(std::string_view name, QueryFor what) {
  std::string text = fmt::format("unknown query parameter \"{}\"; there are ", name);
  const auto names = parameter_names(what);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace

std::expected<ListRequest, std::string> parse_list_request(std::string_view query, QueryFor what) {
  const auto parameters = parse_query(query);
  if (!parameters) return std::unexpected(parameters.error());
  Parsed parsed;
  std::string kept;
  for (const QueryParameter& parameter : *parameters) {
    const Row* const row = std::ranges::find(kRows, parameter.name, &Row::name);
    if (row == kRows.end() || !is_taken(*row, what)) {
      return std::unexpected(unknown(parameter.name, what));
    }
    if (std::string error = row->read(parsed, parameter.value); !error.empty()) {
      return std::unexpected(std::move(error));
    }
    if (row->use == Use::kFilter || row->use == Use::kForm)
      kept += fmt::format("&{}={}", row->name, escape_query(parameter.value));
  }
  if (parsed.query.before && parsed.wait.count() > 0) {
    return std::unexpected("wait is for mail to come, and before for mail that has come: give one");
  }
  if (!parsed.filter.from.empty() || !parsed.filter.subject.empty()) {
    parsed.query.fits = [filter = std::move(parsed.filter)](std::string_view summary) {
      return filter.fits(summary);
    };
  }
  if (what != QueryFor::kList) {
    parsed.query.limit = 1;
    parsed.query.with_bodies = false;
  }
  return ListRequest{std::move(parsed.query), std::move(kept), parsed.wait};
}

std::vector<std::string_view> parameter_names(QueryFor what) {
  std::vector<std::string_view> names;
  for (const Row& row : kRows) {
    if (is_taken(row, what)) names.push_back(row.name);
  }
  return names;
}

std::string next_link(std::string_view path, const ListRequest& request, store::MailId last) {
  return fmt::format("<{}?limit={}&before={}{}>; rel=\"next\"", escape_path(path),
                     request.query.limit, last.text(), request.kept);
}

}  // namespace restante::apid
