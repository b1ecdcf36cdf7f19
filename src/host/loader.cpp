#include "host/loader.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::host {

namespace {

namespace fs = std::filesystem;

std::string tidy(const std::string& path) {
  std::string normal = fs::path(path).lexically_normal().native();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

std::uint16_t elf_machine_of(std::string_view machine) {
  return machine == "aarch64" ? elf_aarch64 : elf_x86_64;
}

/// One start of a program.
class Start {
 public:
  Start(LoaderFiles& files, const LoaderQuestion& question) : files_(files), question_(question) {}

  std::vector<LoadedObject> run() {
    load_root(question_.program);
    load_root(question_.library);
    return std::move(objects_);
  }

 private:
  void load_root(const std::string& path) {
    if (path.empty() || by_path_.contains(path)) return;
    const LoaderFile* file = files_.file(path);
    if (file == nullptr || file->kind != LoaderFile::Kind::object) return;
    const std::optional<std::size_t> opener =
        objects_.empty() ? std::nullopt : std::optional<std::size_t>{0};
    add(path, file, opener);
    // Breadth first, as the loader goes.
    for (; next_ < objects_.size(); ++next_) load_needed(next_);
  }

  std::size_t add(const std::string& path, const LoaderFile* file,
                  std::optional<std::size_t> loaded_by) {
    const std::size_t place = objects_.size();
    objects_.push_back({path, file, loaded_by, {}});
    by_path_[path] = place;
    if (!file->facts.soname.empty()) by_name_.try_emplace(file->facts.soname, place);
    return place;
  }

  void load_needed(std::size_t place) {
    const std::vector<std::string>& needed = objects_[place].file->facts.needed;
    for (const std::string& name : needed) {
      const auto known = by_name_.find(name);
      const std::optional<std::size_t> found =
          known != by_name_.end() ? known->second : search(name, place);
      by_name_.try_emplace(name, found);
      objects_[place].needed[name] = found;
    }
  }

  std::optional<std::size_t> search(const std::string& name, std::size_t loader) {
    if (name.find('/') != std::string::npos) return std::nullopt;
    for (const std::string& directory : directories_for(loader)) {
      for (const std::string& place : with_hardware_directories(directory, question_.level)) {
        if (!files_.names(place).contains(name)) continue;
        const std::string path = tidy(fmt::format("{}/{}", place, name));
        if (const auto same = by_path_.find(path); same != by_path_.end()) return same->second;
        const LoaderFile* file = files_.file(path);
        if (file == nullptr || file->kind == LoaderFile::Kind::other_machine) continue;
        return add(path, file, loader);
      }
    }
    return std::nullopt;
  }

  void append_rpath(std::size_t place, std::vector<std::string>& directories) const {
    const ElfFacts& facts = objects_[place].file->facts;
    if (!facts.runpath.empty()) return;
    for (std::string& directory : run_path_directories(facts.rpath, objects_[place].path)) {
      directories.push_back(std::move(directory));
    }
  }

  /// DT_RPATH of the object and of those that loaded it, up to the program, unless the object has a
  /// DT_RUNPATH; LD_LIBRARY_PATH; DT_RUNPATH.
  std::vector<std::string> directories_for(std::size_t loader) const {
    std::vector<std::string> directories;
    const ElfFacts& facts = objects_[loader].file->facts;
    if (facts.runpath.empty()) {
      for (std::optional<std::size_t> one = loader; one; one = objects_[*one].loaded_by) {
        append_rpath(*one, directories);
      }
    }
    directories.insert(directories.end(), question_.library_path.begin(),
                       question_.library_path.end());
    for (std::string& directory : run_path_directories(facts.runpath, objects_[loader].path)) {
      directories.push_back(std::move(directory));
    }
    return directories;
  }

  LoaderFiles& files_;
  const LoaderQuestion& question_;
  std::vector<LoadedObject> objects_;
  std::size_t next_ = 0;
  std::map<std::string, std::size_t> by_path_;
  std::map<std::string, std::optional<std::size_t>> by_name_;
};

}  // namespace

LoaderFiles::LoaderFiles(const HostReader& reader, std::string own)
    : reader_(reader), own_(std::move(own)), machine_(reader.machine()) {}

std::string LoaderFiles::openable(const std::string& path) const {
  if (path.starts_with(own_ + "/")) return path;
  return reader_.openable(reader_.real_path(path).value_or(path));
}

const std::set<std::string>& LoaderFiles::names(const std::string& directory) {
  const std::string key = tidy(directory);
  const auto [entry, is_new] = directories_.try_emplace(key);
  if (!is_new) return entry->second;
  std::vector<std::string> names;
  if ((key + "/").starts_with(own_ + "/")) {
    names = base::list_directory(key).value_or(std::vector<std::string>{});
  } else {
    names = reader_.list(key);
  }
  entry->second.insert(names.begin(), names.end());
  return entry->second;
}

const LoaderFile* LoaderFiles::file(const std::string& path) {
  const auto [entry, is_new] = files_.try_emplace(path);
  std::optional<LoaderFile>& file = entry->second;
  if (is_new) {
    const auto mapped = MappedFile::open(openable(path), MappedFile::Access::scattered);
    if (mapped) {
      file.emplace();
      constexpr std::array magic = {std::byte{0x7f}, std::byte{'E'}, std::byte{'L'},
                                    std::byte{'F'}};
      const bool is_elf = mapped->bytes().size() > magic.size() &&
                          std::ranges::equal(mapped->bytes().first(magic.size()), magic);
      if (Result<ElfFacts> facts = read_elf_dynamic(mapped->bytes()))
        file->facts = *std::move(facts);
      const bool ours = file->facts.machine == elf_machine_of(machine_);
      if (is_elf) file->kind = ours ? LoaderFile::Kind::object : LoaderFile::Kind::other_machine;
    } else if (mapped.error().kind == ErrorKind::refused) {
      file.emplace();
    }
  }
  return file ? &*file : nullptr;
}

std::vector<LoadedObject> loaded_objects(LoaderFiles& files, const LoaderQuestion& question) {
  return Start(files, question).run();
}

std::vector<std::string> run_path_directories(std::string_view run_path, const std::string& path) {
  const std::string origin = fs::path(path).parent_path().native();
  std::vector<std::string> directories;
  for (const std::string_view entry : base::split(run_path, ':')) {
    std::string directory(entry);
    for (const char* word : {"$ORIGIN", "${ORIGIN}"}) {
      directory = base::replace_all(std::move(directory), word, origin);
    }
    if (directory.starts_with('/')) directories.push_back(std::move(directory));
  }
  return directories;
}

std::vector<std::string> library_path_directories(std::string_view value) {
  std::vector<std::string> directories;
  for (const std::string_view part : base::split(value, ':')) {
    for (const std::string_view entry : base::split(part, ';')) {
      if (entry.starts_with('/')) directories.emplace_back(entry);
    }
  }
  return directories;
}

std::vector<std::string> with_hardware_directories(const std::string& directory, int level) {
  constexpr int first = 2;
  std::vector<std::string> directories;
  for (int one = level; one >= first; --one) {
    directories.push_back(fmt::format("{}/glibc-hwcaps/x86-64-v{}", directory, one));
  }
  directories.push_back(directory);
  return directories;
}

}  // namespace hpcenv::host
