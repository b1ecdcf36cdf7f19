// A machine out of what a test writes down; libraries are really asked.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "host/reader.hpp"

namespace hpcenv::tests {

class MadeMachine final : public host::HostReader {
 public:
  std::map<std::string, std::string> files;
  std::map<std::string, int> open_errors;
  std::map<std::string, std::string> links;
  base::Environment variables;
  std::string processor = "x86_64";
  bool root = false;

  std::optional<std::string> read_text(const std::string& path) const override {
    const auto found = files.find(path);
    if (found == files.end()) return std::nullopt;
    return found->second;
  }
  std::vector<std::string> list(const std::string& path) const override {
    std::set<std::string> names;
    const std::string folder = path + "/";
    for (const auto& [file, text] : files) {
      if (!file.starts_with(folder)) continue;
      names.insert(file.substr(folder.size(), file.find('/', folder.size()) - folder.size()));
    }
    return {names.begin(), names.end()};
  }
  bool exists(const std::string& path) const override {
    return files.contains(path) || links.contains(path) || !list(path).empty();
  }
  std::optional<std::string> real_path(const std::string& path) const override {
    if (const auto link = links.find(path); link != links.end()) return link->second;
    if (!exists(path)) return std::nullopt;
    return path;
  }
  std::string openable(const std::string& path) const override { return path; }
  std::optional<host::LibraryFacts> library(const std::string& path) const override {
    return host::read_library(path);
  }
  std::optional<int> open_error(const std::string& path) const override {
    const auto found = open_errors.find(path);
    if (found == open_errors.end()) return std::nullopt;
    return found->second;
  }
  const base::Environment& environment() const override { return variables; }
  std::optional<std::int64_t> taken_at() const override { return std::nullopt; }
  std::string hostname() const override { return "made"; }
  std::string kernel_release() const override { return "5.14.0"; }
  std::string machine() const override { return processor; }
  bool is_root() const override { return root; }
  std::optional<base::FileSystemFacts> file_system(const std::string& /*path*/) const override {
    return std::nullopt;
  }
  host::LibcudaAnswer ask_libcuda(const host::LibcudaQuestion& question) const override {
    asked.push_back(question);
    return host::ask_libcuda(question, variables);
  }

  mutable std::vector<host::LibcudaQuestion> asked;
};

}  // namespace hpcenv::tests
