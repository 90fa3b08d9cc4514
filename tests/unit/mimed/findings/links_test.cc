// SPDX-License-Identifier: ISC
// Links of HTML and of text, in their order, each once; and the text of HTML.
#include "mimed/findings/links.h"

#include <string>

#include "mimed/text/html_text.h"
#include "testing.h"

namespace {

using namespace restante;
using namespace restante::mimed;

// "url|text" of each, parted by blanks.
std::string links_of(std::string_view html, std::string_view text) {
  std::string out;
  for (const mail::Link& link : find_links(Exact(html).view(), Exact(text).view())) {
    if (!out.empty()) out += ' ';
    out += link.url + "|" + link.text;
  }
  return out;
}

struct Row {
  const char *name, *html, *text, *expected;
};

const Row kRows[] = {
    {"a link of HTML has its text", "<p>Go <A class=x HREF=\"https://x.test/a\">he\n re</A> on", "",
     "https://x.test/a|he re"},
    {"entities are decoded in both", "<a href='https://x.test/?a=1&amp;b=2'>A&nbsp;&amp; &#66;</a>",
     "", "https://x.test/?a=1&b=2|A & B"},
    {"a value may have no quotes", "<a href=https://x.test/a/b target=_blank>x</a>", "",
     "https://x.test/a/b|x"},
    {"tags inside a link are no text", "<a href=\"http://x.test\"><b>o</b>ne<br><i>two</i></a>", "",
     "http://x.test|onetwo"},
    {"blanks and line ends of an address go", "<a href=\" https://x.test/\r\na \">x</a>", "",
     "https://x.test/a|x"},
    {"other schemes are left out",
     "<a href=\"javascript:alert(1)\">x</a><a href=\"#top\">y</a><a name=z>z</a>"
     "<a href=\"ftp://x\">f</a><a href=\"mailto:a@x.test\">m</a>",
     "", "mailto:a@x.test|m"},
    {"each once, with the first text",
     "<a href=http://x.test><img src=y></a><a href=http://x.test>x</a>", "http://x.test",
     "http://x.test|x"},
    {"comments, scripts and styles are not read",
     "<!-- <a href=http://a.test>a</a> --><script>'<a href=http://b.test>b</a>'</script>"
     "<style><a href=http://c.test></style><a href=http://d.test>d</a>",
     "", "http://d.test|d"},
    {"a link that does not end is one", "<a href=http://a.test>a <a href=http://b.test>b", "",
     "http://a.test|a http://b.test|b"},
    {"a tag that does not end is none", "<a href=\"http://a.test>a", "", ""},
    {"a bracket inside a value ends no tag", "<a title=\"a>b\" href=http://a.test>a</a>", "",
     "http://a.test|a"},
    {"URLs of a text follow", "<a href=http://a.test>a</a>", "see https://b.test/x?y=1#z now",
     "http://a.test|a https://b.test/x?y=1#z|"},
    {"the sentence is not part of a URL", "",
     "(http://a.test/b), <http://c.test/d>. \"http://e.test\"! http://f.test/(g). "
     "Http://h.test\xE2\x80\x9D",
     "http://a.test/b| http://c.test/d| http://e.test| http://f.test/(g)| Http://h.test|"},
    {"mailto is one too", "", "mailto:a@x.test and MAILTO:", "mailto:a@x.test|"},
    {"a scheme alone is none", "", "http:// https://. nothttp://x.test http:x", ""},
    {"a URL inside of a URL is part of it", "", "http://a.test/?u=http://b.test/c x",
     "http://a.test/?u=http://b.test/c|"},
};

TEST_EACH(links_are_found, kRows, name) { assert_same(links_of(row.html, row.text), row.expected); }

TEST(there_are_200_links_at_most_and_none_is_longer_than_2048_bytes) {
  std::string html, text;
  for (int i = 0; i < 150; ++i) html += "<a href=http://a.test/" + std::to_string(i) + ">x</a>";
  for (int i = 0; i < 150; ++i) text += "http://b.test/" + std::to_string(i) + "\n";
  assert_int_equal(find_links(html, text).size(), 200);
  assert_int_equal(find_links("", text).size(), 150);
  const std::string longest = "http://a.test/" + std::string(2048 - 14, 'a');
  assert_int_equal(find_links("<a href=" + longest + ">", "").size(), 1);
  assert_int_equal(find_links("<a href=" + longest + "a>", "").size(), 0);
  assert_int_equal(find_links("", longest + " " + longest + "a").size(), 1);
  assert_int_equal(find_links("<a href=http://a.test>" + std::string(9999, 'x'), "")[0].text.size(),
                   512);
}

TEST(hostile_bodies_are_read_in_linear_time) {
  for (const std::string_view piece : {"<",
                                       "<a ",
                                       "<a href=",
                                       "<a href=\"",
                                       "<a href=http://x>",
                                       "&",
                                       "&#",
                                       "&#x41;",
                                       "<!--",
                                       "<style>",
                                       "</",
                                       "http://",
                                       "http://)",
                                       ":",
                                       "http://x))))))))))",
                                       "<a =",
                                       "<a a",
                                       "a=\"",
                                       "mailto:",
                                       "</style",
                                       "&amp;",
                                       "&zzzzzzz;",
                                       "<a href='http://x' "}) {
    std::string body;
    while (body.size() < std::size_t{256} * 1024) body += piece;
    const auto [count, seconds] =
        timed([&body] { return find_links(body, body).size() + html_to_text(body).size(); });
    if (seconds > 0.5 || count > 2 * body.size()) fail_test(piece);
  }
}

TEST(the_text_of_html_is_on_lines) {
  assert_same(
      html_to_text("<title>no</title><p>one\n <b>t</b>wo</p><div>three<br>four &lt;&eacute;&gt;"
                   "<td>a</td><td> b</td> 1 < 2"),
      "one two\nthree\nfour <\xC3\xA9>\na\nb\n1 < 2");
  assert_same(decode_entities("&amp;lt; &#0;&#xD800;&#x110000;&#9999999999; &bogus; & &;&#;"),
              "&lt; \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD &bogus; & &;&#;");
}

}  // namespace
