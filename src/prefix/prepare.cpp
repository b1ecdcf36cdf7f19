#include "prefix/prepare.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string_view>
#include <unordered_set>

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/interrupt.hpp"
#include "base/parallel.hpp"
#include "prefix/bytecode.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/link_scripts.hpp"
#include "prefix/records.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Handing out single files would cost more than linking them.
constexpr std::size_t batch_size = 64;
/// Of sentences that say the same of other files.
constexpr std::size_t most_notes = 5;

std::size_t depth_of(const std::string& path) {
  return static_cast<std::size_t>(std::ranges::count(path, '/'));
}

Result<> make_directory(const fs::path& path) {
  base::fault_point("prepare.mkdir");
  if (mkdir(path.c_str(), 0777) == 0) return {};
  return fail_errno(errno, fmt::format("cannot make directory {}", path.native()));
}

/// Those of one depth side by side: on network file systems each takes a round trip.
Result<> make_directories_in(const fs::path& root, std::vector<std::string> directories,
                             std::size_t jobs) {
  std::ranges::stable_sort(directories, {}, depth_of);
  for (std::size_t begin = 0; begin < directories.size();) {
    std::size_t end = begin;
    while (end < directories.size() && depth_of(directories[end]) == depth_of(directories[begin])) {
      ++end;
    }
    HPCENV_TRY(base::parallel_for(end - begin, jobs, [&](std::size_t index) {
      return make_directory(root / directories[begin + index]);
    }));
    begin = end;
  }
  return {};
}

class Filling {
 public:
  Filling(const Blueprint& blueprint, Prepared& prepared, base::ProcessRunner& runner,
          base::Reporter& reporter)
      : blueprint_(blueprint),
        prepared_(prepared),
        runner_(runner),
        reporter_(reporter),
        linker_(blueprint.packages, prepared.directory, prepared.prefix, blueprint.python,
                blueprint.options.files),
        linked_(blueprint.layout.paths.size()),
        records_(blueprint.packages.size()) {}

  Result<std::vector<conda::PrefixRecord>> fill() {
    HPCENV_TRY(make_all_directories());
    HPCENV_TRY(link_all());
    collect_records();
    if (blueprint_.options.bytecode == LinkOptions::Bytecode::compile) HPCENV_TRY(compile());
    HPCENV_TRY(base::check_interrupt());
    return std::move(records_);
  }

 private:
  Result<> make_all_directories() {
    std::vector<std::string> directories = blueprint_.layout.directories;
    const auto add = [&](std::string_view directory) {
      if (std::ranges::find(directories, directory) == directories.end()) {
        directories.emplace_back(directory);
      }
    };
    add(meta_folder);
    if (!prepared_.scripts.empty()) {
      add(own_folder);
      add(scripts_folder);
    }
    return make_directories_in(prepared_.directory, std::move(directories), blueprint_.jobs);
  }

  Result<> link_all() {
    const std::vector<PlannedPath>& paths = blueprint_.layout.paths;
    const std::size_t batches = (paths.size() + batch_size - 1) / batch_size;
    std::atomic<std::size_t> done{0};
    return base::parallel_for(batches, blueprint_.jobs, [&](std::size_t batch) -> Result<> {
      const std::size_t begin = batch * batch_size;
      const std::size_t end = std::min(begin + batch_size, paths.size());
      for (std::size_t i = begin; i < end; ++i) HPCENV_TRY(link_one(i));
      done += end - begin;
      reporter_.progress(done, paths.size(), base::Unit::items);
      return {};
    });
  }

  Result<> link_one(std::size_t index) {
    const PlannedPath& path = blueprint_.layout.paths[index];
    Result<LinkedPath> linked = linker_.link(path);
    if (!linked.has_value()) {
      return Failure(with_context(std::move(linked).error(), "linking " + package_name(path)));
    }
    linked_[index] = std::move(*linked);
    return {};
  }

  std::string package_name(const PlannedPath& path) const {
    return blueprint_.packages[path.package].record.dist_name();
  }

  void collect_records() {
    for (std::size_t i = 0; i < records_.size(); ++i) {
      const conda::UnpackedPackage& package = blueprint_.packages[i];
      conda::PrefixRecord& record = records_[i];
      record.record = package.record;
      record.extracted_package_dir = package.directory.native();
      record.package_tarball_full_path = package.archive.native();
      record.link_type = linker_.link_type(i);
      record.requested_specs = specs_naming(blueprint_.plan.requested_specs, package.record.name);
    }
    std::size_t notes = 0;
    for (std::size_t i = 0; i < linked_.size(); ++i) {
      LinkedPath& linked = linked_[i];
      if (linked.how != LinkedPath::How::directory) ++prepared_.files;
      prepared_.bytes += linked.bytes_written;
      if (!linked.note.empty() && ++notes <= most_notes) {
        prepared_.messages.push_back(linked.note);
      }
      records_[blueprint_.layout.paths[i].package].paths.push_back(std::move(linked.installed));
    }
    if (notes > most_notes) {
      prepared_.messages.push_back(
          fmt::format("{} more files are told of in the same way", notes - most_notes));
    }
  }

  Result<> compile() {
    if (!blueprint_.python.has_value()) return {};
    const std::vector<std::size_t> indices =
        modules_to_compile(blueprint_.layout, blueprint_.packages, *blueprint_.python);
    if (indices.empty()) return {};
    reporter_.step("Compiling Python files");
    BytecodeJob job;
    job.directory = prepared_.directory;
    job.prefix = prepared_.prefix;
    job.python = *blueprint_.python;
    job.jobs = blueprint_.jobs;
    job.python_home = blueprint_.python_home;
    job.library_path = blueprint_.library_path;
    for (const std::size_t index : indices) {
      job.sources.push_back(blueprint_.layout.paths[index].target);
    }
    HPCENV_ASSIGN(const Bytecode bytecode, compile_bytecode(job, runner_));
    if (!bytecode.problem.empty()) {
      prepared_.messages.push_back(fmt::format(
          "Python files were not compiled ahead of their first use: {}", bytecode.problem));
    }
    for (std::size_t i = 0; i < indices.size(); ++i) {
      if (bytecode.files[i].empty()) continue;
      HPCENV_TRY(add_bytecode(blueprint_.layout.paths[indices[i]], bytecode.files[i]));
    }
    return {};
  }

  Result<> add_bytecode(const PlannedPath& source, const std::string& file) {
    const fs::path path = prepared_.directory / file;
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    if (!error) prepared_.bytes += size;
    std::vector<conda::InstalledPath>& paths = records_[source.package].paths;
    const auto brought = std::ranges::find(paths, file, &conda::InstalledPath::path);
    if (brought != paths.end()) {
      HPCENV_ASSIGN(brought->sha256_in_prefix, base::hash_file(base::HashKind::sha256, path));
      return {};
    }
    conda::InstalledPath& added = paths.emplace_back();
    added.path = file;
    added.path_type = "pyc_file";
    ++prepared_.files;
    return {};
  }

  const Blueprint& blueprint_;
  Prepared& prepared_;
  base::ProcessRunner& runner_;
  base::Reporter& reporter_;
  Linker linker_;
  std::vector<LinkedPath> linked_;
  std::vector<conda::PrefixRecord> records_;
};

Result<> write_scripts(const Prepared& prepared) {
  if (prepared.scripts.empty()) return {};
  std::string names;
  for (const PendingScript& script : prepared.scripts) names += script.package + "\n";
  HPCENV_TRY(base::write_file(prepared.directory / pending_scripts_file, names));
  for (std::size_t i = 0; i < prepared.scripts.size(); ++i) {
    const fs::path file = prepared.directory / pending_script_file("create", i);
    HPCENV_TRY(base::write_file(file, prepared.scripts[i].text));
  }
  return {};
}

/// The tree was private while it was made; now it gets the mode that the umask, or a default
/// ACL, gives to directories here.
Result<> open_directory(const fs::path& directory) {
  struct stat status{};
  const fs::path model = directory / meta_folder;
  if (stat(model.c_str(), &status) != 0) {
    return fail_errno(errno, fmt::format("cannot examine {}", model.native()));
  }
  base::fault_point("prepare.chmod");
  if (chmod(directory.c_str(), status.st_mode & 07777U) == 0) return {};
  return fail_errno(errno, fmt::format("cannot set the mode of {}", directory.native()));
}

}  // namespace

Result<> check_packages(const Plan& plan, const std::vector<conda::UnpackedPackage>& packages) {
  bool agree = plan.link.size() == packages.size();
  for (std::size_t i = 0; agree && i < packages.size(); ++i) {
    agree = plan.link[i].dist_name() == packages[i].record.dist_name();
  }
  if (agree) return {};
  return fail(ErrorKind::bug, "the unpacked packages are not those of the plan");
}

Result<Blueprint> draw_blueprint(const Plan& plan,
                                 const std::vector<conda::UnpackedPackage>& packages,
                                 const LinkOptions& options, const fs::path& prefix,
                                 const std::optional<PythonFacts>& installed) {
  Blueprint blueprint{plan, packages, options, {}, {}, options.jobs, {}, {}};
  if (blueprint.jobs == 0) blueprint.jobs = base::available_processors();
  HPCENV_ASSIGN(blueprint.python, python_facts(plan.link));
  if (!blueprint.python.has_value() && installed.has_value()) {
    blueprint.python = installed;
    blueprint.python_home = prefix;
  }
  std::vector<std::vector<PlannedPath>> layouts(packages.size());
  const auto lay_out = [&](std::size_t index) -> Result<> {
    HPCENV_ASSIGN(layouts[index], package_layout(packages[index], index, blueprint.python, prefix));
    return {};
  };
  HPCENV_TRY(base::parallel_for(packages.size(), blueprint.jobs, lay_out));
  HPCENV_ASSIGN(blueprint.layout, merge_layouts(std::move(layouts), packages));
  return blueprint;
}

Result<std::vector<conda::PrefixRecord>> fill_directory(const Blueprint& blueprint,
                                                        Prepared& prepared,
                                                        base::ProcessRunner& runner,
                                                        base::Reporter& reporter) {
  return Filling(blueprint, prepared, runner, reporter).fill();
}

Result<> finish_directory(const Blueprint& blueprint, const Prepared& prepared,
                          const std::vector<conda::PrefixRecord>& records) {
  HPCENV_TRY(write_scripts(prepared));
  const LinkOptions& options = blueprint.options;
  const std::int64_t now = options.now != 0 ? options.now : base::SystemClock().now();
  MetaTexts texts;
  texts.history = history_block(blueprint.plan, now, options.tool);
  texts.state = state_text({}, blueprint.plan.variables);
  HPCENV_TRY(write_conda_meta(prepared.directory, records, texts, blueprint.jobs));
  return open_directory(prepared.directory);
}

}  // namespace hpcenv::prefix
