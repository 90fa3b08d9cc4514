// SPDX-License-Identifier: ISC
// Tables with a row for each enumerator, in the order of the enumeration.
#pragma once

#include <array>
#include <cstddef>
#include <functional>

namespace restante {
inline namespace base {

// Whether each row stands at the place of its enumerator, which `enumerator` gets out of a row. For
// a static_assert behind the table.
template <class Row, std::size_t size, class Enumerator>
[[nodiscard]] consteval bool rows_in_order(const std::array<Row, size>& table,
                                           Enumerator enumerator) {
  for (std::size_t i = 0; i < size; ++i) {
    if (static_cast<std::size_t>(std::invoke(enumerator, table[i])) != i) return false;
  }
  return true;
}

}  // namespace base
}  // namespace restante
