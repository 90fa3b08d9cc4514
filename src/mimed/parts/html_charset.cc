// SPDX-License-Identifier: ISC
#include "mimed/parts/html_charset.h"

#include "mimed/header/parameters.h"
#include "mimed/text/html_text.h"
#include "shared/base/ascii.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kCharsetLimit = 1024;  // bytes that are looked through: browsers have it so

}  // namespace

std::string html_charset(std::string_view html) {
  HtmlReader reader(html.substr(0, kCharsetLimit));
  HtmlPiece piece;
  while (reader.next(piece)) {
    if (piece.kind != HtmlPiece::Kind::kTag || !equal_ignoring_case(piece.name, "meta")) continue;
    std::string charset = html_attribute(piece.attributes, "charset");
    if (charset.empty()) {
      charset = parse_value(html_attribute(piece.attributes, "content")).plain("charset");
    }
    if (!charset.empty()) return charset;
  }
  return {};
}

}  // namespace restante::mimed
