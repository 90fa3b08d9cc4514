// SPDX-License-Identifier: ISC
// Domains in U-labels and A-labels, and text in normal form C.
#include "shared/mail/domain.h"

#include "testing.h"

namespace {

using namespace restante;
using namespace std::string_view_literals;

struct Row {
  std::string_view text, ascii;  // "": no domain
};

TEST(u_labels_become_a_labels) {
  static constexpr Row kRows[] = {
      {"Example.COM", "example.com"},
      {"\u4F8B.test", "xn--fsq.test"},
      {"xn--fsq.test", "xn--fsq.test"},
      {"\u4F8B\u3002test", "xn--fsq.test"},   // an ideographic full stop
      {"fa\u00DF.de", "xn--fa-hia.de"},       // nontransitional: not fass.de
      {"bu\u0308cher.x", "xn--bcher-kva.x"},  // a composed character
      {"B\u00DCCHER.x", "xn--bcher-kva.x"},
      {"a_b.\u4F8B.test", "a_b.xn--fsq.test"},
      {"xn--zzzzzzz.test", "xn--zzzzzzz.test"},  // an A-label that stands for nothing
      {"\u2764.x", ""},                          // a symbol
      {"\u2100.x", ""},                          // is mapped to a/c
      {"\uFF11.\uFF12.\uFF13.\uFF14", ""},       // is mapped to 1.2.3.4
      {"a\u200Db.x", ""},                        // a joiner out of its context
      {"\u0301a.x", ""},                         // a combining mark in front
      {"-\u00E9.x", ""},
      {"\u00E9..x", ""},
      {"\u00E9.x.", ""},
      {"\u00E9\0.x"sv, ""},
      {"\xff.x", ""},
  };
  for (const Row& row : kRows) assert_same(mail::domain_to_ascii(row.text).value_or(""), row.ascii);
  std::string label;
  for (int i = 0; i < 80; ++i) label += "\u4F8B";
  assert_false(mail::domain_to_ascii(label + ".x").has_value());
}

TEST(a_domain_has_labels_and_no_number_at_its_end) {
  for (const std::string_view good : {"x", "a.b-c.d_e", "1.2.3.x"})
    assert_true(mail::is_domain(good));
  for (const std::string_view bad : {"", ".", "a.", ".a", "a..b", "-a", "a-", "1.2.3.4", "a/b"}) {
    assert_false(mail::is_domain(bad));
  }
}

TEST(composed_and_decomposed_text_become_the_same) {
  assert_same(mail::to_nfc("jose\u0301"), "jos\u00E9");
  assert_same(mail::to_nfc("jos\u00E9"), "jos\u00E9");
  assert_same(mail::to_nfc("E\u0301\u2764"), "\u00C9\u2764");
  assert_same(mail::to_nfc("\u212B"), "\u00C5");
  assert_same(mail::to_nfc("plain"), "plain");
  assert_same(mail::to_nfc(""), "");
  assert_same(mail::to_nfc("\xff"), "\xff");
}

}  // namespace
