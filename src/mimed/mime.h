// SPDX-License-Identifier: ISC
// Raw mail to Message: the whole way, for any bytes at all.
#pragma once

#include <string_view>

#include "mimed/charset.h"
#include "mimed/part.h"
#include "mimed/prescan.h"
#include "shared/message.h"

namespace restante::mimed {

struct ParsedMail {
  Message message;
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

  // Loads what would be loaded on first use. False if the system lacks a charset.
  bool warm_up() { return converter_.open_all(); }

 private:
  // False if the multipart has a fault that it was read in spite of.
  [[nodiscard]] bool parse_multipart(std::string_view mail, Part root, Message& message);

  PrescanLimits limits_;
  CharsetConverter converter_;
};

}  // namespace restante::mimed
