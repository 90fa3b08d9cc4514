// SPDX-License-Identifier: ISC
// The line of a list: folded, short, and never cut inside a character.
#include "mimed/findings/snippet.h"

#include <string>

#include "mimed/findings/details.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::mimed;

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

std::string snippet_of(std::string text, std::string html) {
  mail::Message message{.body_text = std::move(text), .body_html = std::move(html)};
  read_content(message);
  return message.snippet;
}

TEST(white_space_is_folded) {
  assert_same(make_snippet(" a \n\n\tb  "), "a b");
  assert_same(make_snippet(" \n\t "), "");
  assert_same(make_snippet(repeated("\n", 9000) + "late"), "late");
}

TEST(it_has_at_most_120_characters) {
  assert_same(make_snippet(repeated("x", 200)), repeated("x", 120));
  assert_same(make_snippet(repeated("\xC3\xA9", 200)), repeated("\xC3\xA9", 120));
  assert_same(make_snippet(repeated("x", 119) + " yy"), repeated("x", 119));
}

TEST(html_is_looked_at_where_there_is_no_text) {
  assert_same(snippet_of("text", "<p>html"), "text");
  assert_same(snippet_of(" \n", "<p>x</p>"), "x");
  assert_same(snippet_of("", "one <a href="), "one");
  assert_same(snippet_of("",
                         "<html><head><TITLE>t</TITLE><style>p{}</style></head><!-- <p>no</p> -->"
                         "<p>Code <b>12</b>3 &amp; more</p><p>next"),
              "Code 123 & more next");
}

}  // namespace
