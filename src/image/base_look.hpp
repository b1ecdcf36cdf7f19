// What an image to build on has: looked for in its layers, without unpacking them.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/result.hpp"
#include "image/image_file.hpp"

namespace hpcenv::image {

struct BaseFacts {
  bool has_shell = false;         ///< /bin/sh
  bool has_certificates = false;  ///< a CA bundle where OpenSSL's users look
  bool has_utf8 = false;          ///< the locale C.UTF-8
  std::string glibc;              ///< "2.36"; empty: none was found
  std::string system;             ///< PRETTY_NAME of os-release, or empty
  /// Links that stand where others expect directories ("bin", "lib64"), without a leading `/`: no
  /// layer may write through or over one.
  std::set<std::string, std::less<>> links;
};

/// Reads all layers once; their digests and those of their contents are compared on the way, so
/// that a base with a changed byte is kind refused before anything is written.
Result<BaseFacts> look_into(const ImageFile& base);

/// The link of the base in the way of a path that is to be added, or nothing.
std::optional<std::string> link_above(const BaseFacts& base, std::string_view path);

}  // namespace hpcenv::image
