#include "prefix/relocate.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/text.hpp"

namespace hpcenv::prefix {

namespace {

/// Kernels before 5.1 read 127 bytes of the first line, `#!` included; newer ones 255.
constexpr std::size_t shebang_limit = 127;

/// How a script hands itself over to an interpreter that the kernel cannot be told of. `{0}` is
/// the interpreter's path, `{1}` its arguments. All start as sh scripts; each is also harmless in
/// the language of the interpreter that reads the file a second time. Shells are left out on
/// purpose: their scripts may also be sourced, and an exec in them would end the user's shell;
/// /usr/bin/env finds sh and bash on any host.
struct Handover {
  std::string_view family;  ///< the name of the interpreter without its version
  std::string_view lines;
};

constexpr std::string_view python_lines = "#!/bin/sh\n'''exec' \"{0}\"{1} \"$0\" \"$@\" #'''";
constexpr std::string_view perl_lines = "#!/bin/sh\nexec \"{0}\" -x \"$0\" \"$@\"\n#!perl{1}";
constexpr std::string_view ruby_lines = "#!/bin/sh\nexec \"{0}\" -x \"$0\" \"$@\"\n#!ruby{1}";
constexpr std::string_view tcl_lines = "#!/bin/sh\n# \\\nexec \"{0}\"{1} \"$0\" \"$@\"";
constexpr std::string_view node_lines = "#!/bin/sh\n':' //; exec \"{0}\"{1} \"$0\" \"$@\"";

constexpr std::array handovers{
    Handover{"python", python_lines}, Handover{"pypy", python_lines}, Handover{"perl", perl_lines},
    Handover{"ruby", ruby_lines},     Handover{"tclsh", tcl_lines},   Handover{"wish", tcl_lines},
    Handover{"node", node_lines},
};

/// "python3.13t" -> "python"
std::string_view family_of(std::string_view name) {
  return name.substr(0, name.find_first_of("0123456789"));
}

std::optional<std::string_view> handover_lines(std::string_view name) {
  for (const Handover& handover : handovers) {
    if (handover.family == family_of(name)) return handover.lines;
  }
  return std::nullopt;
}

/// A first line in its parts; `path` is empty where the line is none that names a program.
struct ShebangLine {
  std::string_view line;  ///< without the newline
  std::string_view path;
  std::string_view arguments;
};

ShebangLine split_shebang(std::string_view text) {
  ShebangLine parts;
  if (!text.starts_with("#!")) return parts;
  parts.line = text.substr(0, text.find('\n'));
  const std::size_t begin = parts.line.find_first_not_of(" \t", 2);
  if (begin == std::string_view::npos || parts.line[begin] != '/') return parts;
  const std::size_t end = std::min(parts.line.find_first_of(" \t\r", begin), parts.line.size());
  parts.path = parts.line.substr(begin, end - begin);
  parts.arguments = parts.line.substr(end);
  return parts;
}

struct Encoding {
  std::size_t width;  ///< bytes a code unit
  bool big;
};
constexpr std::array wide_encodings{Encoding{2, false}, Encoding{2, true}, Encoding{4, false},
                                    Encoding{4, true}};

/// Code points of UTF-8; nullopt where it is not valid (a path of other bytes).
std::optional<std::u32string> code_points(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    std::size_t length = 1;
    if (lead >= 0xF0) {
      length = 4;
    } else if (lead >= 0xE0) {
      length = 3;
    } else if (lead >= 0xC0) {
      length = 2;
    } else if (lead >= 0x80) {
      return std::nullopt;
    }
    if (at + length > text.size()) return std::nullopt;
    char32_t point = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
      const auto byte = static_cast<unsigned char>(text[at + i]);
      if ((byte & 0xC0U) != 0x80U) return std::nullopt;
      point = (point << 6U) | (byte & 0x3FU);
    }
    points.push_back(point);
    at += length;
  }
  return points;
}

void append_unit(std::string& text, std::uint32_t unit, const Encoding& encoding) {
  for (std::size_t i = 0; i < encoding.width; ++i) {
    const std::size_t shift = 8 * (encoding.big ? encoding.width - 1 - i : i);
    text += static_cast<char>((unit >> shift) & 0xFFU);
  }
}

std::string encoded(const std::u32string& points, const Encoding& encoding) {
  std::string text;
  for (const char32_t point : points) {
    if (encoding.width == 2 && point > 0xFFFF) {
      append_unit(text, 0xD800U + ((point - 0x10000U) >> 10U), encoding);
      append_unit(text, 0xDC00U + ((point - 0x10000U) & 0x3FFU), encoding);
    } else {
      append_unit(text, point, encoding);
    }
  }
  return text;
}

std::string replace_wide(std::string text, const Relocation& relocation) {
  // Text in a wide encoding has NUL bytes, plain text has none.
  if (text.find('\0') == std::string::npos) return text;
  const auto from = code_points(relocation.placeholder);
  const auto to = code_points(relocation.prefix);
  if (!from.has_value() || !to.has_value()) return text;
  for (const Encoding& encoding : wide_encodings) {
    text = base::replace_all(std::move(text), encoded(*from, encoding), encoded(*to, encoding));
  }
  return text;
}

std::string replace_plain(std::string_view text, const Relocation& relocation) {
  std::string replaced;
  replaced.reserve(text.size());
  std::size_t begin = 0;
  for (;;) {
    const std::size_t at = text.find(relocation.placeholder, begin);
    replaced += text.substr(begin, at - begin);
    if (at == std::string_view::npos) return replaced;
    replaced += relocation.prefix;
    begin = at + relocation.placeholder.size();
  }
}

}  // namespace

Shebang working_shebang(std::string_view interpreter, std::string_view arguments) {
  std::string line = fmt::format("#!{}{}", interpreter, arguments);
  const bool readable =
      line.size() <= shebang_limit && interpreter.find_first_of(" \t") == std::string_view::npos;
  if (readable) return {std::move(line), ShebangForm::plain};
  const std::string_view name = interpreter.substr(interpreter.rfind('/') + 1);
  if (const auto lines = handover_lines(name); lines.has_value()) {
    return {fmt::format(fmt::runtime(*lines), interpreter, arguments), ShebangForm::handover};
  }
  return {fmt::format("#!/usr/bin/env {}{}", name, arguments), ShebangForm::searched};
}

RelocatedText relocate_text(std::string_view text, const Relocation& relocation) {
  RelocatedText relocated;
  const ShebangLine first = split_shebang(text);
  if (first.path.find(relocation.placeholder) == std::string_view::npos) {
    relocated.text = replace_wide(replace_plain(text, relocation), relocation);
    return relocated;
  }
  // The line is taken apart before the replacement: placeholders have no blanks, prefixes may.
  const std::string path = replace_plain(first.path, relocation);
  Shebang shebang = working_shebang(path, replace_plain(first.arguments, relocation));
  relocated.shebang = shebang.form;
  relocated.text =
      shebang.form == ShebangForm::plain ? replace_plain(first.line, relocation) : shebang.text;
  relocated.text +=
      replace_wide(replace_plain(text.substr(first.line.size()), relocation), relocation);
  return relocated;
}

Result<> relocate_binary(std::string_view bytes, const Relocation& relocation,
                         const PieceSink& sink) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t at = bytes.find(relocation.placeholder, begin);
    const std::size_t end = at == std::string_view::npos ? at : bytes.find('\0', at);
    if (end == std::string_view::npos) return sink(bytes.substr(begin));
    HPCENV_TRY(sink(bytes.substr(begin, at - begin)));
    std::string text = replace_plain(bytes.substr(at, end - at), relocation);
    text.resize(end - at, '\0');
    HPCENV_TRY(sink(text));
    begin = end;
  }
}

}  // namespace hpcenv::prefix
