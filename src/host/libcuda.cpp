#include "host/libcuda.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/embedded.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "host/helper_process.hpp"

extern "C" const hpcenv::base::EmbeddedTable* hpcenv_embedded_host_probe();

namespace hpcenv::host {

namespace {

std::string without(const std::string& search, const std::vector<std::string>& dropped) {
  std::vector<std::string> kept;
  const std::string entries = base::replace_all(search, ";", ":");
  for (const std::string_view entry : base::split(entries, ':')) {
    std::string_view folder = entry;
    while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
    if (std::ranges::find(dropped, folder) == dropped.end()) kept.emplace_back(entry);
  }
  return base::join(kept, ":");
}

/// Variables that make libcuda load other people's code or hide devices from the question.
base::Environment helper_environment(const LibcudaQuestion& question,
                                     const base::Environment& environment) {
  base::Environment made = environment;
  made.set("CUDA_FORCE_PRELOAD_LIBRARIES", "0");
  made.unset("CUDA_INJECTION64_PATH");
  made.unset("CUDA_INJECTION32_PATH");
  if (question.visible == LibcudaQuestion::VisibleDevices::all) made.unset("CUDA_VISIBLE_DEVICES");
  if (const auto search = made.get("LD_LIBRARY_PATH"); search && !question.dropped.empty()) {
    made.set("LD_LIBRARY_PATH", without(*search, question.dropped));
  }
  return made;
}

int small_integer(const base::Json& line, std::string_view key, int fallback) {
  const std::int64_t value = base::integer_or(line, key, fallback);
  const bool fits =
      value >= std::numeric_limits<int>::min() && value <= std::numeric_limits<int>::max();
  return fits ? static_cast<int>(value) : fallback;
}

/// The helper writes -1 where the driver does not know the attribute.
std::optional<bool> flag_of(const base::Json& line, std::string_view key) {
  const int value = small_integer(line, key, -1);
  if (value < 0) return std::nullopt;
  return value != 0;
}

std::optional<std::uint64_t> bytes_of(const base::Json& line, std::string_view key) {
  const std::int64_t value = base::integer_or(line, key, -1);
  if (value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

std::optional<int> number_of(const base::Json& line, std::string_view key) {
  const int value = small_integer(line, key, -1);
  if (value < 0) return std::nullopt;
  return value;
}

ManagedGpu managed_of(const base::Json& line) {
  ManagedGpu gpu;
  gpu.code = small_integer(line, "code", 0);
  gpu.uuid = base::string_or(line, "uuid");
  gpu.brand = number_of(line, "brand");
  gpu.persistence = flag_of(line, "persistence");
  gpu.mig = flag_of(line, "mig");
  gpu.slices = number_of(line, "slices");
  gpu.total_bytes = bytes_of(line, "total");
  gpu.free_bytes = bytes_of(line, "free");
  return gpu;
}

CudaDevice device_of(const base::Json& line) {
  CudaDevice device;
  device.name = base::string_or(line, "name");
  device.uuid = base::string_or(line, "uuid");
  device.pci_bus_id = base::string_or(line, "pci");
  device.capability_major = small_integer(line, "major", 0);
  device.capability_minor = small_integer(line, "minor", 0);
  device.memory_bytes = static_cast<std::uint64_t>(base::integer_or(line, "memory"));
  device.multiprocessors = small_integer(line, "multiprocessors", 0);
  device.compute_mode = small_integer(line, "mode", 0);
  device.ecc = small_integer(line, "ecc", 0) == 1;
  device.integrated = flag_of(line, "integrated");
  device.mps = flag_of(line, "mps");
  return device;
}

void take_step(const base::Json& line, LibcudaAnswer& into) {
  const std::string step = base::string_or(line, "step");
  if (step == "start") {
    into.glibc = base::string_or(line, "glibc");
  } else if (step == "not_loaded") {
    into.detail = base::string_or(line, "error");
  } else if (step == "no_symbol") {
    into.detail = fmt::format("it has no function {}", base::string_or(line, "name"));
  } else if (step == "loaded") {
    into.loaded_path = base::string_or(line, "path");
  } else if (step == "version") {
    into.version_code = small_integer(line, "code", -1);
    into.cuda_version = small_integer(line, "version", -1);
  } else if (step == "init") {
    into.init_code = small_integer(line, "code", -1);
    into.init_milliseconds = base::integer_or(line, "milliseconds");
  } else if (step == "count") {
    if (const int code = small_integer(line, "code", -1); code != 0) into.init_code = code;
  } else if (step == "device") {
    into.devices.push_back(device_of(line));
  } else if (step == "management") {
    into.management_code = small_integer(line, "code", -1);
  } else if (step == "managed") {
    into.managed.push_back(managed_of(line));
  }
}

std::string start_failure(int error) {
  if (error == ENOENT) {
    return "this host has no loader for glibc programs, so no program here can use libcuda";
  }
  return fmt::format("the helper that asks libcuda cannot be started: {}", std::strerror(error));
}

bool has_answer(ProbeStage stage, const LibcudaAnswer& answer) {
  switch (stage) {
    case ProbeStage::version:
      return answer.version_code.has_value();
    case ProbeStage::devices:
      return answer.init_code.has_value();
    case ProbeStage::management:
      return answer.management_code.has_value();
  }
  return false;
}

void judge(const LibcudaQuestion& question, const HelperRun& run, LibcudaAnswer& answer) {
  const bool wanted = has_answer(question.stage, answer);
  switch (run.end) {
    case HelperRun::End::exited:
      if (wanted || question.library.empty()) {
        answer.end = ProbeEnd::answered;
      } else if (!answer.detail.empty()) {
        answer.end = ProbeEnd::cannot_load;
      } else {
        answer.end = ProbeEnd::crashed;
        answer.detail = fmt::format("it ended its process with exit code {}", run.code);
      }
      return;
    case HelperRun::End::signalled:
      answer.end = ProbeEnd::crashed;
      answer.detail = fmt::format("it died of signal {}", run.code);
      return;
    case HelperRun::End::timed_out:
      answer.end = ProbeEnd::timed_out;
      answer.detail = fmt::format("no answer within {} ms", question.deadline.count());
      return;
    case HelperRun::End::interrupted:
      answer.detail = "interrupted";
      return;
    case HelperRun::End::cannot_start:
      answer.detail = start_failure(run.code);
      return;
  }
}

}  // namespace

const char* name_of(ProbeStage stage) {
  switch (stage) {
    case ProbeStage::version:
      return "version";
    case ProbeStage::devices:
      return "devices";
    case ProbeStage::management:
      return "management";
  }
  return "version";
}

void read_probe_lines(const std::string& lines, LibcudaAnswer& into) {
  into.lines += lines;
  for (const std::string_view text : base::split_lines(lines)) {
    const Result<base::Json> line = base::parse_json(text, "the libcuda helper's answer");
    if (line && line->is_object()) take_step(*line, into);
  }
}

LibcudaAnswer ask_libcuda(const LibcudaQuestion& question, const base::Environment& environment) {
  LibcudaAnswer answer;
  const auto image = base::embedded_file(*hpcenv_embedded_host_probe(), "host_probe/probe");
  if (!image) {
    answer.detail = "this hpcenv was built without the libcuda helper";
    return answer;
  }
  const HelperRequest request{
      *image,
      {question.library, std::to_string(answer_fd), name_of(question.stage)},
      helper_environment(question, environment),
      question.deadline};
  const HelperRun run = run_helper(request);
  read_probe_lines(run.output, answer);
  judge(question, run, answer);
  return answer;
}

}  // namespace hpcenv::host
