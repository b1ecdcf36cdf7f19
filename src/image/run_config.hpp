// What an image starts with: variables, command, user, labels. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "image/oci.hpp"
#include "shell/activation.hpp"

namespace hpcenv::image {

struct RunWishes {
  std::vector<std::string> environment;  ///< NAME=VALUE of the user
  std::vector<std::string> command;      ///< empty: the environment's python, else the base's
  std::string user;
  std::string working_directory;
  std::vector<std::string> labels;  ///< NAME=VALUE
};

struct RunFacts {
  shell::Activation activation;  ///< for the prefix in the image
  std::string prefix;            ///< in the image
  bool has_python = false;
  std::string certificates;         ///< a CA bundle in the image, where the base has none; or empty
  bool base_has_utf8 = false;       ///< its locales have C.UTF-8
  Annotations labels;               ///< over the base's, under the user's
  std::optional<std::string> cuda;  ///< GPU variables are set for it
};

struct RunConfig {
  ImageConfig config;
  std::vector<std::string> notes;  ///< variables that an image cannot hold, a sentence each
};

/// The base's configuration with the environment active in it, without an entrypoint: engines that
/// run another command bypass one. The user's words come last. Kind usage for a variable or label
/// that is no NAME=VALUE, and for a working directory that is not absolute.
Result<RunConfig> run_config(const ImageConfig& base, const RunFacts& facts,
                             const RunWishes& wishes);

/// "2026-11-27T01:02:03Z"
std::string rfc3339(std::int64_t seconds);

}  // namespace hpcenv::image
