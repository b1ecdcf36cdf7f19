// Writes down what a reader and programs are asked and what they answer, so that a machine becomes
// a folder (captured_reader.hpp): for bug reports, which become fixtures of tests by being copied.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/process.hpp"
#include "base/result.hpp"
#include "host/masking.hpp"
#include "host/reader.hpp"

namespace hpcenv::host {

/// The files of a capture: paths relative to its folder, and what is in them.
using CaptureFiles = std::map<std::string, std::string>;

class HostRecorder {
 public:
  /// `real` and `programs` outlive it.
  HostRecorder(const HostReader& real, base::ProcessRunner& programs);
  ~HostRecorder();
  HostRecorder(const HostRecorder&) = delete;
  HostRecorder& operator=(const HostRecorder&) = delete;

  /// Answers as the real one did when it was first asked; each question is noted. Of the variables,
  /// the capture holds those that a profile may hold. Any thread may ask.
  const HostReader& reader() const;
  /// Starts the programs and notes what they were asked and said. Of `scontrol show config` only
  /// the lines stay that checks look at: it names accounts, hosts and paths of the site.
  base::ProcessRunner& runner();
  /// A variable that the reader shows and the capture holds in place of the real one: for what this
  /// machine learned otherwise. Before anything is asked.
  void set_variable(const std::string& name, const std::string& value);
  /// What a recorder in another process noted, as one text, and the taking over of such a text:
  /// for what is asked in a process of its own.
  std::string packed() const;
  void add(std::string_view packed);
  /// All that was noted so far, with the names of `masking` replaced everywhere. No library is
  /// copied: of those there is what their headers say. `taken_at` is now, in seconds since the
  /// epoch.
  CaptureFiles files(const Masking& masking, std::int64_t taken_at) const;

 private:
  class Reader;
  class Runner;
  struct Notes;
  std::unique_ptr<Notes> notes_;
  std::unique_ptr<Reader> reader_;
  std::unique_ptr<Runner> runner_;
};

/// Kind refused where `folder` is there and not empty.
Result<> require_free_folder(const std::filesystem::path& folder);

/// Makes `folder`, which must not exist or be empty (kind refused): made aside, then renamed; a
/// failure leaves nothing behind.
Result<> write_capture(const CaptureFiles& files, const std::filesystem::path& folder);

}  // namespace hpcenv::host
