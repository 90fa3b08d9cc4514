// SPDX-License-Identifier: ISC
#include "mimed/mime.h"

#include <gmime/gmime.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <algorithm>
#include <string>
#include <utility>

#include "mimed/findings/details.h"
#include "mimed/header/encoded_word.h"
#include "mimed/header/fields.h"
#include "mimed/parts/part.h"
#include "shared/base/ascii.h"
#include "shared/base/c_ptr.h"

namespace restante::mimed {
namespace {

using StreamPtr = CPtr<GMimeStream, g_object_unref>;
using ParserPtr = CPtr<GMimeParser, g_object_unref>;
using ObjectPtr = CPtr<GMimeObject, g_object_unref>;
using OptionsPtr = CPtr<GMimeParserOptions, g_mime_parser_options_free>;

// An mbox reader's `From ` line is not part of the mail (RFC 4155).
std::string_view without_mbox_line(std::string_view raw) {
  if (!raw.starts_with("From ") && !raw.starts_with(">From ")) return raw;
  const std::size_t newline = raw.find('\n');
  return newline == std::string_view::npos ? raw : raw.substr(newline + 1);
}

struct HeaderExtent {
  std::size_t bytes = 0;
  std::size_t types = 0;  // fields that say Content-Type
};

bool is_type(const HeaderField& field) { return equal_ignoring_case(field.name, "content-type"); }

HeaderExtent measure_header(std::string_view mail) {
  HeaderReader reader(mail, OnJunk::kEndsHeader);
  HeaderField field;
  HeaderExtent extent;
  while (reader.next(field)) extent.types += is_type(field);
  extent.bytes = reader.position();
  return extent;
}

// GMime goes by the last of several Content-Type fields, everybody else by the first. This has the
// others spoilt.
std::string with_one_type(std::string_view mail, std::size_t header_bytes) {
  HeaderReader reader(mail.substr(0, header_bytes), OnJunk::kEndsHeader);
  HeaderField field;
  std::string copy(mail);
  bool seen = false;
  while (reader.next(field)) {
    if (!is_type(field) || !std::exchange(seen, true)) continue;
    copy[static_cast<std::size_t>(field.name.data() - mail.data())] = 'X';
  }
  return copy;
}

// Where GMime found the content of `part`: a range of the stream that it read, so of `mail`.
std::string_view content_of(GMimePart* part, std::string_view mail) {
  GMimeDataWrapper* wrapper = g_mime_part_get_content(part);
  GMimeStream* stream = wrapper == nullptr ? nullptr : g_mime_data_wrapper_get_stream(wrapper);
  if (stream == nullptr || stream->bound_start < 0) return {};
  const auto start = std::min(static_cast<std::size_t>(stream->bound_start), mail.size());
  const auto end =
      stream->bound_end < 0 ? mail.size() : static_cast<std::size_t>(stream->bound_end);
  return end <= start ? std::string_view() : mail.substr(start, end - start);
}

std::string_view header_of(GMimeObject* object, std::string_view mail) {
  GMimeHeaderList* headers = g_mime_object_get_header_list(object);
  if (headers == nullptr || g_mime_header_list_get_count(headers) == 0) return {};
  const gint64 offset = g_mime_header_get_offset(g_mime_header_list_get_header_at(headers, 0));
  return offset < 0 ? std::string_view()
                    : mail.substr(std::min(static_cast<std::size_t>(offset), mail.size()));
}

// Recursion is bounded by the pre-scan, and by GMime itself. Sets `damaged` where a multipart has
// no parts, which is to say that its boundary never comes.
Part to_part(GMimeObject* object, std::string_view mail, std::string_view default_type,
             bool& damaged) {
  const std::string_view header = header_of(object, mail);
  if (!GMIME_IS_MULTIPART(object)) {
    const bool has_content = GMIME_IS_PART(object);
    Part leaf =
        make_part(header, has_content ? content_of(GMIME_PART(object), mail) : "", default_type);
    // Two Content-Type fields that do not agree: it is a leaf, whatever else they say.
    if (leaf.is_multipart()) leaf.type.value = "application/octet-stream";
    return leaf;
  }
  Part part = make_part(header, {}, "multipart/mixed");
  if (!part.is_multipart()) part.type.value = "multipart/mixed";
  GMimeMultipart* multipart = GMIME_MULTIPART(object);
  const int count = g_mime_multipart_get_count(multipart);
  // RFC 2046 section 5.1.5: the parts of a digest are mails unless they say otherwise.
  const char* child_type = part.type.value == "multipart/digest" ? "message/rfc822" : "text/plain";
  for (int i = 0; i < count; ++i) {
    part.children.push_back(
        to_part(g_mime_multipart_get_part(multipart, i), mail, child_type, damaged));
  }
  damaged = damaged || count == 0;
  return part;
}

// Has GMime read `mail`, in place. As a part and not as a message: so it reads no address fields,
// the parser of which recurses for each group inside a group.
ObjectPtr split(std::string_view mail) {
  // A GByteArray is a pointer and a size; the stream only reads, and does not own it.
  GByteArray bytes{reinterpret_cast<guint8*>(const_cast<char*>(mail.data())),
                   static_cast<guint>(mail.size())};
  const StreamPtr stream(g_mime_stream_mem_new());
  g_mime_stream_mem_set_byte_array(GMIME_STREAM_MEM(stream.get()), &bytes);
  const ParserPtr parser(g_mime_parser_new_with_stream(stream.get()));
  g_mime_parser_set_format(parser.get(), GMIME_FORMAT_MESSAGE);
  g_mime_parser_set_persist_stream(parser.get(), TRUE);  // content stays where it is
  const OptionsPtr options(g_mime_parser_options_new());
  return ObjectPtr(g_mime_parser_construct_part(parser.get(), options.get()));
}

}  // namespace

MimeParser::MimeParser(const PrescanLimits& limits) : limits_(limits) {
#if defined(__SANITIZE_ADDRESS__)
  // GMime forgets to free the four registrations of its own that are replaced here, once a process.
  const __lsan::ScopedDisabler not_ours;
#endif
  g_mime_init();
  // A mail inside a mail is an attachment here. As a plain part it is not parsed, at any depth.
  for (const char* subtype : {"rfc822", "rfc2822", "global", "global-headers", "news", "*"}) {
    g_mime_object_register_type("message", subtype, GMIME_TYPE_PART);
  }
}

MimeParser::~MimeParser() { g_mime_shutdown(); }

// Where the parts are views of. So that they stay so, it is neither copied nor moved.
struct MimeParser::Tree {
  Tree() = default;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  std::string_view header;  // as it came, up to the bound
  std::string copy;         // of the mail, where it had to be changed
  Part root;
  Exceeded exceeded = Exceeded::kNothing;
  bool is_whole = true;     // false: a multipart past a bound, which is not split
  bool is_damaged = false;  // read in spite of a fault
};

void MimeParser::build_tree(std::string_view raw, Tree& tree) const {
  std::string_view mail = without_mbox_line(raw);
  const HeaderExtent extent = measure_header(mail);
  const std::size_t header_read = std::min(extent.bytes, limits_.header_bytes);
  tree.header = mail.substr(0, header_read);
  if (extent.types > 1) mail = tree.copy = with_one_type(mail, extent.bytes);
  tree.exceeded = prescan(mail, limits_);
  tree.is_damaged = tree.exceeded != Exceeded::kNothing;
  tree.root = make_part(mail.substr(0, header_read), mail.substr(extent.bytes));
  if (!tree.root.type.value.starts_with("multipart")) return;
  tree.is_whole = !tree.is_damaged;
  if (tree.is_whole) split_multipart(mail, tree);
}

void MimeParser::split_multipart(std::string_view mail, Tree& tree) {
  const ObjectPtr object = split(mail);
  Part root = object ? to_part(object.get(), mail, "text/plain", tree.is_damaged) : Part();
  if (!root.children.empty()) {
    tree.root = std::move(root);
  } else {
    // The boundary never comes, or there is none: all of the body is shown as text.
    tree.is_damaged = true;
    tree.root.type.value = "text/plain";
  }
}

ParsedMail MimeParser::parse(std::string_view raw) {
  Tree tree;
  build_tree(raw, tree);
  ParsedMail parsed;
  mail::Message& message = parsed.message;
  message.size = raw.size();
  read_header(tree.header, limits_.header_fields, converter_, message);
  message.subject = decode_header_text(converter_, find_field(tree.header, "subject"));
  parsed.exceeded = tree.exceeded;
  message.parse_error = tree.is_damaged;
  if (tree.is_whole) {
    assemble(tree.root, converter_, message);
  } else {
    assemble_roughly(tree.root.content, converter_, message);
  }
  read_content(message);
  return parsed;
}

Extraction MimeParser::extract(std::string_view raw, std::uint64_t number) {
  Tree tree;
  build_tree(raw, tree);
  if (!tree.is_whole) return {};
  return extract_attachment(tree.root, converter_, number);
}

}  // namespace restante::mimed
