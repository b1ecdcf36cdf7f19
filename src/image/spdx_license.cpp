#include "image/spdx_license.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace hpcenv::image {

namespace {

/// Of SPDX's list, what packages of conda-forge and its neighbours use.
constexpr std::string_view known_ids =
    "0BSD AFL-2.1 AFL-3.0 AGPL-1.0-only AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 "
    "Artistic-1.0 Artistic-1.0-Perl Artistic-2.0 blessing BSD-2-Clause BSD-2-Clause-Darwin "
    "BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Attribution BSD-3-Clause-Clear "
    "BSD-3-Clause-LBNL BSD-4-Clause BSL-1.0 bzip2-1.0.6 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 "
    "CC-BY-SA-4.0 CC-PDDC CC0-1.0 CDDL-1.0 CECILL-2.1 CECILL-B CECILL-C CNRI-Python CPL-1.0 "
    "curl DOC ECL-2.0 EPL-1.0 EPL-2.0 EUPL-1.2 FreeImage FSFAP FTL GD GFDL-1.3-or-later "
    "gnuplot GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later "
    "HPND IJG ImageMagick ISC JasPer-2.0 LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only "
    "LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later Libpng libpng-2.0 libtiff Linux-OpenIB "
    "LPL-1.02 LPPL-1.0 LPPL-1.3c MIT MIT-0 MIT-CMU MPL-1.1 MPL-2.0 NASA-1.3 NCBI-PD NCSA "
    "NetCDF OFL-1.1 OLDAP-2.8 OpenSSL OSL-2.1 PostgreSQL PSF-2.0 Python-2.0 Qhull SGI-B-2.0 "
    "SMLNJ SSH-OpenSSH TCL Unlicense UPL-1.0 WTFPL X11 Zlib zlib-acknowledgement ZPL-2.1";

constexpr std::array<std::string_view, 7> known_exceptions{
    "Autoconf-exception-2.0", "Bootloader-exception", "Classpath-exception-2.0",
    "GCC-exception-2.0",      "GCC-exception-3.1",    "LLVM-exception",
    "WxWindows-exception-3.1"};

constexpr std::string_view reference_start = "LicenseRef-";
constexpr int deepest_nesting = 20;

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.';
}

std::optional<std::string> listed(std::string_view word, const auto& list) {
  const std::string lower = base::to_lower(word);
  for (const std::string_view known : list) {
    if (base::to_lower(known) == lower) return std::string(known);
  }
  return std::nullopt;
}

/// A reader of `compound = simple [WITH exception] | ( compound ) | compound AND|OR compound`,
/// which writes what it reads in its proper form.
class Expression {
 public:
  explicit Expression(std::string_view text) : rest_(text) { next(); }

  std::optional<SpdxLicense> read() {
    if (!compound(0) || !word_.empty()) return std::nullopt;
    license_.is_listed_id = terms_ == 1 && !license_.expression.contains(' ') &&
                            !license_.expression.contains('(') && license_.references.empty();
    return std::move(license_);
  }

 private:
  void next() {
    rest_ = base::trim(rest_);
    std::size_t size = 0;
    while (size < rest_.size() && is_word_character(rest_[size])) ++size;
    if (size == 0 && !rest_.empty()) size = 1;
    word_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
  }

  bool compound(int depth) {
    if (depth > deepest_nesting || !term(depth)) return false;
    for (;;) {
      const std::string word = base::to_lower(word_);
      if (word != "and" && word != "or") return true;
      license_.expression += word == "and" ? " AND " : " OR ";
      next();
      if (!term(depth)) return false;
    }
  }

  bool term(int depth) {
    if (word_ != "(") return simple();
    license_.expression += '(';
    next();
    if (!compound(depth + 1) || word_ != ")") return false;
    license_.expression += ')';
    next();
    return true;
  }

  bool simple() {
    ++terms_;
    if (word_.starts_with(reference_start) && word_.size() > reference_start.size()) {
      refer(std::string(word_));
      next();
      return true;
    }
    const auto id = listed(word_, base::split(known_ids, ' '));
    if (!id.has_value()) return false;
    license_.expression += *id;
    next();
    if (base::to_lower(word_) != "with") return true;
    next();
    const auto exception = listed(word_, known_exceptions);
    if (!exception.has_value()) return false;
    license_.expression += " WITH " + *exception;
    next();
    return true;
  }

  void refer(const std::string& id) {
    license_.expression += id;
    const bool known = std::ranges::any_of(
        license_.references, [&](const SpdxLicense::Reference& old) { return old.id == id; });
    if (!known) license_.references.push_back({id, id.substr(reference_start.size())});
  }

  std::string_view rest_;
  std::string_view word_;
  SpdxLicense license_;
  int terms_ = 0;
};

/// A reference's id cannot hold every text; eight digits of a digest keep different texts apart.
std::string reference_for(std::string_view text) {
  std::string id(reference_start);
  for (const char c : text) {
    if (is_word_character(c)) {
      id += c;
    } else if (!id.ends_with('-')) {
      id += '-';
    }
  }
  if (!id.ends_with('-')) id += '-';
  return id + base::hash_text(base::HashKind::sha256, text).substr(0, 8);
}

}  // namespace

SpdxLicense spdx_license(std::string_view text) {
  text = base::trim(text);
  if (text.empty()) return {};
  if (auto read = Expression(text).read(); read.has_value()) return *std::move(read);
  SpdxLicense license;
  license.is_free_text = true;
  license.expression = reference_for(text);
  license.references.push_back({license.expression, std::string(text)});
  return license;
}

}  // namespace hpcenv::image
