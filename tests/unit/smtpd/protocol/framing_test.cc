// SPDX-License-Identifier: ISC
// Framing: lines and messages end in the same place however the stream is cut.
#include "smtpd/protocol/framing.h"

#include <malloc.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "testing.h"

namespace {

using namespace restante::smtpd;
using namespace std::string_literals;

// Calls `take` with pieces that end at `cuts`, each in a heap block of exactly its size.
template <class Take>
void in_pieces(std::string_view bytes, const std::vector<std::size_t>& cuts, Take take) {
  std::size_t start = 0;
  const auto piece = [&](std::size_t end) {
    take(Exact(bytes.substr(start, end - start)).view());
    start = end;
  };
  for (const std::size_t cut : cuts) piece(cut);
  piece(bytes.size());
}

std::vector<std::size_t> every(std::size_t size, std::size_t total) {
  std::vector<std::size_t> cuts;
  for (std::size_t cut = size; cut < total; cut += size) cuts.push_back(cut);
  return cuts;
}

// What a reader makes of the stream: a letter for each line, the text of commands.
std::string lines_of(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  LineReader reader;
  std::string result;
  bool over = false;
  in_pieces(bytes, cuts, [&](std::string_view piece) {
    if (over) return;
    reader.append(piece);
    for (Line line = reader.next(); line.kind != Line::Kind::kNone; line = reader.next()) {
      constexpr std::string_view kLetters = "-CBLFE";
      result += kLetters[static_cast<std::size_t>(line.kind)];
      if (line.kind == Line::Kind::kCommand && line.text.size() < 100) {
        result.append("(").append(line.text).append(")");
      }
      over = line.kind == Line::Kind::kBareLf || line.kind == Line::Kind::kEndless;
      if (over) break;
    }
  });
  return result + (over || reader.empty() ? "" : "+");
}

struct LineRow {
  std::string bytes, expected;
};

const LineRow kLineRows[] = {
    {"", ""},
    {"\r\n", "C()"},
    {"NOOP\r\n", "C(NOOP)"},
    {"NOOP\r", "+"},
    {"NOOP\r\nQUIT\r\nRS", "C(NOOP)C(QUIT)+"},
    {"NOOP\nQUIT\r\n", "F"},
    {"\n", "F"},
    {"NO\rOP\r\nQUIT\r\n", "BC(QUIT)"},
    {"NOOP\r\r\n", "B"},
    {"NO\0OP\r\nQUIT\r\n"s, "BC(QUIT)"},
    {"A\x7f\r\nB\x1f\r\nC\xff\r\nD\xc3\xa9\r\n", "BBBC(D\xc3\xa9)"},
    {std::string(2046, 'x') + "\r\n", "C"},
    {std::string(2047, 'x') + "\r\nQUIT\r\n", "LC(QUIT)"},
    {std::string(2048, 'x') + "\r", "+"},
    {std::string(5000, 'x') + "\r\nQUIT\r\n", "LC(QUIT)"},
    {std::string(5000, 'x') + "\nQUIT\r\n", "F"},
    {std::string(5000, '\r') + "\nQUIT\r\n", "LC(QUIT)"},
    {std::string(65534, 'x') + "\r\nQUIT\r\n", "LC(QUIT)"},
    {std::string(65535, 'x') + "\r\nQUIT\r\n", "E"},
    {std::string(65536, 'x') + "\n", "E"},
    {std::string(65536, 'x'), "+"},
    {std::string(65537, 'x'), "E"},
};

TEST(lines_are_the_same_however_they_are_cut) {
  bool well = true;
  for (const LineRow& row : kLineRows) {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{3}, std::size_t{2048}, SIZE_MAX / 2}) {
      const std::string got = lines_of(row.bytes, every(size, row.bytes.size()));
      if (got == row.expected) continue;
      print_error("%.20s… in pieces of %zu: expected %s, got %s\n", row.bytes.c_str(), size,
                  row.expected.c_str(), got.c_str());
      well = false;
    }
  }
  assert_true(well);
}

TEST(a_cleared_reader_knows_nothing) {
  LineReader reader;
  reader.append(std::string(3000, 'x'));
  assert_int_equal(static_cast<int>(reader.next().kind), static_cast<int>(Line::Kind::kNone));
  assert_false(reader.empty());
  reader.clear();
  assert_true(reader.empty());
  reader.append("NOOP\r\n");
  assert_true(reader.next().text == "NOOP");
}

struct Message {
  std::string kept, rest;
  char status = '?';
  bool operator==(const Message&) const = default;
};

constexpr std::uint64_t kLimit = 100;

Message read(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  DataReader reader;
  reader.start(kLimit, 0);
  Message message;
  message.status = 'm';
  in_pieces(bytes, cuts, [&](std::string_view piece) {
    if (message.status == 'm') {
      const DataReader::Status status = reader.consume(piece);
      message.status = status == DataReader::Status::kDone      ? 'd'
                       : status == DataReader::Status::kTooMuch ? 't'
                                                                : 'm';
    }
    if (message.status == 'd') message.rest += piece;
  });
  if (message.status == 'd' && reader.over_limit()) message.status = 'o';
  message.kept = reader.extract();
  return message;
}

struct DataRow {
  std::string bytes;
  Message expected;
};

const DataRow kDataRows[] = {
    {".\r\n", {"", "", 'd'}},
    {".\r\nQUIT\r\n", {"", "QUIT\r\n", 'd'}},
    {"hi\r\n.\r\n.\r\n", {"hi\r\n", ".\r\n", 'd'}},
    {"hi\r\n", {"hi\r\n", "", 'm'}},
    {"hi\r\n.\r", {"hi\r\n", "", 'm'}},
    {"hi\n.\n.\r\n", {"hi\n.\n.\r\n", "", 'm'}},
    {"hi\n.\r\n\r\n.\r\n", {"hi\n.\r\n\r\n", "", 'd'}},
    {"hi\r\n.\n\r\n.\r\n", {"hi\r\n\n\r\n", "", 'd'}},
    {"hi\r.\r\r\n.\r\n", {"hi\r.\r\r\n", "", 'd'}},
    {"hi\r.\r\n.\r\n", {"hi\r.\r\n", "", 'd'}},
    {"hi\r\n.\r.\r\n.\r\n", {"hi\r\n\r.\r\n", "", 'd'}},
    {"hi\r\n.\r\r\n.\r\n", {"hi\r\n\r\r\n", "", 'd'}},
    {"hi\r\n.\r\r\r\n.\r\n", {"hi\r\n\r\r\r\n", "", 'd'}},
    {"hi\r\n.\0\r\n.\r\n"s, {"hi\r\n\0\r\n"s, "", 'd'}},
    {"hi\r\n\0.\r\n.\r\n"s, {"hi\r\n\0.\r\n"s, "", 'd'}},
    {"hi\r\n. \r\n.\r\n", {"hi\r\n \r\n", "", 'd'}},
    {"..foo\r\n..bar\r\n...\r\n.\r\n", {".foo\r\n.bar\r\n..\r\n", "", 'd'}},
    {".foo\r\n.\r\n", {"foo\r\n", "", 'd'}},
    {"\r\n\r\n..\r\n\r\r\n\n.\r\n\r\n.\r\n", {"\r\n\r\n.\r\n\r\r\n\n.\r\n\r\n", "", 'd'}},
    {std::string(98, 'x') + "\r\n.\r\n", {std::string(98, 'x') + "\r\n", "", 'd'}},
    {std::string(99, 'x') + "\r\n.\r\nA", {"", "A", 'o'}},
    {std::string(148, 'x') + "\r\n.\r\nA", {"", "A", 'o'}},
    {std::string(149, 'x') + "\r\n.\r\nA", {"", "", 't'}},
    {std::string(1000, 'x'), {"", "", 't'}},
};

bool reads_as_expected(const DataRow& row, const std::vector<std::size_t>& cuts) {
  const Message got = read(row.bytes, cuts);
  if (got == row.expected) return true;
  std::string where;
  for (const std::size_t cut : cuts) where += " " + std::to_string(cut);
  print_error("row %td, cut at%s: got %c, %zu octets, rest %s\n", &row - kDataRows, where.c_str(),
              got.status, got.kept.size(), got.rest.c_str());
  return false;
}

TEST(messages_are_the_same_in_drops) {
  bool well = true;
  for (const DataRow& row : kDataRows) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{3}, SIZE_MAX / 2}) {
      well = reads_as_expected(row, every(size, row.bytes.size())) && well;
    }
  }
  assert_true(well);
}

TEST(messages_are_the_same_with_any_two_cuts) {
  bool well = true;
  for (const DataRow& row : kDataRows) {
    for (std::size_t first = 0; first <= row.bytes.size() && well; ++first) {
      if (row.bytes.size() > 200) break;
      for (std::size_t second = first; second <= row.bytes.size() && well; ++second) {
        well = reads_as_expected(row, {first, second});
      }
    }
  }
  assert_true(well);
}

// All messages of up to seven bytes out of the four that matter, against the rule said plainly.
std::string plainly(std::string_view bytes, char& status) {
  std::string kept;
  std::string_view text = bytes;
  bool line_start = true;
  while (!text.empty()) {
    if (line_start && text.starts_with(".\r\n")) {
      status = 'd';
      return kept;
    }
    if (line_start && text.starts_with('.')) {
      text.remove_prefix(1);
      line_start = false;
      // A dot and a CR may still be the beginning of the end: they are not kept yet.
      if (text == "\r") break;
      continue;
    }
    line_start = text.starts_with("\r\n");
    kept += text.substr(0, line_start ? 2 : 1);
    text.remove_prefix(line_start ? 2 : 1);
  }
  status = 'm';
  return kept;
}

TEST(short_messages_are_read_by_the_rule) {
  constexpr std::string_view kBytes = "\r\n.x";
  for (std::size_t length = 1; length <= 7; ++length) {
    for (std::size_t number = 0; number < std::size_t{1} << (2 * length); ++number) {
      std::string bytes;
      for (std::size_t i = 0; i < length; ++i) bytes += kBytes[(number >> (2 * i)) & 3U];
      char status = '?';
      const std::string kept = plainly(bytes, status);
      for (const std::size_t size : {std::size_t{1}, std::size_t{2}, length}) {
        const Message got = read(bytes, every(size, length));
        if (got.status != status || got.kept != kept)
          fail_test("differs: message " + std::to_string(number));
      }
    }
  }
}

TEST(dots_and_ends_are_found_wherever_they_stand) {
  for (std::size_t before = 0; before <= 200; ++before) {
    for (const std::size_t after : {std::size_t{0}, std::size_t{1}, std::size_t{150}}) {
      const std::string bytes =
          std::string(before, 'x') + "\r\n..y\r\n.z\r\n" + std::string(after, 'x') + "\r\n.\r\n";
      DataReader reader;
      reader.start(1000, 0);
      std::string_view left = bytes;
      assert_int_equal(static_cast<int>(reader.consume(left)),
                       static_cast<int>(DataReader::Status::kDone));
      assert_true(reader.extract() ==
                  std::string(before, 'x') + "\r\n.y\r\nz\r\n" + std::string(after, 'x') + "\r\n");
    }
  }
}

TEST(a_message_that_is_taken_is_gone) {
  DataReader reader;
  reader.start(kLimit, 1U << 30U);
  std::string_view bytes = "hi\r\n.\r\n";
  assert_int_equal(static_cast<int>(reader.consume(bytes)),
                   static_cast<int>(DataReader::Status::kDone));
  assert_int_equal(reader.held(), 4);
  assert_true(reader.extract() == "hi\r\n");
  assert_int_equal(reader.held(), 0);
}

// The message, a bar, and what is left of the stream.
std::string chunks_of(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  struct {
    std::uint64_t octets;
    bool keep;
  } constexpr kChunks[] = {{3, true}, {4, false}, {0, true}, {2, true}};
  ChunkReader reader;
  reader.start(kLimit, 0);
  std::string rest;
  std::size_t next = 0;
  const auto begin = [&] {
    for (; next < std::size(kChunks); ++next) {
      if (kChunks[next].keep) reader.keep(kChunks[next].octets);
      if (!kChunks[next].keep) reader.drop(kChunks[next].octets);
      if (kChunks[next].octets != 0) return;
    }
  };
  begin();
  in_pieces(bytes, cuts, [&](std::string_view piece) {
    while (next < std::size(kChunks) && reader.consume(piece)) {
      ++next;
      begin();
    }
    rest += piece;
  });
  return reader.extract() + "|" + rest;
}

TEST(chunks_are_counted_however_they_are_cut) {
  constexpr std::string_view kBytes = "a\r\n.\r\nxbcQUIT";
  for (std::size_t cut = 0; cut <= kBytes.size(); ++cut) {
    assert_same(chunks_of(kBytes, {cut}), "a\r\nbc|QUIT");
  }
  assert_same(chunks_of(kBytes, every(1, kBytes.size())), "a\r\nbc|QUIT");
}

TEST(a_message_of_chunks_ends_at_its_limit) {
  ChunkReader reader;
  reader.start(10, 0);
  reader.keep(4);
  assert_true(reader.has_room_for(6));
  assert_false(reader.has_room_for(7));
  assert_false(reader.has_room_for(UINT64_MAX));
  reader.drop(1000);
  assert_true(reader.has_room_for(6));
}

TEST(line_ends_that_are_none_are_counted) {
  struct Row {
    std::string_view message;
    std::uint64_t lf, cr;
  };
  constexpr Row kRows[] = {{"", 0, 0},         {"a\r\nb\r\n", 0, 0}, {"\n", 1, 0},
                           {"\r", 0, 1},       {"a\nb\rc", 1, 1},    {"\r\r\n\n", 1, 1},
                           {"\n\r\n\r", 1, 1}, {"\n\n\r\r", 2, 2}};
  for (const Row& row : kRows) {
    const BareNewlines bare = count_bare_newlines(Exact(row.message).view());
    assert_int_equal(bare.lf, row.lf);
    assert_int_equal(bare.cr, row.cr);
    assert_int_equal(bare.none(), row.lf + row.cr == 0);
  }
  // Wherever it is in a long message, and whatever is cut between CR and LF.
  for (std::size_t at = 0; at < 400; ++at) {
    std::string message(400, 'x');
    message.replace(at, 1, "\r\n");
    assert_true(count_bare_newlines(Exact(message).view()).none());
    message.insert(at, "\n\r");
    const BareNewlines bare = count_bare_newlines(Exact(message).view());
    assert_true(bare.lf == 1 && bare.cr == 1);
  }
  assert_same(normalize_newlines("a\nb\rc\r\n\r", {1, 2}), "a\r\nb c\r\n ");
  const BareNewlines full = count_bare_newlines(std::string(10'000, '\n'));
  assert_int_equal(full.lf, 10'000);
}

// Bytes in use; 0 under sanitizers, whose malloc does not say.
std::size_t in_use() {
  const struct mallinfo2 memory = mallinfo2();
  return memory.uordblks + memory.hblkhd;
}

// A client that has sent something large may stay for long, and say nothing more.
TEST(what_is_no_longer_held_is_given_back) {
  const std::string large(std::size_t{4} << 20U, 'x');
  LineReader lines;
  DataReader refused, dropped;
  ChunkReader chunks;
  const std::size_t before = in_use();
  refused.start(large.size() - 1, 0);
  dropped.start(large.size(), 0);
  chunks.start(large.size(), 0);
  chunks.keep(large.size());
  std::string_view for_refused = large, for_dropped = large, for_chunks = large;
  assert_true(refused.consume(for_refused) == DataReader::Status::kMore);
  assert_true(dropped.consume(for_dropped) == DataReader::Status::kMore);
  assert_true(chunks.consume(for_chunks));
  lines.append(std::string(60'000, 'x') + "\r\n");
  assert_true(lines.next().kind == Line::Kind::kTooLong);
  assert_true(lines.next().kind == Line::Kind::kNone);
  dropped.clear();
  chunks.clear();
  assert_true(in_use() <= before + 1024);
}

}  // namespace
