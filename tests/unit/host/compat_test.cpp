// Forward-compatibility libraries: the ELF note that they carry, and where they may be used.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "host/compat.hpp"
#include "host/elf.hpp"
#include "host/libcuda_candidates.hpp"
#include "unit/host/stand_in.hpp"

namespace {

using namespace hpcenv;
using host::CompatQuestion;
using host::CompatUse;
using tests::run_gcc;
using tests::TemporaryDirectory;
namespace fs = std::filesystem;

// What readelf shows of NVIDIA's own libraries of these versions.
constexpr const char* note_of_575 =
    R"({"format":1,"CUDA version":"12.9","driver":[535,550,560,565,570,575],"device":[1,2,7,8,9,10,11,12,13,14]})";
constexpr const char* note_of_590 =
    R"({"format":1,"CUDA version":"13.1","driver":[535,550,570,575,580,590],"device":[1,2,7,8,9,10,11,12,13,14]})";
constexpr const char* note_of_orin = R"({"format":1,"CUDA version":"13.2"})";

std::string quoted(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') text.insert(i++, "\\");
  }
  return text;
}

/// A shared library whose note section holds, behind somebody else's note, NVIDIA's.
fs::path library_with_note(const TemporaryDirectory& folder, const std::string& note,
                           const std::string& owner = "NVIDIA Corporation") {
  const fs::path source = folder.path() / "note.s";
  const fs::path library = folder.path() / "libcuda.so.1";
  REQUIRE(base::write_file(source,
                           ".section .note.cuda.fwd_compatibility,\"a\",@note\n"
                           ".align 4\n.long 4, 3, 1\n.asciz \"abc\"\n.ascii \"xyz\\0\"\n"
                           ".long name_end - name, note_end - note, 7\n"
                           "name: .asciz \"" +
                               owner + "\"\nname_end:\n.align 4\nnote: .ascii \"" + quoted(note) +
                               "\"\nnote_end:\n.align 4\n"));
  run_gcc({"-shared", "-nostdlib", "-Wl,-soname,libcuda.so.1", "-o", library.string(),
           source.string()});
  return library;
}

std::optional<host::CompatNote> note_in(const fs::path& library) {
  const auto file = host::MappedFile::open(library);
  REQUIRE(file);
  return host::read_compat_note(file->bytes());
}

/// cuda-compat of CUDA 13.1 in front of driver 535 with an A100, where it works.
CompatQuestion usual() {
  CompatQuestion question;
  question.library_version = "590.44.01";
  question.note = host::CompatNote{"13.1", {535, 550, 570, 575, 580, 590}, {1, 2, 14}};
  question.library_cuda = host::CudaVersion{13, 1};
  question.driver_version = "535.261.03";
  question.driver_cuda = host::CudaVersion{12, 2};
  question.devices = {"NVIDIA A100-SXM4-80GB"};
  return question;
}

TEST_CASE("the note of a forward-compatibility library is read", "[compat]") {
  const TemporaryDirectory folder;
  const auto note = note_in(library_with_note(folder, note_of_575));
  REQUIRE(note);
  CHECK(note->cuda == "12.9");
  CHECK(note->drivers == std::vector<int>{535, 550, 560, 565, 570, 575});
  CHECK(note->brands == std::vector<int>{1, 2, 7, 8, 9, 10, 11, 12, 13, 14});
  const auto newer = note_in(library_with_note(folder, note_of_590));
  REQUIRE(newer);
  CHECK(newer->drivers == std::vector<int>{535, 550, 570, 575, 580, 590});
}

TEST_CASE("a note without drivers lists none", "[compat]") {
  const TemporaryDirectory folder;
  const auto note = note_in(library_with_note(folder, note_of_orin));
  REQUIRE(note);
  CHECK(note->cuda == "13.2");
  CHECK(note->drivers.empty());
}

TEST_CASE("what is no such note is none", "[compat]") {
  const TemporaryDirectory folder;
  CHECK_FALSE(note_in(library_with_note(folder, note_of_575, "Somebody Else")));
  CHECK_FALSE(note_in(library_with_note(folder, "{\"format\":1")));
  CHECK_FALSE(note_in(library_with_note(folder, "[]")));
  CHECK_FALSE(note_in(library_with_note(folder, R"({"CUDA version":12.9})")));
  CHECK_FALSE(note_in(tests::make_libcuda(folder.path(), "")));
}

TEST_CASE("a note that leaves its section is none", "[compat]") {
  const TemporaryDirectory folder;
  const fs::path library = library_with_note(folder, note_of_575);
  auto text = base::read_file(library);
  REQUIRE(text);
  const std::size_t owner = text->find("NVIDIA Corporation");
  REQUIRE(owner != std::string::npos);
  SECTION("its description is longer than the file") {
    text->replace(owner - 8, 4, "\xff\xff\xff\x7f");
  }
  SECTION("so is its owner") { text->replace(owner - 12, 4, "\xff\xff\xff\xff"); }
  SECTION("it has no description") { text->replace(owner - 8, 4, std::string(4, '\0')); }
  REQUIRE(base::write_file(library, *text));
  CHECK_FALSE(note_in(library));
}

TEST_CASE("a candidate carries its note, through JSON too", "[compat]") {
  const TemporaryDirectory folder;
  const fs::path library = library_with_note(folder, note_of_590);
  const auto reader = host::make_linux_reader({});
  host::NvidiaFacts facts;
  facts.libcuda = {host::describe_libcuda(*reader, library.string(), "LD_LIBRARY_PATH")};
  REQUIRE(facts.libcuda.front().compat);
  CHECK(host::is_compat_library(facts.libcuda.front(), "535.261.03"));
  facts.libcuda.front().file_version = "590.44.01";
  CHECK_FALSE(host::is_compat_library(facts.libcuda.front(), "590.44.01"));
  facts.libcuda.front().found_in = "ld.so.cache";
  CHECK_FALSE(host::is_compat_library(facts.libcuda.front(), "535.261.03"));
  const host::NvidiaFacts again = host::nvidia_from_json(host::nvidia_to_json(facts));
  REQUIRE(again.libcuda.front().compat);
  CHECK(again.libcuda.front().compat->cuda == "13.1");
  CHECK(again.libcuda.front().compat->drivers.size() == 6);
  CHECK(again.libcuda.front().compat->brands.back() == 14);
}

TEST_CASE("a library in a folder for compatibility is one without a note", "[compat]") {
  host::LibcudaCandidate library;
  library.path = "/usr/local/cuda-12.4/compat/libcuda.so.1";
  CHECK(host::is_compat_library(library, "535.261.03"));
  library.path = "/home/ada/env/cuda-compat/libcuda.so.1";
  CHECK(host::is_compat_library(library, "535.261.03"));
  library.path = "/usr/lib64/libcuda.so.1";
  CHECK_FALSE(host::is_compat_library(library, "535.261.03"));
  library.real_path = "/usr/local/cuda-12.4/compat/libcuda.so.550.54.15";
  CHECK(host::is_compat_library(library, "535.261.03"));
}

TEST_CASE("a newer library whose note lists the driver may be used", "[compat]") {
  const host::CompatVerdict verdict = host::compat_verdict(usual());
  CHECK(verdict.use == CompatUse::allowed);
  CHECK(verdict.doubt.empty());
  CHECK(verdict.reason ==
        "cuda-compat 590.44.01 (CUDA 13.1) works on driver 535.261.03 (CUDA 12.2)");
}

TEST_CASE("a branch that the note does not list may not", "[compat]") {
  CompatQuestion question = usual();
  question.driver_version = "545.23.08";
  question.driver_cuda = host::CudaVersion{12, 3};
  const host::CompatVerdict verdict = host::compat_verdict(question);
  CHECK(verdict.use == CompatUse::wrong_driver);
  CHECK(verdict.reason.find("by its own note it works on the branches 535, 550") !=
        std::string::npos);
}

TEST_CASE("a library older than the kernel's driver may not", "[compat]") {
  CompatQuestion question = usual();
  question.driver_version = "595.45.04";
  question.driver_cuda = host::CudaVersion{13, 2};
  CHECK(host::compat_verdict(question).use == CompatUse::too_old);
  CHECK(host::compat_verdict(question).reason.find("error 803") != std::string::npos);
  question.driver_version = "590.48.01";
  CHECK(host::compat_verdict(question).use == CompatUse::too_old);
}

TEST_CASE("the driver's own branch needs none", "[compat]") {
  CompatQuestion question = usual();
  question.driver_version = "590.44.01";
  CHECK(host::compat_verdict(question).use == CompatUse::not_needed);
  question.library_version = "590.48.01";
  CHECK(host::compat_verdict(question).use == CompatUse::not_needed);
}

TEST_CASE("NVIDIA's table is the rule without a note", "[compat]") {
  // Columns: host drivers; rows: the compatibility package. + works, - same branch, x never.
  const std::vector<std::string> hosts = {"535.54.03", "570.26",    "580.65.06", "590.44.01",
                                          "595.45.04", "610.43.02", "615.31"};
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"615.31", "++++++-"},    {"610.43.02", "+++++-x"}, {"595.45.04", "++++-xx"},
      {"590.44.01", "+++-xxx"}, {"580.65.06", "++-xxxx"}, {"575.51.03", "++xxxxx"},
      {"570.26", "+-xxxxx"},    {"560.28.03", "+xxxxxx"}, {"545.23.06", "+xxxxxx"},
      {"535.54.03", "-xxxxxx"}};
  for (const auto& [library, cells] : rows) {
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      CompatQuestion question;
      question.library_version = library;
      question.driver_version = hosts[i];
      question.devices = {"NVIDIA H100 80GB HBM3"};
      const CompatUse wanted = cells[i] == '+'   ? CompatUse::allowed
                               : cells[i] == '-' ? CompatUse::not_needed
                                                 : CompatUse::too_old;
      INFO(library << " on " << hosts[i]);
      CHECK(host::compat_verdict(question).use == wanted);
    }
  }
}

TEST_CASE("GeForce and TITAN may not, and one of them is enough", "[compat]") {
  CompatQuestion question = usual();
  question.devices = {"NVIDIA A100-SXM4-80GB", "NVIDIA GeForce RTX 3090"};
  const host::CompatVerdict verdict = host::compat_verdict(question);
  CHECK(verdict.use == CompatUse::wrong_device);
  CHECK(verdict.reason.find("does not work on NVIDIA GeForce RTX 3090") != std::string::npos);
  CHECK(verdict.reason.find("error 804") != std::string::npos);
  question.devices = {"NVIDIA TITAN RTX"};
  CHECK(host::compat_verdict(question).use == CompatUse::wrong_device);
}

TEST_CASE("of a workstation's GPU, or one that is not known, the doubt is said", "[compat]") {
  CompatQuestion question = usual();
  question.devices = {"NVIDIA RTX A6000"};
  CHECK(host::compat_verdict(question).use == CompatUse::allowed);
  CHECK(host::compat_verdict(question).doubt.find("such as NVIDIA RTX A6000 only some") !=
        std::string::npos);
  question.devices = {};
  CHECK(host::compat_verdict(question).use == CompatUse::allowed);
  CHECK(host::compat_verdict(question).doubt.find("is not known here") != std::string::npos);
}

TEST_CASE("where the driver's version is not known, CUDA decides", "[compat]") {
  CompatQuestion question = usual();
  question.driver_version.clear();
  CHECK(host::compat_verdict(question).use == CompatUse::allowed);
  CHECK(host::compat_verdict(question).reason.find("the driver (CUDA 12.2)") != std::string::npos);
  question.driver_cuda = host::CudaVersion{13, 1};
  CHECK(host::compat_verdict(question).use == CompatUse::not_needed);
  question.driver_cuda = host::CudaVersion{13, 2};
  CHECK(host::compat_verdict(question).use == CompatUse::too_old);
}

TEST_CASE("without anything to compare there is no answer", "[compat]") {
  CompatQuestion question = usual();
  question.driver_version.clear();
  question.driver_cuda.reset();
  CHECK(host::compat_verdict(question).use == CompatUse::unknown);
  CHECK(host::compat_verdict(question).reason.find("no NVIDIA driver is here") !=
        std::string::npos);
  question = usual();
  question.library_version.clear();
  question.library_cuda.reset();
  CHECK(host::compat_verdict(question).use == CompatUse::unknown);
}

TEST_CASE("the driver in a question is never a compatibility library", "[compat]") {
  host::NvidiaFacts node;
  host::LibcudaCandidate compat;
  compat.path = "/env/cuda-compat/libcuda.so.1";
  compat.file_version = "550.163.01";
  compat.cuda_version = 12040;
  host::LibcudaCandidate stub;
  stub.path = "/cuda/stubs/libcuda.so.1";
  stub.file_version = "999.1";
  stub.is_stub = true;
  host::LibcudaCandidate own;
  own.path = "/usr/lib64/libcuda.so.1";
  own.file_version = "535.261.03";
  own.cuda_version = 12020;
  own.devices = {host::CudaDevice{}};
  own.devices.front().name = "Tesla T4";
  node.libcuda = {compat, stub, own};
  CompatQuestion question = host::compat_question(compat, node);
  CHECK(question.library_version == "550.163.01");
  CHECK(question.library_cuda == host::CudaVersion{12, 4});
  CHECK(question.driver_version == "535.261.03");
  CHECK(question.driver_cuda == host::CudaVersion{12, 2});
  CHECK(question.devices == std::vector<std::string>{"Tesla T4"});
  node.kernel_module = "570.26";
  question = host::compat_question(compat, node);
  CHECK(question.driver_version == "570.26");
  CHECK(question.driver_cuda == host::CudaVersion{12, 8});
}

TEST_CASE("the CUDA of a library that was not asked is its note's, else its branch's", "[compat]") {
  host::LibcudaCandidate library;
  library.file_version = "590.44.01";
  CHECK(host::compat_question(library, {}).library_cuda == host::CudaVersion{13, 1});
  library.compat = host::CompatNote{"13.5", {}, {}};
  CHECK(host::compat_question(library, {}).library_cuda == host::CudaVersion{13, 5});
}

}  // namespace
