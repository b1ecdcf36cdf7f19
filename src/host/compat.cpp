#include "host/compat.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/version.hpp"
#include "host/elf.hpp"
#include "host/json_members.hpp"

namespace hpcenv::host {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::string_view note_section = ".note.cuda.fwd_compatibility";
constexpr std::string_view note_owner = "NVIDIA Corporation";
/// The real ones have about a hundred bytes.
constexpr std::size_t description_limit = 65536;

std::uint64_t aligned(std::uint64_t size) { return (size + 3) / 4 * 4; }

std::uint32_t number_at(Bytes bytes, std::size_t offset) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// Text up to the first NUL.
std::string_view text_in(Bytes bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.substr(0, text.find('\0'));
}

/// The description of NVIDIA's note in a section of notes; empty where it has none.
std::string_view description_in(Bytes notes) {
  constexpr std::size_t header = 3 * sizeof(std::uint32_t);
  while (notes.size() >= header) {
    const std::uint64_t name_size = number_at(notes, 0);
    const std::uint64_t size = number_at(notes, sizeof(std::uint32_t));
    const std::uint64_t start = header + aligned(name_size);
    if (start > notes.size() || size > notes.size() - start) return {};
    const std::string_view owner = text_in(notes.subspan(header, name_size));
    if (owner == note_owner && size <= description_limit) {
      return text_in(notes.subspan(start, size));
    }
    notes = notes.subspan(std::min<std::uint64_t>(start + aligned(size), notes.size()));
  }
  return {};
}

bool is_older(const std::string& left, const std::string& right) {
  const auto a = conda::Version::parse(left);
  const auto b = conda::Version::parse(right);
  return a && b && *a < *b;
}

std::string_view branch_of(std::string_view version) { return base::split(version, '.')[0]; }

std::string library_words(const CompatQuestion& question) {
  std::string words = "cuda-compat";
  if (!question.library_version.empty()) words += " " + question.library_version;
  if (question.library_cuda) words += fmt::format(" (CUDA {})", question.library_cuda->text());
  return words;
}

std::string driver_words(const CompatQuestion& question) {
  if (question.driver_version.empty()) {
    return fmt::format("the driver (CUDA {})", question.driver_cuda->text());
  }
  const auto cuda =
      question.driver_cuda ? question.driver_cuda : cuda_of_driver(question.driver_version);
  return fmt::format("driver {}{}", question.driver_version,
                     cuda ? fmt::format(" (CUDA {})", cuda->text()) : "");
}

CompatVerdict not_needed(const CompatQuestion& question) {
  return {CompatUse::not_needed, fmt::format("{} is not needed: {} is no older",
                                             library_words(question), driver_words(question))};
}

CompatVerdict too_old(const CompatQuestion& question) {
  return {CompatUse::too_old,
          fmt::format("{} is older than {}: in front of it, CUDA fails with error 803",
                      library_words(question), driver_words(question))};
}

/// What the versions say against it; nullopt: nothing.
std::optional<CompatVerdict> by_version(const CompatQuestion& question) {
  if (is_older(question.library_version, question.driver_version)) return too_old(question);
  if (branch_of(question.library_version) == branch_of(question.driver_version)) {
    return not_needed(question);
  }
  if (!question.note || question.note->drivers.empty()) return std::nullopt;
  std::vector<std::string> branches;
  for (const int branch : question.note->drivers) branches.push_back(std::to_string(branch));
  if (std::ranges::find(branches, branch_of(question.driver_version)) != branches.end()) {
    return std::nullopt;
  }
  return CompatVerdict{
      CompatUse::wrong_driver,
      fmt::format("{} does not work on {}: by its own note it works on the "
                  "branches {}",
                  library_words(question), driver_words(question), base::join(branches, ", "))};
}

std::optional<CompatVerdict> by_cuda(const CompatQuestion& question) {
  if (*question.library_cuda < *question.driver_cuda) return too_old(question);
  if (*question.library_cuda == *question.driver_cuda) return not_needed(question);
  return std::nullopt;
}

enum class DeviceClass { data_center, workstation, consumer };

/// By the name that the driver gives: "NVIDIA A100-SXM4-80GB", "NVIDIA RTX A6000", "Quadro RTX
/// 6000", "NVIDIA GeForce RTX 3090", "NVIDIA TITAN RTX".
DeviceClass class_of(const std::string& device) {
  const std::string name = base::to_lower(device);
  const auto has = [&](std::string_view part) { return name.find(part) != std::string::npos; };
  if (has("geforce") || has("titan")) return DeviceClass::consumer;
  if (has("quadro") || has("rtx")) return DeviceClass::workstation;
  return DeviceClass::data_center;
}

CompatVerdict by_devices(const CompatQuestion& question) {
  for (const std::string& device : question.devices) {
    if (class_of(device) != DeviceClass::consumer) continue;
    return {CompatUse::wrong_device,
            fmt::format("{} does not work on {}: in front of the driver, CUDA fails with error 804 "
                        "(data-centre GPUs only)",
                        library_words(question), device)};
  }
  CompatVerdict verdict;
  verdict.use = CompatUse::allowed;
  verdict.reason = fmt::format("{} works on {}", library_words(question), driver_words(question));
  const auto workstation = std::ranges::find(question.devices, DeviceClass::workstation, class_of);
  if (question.devices.empty()) {
    verdict.doubt = "its GPU is not known here, and GeForce and TITAN answer with error 804";
  } else if (workstation != question.devices.end()) {
    verdict.doubt = fmt::format(
        "of GPUs such as {} only some may use it, the others answer with error 804", *workstation);
  }
  return verdict;
}

/// The driver's own library: what a program would load without forward compatibility.
const LibcudaCandidate* own_library(const NvidiaFacts& node) {
  const auto found = std::ranges::find_if(node.libcuda, [&](const LibcudaCandidate& one) {
    const bool tells = one.cuda_version.has_value() || !one.file_version.empty();
    return tells && !one.is_stub && !is_compat_library(one, node.kernel_module);
  });
  return found == node.libcuda.end() ? nullptr : &*found;
}

std::optional<CudaVersion> cuda_of(const LibcudaCandidate& library) {
  if (library.cuda_version) return cuda_version_from_code(*library.cuda_version);
  if (library.compat) {
    if (const auto cuda = parse_cuda_version(library.compat->cuda)) return cuda;
  }
  if (library.file_version.empty()) return std::nullopt;
  return cuda_of_driver(library.file_version);
}

std::optional<CompatNote> parse_note(Bytes section) {
  const std::string_view description = description_in(section);
  const Result<base::Json> value = base::parse_json(description, "a forward-compatibility note");
  if (!value || !value->is_object()) return std::nullopt;
  CompatNote note;
  note.cuda = base::string_or(*value, "CUDA version");
  note.drivers = integers_in<int>(*value, "driver");
  note.brands = integers_in<int>(*value, "device");
  if (!parse_cuda_version(note.cuda)) return std::nullopt;
  return note;
}

}  // namespace

std::optional<CompatNote> read_compat_note(Bytes file) {
  const Result<ElfFacts> elf = read_elf(file);
  if (!elf) return std::nullopt;
  return parse_note(elf->section(file, note_section));
}

std::optional<CompatNote> compat_note_of(const LibraryFacts& library) {
  const auto note = library.notes.find(std::string(note_section));
  if (note == library.notes.end()) return std::nullopt;
  return parse_note(std::as_bytes(std::span(note->second)));
}

bool is_compat_library(const LibcudaCandidate& library, std::string_view kernel_module) {
  const bool in_front = library.found_in == "LD_LIBRARY_PATH";
  if (library.compat && in_front && library.file_version != kernel_module) return true;
  const auto lies_in = [&](std::string_view folder) {
    return library.path.find(folder) != std::string::npos ||
           library.real_path.find(folder) != std::string::npos;
  };
  return lies_in("/compat/") || lies_in("/cuda-compat/");
}

CompatVerdict compat_verdict(const CompatQuestion& question) {
  std::optional<CompatVerdict> against;
  if (question.driver_version.empty() && !question.driver_cuda) {
    return {CompatUse::unknown,
            fmt::format("no NVIDIA driver is here that {} could stand in front of",
                        library_words(question))};
  }
  if (!question.library_version.empty() && !question.driver_version.empty()) {
    against = by_version(question);
  } else if (question.library_cuda && question.driver_cuda) {
    against = by_cuda(question);
  } else {
    return {CompatUse::unknown, fmt::format("neither the versions nor the CUDA of {} and {} can be "
                                            "compared",
                                            library_words(question), driver_words(question))};
  }
  return against ? *against : by_devices(question);
}

CompatQuestion compat_question(const LibcudaCandidate& library, const NvidiaFacts& node) {
  CompatQuestion question;
  question.library_version = library.file_version;
  question.note = library.compat;
  question.library_cuda = cuda_of(library);
  question.driver_version = node.kernel_module;
  if (!question.driver_version.empty()) {
    question.driver_cuda = cuda_of_driver(question.driver_version);
  }
  if (const LibcudaCandidate* own = own_library(node)) {
    if (question.driver_version.empty()) question.driver_version = own->file_version;
    if (!question.driver_cuda) question.driver_cuda = cuda_of(*own);
  }
  for (const LibcudaCandidate& one : node.libcuda) {
    for (const CudaDevice& device : one.devices) question.devices.push_back(device.name);
  }
  if (!question.devices.empty()) return question;
  // Where cuInit was not tried, or fails because of such a library.
  for (const GpuFacts& gpu : node.gpus) {
    if (!gpu.model.empty()) question.devices.push_back(gpu.model);
  }
  return question;
}

}  // namespace hpcenv::host
