// SPDX-License-Identifier: ISC
// The labels of charsets that are believed, and what each is read as.
#pragma once

#include <string_view>

namespace restante::mimed {

// How a labelled text is read; all but kIconv need no library.
enum class CharsetKind : unsigned char { kGuess, kUtf8, kWindows1252, kUtf16, kIconv };

struct CharsetName {
  std::string_view label;  // lower case, without `-`, `_`, `:` and blanks
  CharsetKind kind;
  const char* iconv_name;
};

// Sorted by label. Not here on purpose: utf-7 (markup in disguise) and iso-2022-cn-ext (whose
// converter in glibc has written past its buffer). gb2312, ks_c_5601 and shift_jis are read as
// their supersets, because that is what those who write the label send.
inline constexpr CharsetName kCharsetNames[] = {
#define RESTANTE_ICONV(label, name) {label, CharsetKind::kIconv, name}
    {"ascii", CharsetKind::kGuess, nullptr},
    RESTANTE_ICONV("big5", "BIG5-HKSCS"),
    RESTANTE_ICONV("big5hkscs", "BIG5-HKSCS"),
    {"cp1252", CharsetKind::kWindows1252, nullptr},
    RESTANTE_ICONV("cp850", "CP850"),
    RESTANTE_ICONV("cp866", "CP866"),
    RESTANTE_ICONV("cp932", "CP932"),
    RESTANTE_ICONV("cp936", "GB18030"),
    RESTANTE_ICONV("cp949", "UHC"),
    RESTANTE_ICONV("eucjp", "EUC-JP-MS"),
    RESTANTE_ICONV("euckr", "UHC"),
    RESTANTE_ICONV("gb18030", "GB18030"),
    RESTANTE_ICONV("gb2312", "GB18030"),
    RESTANTE_ICONV("gbk", "GB18030"),
    RESTANTE_ICONV("ibm437", "IBM437"),
    RESTANTE_ICONV("ibm850", "CP850"),
    RESTANTE_ICONV("ibm866", "CP866"),
    RESTANTE_ICONV("iso2022jp", "ISO-2022-JP"),
    RESTANTE_ICONV("iso2022kr", "ISO-2022-KR"),
    {"iso88591", CharsetKind::kWindows1252, nullptr},
    RESTANTE_ICONV("iso885910", "ISO-8859-10"),
    RESTANTE_ICONV("iso885911", "CP874"),
    RESTANTE_ICONV("iso885913", "ISO-8859-13"),
    RESTANTE_ICONV("iso885914", "ISO-8859-14"),
    RESTANTE_ICONV("iso885915", "ISO-8859-15"),
    RESTANTE_ICONV("iso885916", "ISO-8859-16"),
    RESTANTE_ICONV("iso88592", "ISO-8859-2"),
    RESTANTE_ICONV("iso88593", "ISO-8859-3"),
    RESTANTE_ICONV("iso88594", "ISO-8859-4"),
    RESTANTE_ICONV("iso88595", "ISO-8859-5"),
    RESTANTE_ICONV("iso88596", "ISO-8859-6"),
    RESTANTE_ICONV("iso88597", "ISO-8859-7"),
    RESTANTE_ICONV("iso88598", "ISO-8859-8"),
    RESTANTE_ICONV("iso88598i", "ISO-8859-8"),
    RESTANTE_ICONV("iso88599", "CP1254"),
    RESTANTE_ICONV("koi8r", "KOI8-R"),
    RESTANTE_ICONV("koi8u", "KOI8-U"),
    RESTANTE_ICONV("ksc56011987", "UHC"),
    {"latin1", CharsetKind::kWindows1252, nullptr},
    RESTANTE_ICONV("maccyrillic", "MAC-CYRILLIC"),
    RESTANTE_ICONV("macintosh", "MACINTOSH"),
    RESTANTE_ICONV("shiftjis", "CP932"),
    RESTANTE_ICONV("sjis", "CP932"),
    RESTANTE_ICONV("tis620", "CP874"),
    {"unicode11utf8", CharsetKind::kUtf8, nullptr},
    {"usascii", CharsetKind::kGuess, nullptr},
    {"utf16", CharsetKind::kUtf16, nullptr},
    RESTANTE_ICONV("utf16be", "UTF-16BE"),
    RESTANTE_ICONV("utf16le", "UTF-16LE"),
    RESTANTE_ICONV("utf32be", "UTF-32BE"),
    RESTANTE_ICONV("utf32le", "UTF-32LE"),
    {"utf8", CharsetKind::kUtf8, nullptr},
    {"utf8mb4", CharsetKind::kUtf8, nullptr},
    RESTANTE_ICONV("windows1250", "CP1250"),
    RESTANTE_ICONV("windows1251", "CP1251"),
    {"windows1252", CharsetKind::kWindows1252, nullptr},
    RESTANTE_ICONV("windows1253", "CP1253"),
    RESTANTE_ICONV("windows1254", "CP1254"),
    RESTANTE_ICONV("windows1255", "CP1255"),
    RESTANTE_ICONV("windows1256", "CP1256"),
    RESTANTE_ICONV("windows1257", "CP1257"),
    RESTANTE_ICONV("windows1258", "CP1258"),
    RESTANTE_ICONV("windows31j", "CP932"),
    RESTANTE_ICONV("windows874", "CP874"),
    RESTANTE_ICONV("xgbk", "GB18030"),
    RESTANTE_ICONV("xsjis", "CP932"),
#undef RESTANTE_ICONV
};

}  // namespace restante::mimed
