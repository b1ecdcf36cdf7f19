// Which files the dynamic loader takes for a program: glibc's order, soname by soname (ld.so(8)).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "host/elf.hpp"
#include "host/reader.hpp"

namespace hpcenv::host {

/// A file as the loader sees it.
struct LoaderFile {
  enum class Kind { object, other_machine, no_object };
  Kind kind = Kind::no_object;
  ElfFacts facts;
};

/// Reads directories and the dynamic sections of files once each. What lies below `own` is read as
/// it is, all else through the reader, which must outlive this.
class LoaderFiles {
 public:
  LoaderFiles(const HostReader& reader, std::string own);
  const std::set<std::string>& names(const std::string& directory);
  /// Null where nothing can be read at the path.
  const LoaderFile* file(const std::string& path);
  const std::string& machine() const { return machine_; }

 private:
  std::string openable(const std::string& path) const;

  const HostReader& reader_;
  std::string own_;
  std::string machine_;
  std::map<std::string, std::set<std::string>> directories_;
  std::map<std::string, std::optional<LoaderFile>> files_;
};

struct LoadedObject {
  std::string path;
  const LoaderFile* file = nullptr;  ///< of the LoaderFiles that was asked
  std::optional<std::size_t> loaded_by;
  /// What each DT_NEEDED name became: the place of an object; nullopt where it is left to the
  /// system's own directories, which nobody looks into here.
  std::map<std::string, std::optional<std::size_t>> needed;
};

struct LoaderQuestion {
  std::string program;  ///< that is started; empty: not known
  std::string library;  ///< that it opens by its path (dlopen), with the program's run paths
  std::vector<std::string> library_path;  ///< directories of LD_LIBRARY_PATH
  int level = 1;  ///< of x86-64: how far glibc-hwcaps directories are looked into
};

/// In the order of loading, the program first; empty where neither file is an object. What the
/// system's own libraries load is not followed, and LD_PRELOAD not looked at.
std::vector<LoadedObject> loaded_objects(LoaderFiles& files, const LoaderQuestion& question);

/// DT_RPATH or DT_RUNPATH of the object at `path` as directories.
std::vector<std::string> run_path_directories(std::string_view run_path, const std::string& path);
/// LD_LIBRARY_PATH as directories; an empty entry, which is the working directory, is left out.
std::vector<std::string> library_path_directories(std::string_view value);
/// A directory of the search and what lies below it for this processor, in the order they are
/// looked into.
std::vector<std::string> with_hardware_directories(const std::string& directory, int level);

}  // namespace hpcenv::host
