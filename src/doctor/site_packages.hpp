// What pip put beside the packages of conda.
#pragma once

#include <string>
#include <vector>

#include "doctor/subject.hpp"

namespace hpcenv::doctor {

struct Wheel {
  std::string name;  ///< as pip writes it: "nvidia-cublas-cu12"
  std::string version;
};

/// Entries of the environment's site-packages that no package of conda's owns, as paths relative to
/// the prefix; empty without python.
std::vector<std::string> foreign_entries(const Subject& subject);
/// The distributions among them.
std::vector<Wheel> foreign_wheels(const Subject& subject);
/// "nvidia-cublas-cu12 12.9.1.4"
std::vector<std::string> wheel_texts(const std::vector<Wheel>& wheels);

}  // namespace hpcenv::doctor
