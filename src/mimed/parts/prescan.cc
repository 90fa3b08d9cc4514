// SPDX-License-Identifier: ISC
#include "mimed/parts/prescan.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "mimed/header/fields.h"
#include "mimed/header/parameters.h"
#include "shared/base/ascii.h"

namespace restante::mimed {
namespace {

constexpr std::array<std::string_view, 9> kAddressFields = {"from",
                                                            "to",
                                                            "cc",
                                                            "bcc",
                                                            "reply-to",
                                                            "sender",
                                                            "return-path",
                                                            "disposition-notification-to",
                                                            "mail-followup-to"};

bool holds_addresses(std::string_view name) {
  if (starts_ignoring_case(name, "resent-")) return true;
  return std::ranges::any_of(
      kAddressFields, [name](std::string_view field) { return equal_ignoring_case(name, field); });
}

std::size_t count_of(std::string_view text, char c) {
  return static_cast<std::size_t>(std::ranges::count(text, c));
}

class Scanner {
 public:
  Scanner(std::string_view raw, const PrescanLimits& limits) : raw_(raw), limits_(limits) {}

  [[nodiscard]] Exceeded run() {
    scan_header();
    while (exceeded_ == Exceeded::kNothing && !boundaries_.empty() && at_ < raw_.size()) {
      if (raw_.substr(at_).starts_with("--") && enter_part()) {
        scan_header();
      } else {
        skip_line();
      }
    }
    return exceeded_;
  }

 private:
  void skip_line() {
    const std::size_t newline = raw_.find('\n', at_);
    at_ = newline == std::string_view::npos ? raw_.size() : newline + 1;
  }

  void note(bool is_over, Exceeded what) {
    if (is_over && exceeded_ == Exceeded::kNothing) exceeded_ = what;
  }

  // If the line at the cursor is a boundary, leaves the levels that it ends. True if a part begins
  // behind it; the cursor is then there. RFC 2046 section 5.1.1; a longer line counts too.
  bool enter_part() {
    const std::string_view line = raw_.substr(at_ + 2);
    for (std::size_t level = boundaries_.size(); level > 0; --level) {
      note(++comparisons_ > limits_.comparisons, Exceeded::kComparisons);
      const std::string& boundary = boundaries_[level - 1];
      if (!line.starts_with(boundary)) continue;
      const bool closes = line.substr(boundary.size()).starts_with("--");
      boundaries_.resize(closes ? level - 1 : level);
      skip_line();
      note(!closes && ++parts_ > limits_.parts, Exceeded::kParts);
      return !closes;
    }
    return false;
  }

  // One header block, up to its empty line. Lines that are no fields count as some: parsers keep
  // them or not. A boundary ends the block.
  void scan_header() {
    const std::string_view text = raw_.substr(at_);
    HeaderReader reader(text, OnJunk::kReport);
    HeaderField field;
    std::size_t fields = 0;
    std::size_t size = 0;
    std::string boundary;
    bool at_boundary = false;
    while (exceeded_ == Exceeded::kNothing && reader.next(field)) {
      at_boundary = field.name.empty() && is_boundary(field.value);
      if (at_boundary) break;
      size = reader.position();
      note(++fields > limits_.header_fields, Exceeded::kHeaderFields);
      note(++all_fields_ > limits_.all_header_fields, Exceeded::kHeaderFields);
      note(size > limits_.header_bytes, Exceeded::kHeaderBytes);
      note(size + all_bytes_ > limits_.all_header_bytes, Exceeded::kHeaderBytes);
      if (exceeded_ == Exceeded::kNothing) scan_field(field, boundary);
    }
    if (!at_boundary) size = reader.position();
    all_bytes_ += size;
    at_ += size;
    if (boundary.empty()) return;
    boundaries_.push_back(std::move(boundary));
    note(boundaries_.size() > limits_.depth, Exceeded::kDepth);
  }

  [[nodiscard]] bool is_boundary(std::string_view line) const {
    return line.starts_with("--") && std::ranges::any_of(boundaries_, [line](const auto& boundary) {
             return line.substr(2).starts_with(boundary);
           });
  }

  void scan_field(const HeaderField& field, std::string& boundary) {
    const bool is_type = equal_ignoring_case(field.name, "content-type");
    if (is_type || equal_ignoring_case(field.name, "content-disposition")) {
      note(count_of(field.value, ';') > limits_.parameters, Exceeded::kParameters);
      if (!is_type || exceeded_ != Exceeded::kNothing) return;
      const ParsedValue type = parse_value(field.value);
      if (type.value.starts_with("multipart")) note_boundary(type, boundary);
    } else if (holds_addresses(field.name)) {
      note(count_of(field.value, ':') + count_of(field.value, '(') > limits_.address_nesting,
           Exceeded::kAddressNesting);
    }
  }

  // A block that names two boundaries, or one in the starred form of RFC 2231, is read differently
  // by every parser; nobody writes such a thing in good faith.
  void note_boundary(const ParsedValue& type, std::string& boundary) {
    for (const Parameter& parameter : type.parameters) {
      if (!parameter.name.starts_with("boundary")) continue;
      const bool is_plain = parameter.name == "boundary";
      if (is_plain && boundary.empty()) boundary = parameter.value;
      note(!is_plain || boundary != parameter.value, Exceeded::kBoundary);
    }
  }

  std::string_view raw_;
  PrescanLimits limits_;
  std::size_t at_ = 0;
  std::vector<std::string> boundaries_;  // of the multiparts around the cursor, outermost first
  std::size_t parts_ = 0;
  std::size_t all_fields_ = 0;
  std::size_t all_bytes_ = 0;
  std::size_t comparisons_ = 0;
  Exceeded exceeded_ = Exceeded::kNothing;
};

}  // namespace

std::string_view name_of(Exceeded exceeded) {
  switch (exceeded) {
    case Exceeded::kNothing:
      return "nothing";
    case Exceeded::kParts:
      return "parts";
    case Exceeded::kDepth:
      return "depth";
    case Exceeded::kHeaderBytes:
      return "header_bytes";
    case Exceeded::kHeaderFields:
      return "header_fields";
    case Exceeded::kParameters:
      return "parameters";
    case Exceeded::kAddressNesting:
      return "address_nesting";
    case Exceeded::kBoundary:
      return "ambiguous_boundary";
    case Exceeded::kComparisons:
      return "boundary_comparisons";
  }
  return "";
}

Exceeded prescan(std::string_view raw, const PrescanLimits& limits) {
  return Scanner(raw, limits).run();
}

}  // namespace restante::mimed
