#include "ops/image_build.hpp"

#include <algorithm>

#include "base/fs.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"
#include "conda/platform.hpp"
#include "host/quota.hpp"
#include "image/gpu_variables.hpp"
#include "image/image_metadata.hpp"
#include "ops/image_contents.hpp"
#include "ops/image_layers.hpp"
#include "ops/image_squash.hpp"
#include "ops/image_stage.hpp"
#include "ops/image_words.hpp"
#include "ops/machine.hpp"
#include "prefix/prepare.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using image::LayerContent;

/// Of what is generated; each added path has one more.
constexpr std::size_t metadata_layers = 1;

std::int64_t newest_timestamp(const std::vector<conda::PackageRecord>& records) {
  std::int64_t newest = 0;
  for (const conda::PackageRecord& record : records) {
    newest = std::max(newest, record.timestamp.value_or(0) / 1000);
  }
  return newest > 0 ? newest : image::undated;
}

/// The steps in the order in which they are done.
class Builder {
 public:
  Builder(const ImageRequest& request, const Locations& locations, const ImageSeams& seams,
          ImageContents contents)
      : request_(request),
        locations_(locations),
        seams_(seams.local),
        registry_(seams),
        contents_(std::move(contents)) {
    report_.name = request.name;
    report_.reference = request.reference;
    report_.prefix = request.prefix.empty() ? "/opt/envs/" + request.name : request.prefix;
    report_.notes = contents_.notes;
  }

  Result<> look_at_base() {
    HPCENV_ASSIGN(const image::Platform platform, image::platform_of_subdir(contents_.subdir));
    seams_.reporter.step("Reading the base");
    HPCENV_ASSIGN(report_.base, open_base(request_.base, platform, locations_, registry_.registry,
                                          registry_.registry_options));
    return check_links("the environment", report_.prefix);
  }

  /// What the base lacks for these packages, and what of the environment stays behind.
  Result<> judge_base() {
    HPCENV_ASSIGN(const std::vector<std::string> notes,
                  check_base(report_.base, contents_.plan.link));
    add_notes(notes);
    add_notes(unowned_notes(contents_.unowned, "not in the image"));
    const bool knows_files = !layout_.paths.empty();
    if (knows_files && report_.base.image && !report_.base.facts.has_certificates &&
        run_facts().certificates.empty()) {
      report_.notes.emplace_back(
          "neither the base nor the environment has CA certificates: no TLS server is believed; "
          "the package ca-certificates brings them");
    }
    return {};
  }

  /// Before anything is written.
  Result<> check_words() const {
    HPCENV_TRY(image::run_config(report_.base.config, run_facts(), request_.run));
    return {};
  }

  Result<> read_added_files() {
    created_ = request_.source_date.value_or(newest_timestamp(contents_.plan.link));
    for (const image::AddedPath& added : request_.added) {
      HPCENV_TRY(check_links(added.source.native(), added.target));
      HPCENV_ASSIGN(image::AddedLayer layer, image::read_added(added, report_.prefix, created_));
      HPCENV_TRY(check_added(layer));
      added_.push_back(std::move(layer));
    }
    image::order_layers(added_);
    return {};
  }

  /// What --on says of the machines that it will run on.
  Result<> look_at_target() {
    report_.cuda = image::cuda_of(contents_.plan.link);
    if (request_.choice.machine.target.empty()) return {};
    MachineRequest asked = request_.choice.machine;
    asked.installed_subdir = contents_.subdir;
    HPCENV_ASSIGN(const Machine machine, machine_to_solve_for(asked, locations_, seams_));
    target_has_gpu_ =
        std::ranges::any_of(machine.virtual_packages.packages,
                            [](const auto& package) { return package.name == "__cuda"; });
    return {};
  }

  Result<> plan_layers() {
    const std::size_t beside = base_layers() + metadata_layers + added_.size();
    if (beside + 1 > request_.max_layers) {
      return fail_hint(ErrorKind::refused,
                       fmt::format("the image would have more than {} layers: {} of the base, {} "
                                   "added ones",
                                   request_.max_layers, base_layers(), added_.size()),
                       "add a directory in place of single files, or choose a flatter base");
    }
    report_.packages = contents_.plan.link;
    groups_ = image::group_packages(with_sizes(), request_.max_layers - beside);
    for (const image::Descriptor& blob : base_blobs()) {
      LayerReport& layer = add_layer(LayerContent::base, "base");
      layer.estimate = blob.size;
    }
    for (const image::PackageGroup& group : groups_) add_group(group);
    add_layer(LayerContent::metadata, "records of the environment");
    for (const image::AddedLayer& added : added_) {
      add_layer(LayerContent::files, added.added.target).estimate = image::tar_size(added.entries);
    }
    judge_gpu();
    return compare_with_other();
  }

  Result<> unpack() {
    HPCENV_ASSIGN(packages_, unpacked_contents(contents_, request_.choice, locations_, seams_));
    blueprint_plan_ = contents_.plan;
    HPCENV_ASSIGN(
        const prefix::Blueprint blueprint,
        prefix::draw_blueprint(blueprint_plan_, packages_, request_.choice.link, report_.prefix));
    python_ = blueprint.python;
    layout_ = blueprint.layout;
    add_notes(layout_.messages);
    return {};
  }

  Result<> check_room() const {
    std::uint64_t bytes = 0;
    for (const LayerReport& layer : report_.layers) {
      if (layer.state != LayerReport::State::kept) bytes += layer.estimate;
    }
    // An archive or file system is put together from the finished blobs.
    if (request_.format != ImageRequest::Format::oci_dir) bytes *= 2;
    HPCENV_ASSIGN(const host::Room room,
                  host::room_with_quota(layout_writer_->workplace(),
                                        request_.choice.link.environment, seams_.runner));
    if (bytes <= room.bytes) return {};
    return fail_hint(
        ErrorKind::no_space,
        fmt::format("no space for {}: it needs about {}, and {} has {} free", request_.out.native(),
                    base::human_bytes(bytes), room.limited_by, base::human_bytes(room.bytes)),
        "choose a place with more room, or --format oci-dir, which needs half of it");
  }

  Result<> open_layout() {
    HPCENV_ASSIGN(image::LayoutWriter layout,
                  image::LayoutWriter::open(layout_place(), layout_format()));
    layout_writer_.emplace(std::move(layout));
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      look_up(report_.layers[base_layers() + i], key_of(groups_[i]));
    }
    for (std::size_t i = 0; i < added_.size(); ++i) {
      look_up(report_.layers[first_added() + i],
              image::added_key(added_[i], image::name_of(compression_of(added_[i]))));
    }
    return {};
  }

  Result<> stage() {
    StageRequest stage{
        contents_,           packages_, layout_, python_, report_.prefix, {}, request_.environment,
        request_.choice.link};
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (report_.layers[base_layers() + i].state == LayerReport::State::kept) continue;
      stage.compiled_packages.insert(stage.compiled_packages.end(), groups_[i].begin(),
                                     groups_[i].end());
    }
    HPCENV_ASSIGN(stage_, make_stage(stage, locations_, seams_));
    add_notes(stage_.notes);
    // What is not as it should be must not be found under its key again.
    if (!stage_.is_complete) {
      for (LayerReport& layer : report_.layers) {
        if (layer.state == LayerReport::State::planned) layer.key.clear();
      }
    }
    std::vector<std::string> written;
    written.reserve(stage_.written.size());
    for (const image::LayerEntry& entry : stage_.written) {
      written.push_back(entry.path.substr(report_.prefix.size()));
    }
    add_notes(unowned_notes(written, "a script wrote it into the image"));
    return {};
  }

  Result<> write_layers() {
    seams_.reporter.step("Writing layers");
    if (report_.base.image) {
      HPCENV_ASSIGN(const std::vector<image::KnownLayer> layers,
                    copy_base(*report_.base.image, compression(), *layout_writer_));
      for (std::size_t i = 0; i < layers.size(); ++i) take(i, layers[i]);
    }
    std::vector<LayerJob> jobs;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (report_.layers[base_layers() + i].state == LayerReport::State::kept) continue;
      HPCENV_ASSIGN(LayerJob job, package_job(base_layers() + i, groups_[i]));
      jobs.push_back(std::move(job));
    }
    for (std::size_t i = 0; i < added_.size(); ++i) {
      const LayerReport& report = report_.layers[first_added() + i];
      if (report.state == LayerReport::State::kept) continue;
      LayerJob& job = jobs.emplace_back();
      job.place = first_added() + i;
      job.compression = compression_of(added_[i]);
      job.key = report.key;
      job.bytes = image::tar_size(added_[i].entries);
      job.entries = std::move(added_[i].entries);
    }
    return run(jobs, seams_.reporter);
  }

  /// When the digests of all files are known.
  Result<> write_metadata() {
    image::Metadata metadata{tree(),        contents_.plan,     {},       stage_.written,
                             request_.name, request_.reference, created_, request_.tool};
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      const auto& noted = report_.layers[base_layers() + i].layer.noted;
      metadata.noted.insert(noted.begin(), noted.end());
    }
    std::vector<LayerJob> jobs(1);
    jobs[0].place = base_layers() + groups_.size();
    jobs[0].entries = image::metadata_entries(metadata);
    jobs[0].compression = compression();
    // Small, and last: it would end the progress of the others at its own few bytes.
    base::NullReporter quiet;
    return run(jobs, quiet);
  }

  Result<> commit() {
    HPCENV_ASSIGN(image::RunConfig run,
                  image::run_config(report_.base.config, run_facts(), request_.run));
    add_notes(run.notes);
    describe_layers(request_, report_, created_, run.config);
    report_.config = run.config;
    report_.created = run.config.created;
    image::Manifest manifest;
    manifest.media_type = image::media_type::manifest;
    HPCENV_ASSIGN(manifest.config,
                  layout_writer_->put(image::config_text(run.config), image::media_type::config));
    for (const LayerReport& layer : report_.layers) {
      manifest.layers.push_back(layer.layer.blob);
      manifest.layers.back().annotations = layer_annotations(layer);
    }
    manifest.annotations = image_labels(request_, report_, created_);
    HPCENV_ASSIGN(report_.manifest,
                  layout_writer_->commit(image::manifest_text(manifest), request_.reference));
    if (is_squashfs()) HPCENV_TRY(become_squashfs());
    HPCENV_ASSIGN(report_.boms, write_boms(request_, report_, created_));
    return {};
  }

  ImageReport take_report() { return std::move(report_); }

 private:
  void add_notes(const std::vector<std::string>& notes) {
    report_.notes.insert(report_.notes.end(), notes.begin(), notes.end());
  }

  bool is_squashfs() const { return request_.format == ImageRequest::Format::squashfs; }
  /// What goes into a squashfs file is packed there.
  image::LayerCompression compression() const {
    return is_squashfs() ? image::LayerCompression::none : request_.compression;
  }
  fs::path layout_place() const {
    return is_squashfs() ? layout_for_squashfs(request_.out) : request_.out;
  }
  image::ImageFormat layout_format() const {
    return request_.format == ImageRequest::Format::oci_archive ? image::ImageFormat::oci_archive
                                                                : image::ImageFormat::oci_dir;
  }

  Result<> become_squashfs() {
    image::SquashfsOptions options;
    options.jobs = base::available_processors();
    if (request_.compression == image::LayerCompression::zstd) {
      options.compression = image::SquashfsCompression::zstd;
    }
    options.created = created_;
    return squash_layout(request_.out, report_.config.platform, options, seams_.reporter);
  }

  std::vector<image::Descriptor> base_blobs() const {
    return report_.base.image ? report_.base.image->manifest().layers
                              : std::vector<image::Descriptor>();
  }
  std::size_t base_layers() const { return base_blobs().size(); }
  std::size_t first_added() const { return base_layers() + groups_.size() + metadata_layers; }
  image::LayerCompression compression_of(const image::AddedLayer& added) const {
    return added.is_large ? image::LayerCompression::none : compression();
  }

  /// Records of @EXPLICIT files do not say how large the archives are: a quarter of the files.
  std::vector<conda::PackageRecord> with_sizes() const {
    std::vector<conda::PackageRecord> records = contents_.plan.link;
    for (std::size_t i = 0; i < packages_.size(); ++i) {
      if (records[i].size || !packages_[i].paths) continue;
      std::uint64_t files = 0;
      for (const conda::PackagePath& path : *packages_[i].paths) files += path.size.value_or(0);
      records[i].size = files / 4;
    }
    return records;
  }

  Result<> check_added(const image::AddedLayer& layer) {
    const std::string source = layer.added.source.native();
    for (const image::LayerEntry& entry : layer.entries) {
      if (entry.kind == image::LayerEntry::Kind::directory) continue;
      HPCENV_TRY(check_links(source, "/" + entry.path));
    }
    add_notes(layer.notes);
    if (layer.bytes > image::troublesome_layer) {
      report_.notes.push_back(
          fmt::format("{} becomes a layer of {}: some registries refuse layers above 10 GB", source,
                      base::human_bytes(layer.bytes)));
    }
    return {};
  }

  Result<> check_links(const std::string& what, const std::string& path) const {
    const auto link = image::link_above(report_.base.facts, path);
    if (!link) return {};
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} cannot go to {}: /{} is a link in the base, which a layer "
                                 "would replace",
                                 what, path, *link),
                     "choose a place below /opt or /srv");
  }

  LayerReport& add_layer(LayerContent content, std::string title) {
    LayerReport& layer = report_.layers.emplace_back();
    layer.content = content;
    layer.title = std::move(title);
    return layer;
  }

  void add_group(const image::PackageGroup& group) {
    const bool is_one = group.size() == 1;
    const auto& records = contents_.plan.link;
    LayerReport& layer = add_layer(
        is_one ? LayerContent::package : LayerContent::packages,
        is_one ? records[group.front()].dist_name() : fmt::format("{} packages", group.size()));
    for (const std::size_t index : group) {
      layer.packages.push_back(records[index].dist_name());
      layer.estimate += records[index].size.value_or(0) * estimate_times() / 10;
    }
  }

  /// Tenths of an archive's size that its files take in a layer (facts: images.md K).
  std::uint64_t estimate_times() const {
    constexpr std::uint64_t plain = 40;
    constexpr std::uint64_t packed = 13;
    return compression() == image::LayerCompression::none ? plain : packed;
  }

  void judge_gpu() {
    const bool wants_gpu = target_has_gpu_ || !request_.choice.wishes.gpu_recipe.empty();
    if (report_.cuda || !wants_gpu) return;
    for (const std::string& package : image::cpu_builds(contents_.plan.link)) {
      report_.notes.push_back(
          fmt::format("{} is a build for CPUs: the image cannot use a GPU", package));
    }
  }

  Result<> compare_with_other() {
    if (request_.against.empty()) return {};
    HPCENV_ASSIGN(const image::Platform platform, image::platform_of_subdir(contents_.subdir));
    HPCENV_ASSIGN(
        const image::Manifest other,
        manifest_of(request_.against, platform, registry_.registry, registry_.registry_options));
    std::vector<std::string> keys;
    for (const image::Descriptor& blob : other.layers) {
      const auto key = blob.annotations.find("org.hpcenv.key");
      keys.push_back(key == blob.annotations.end() ? blob.digest : key->second);
    }
    const std::vector<image::Descriptor> blobs = base_blobs();
    for (std::size_t i = 0; i < report_.layers.size(); ++i) {
      LayerReport& layer = report_.layers[i];
      std::string key = i < blobs.size() ? blobs[i].digest : "";
      if (i >= blobs.size() && i - blobs.size() < groups_.size()) {
        key = layer.key.empty() ? key_of(groups_[i - blobs.size()]) : layer.key;
      }
      layer.is_shared = !key.empty() && std::ranges::find(keys, key) != keys.end();
    }
    return {};
  }

  const conda::PackageRecord* python_record() const {
    const auto found =
        std::ranges::find(contents_.plan.link, "python", &conda::PackageRecord::name);
    return found == contents_.plan.link.end() ? nullptr : &*found;
  }

  std::string key_of(const image::PackageGroup& group) const {
    image::LayerRules rules;
    rules.prefix = report_.prefix;
    rules.compression = image::name_of(compression());
    rules.is_slim = request_.slim == ImageRequest::Slim::yes;
    rules.newest = request_.source_date.value_or(0);
    rules.has_bytecode = contents_.subdir == conda::native_subdir();
    rules.python = python_record();
    std::vector<std::string> lost;
    for (const std::size_t index : group) {
      const std::vector<std::string> paths = image::lost_paths(tree(), index);
      lost.insert(lost.end(), paths.begin(), paths.end());
    }
    return image::layer_key(contents_.plan.link, group, rules, lost);
  }

  image::ImageTree tree() const {
    return {layout_,
            packages_,
            python_,
            report_.prefix,
            request_.slim == ImageRequest::Slim::yes,
            request_.source_date.value_or(0)};
  }

  Result<LayerJob> package_job(std::size_t place, const image::PackageGroup& group) const {
    LayerJob job;
    job.place = place;
    job.compression = compression();
    job.key = report_.layers[place].key;
    for (const std::size_t index : group) {
      HPCENV_ASSIGN(std::vector<image::LayerEntry> entries, image::package_entries(tree(), index));
      for (const image::CompiledFile& file : stage_.bytecode) {
        if (file.package == index) HPCENV_TRY(image::add_bytecode(tree(), file, entries));
      }
      job.entries.insert(job.entries.end(), std::make_move_iterator(entries.begin()),
                         std::make_move_iterator(entries.end()));
    }
    image::complete(job.entries);
    job.bytes = image::tar_size(job.entries);
    return job;
  }

  Result<> run(const std::vector<LayerJob>& jobs, base::Reporter& reporter) {
    HPCENV_ASSIGN(const auto made, make_layers(jobs, *layout_writer_, reporter));
    for (const auto& [place, layer] : made) take(place, layer);
    return {};
  }

  /// Whether a layer was made before.
  void look_up(LayerReport& report, const std::string& key) const {
    report.key = key;
    const auto known = layout_writer_->known_layer(key);
    if (!known) return;
    report.layer = *known;
    report.state = LayerReport::State::kept;
  }

  void take(std::size_t place, const image::KnownLayer& layer) {
    report_.layers[place].layer = layer;
    report_.layers[place].state = LayerReport::State::made;
  }

  image::RunFacts run_facts() const {
    image::RunFacts facts;
    facts.activation = stage_.activation;
    facts.prefix = report_.prefix;
    facts.has_python = python_record() != nullptr;
    facts.base_has_utf8 = report_.base.facts.has_utf8;
    const bool has_bundle = std::ranges::any_of(
        layout_.paths, [](const auto& path) { return path.target == "ssl/cacert.pem"; });
    if (has_bundle && !report_.base.facts.has_certificates) {
      facts.certificates = report_.prefix + "/ssl/cacert.pem";
    }
    if (request_.gpu_variables == ImageRequest::GpuVariables::set) facts.cuda = report_.cuda;
    facts.labels = image_labels(request_, report_, created_);
    return facts;
  }

  const ImageRequest& request_;
  const Locations& locations_;
  const Seams& seams_;
  const ImageSeams& registry_;
  ImageContents contents_;
  ImageReport report_;
  std::int64_t created_ = 0;
  bool target_has_gpu_ = false;
  std::vector<image::AddedLayer> added_;
  std::vector<image::PackageGroup> groups_;
  std::vector<conda::UnpackedPackage> packages_;
  prefix::Plan blueprint_plan_;
  prefix::Layout layout_;
  std::optional<prefix::PythonFacts> python_;
  std::optional<image::LayoutWriter> layout_writer_;
  Stage stage_;
};

Result<ContentsOutcome> contents_for(const ImageRequest& request, const Locations& locations,
                                     const Seams& seams) {
  if (!request.environment) {
    return contents_chosen(request.choice, request.name, locations, seams);
  }
  HPCENV_ASSIGN(ImageContents contents, contents_of(*request.environment, request.name));
  return ContentsOutcome(std::move(contents));
}

}  // namespace

Result<ImageOutcome> build_image(const ImageRequest& request, const Locations& locations,
                                 const ImageSeams& seams) {
  HPCENV_ASSIGN(ContentsOutcome outcome, contents_for(request, locations, seams.local));
  if (auto* conflict = std::get_if<solve::Conflict>(&outcome)) {
    return ImageOutcome(std::move(*conflict));
  }
  Builder builder(request, locations, seams, std::get<ImageContents>(std::move(outcome)));
  HPCENV_TRY(builder.look_at_base());
  const bool is_dry = request.choice.run == ChangeRequest::Run::dry;
  if (!is_dry) HPCENV_TRY(builder.unpack());
  HPCENV_TRY(builder.judge_base());
  HPCENV_TRY(builder.check_words());
  HPCENV_TRY(builder.read_added_files());
  HPCENV_TRY(builder.look_at_target());
  HPCENV_TRY(builder.plan_layers());
  if (is_dry) return ImageOutcome(builder.take_report());
  HPCENV_TRY(builder.open_layout());
  HPCENV_TRY(builder.check_room());
  HPCENV_TRY(builder.stage());
  HPCENV_TRY(builder.write_layers());
  HPCENV_TRY(builder.write_metadata());
  HPCENV_TRY(builder.commit());
  return ImageOutcome(builder.take_report());
}

}  // namespace hpcenv::ops
