// A machine written down and read again: the same profile, but for the masked names.
#include "host/recording_reader.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/json.hpp"
#include "host/captured_reader.hpp"
#include "host/node_profile.hpp"
#include "host/nvidia.hpp"
#include "unit/host/stand_in.hpp"

namespace hpcenv::host {
namespace {

namespace fs = std::filesystem;
using Variables = std::map<std::string, std::string, std::less<>>;

NodeProfile probe(const HostReader& reader, base::ProcessRunner& programs) {
  auto profile = probe_node(reader, programs, base::SystemClock(), ProbeDepth::automatic);
  REQUIRE(profile);
  profile->taken_at = 0;
  return *std::move(profile);
}

std::string text_of(const NodeProfile& profile, const Masking& masking) {
  return base::dump_json(masking.json(profile_to_json(profile)));
}

/// Records, writes, reads again; checks that the profile is the masked one.
fs::path round_trip(const HostReader& real, base::ProcessRunner& programs, const Masking& masking,
                    const fs::path& folder) {
  HostRecorder recorder(real, programs);
  const NodeProfile profile = probe(recorder.reader(), recorder.runner());
  REQUIRE(write_capture(recorder.files(masking, 7), folder));
  const auto captured = open_captured_host(folder);
  const auto said = open_captured_programs(folder);
  REQUIRE(captured);
  REQUIRE(said);
  CHECK(text_of(probe(**captured, **said), Masking(base::Environment())) ==
        text_of(profile, masking));
  return folder;
}

TEST_CASE("each machine of tests/host, captured again, has its masked profile", "[captured]") {
  const tests::TemporaryDirectory work;
  int machines = 0;
  for (const auto& entry : fs::directory_iterator(HPCENV_SOURCE_DIR "/tests/host")) {
    if (!fs::exists(entry.path() / "host.json")) continue;
    INFO(entry.path().filename().native());
    ++machines;
    const auto real = open_captured_host(entry.path());
    const auto programs = open_captured_programs(entry.path());
    REQUIRE(real);
    REQUIRE(programs);
    Masking masking((*real)->environment(), (*real)->read_text("/proc/self/mounts").value_or(""));
    masking.add_host((*real)->hostname());
    const fs::path folder =
        round_trip(**real, **programs, masking, work.path() / entry.path().filename());
    const std::string host = *base::read_file(folder / "host.json");
    CHECK(host.find((*real)->hostname() + "\"") == std::string::npos);
    CHECK(host.find("never-to-be-kept") == std::string::npos);
    CHECK(host.find("ada") == std::string::npos);
  }
  CHECK(machines >= 8);
}

TEST_CASE("this machine, with a driver in front, is captured without its library", "[captured]") {
  const tests::TemporaryDirectory work;
  fs::create_directories(work.path() / "ada/lib");
  const fs::path library = tests::make_libcuda(work.path() / "ada/lib", "");
  fs::resize_file(library, 40U << 20U);
  const base::Environment environment(Variables{{"HOME", "/data/homes/ada"},
                                                {"USER", "ada"},
                                                {"LD_LIBRARY_PATH", library.parent_path().string()},
                                                {"https_proxy", "http://ada:secret@proxy:8080"}});
  const auto real = make_linux_reader(environment);
  const auto programs = base::make_process_runner();
  Masking masking(environment);
  masking.add_host(real->hostname());
  const fs::path folder = round_trip(*real, *programs, masking, work.path() / "capture");
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    bytes += entry.file_size();
    CHECK(base::read_file(entry.path())->find("secret") == std::string::npos);
  }
  CHECK(bytes < (1U << 20U));
  const auto captured = open_captured_host(folder);
  const auto said = open_captured_programs(folder);
  const NodeProfile profile = probe(**captured, **said);
  REQUIRE(profile.nvidia.winner.has_value());
  CHECK(profile.nvidia.libcuda[*profile.nvidia.winner].cuda_version.has_value());
  CHECK(profile.nvidia.libcuda[0].path.find("/user/lib/libcuda.so.1") != std::string::npos);
}

TEST_CASE("what cannot be read is captured as such", "[captured]") {
  const tests::TemporaryDirectory work;
  const fs::path old = work.path() / "old";
  fs::create_directories(old / "root/proc");
  REQUIRE(base::write_file(old / "root/proc/cpuinfo", "x"));
  REQUIRE(base::write_file(old / "host.json",
                           R"({"hostname": "h7", "kernel": "5.1", "machine": "x86_64",
        "unreadable": ["/proc/cpuinfo"], "missing": ["/proc/gone"], "links": {"/proc/gone": "/x"}})"));
  const auto real = open_captured_host(old);
  REQUIRE(real);
  CHECK_FALSE((*real)->read_text("/proc/cpuinfo"));
  CHECK((*real)->exists("/proc/cpuinfo"));
  CHECK_FALSE((*real)->exists("/proc/gone"));
  const auto programs = base::make_process_runner();
  const HostRecorder recorder(**real, *programs);
  CHECK_FALSE(recorder.reader().read_text("/proc/cpuinfo"));
  CHECK(recorder.reader().list("/proc") == std::vector<std::string>{"cpuinfo", "gone"});
  REQUIRE(write_capture(recorder.files(Masking(base::Environment()), 7), work.path() / "new"));
  const auto again = open_captured_host(work.path() / "new");
  REQUIRE(again);
  CHECK_FALSE((*again)->read_text("/proc/cpuinfo"));
  CHECK((*again)->list("/proc") == std::vector<std::string>{"cpuinfo", "gone"});
  CHECK_FALSE((*again)->exists("/proc/gone"));
}

TEST_CASE("a host named like a folder of the kernel's is captured whole", "[captured]") {
  const tests::TemporaryDirectory work;
  const fs::path old = work.path() / "old";
  fs::create_directories(old / "root/proc/sys/vm7");
  REQUIRE(base::write_file(old / "root/proc/sys/vm7/memfd", "vm7"));
  REQUIRE(base::write_file(old / "host.json",
                           R"({"hostname": "vm7", "kernel": "5.1", "machine": "x86_64"})"));
  const auto real = open_captured_host(old);
  REQUIRE(real);
  const auto programs = base::make_process_runner();
  const HostRecorder recorder(**real, *programs);
  CHECK(recorder.reader().read_text("/proc/sys/vm7/memfd") == "vm7");
  Masking masking{base::Environment()};
  masking.add_host("vm7");
  REQUIRE(write_capture(recorder.files(masking, 7), work.path() / "new"));
  const auto again = open_captured_host(work.path() / "new");
  REQUIRE(again);
  CHECK((*again)->read_text("/proc/sys/vm7/memfd") == "node");
}

TEST_CASE("what a recorder noted in another process is taken over", "[captured]") {
  const auto real = open_captured_host(HPCENV_SOURCE_DIR "/tests/host/a100-job");
  REQUIRE(real);
  const auto programs = base::make_process_runner();
  const HostRecorder all(**real, *programs);
  static_cast<void>(probe_nvidia(all.reader(), base::SystemClock(), ProbeDepth::automatic,
                                 ProbeScope::everything));
  HostRecorder other(**real, *programs);
  other.add(all.packed());
  other.add(all.packed());
  other.add("no JSON");
  CHECK(other.files(Masking(base::Environment()), 7) == all.files(Masking(base::Environment()), 7));
}

TEST_CASE("what programs said is captured, without what tells of the site", "[captured]") {
  const tests::TemporaryDirectory work;
  const auto real = open_captured_host(HPCENV_SOURCE_DIR "/tests/host/a100-job");
  REQUIRE(real);
  REQUIRE(base::write_file(work.path() / "scontrol",
                           "#!/bin/sh\nprintf 'SelectType = select/cons_tres\\n"
                           "AccountingStorageHost = db.site\\n'; echo ada >&2; exit 3\n"));
  fs::permissions(work.path() / "scontrol", fs::perms::owner_all);
  const auto programs = base::make_process_runner();
  HostRecorder recorder(**real, *programs);
  base::ProcessRequest request;
  request.argv = {"scontrol", "show", "config"};
  request.environment = base::Environment(Variables{{"PATH", work.path().string()}});
  const auto said = recorder.runner().run(request);
  REQUIRE(said);
  CHECK(said->output.find("db.site") != std::string::npos);
  request.argv = {"not-there"};
  CHECK_FALSE(recorder.runner().run(request));
  const Masking masking(base::Environment(Variables{{"USER", "ada"}}));
  REQUIRE(write_capture(recorder.files(masking, 7), work.path() / "new"));
  const auto captured = open_captured_programs(work.path() / "new");
  REQUIRE(captured);
  CHECK_FALSE((*captured)->run(request));
  request.argv = {"scontrol", "show", "config"};
  const auto again = (*captured)->run(request);
  REQUIRE(again);
  CHECK(again->code == 3);
  CHECK(again->output == "SelectType = select/cons_tres\n");
  CHECK(again->errors == "user\n");
}

TEST_CASE("a capture is made whole or not at all, and never over something", "[captured]") {
  const tests::TemporaryDirectory work;
  const CaptureFiles files{{"host.json", "{}"}, {"root/a/b", "text"}};
  fs::create_directories(work.path() / "empty");
  REQUIRE(write_capture(files, work.path() / "empty"));
  CHECK(*base::read_file(work.path() / "empty/root/a/b") == "text");
  const auto again = write_capture(files, work.path() / "empty");
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::refused);
  REQUIRE(base::write_file(work.path() / "file", "mine"));
  CHECK_FALSE(write_capture(files, work.path() / "file"));
  CHECK(*base::read_file(work.path() / "file") == "mine");
  // A name that is too long fails half way: nothing is left beside the folder.
  const auto broken =
      write_capture({{"a", ""}, {std::string(300, 'x'), ""}}, work.path() / "broken");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().kind == ErrorKind::io);
  CHECK(*base::list_directory(work.path()) == std::vector<std::string>{"empty", "file"});
}

}  // namespace
}  // namespace hpcenv::host
