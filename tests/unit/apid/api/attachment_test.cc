// SPDX-License-Identifier: ISC
// What the header of a download says, whatever the mail said.
#include "apid/api/attachment.h"

#include <string>
#include <string_view>

#include "testing.h"

namespace {

using namespace restante::apid;

std::string disposition(std::string_view name) { return content_disposition(Exact(name).view()); }

TEST(a_name_is_given_in_two_forms) {
  assert_same(disposition("a b.pdf"),
              "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf");
  assert_same(disposition("r\u00e9sum\u00e9 \u20ac.txt"),
              "attachment; filename=\"r_sum_ _.txt\"; "
              "filename*=UTF-8''r%C3%A9sum%C3%A9%20%E2%82%AC.txt");
  assert_same(disposition("!#$&+-.^_`|~'*()"),
              "attachment; filename=\"!#$&+-.^_`|~'*()\"; "
              "filename*=UTF-8''!#$&+-.^_`|~%27%2A%28%29");
}

TEST(no_name_breaks_out_of_its_field) {
  assert_same(disposition("a\"; x=\\\"%41"),
              "attachment; filename=\"a_; x=___41\"; filename*=UTF-8''a%22%3B%20x%3D%5C%22%2541");
  assert_same(disposition(std::string_view("a\r\nX: y\0\x7f", 9)),
              "attachment; filename=\"a__X: y__\"; filename*=UTF-8''a%0D%0AX%3A%20y%00%7F");
  assert_same(disposition("\xff\x80"), "attachment; filename=\"_\"; filename*=UTF-8''%FF%80");
}

TEST(a_type_is_two_tokens) {
  for (const char* type : {"application/pdf", "image/svg+xml", "application/vnd.a-b.c", "x/!"}) {
    assert_same(content_type(Exact(type).view()), type);
  }
  for (const char* type :
       {"", "/", "text", "text/", "/html", "text/html/x", "text /html", "text/html; charset=x",
        "te\u00e9xt/a", "a/b\r\nX:", "a,b/c", "a/\"b\""}) {
    assert_same(content_type(Exact(type).view()), "application/octet-stream");
  }
}

}  // namespace
