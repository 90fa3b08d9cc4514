// SPDX-License-Identifier: ISC
// Raw mail to Message, or to one attachment: the whole way, for any bytes at all.
#pragma once

#include <cstdint>
#include <string_view>

#include "mimed/parts/assemble.h"
#include "mimed/parts/prescan.h"
#include "mimed/text/charset.h"
#include "shared/mail/message.h"

namespace restante::mimed {

struct ParsedMail {
  mail::Message message;
  Exceeded exceeded = Exceeded::kNothing;  // what made the mail too much to be parsed as a whole
};

// Takes mail apart with GMime, which is given multiparts that are within `limits` and nothing else:
// it sees no address field and no mail inside a mail. All text that comes out was decoded here, is
// valid UTF-8 and holds no NUL; line ends in the bodies are `\n`. A mail past a bound gives its
// header and its first texts, with parse_error. One parser a process: GMime is initialised by it.
class MimeParser {
 public:
  explicit MimeParser(const PrescanLimits& limits);
  MimeParser(const MimeParser&) = delete;
  MimeParser& operator=(const MimeParser&) = delete;
  ~MimeParser();

  [[nodiscard]] ParsedMail parse(std::string_view raw);

  // The attachment that parse() gives as number `number`, from 1.
  [[nodiscard]] Extraction extract(std::string_view raw, std::uint64_t number);

  // Loads what would be loaded on first use. False if the system lacks a charset.
  bool warm_up() { return converter_.open_all(); }

 private:
  struct Tree;
  void build_tree(std::string_view raw, Tree& tree) const;
  static void split_multipart(std::string_view mail, Tree& tree);

  PrescanLimits limits_;
  CharsetConverter converter_;
};

}  // namespace restante::mimed
