// SPDX-License-Identifier: ISC
#include "mimed/findings/codes.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mimed/findings/words.h"
#include "shared/base/ascii.h"

namespace restante::mimed {
namespace {

constexpr std::size_t kWordsAround = 16;    // that are looked at on either side
constexpr std::size_t kReach = 160;         // bytes: words farther away do not count
constexpr std::size_t kLinkWordsBack = 12;  // between a word and the code that is tied to it
constexpr std::size_t kShortest = 4, kLongest = 8;  // digits of a code
// Different codes that are weighed. A text with more of them is a table of numbers.
constexpr std::size_t kWeighed = 1000;
constexpr std::size_t kSubjectLimit = std::size_t{4} * 1024;

// Scores. A candidate is a code from kNeeded on; letters and digits mixed need more.
constexpr int kNeeded = 40;
constexpr int kNeededMixed = 50;
constexpr int kTied = 100;
constexpr int kTiedToMedium = 60;
constexpr int kNearStrong = 60;
constexpr int kNearMedium = 35;
constexpr int kAlone = 35;
constexpr int kInSubject = 15;
constexpr int kSubjectSaysCode = 30;
constexpr int kSubjectVerifies = 20;
constexpr int kSeenAgain = 15;
constexpr int kAgainst = -80;

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// What may be a code: some words of a text, one behind the other.
struct Candidate {
  std::size_t first, last;  // words
  std::string code;
  bool mixed = false;    // letters and digits, or digits one by one: it needs more to be one
  bool grouped = false;  // letters, perhaps with digits, on both sides of a hyphen: it must be tied
};

bool is_year(std::string_view code) {
  return code.size() == 4 && (code.starts_with("19") || code.starts_with("20"));
}

// 20240131
bool is_date(std::string_view code) {
  if (code.size() != 8 || !is_year(code.substr(0, 4))) return false;
  const std::string_view month = code.substr(4, 2);
  const std::string_view day = code.substr(6);
  return month >= "01" && month <= "12" && day >= "01" && day <= "31";
}

bool is_mixed(const Word& word) {
  return word.capital && !word.digits && word.text.size() >= 5 && word.text.size() <= 10 &&
         std::ranges::any_of(word.text, is_digit);
}

// Half of XXXX-XXXX.
bool is_group(const Word& word) {
  return word.capital && word.text.size() >= 3 && word.text.size() <= 5;
}

class Finder {
 public:
  Finder(std::string_view text, int bonus) : text_(text), words_(text), bonus_(bonus) {}

  // What a subject adds to the codes of its text: it speaks of them, or of orders.
  [[nodiscard]] int weight_for_text() const {
    int weight = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const CodeWord kind = words_.kind(i);
      if (kind == CodeWord::kAgainst) return 0;
      if (kind == CodeWord::kMedium) weight = std::max(weight, kSubjectVerifies);
      if (kind == CodeWord::kStrong) weight = kSubjectSaysCode;
    }
    return weight;
  }

  // Adds to the scores of codes, and to `order` those that are new.
  void find(std::map<std::string, int>& scores, std::vector<std::string>& order) {
    for (std::size_t i = 0; i < words_.size() && order.size() < kWeighed;) {
      if (!words_[i].capital) {
        ++i;
        continue;
      }
      Candidate candidate;
      const std::size_t next = candidate_at(i, candidate);
      if (!candidate.code.empty()) {
        const int score = score_of(candidate);
        if (score >= needed_for(candidate)) {
          const auto [place, is_new] = scores.emplace(candidate.code, 0);
          place->second = std::max(place->second, score) + (is_new ? 0 : kSeenAgain);
          if (is_new) order.push_back(candidate.code);
        }
      }
      i = next;
    }
  }

 private:
  [[nodiscard]] std::string_view between(std::size_t i) const {  // words i and i + 1
    const std::size_t end = words_[i].at + words_[i].text.size();
    return text_.substr(end, words_[i + 1].at - end);
  }
  [[nodiscard]] char before(std::size_t i, std::size_t distance = 1) const {
    return words_[i].at < distance ? ' ' : text_[words_[i].at - distance];
  }
  [[nodiscard]] char behind(std::size_t i, std::size_t distance = 1) const {
    const std::size_t at = words_[i].at + words_[i].text.size() + distance - 1;
    return at < text_.size() ? text_[at] : ' ';
  }

  [[nodiscard]] static int needed_for(const Candidate& candidate) {
    return candidate.grouped ? kTied : candidate.mixed ? kNeededMixed : kNeeded;
  }

  // Reads a candidate that begins at word `i`, a capital one; gives the word to go on with.
  std::size_t candidate_at(std::size_t i, Candidate& candidate) const {
    if (pair_at(i, candidate)) return i + 2;
    if (const std::size_t next = cells_at(i, candidate); next > i) return next;
    return plain_at(i, candidate);
  }

  // FZP-4HM: given out with its hyphen, which has to be typed in some places.
  bool pair_at(std::size_t i, Candidate& candidate) const {
    if (i + 1 >= words_.size() || between(i) != "-") return false;
    const Word left = words_[i];
    const Word right = words_[i + 1];
    if (!is_group(left) || !is_group(right) || (left.digits && right.digits)) return false;
    if (!stands_free(i, i + 1) || (i + 2 < words_.size() && between(i + 1) == "-")) return false;
    candidate = {i, i + 1, std::string(left.text) + "-" + std::string(right.text), true, true};
    return true;
  }

  // 4 9 3 8 1 7, each in a cell or on a line of its own; gives the word behind, or `i`. A longer
  // row of digits is passed over as a whole, so that no digit is looked at again.
  std::size_t cells_at(std::size_t i, Candidate& candidate) const {
    std::string code;
    std::size_t next = i;
    while (next < words_.size() && words_[next].digits && words_[next].text.size() == 1 &&
           (next == i || std::ranges::all_of(between(next - 1), is_space))) {
      if (next - i <= kLongest) code += words_[next].text;
      ++next;
    }
    if (next - i > kLongest) return next;
    if (code.size() < kShortest || !stands_free(i, next - 1)) return i;
    candidate = {i, next - 1, std::move(code), true};
    return next;
  }

  std::size_t plain_at(std::size_t i, Candidate& candidate) const {
    const Word word = words_[i];
    if (!word.digits) {
      if (is_mixed(word) && stands_free(i, i)) {
        candidate = {i, i, std::string(word.text), true};
      }
      return i + 1;
    }
    // Groups of digits: one is a code, two halves are, more are a phone number or a card's.
    std::size_t last = i;
    while (last + 1 < words_.size() && words_[last + 1].digits && is_joint(between(last))) ++last;
    std::string code(word.text);
    if (last == i + 1) {
      const std::size_t half = word.text.size();
      if (half != words_[last].text.size() || half < 3 || half > 4) return last + 1;
      if (is_year(word.text) && is_year(words_[last].text)) return last + 1;
      code += words_[last].text;
    }
    const bool right_size = code.size() >= kShortest && code.size() <= kLongest;
    if (last <= i + 1 && right_size && stands_free(i, last)) {
      candidate = {i, last, std::move(code), false};
    }
    return last + 1;
  }

  // What stands between the halves of one code: a blank, a hyphen, U+00A0, U+2011 … U+2013.
  [[nodiscard]] static bool is_joint(std::string_view gap) {
    return gap == " " || gap == "-" || gap == "\xC2\xA0" || gap == "\xE2\x80\x91" ||
           gap == "\xE2\x80\x92" || gap == "\xE2\x80\x93";
  }

  // Not part of something longer: 1,234.56, 2024/01/31, 12:30:4500, +49…, a_1234, ABC-1234.
  [[nodiscard]] bool stands_free(std::size_t first, std::size_t last) const {
    const char left = before(first);
    const char right = behind(last);
    const char far_left = before(first, 2);
    const char far_right = behind(last, 2);
    const bool left_word = !is_space(far_left) && is_word(far_left);
    const bool right_word = !is_space(far_right) && is_word(far_right);
    if (std::string_view("+_/\\&%").contains(left) && (left == '+' || left_word)) return false;
    if (std::string_view("_/\\%").contains(right) && (right == '%' || right_word)) return false;
    if (std::string_view(".,:'").contains(left) && is_digit(far_left)) return false;
    if (std::string_view(".,:'").contains(right) && is_digit(far_right)) return false;
    if (left == '-' && left_word && !behind_letter(first)) return false;
    if (right == '-' && right_word) return false;
    return !(left == ')' && is_digit(far_left));  // (030) 1234
  }

  // G-123456, or a word of ours with a hyphen: Code-123456.
  [[nodiscard]] bool behind_letter(std::size_t i) const {
    if (i == 0 || between(i - 1) != "-") return false;
    const Word prefix = words_[i - 1];
    if (words_.kind(i - 1) == CodeWord::kStrong) return true;
    return prefix.text.size() <= 2 && std::ranges::all_of(prefix.text, is_upper);
  }

  [[nodiscard]] static bool is_word(char c) {
    return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z') || (c & 0x80) != 0;
  }

  [[nodiscard]] int score_of(const Candidate& candidate) const {
    const bool mixed = candidate.mixed;
    const int tie = tie_of(candidate);
    if (tie < kTied && is_something_else(candidate)) return 0;
    int score = bonus_ + tie + (is_alone(candidate) ? kAlone : 0);
    if (tie == 0) {
      const int near = nearness(candidate);
      score += mixed ? near / 2 : near;
    }
    if (tie < kTied && is_number_of_something(candidate)) score += kAgainst;
    if (!mixed) score += candidate.code.size() == 6 ? 10 : 6;
    return score;
  }

  // What does not count unless a word says that it is a code.
  [[nodiscard]] bool is_something_else(const Candidate& candidate) const {
    if (is_year(candidate.code) || is_date(candidate.code)) return true;
    const std::size_t at = words_[candidate.first].at;
    const std::string_view head =
        text_.substr(at - std::min<std::size_t>(at, 4), std::min<std::size_t>(at, 4));
    const std::size_t end = words_[candidate.last].at + words_[candidate.last].text.size();
    const std::string_view tail = text_.substr(end, 4);
    if (head.ends_with('#')) return true;  // a colour, or a number of something
    for (const std::string_view sign : {"$", "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5"}) {
      if (head.ends_with(sign) ||
          (head.ends_with(' ') && head.substr(0, head.size() - 1).ends_with(sign)))
        return true;
      if (tail.starts_with(sign) || (tail.starts_with(' ') && tail.substr(1).starts_with(sign)))
        return true;
    }
    const std::size_t next = candidate.last + 1;
    return next < words_.size() && words_.kind(next) == CodeWord::kUnit &&
           words_[next].line == words_[candidate.last].line;
  }

  // The word before says what it counts: "order", "invoice number". Up to a word of ours.
  [[nodiscard]] bool is_number_of_something(const Candidate& candidate) const {
    for (std::size_t back = 1; back <= 3 && back <= candidate.first; ++back) {
      const std::size_t i = candidate.first - back;
      const CodeWord kind = words_.kind(i);
      if (kind == CodeWord::kStrong || words_[i].line != words_[candidate.first].line) return false;
      if (kind == CodeWord::kAgainst) return true;
    }
    return false;
  }

  [[nodiscard]] bool is_alone(const Candidate& candidate) const {
    std::size_t first = candidate.first;
    if (first > 0 && behind_letter(first)) --first;
    const std::size_t last = candidate.last;
    return (first == 0 || words_[first - 1].line != words_[first].line) &&
           (last + 1 == words_.size() || words_[last + 1].line != words_[last].line);
  }

  // Tied to a word: "code: 1234", "code 1234", "the code for you is 1234", "1234 is your code".
  [[nodiscard]] int tie_of(const Candidate& candidate) const {
    std::size_t first = candidate.first;
    if (first > 0 && behind_letter(first) && words_.kind(first - 1) == CodeWord::kOther) --first;
    const std::size_t end = first == 0 ? 0 : words_[first - 1].at + words_[first - 1].text.size();
    const std::string_view gap = text_.substr(end, words_[first].at - end);
    const bool pointed = first > 0 && (gap.contains(':') || gap.contains('=') ||
                                       words_.kind(first - 1) == CodeWord::kLink);
    int tie = 0;
    for (std::size_t back = 1; back <= std::min(first, kLinkWordsBack); ++back) {
      if (back > 1 && !pointed) break;
      const CodeWord kind = words_.kind(first - back);
      if (back > 1 && kind == CodeWord::kAgainst && tie == 0) break;
      if (kind == CodeWord::kStrong && !gap.contains('.')) return kTied;
      if (kind == CodeWord::kMedium && pointed) tie = kTiedToMedium;
      if (words_[first].at - words_[first - back].at > kReach) break;
    }
    const std::size_t next = candidate.last + 1;
    if (next >= words_.size() || words_.kind(next) != CodeWord::kLink) return tie;
    for (std::size_t i = next + 1; i < std::min(words_.size(), next + kLinkWordsBack); ++i) {
      const CodeWord kind = words_.kind(i);
      if (kind == CodeWord::kStrong) return kTied;
      if (kind == CodeWord::kAgainst) break;
    }
    return tie;
  }

  // The best of the words around, less the farther away.
  [[nodiscard]] int nearness(const Candidate& candidate) const {
    int best = 0;
    const std::size_t start = words_[candidate.first].at;
    const std::size_t end = words_[candidate.last].at + words_[candidate.last].text.size();
    const std::size_t from = candidate.first - std::min(candidate.first, kWordsAround);
    const std::size_t to = std::min(words_.size(), candidate.last + 1 + kWordsAround);
    for (std::size_t i = from; i < to; ++i) {
      const Word word = words_[i];
      const CodeWord kind = words_.kind(i);
      const int weight = kind == CodeWord::kStrong   ? kNearStrong
                         : kind == CodeWord::kMedium ? kNearMedium
                                                     : 0;
      const std::size_t distance = word.at < start  ? start - word.at - word.text.size()
                                   : word.at >= end ? word.at - end
                                                    : 0;
      if (weight == 0 || distance >= kReach) continue;
      const auto left = static_cast<int>(kReach - distance);
      best = std::max(best, weight * left / static_cast<int>(kReach));
    }
    return best;
  }

  std::string_view text_;
  Words words_;
  int bonus_;
};

// Of the bytes of every code one is such.
bool may_hold_code(std::string_view text) {
  for (const char c : text) {
    if (is_digit(c) || c == '-') return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> find_codes(std::string_view subject, std::string_view text) {
  std::map<std::string, int> scores;
  std::vector<std::string> codes;
  if (!may_hold_code(subject) && !may_hold_code(text)) return codes;
  Finder in_subject(subject.substr(0, kSubjectLimit), kInSubject);
  in_subject.find(scores, codes);
  Finder(text, in_subject.weight_for_text()).find(scores, codes);
  std::ranges::stable_sort(codes, std::ranges::greater(),
                           [&scores](const std::string& code) { return scores.at(code); });
  if (codes.size() > kCodeLimit) codes.resize(kCodeLimit);
  return codes;
}

}  // namespace restante::mimed
