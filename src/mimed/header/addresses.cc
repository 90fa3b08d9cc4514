// SPDX-License-Identifier: ISC
#include "mimed/header/addresses.h"

#include <string>
#include <utility>

#include "mimed/header/encoded_word.h"
#include "mimed/header/parameters.h"
#include "shared/base/ascii.h"

namespace restante::mimed {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The size of an encoded word at the start of `text`, else 0. Q-encoded ones hold commas, though
// RFC 2047 section 5 forbids it.
std::size_t encoded_word_size(std::string_view text) {
  if (!text.starts_with("=?")) return 0;
  std::size_t at = 2;
  for (int marks = 0; at < text.size(); ++at) {
    if (is_space(text[at])) return 0;
    if (text[at] == '?' && ++marks == 3) {
      return at + 1 < text.size() && text[at + 1] == '=' ? at + 2 : 0;
    }
  }
  return 0;
}

class ListReader {
 public:
  ListReader(CharsetConverter& converter, std::string_view raw,
             std::vector<mail::NamedAddress>& out)
      : converter_(converter), text_(raw), out_(out) {}

  void read() {
    while (at_ < text_.size() && out_.size() < kAddressLimit) step();
    end_mailbox();
  }

 private:
  void step() {
    const char c = text_[at_];
    switch (c) {
      case '(':
        read_comment();
        break;
      case '"':
        read_quoted();
        break;
      case '<':
        read_angle();
        break;
      case '[':
        read_literal();
        break;
      case ',':
      case ';':  // the end of a group; some writers part addresses with it
        end_mailbox();
        ++at_;
        break;
      case ':':  // what came before is the name of a group (or `mailto`)
        clear();
        ++at_;
        break;
      default:
        read_plain(c);
    }
  }

  void read_plain(char c) {
    if (is_space(c)) {
      space_ = true;
      ++at_;
      return;
    }
    const std::size_t word = encoded_word_size(text_.substr(at_));
    if (word != 0) {
      add(text_.substr(at_, word), text_.substr(at_, word));
      at_ += word;
    } else {
      if (c == '\\' && at_ + 1 < text_.size()) ++at_;
      std::size_t size = 1;
      // What means nothing of its own goes along.
      while (is_alphanumeric(c) && at_ + size < text_.size() &&
             is_alphanumeric(text_[at_ + size])) {
        ++size;
      }
      add(text_.substr(at_, size), text_.substr(at_, size));
      at_ += size;
    }
  }

  // To the phrase goes what is shown, to the address what is written. White space parts the words
  // of a phrase, but not those of an obsolete address (`bob . b @ x`, RFC 5322 section 4.4).
  void add(std::string_view shown, std::string_view written) {
    const bool joins =
        written == "." || written == "@" || spec_.ends_with('.') || spec_.ends_with('@');
    if (space_ && !phrase_.empty()) phrase_ += ' ';
    if (space_ && !joins && !spec_.empty()) {
      if (has_at_) spec_ended_ = true;
      if (!spec_ended_) spec_.clear();
      several_words_ = true;
    }
    space_ = false;
    if (!spec_ended_) {
      if (spec_.empty()) before_spec_ = phrase_.size();
      spec_ += written;
      has_at_ = has_at_ || written == "@";
    }
    phrase_ += shown;
  }

  void read_comment() {
    std::string comment;
    std::size_t depth = 0;
    for (std::size_t at = at_; at < text_.size() && !open_comment_; ++at) {
      const char c = text_[at];
      if (c == '(' && depth++ == 0) continue;
      if (c == ')' && --depth == 0) {
        if (comment_.empty()) comment_ = std::move(comment);
        at_ = at + 1;
        space_ = true;
        return;
      }
      if (c == '\\' && at + 1 < text_.size()) ++at;
      comment += text_[at];
    }
    open_comment_ = true;  // and so are all that follow: no need to look again
    ++at_;
  }

  void read_quoted() {
    std::string shown;
    for (std::size_t at = at_ + 1; at < text_.size() && !open_quote_; ++at) {
      if (text_[at] == '"') {
        add(shown, text_.substr(at_, at + 1 - at_));
        at_ = at + 1;
        return;
      }
      if (text_[at] == '\\' && at + 1 < text_.size()) ++at;
      shown += text_[at];
    }
    open_quote_ = true;
    ++at_;
  }

  // address-literal: it may hold colons.
  void read_literal() {
    const std::size_t end = open_literal_ ? std::string_view::npos : text_.find(']', at_);
    open_literal_ = end == std::string_view::npos;
    const std::size_t size = open_literal_ ? 1 : end + 1 - at_;
    add(text_.substr(at_, size), text_.substr(at_, size));
    at_ += size;
  }

  // angle-addr, with a route of section 4.4 that is dropped: `<@a,@b:bob@x>`. One that does not
  // close ends with its mailbox.
  void read_angle() {
    if (has_angle_) end_mailbox();  // the comma is missing
    const std::size_t close = open_angle_ ? std::string_view::npos : text_.find('>', at_);
    open_angle_ = close == std::string_view::npos;
    const std::size_t end = open_angle_ ? text_.find_first_of(",;", at_) : close;
    std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = open_angle_ ? std::min(end, text_.size()) : end + 1;
    const std::size_t start = inside.find_first_not_of(" \t\r\n");
    if (start != std::string_view::npos && inside[start] == '@') {
      inside.remove_prefix(std::min(inside.find(':'), inside.size() - 1) + 1);
    }
    angle_.clear();
    bool quoted = false;
    for (const char c : inside) {
      quoted ^= c == '"';
      if (quoted || !is_space(c)) angle_ += c;
    }
    has_angle_ = true;
    space_ = true;
  }

  void end_mailbox() {
    std::string_view name = phrase_;
    std::string_view address = angle_;
    if (!has_angle_ && (has_at_ || !several_words_)) {
      name = name.substr(0, before_spec_);
      address = spec_;
    }
    if (name.find_first_not_of(" \t\r\n") == std::string_view::npos) name = comment_;
    mail::NamedAddress found{decode_header_text(converter_, name),
                             decode_header_text(converter_, address)};
    const bool is_something = !found.name.empty() || !found.address.empty();
    if (is_something && out_.size() < kAddressLimit) out_.push_back(std::move(found));
    clear();
  }

  void clear() {
    phrase_.clear();
    spec_.clear();
    angle_.clear();
    comment_.clear();
    before_spec_ = 0;
    space_ = has_at_ = has_angle_ = spec_ended_ = several_words_ = false;
  }

  CharsetConverter& converter_;
  std::string_view text_;
  std::vector<mail::NamedAddress>& out_;
  std::size_t at_ = 0;

  // Of the mailbox in hand.
  std::string phrase_, spec_, angle_, comment_;
  std::size_t before_spec_ = 0;  // bytes of the phrase in front of what may be the address
  bool space_ = false, has_at_ = false, has_angle_ = false, spec_ended_ = false;
  bool several_words_ = false;

  // Nothing closes these any more.
  bool open_comment_ = false, open_quote_ = false, open_literal_ = false, open_angle_ = false;
};

}  // namespace

void append_addresses(CharsetConverter& converter, std::string_view raw,
                      std::vector<mail::NamedAddress>& out) {
  if (out.size() < kAddressLimit) ListReader(converter, raw, out).read();
}

}  // namespace restante::mimed
