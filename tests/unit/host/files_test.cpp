// Parsers of foreign binary files: ELF, ld.so.cache, fat binaries.
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "host/elf.hpp"
#include "host/fatbin.hpp"
#include "host/loader_cache.hpp"
#include "unit/host/stand_in.hpp"

namespace {

using namespace hpcenv;
using host::Coverage;
using host::FatbinTargets;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <class T>
void append(std::string& text, T value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}

constexpr std::uint64_t specific = 0x108011;
constexpr std::uint64_t family = 0x1208011;

std::string entry(std::uint16_t kind, std::uint32_t capability, std::size_t payload,
                  std::uint64_t flags = 0x8011) {
  std::string text;
  append<std::uint16_t>(text, kind);
  append<std::uint16_t>(text, 0x0101);
  append<std::uint32_t>(text, 64);
  append<std::uint64_t>(text, payload);
  append<std::uint32_t>(text, 0);
  append<std::uint32_t>(text, 0);
  append<std::uint16_t>(text, 0);
  append<std::uint16_t>(text, 8);
  append<std::uint32_t>(text, capability);
  append<std::uint32_t>(text, 64);
  append<std::uint32_t>(text, 0);
  append(text, flags);
  text.resize(64);
  return text + std::string(payload, '\x5a');
}

std::string container(const std::string& entries) {
  std::string text;
  append<std::uint32_t>(text, 0xBA55ED50);
  append<std::uint16_t>(text, 1);
  append<std::uint16_t>(text, 16);
  append<std::uint64_t>(text, entries.size());
  text += entries;
  text.resize((text.size() + 7) / 8 * 8);
  return text;
}

/// "75 90a" of machine code, as counts.
std::string sass_of(const FatbinTargets& targets) {
  std::string text;
  for (const auto& [code, count] : targets.sass) text += code.text() + " ";
  for (const auto& [code, count] : targets.ptx) text += "+" + code.text() + " ";
  return text;
}

TEST_CASE("fat binaries tell what they hold code for", "[fatbin]") {
  const std::string section = container(entry(2, 75, 40) + entry(2, 80, 8)) +
                              std::string(16, '\0') +
                              container(entry(1, 90, 3) + entry(2, 80, 3, specific));
  const FatbinTargets targets = host::scan_fatbin_section(bytes_of(section));
  CHECK(sass_of(targets) == "75 80 80a +90 ");
  CHECK(targets.sass.at(*host::parse_gpu_code("75")) == 1);
  const FatbinTargets twice = host::scan_fatbin_section(bytes_of(section + section));
  CHECK(twice.ptx.at(*host::parse_gpu_code("90")) == 2);
}

TEST_CASE("codes and lists of them are read as they are written", "[fatbin]") {
  for (const char* text : {"75", "90a", "120f"}) CHECK(host::parse_gpu_code(text)->text() == text);
  for (const char* text : {"", "a", "9x", "-5", "90af", "123456"}) {
    CHECK_FALSE(host::parse_gpu_code(text));
  }
  CHECK(sass_of(host::parse_architecture_list("5.0;7.5; 9.0a,12.0+PTX")) == "50 75 90a 120 +120 ");
  CHECK(host::parse_architecture_list("Volta;;.;+PTX").empty());
}

TEST_CASE("a fat binary cut anywhere, or lying about its sizes, ends the scan", "[fatbin]") {
  const std::string whole = container(entry(2, 75, 40) + entry(2, 80, 8));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CHECK(host::scan_fatbin_section(bytes_of(whole.substr(0, length))).sass.size() <= 2);
  }
  std::string endless = container(entry(2, 75, 40));
  for (const std::size_t place : {8U, 16U + 4U, 16U + 8U}) {
    std::string bad = endless;
    std::memset(bad.data() + place, 0xff, 4);
    CHECK(host::scan_fatbin_section(bytes_of(bad)).sass.size() <= 1);
    std::memset(bad.data() + place, 0, 4);
    CHECK(host::scan_fatbin_section(bytes_of(bad)).sass.size() <= 1);
  }
}

/// From words: "80 90a +90f".
FatbinTargets targets_of(const std::string& words) {
  FatbinTargets targets;
  for (const std::string_view word : base::split_words(words)) {
    const bool ptx = word.starts_with('+');
    const auto code = host::parse_gpu_code(word.substr(ptx ? 1 : 0));
    REQUIRE(code);
    ++(ptx ? targets.ptx : targets.sass)[*code];
  }
  return targets;
}

TEST_CASE("coverage follows the rules of binary compatibility", "[fatbin]") {
  const FatbinTargets targets = targets_of("75 80 90 +90");
  CHECK(host::coverage_of(targets, 8, 0) == Coverage::covered);
  CHECK(host::coverage_of(targets, 8, 9) == Coverage::covered);
  CHECK(host::coverage_of(targets, 7, 0) == Coverage::none);
  CHECK(host::coverage_of(targets, 7, 5) == Coverage::covered);
  CHECK(host::coverage_of(targets, 12, 0) == Coverage::jit_only);
  CHECK(host::coverage_of(targets_of("100 120"), 12, 1) == Coverage::covered);
  CHECK(host::coverage_of({}, 8, 0) == Coverage::unknown);
}

TEST_CASE("variants cover what they say and no more", "[fatbin]") {
  CHECK(host::coverage_of(targets_of("90a"), 9, 0) == Coverage::covered);
  CHECK(host::coverage_of(targets_of("100a"), 10, 3) == Coverage::none);
  CHECK(host::coverage_of(targets_of("100f"), 10, 3) == Coverage::covered);
  CHECK(host::coverage_of(targets_of("103f"), 10, 0) == Coverage::none);
  CHECK(host::coverage_of(targets_of("100f"), 12, 0) == Coverage::none);
  CHECK(host::coverage_of(targets_of("+90a"), 9, 0) == Coverage::jit_only);
  CHECK(host::coverage_of(targets_of("+90a"), 10, 0) == Coverage::none);
  CHECK(host::coverage_of(targets_of("+100f"), 10, 3) == Coverage::jit_only);
  CHECK(host::coverage_of(targets_of("+100f"), 12, 0) == Coverage::none);
  CHECK(host::coverage_of(targets_of("+90"), 8, 9) == Coverage::none);
}

TEST_CASE("sections of a real library are found", "[fatbin][elf]") {
  const tests::TemporaryDirectory directory;
  const base::fs::path binary = directory.path() / "code.bin";
  REQUIRE(base::write_file(binary, container(entry(2, 86, 24) + entry(1, 86, 24))));
  const base::fs::path source = directory.path() / "code.S";
  REQUIRE(base::write_file(
      source, ".section .nv_fatbin,\"a\"\n.balign 8\n.incbin \"" + binary.native() + "\"\n"));
  const base::fs::path library = directory.path() / "libkernels.so.1";
  tests::run_gcc({"-shared", "-Wl,-soname,libkernels.so.1", "-Wl,--no-as-needed", "-lm", "-o",
                  library.native(), source.native()});
  const auto file = host::MappedFile::open(library);
  REQUIRE(file);
  const auto elf = host::read_elf(file->bytes());
  REQUIRE(elf);
  CHECK(elf->soname == "libkernels.so.1");
  CHECK(elf->needed.front() == "libm.so.6");
  const auto targets = host::scan_fatbin_file(file->bytes());
  REQUIRE(targets);
  CHECK(sass_of(*targets) == "86 +86 ");
  CHECK(*host::scan_fatbin_path(library) == *targets);
}

TEST_CASE("relocatable code counts where nothing was linked", "[fatbin][elf]") {
  const tests::TemporaryDirectory directory;
  const auto build = [&](const std::string& linked) {
    REQUIRE(base::write_file(directory.path() / "linked.bin", linked));
    REQUIRE(base::write_file(directory.path() / "loose.bin", container(entry(2, 75, 24))));
    const base::fs::path source = directory.path() / "code.S";
    REQUIRE(base::write_file(source,
                             ".section .nv_fatbin,\"a\"\n.balign 8\n.incbin \"linked.bin\"\n"
                             ".section __nv_relfatbin,\"a\"\n.balign 8\n.incbin \"loose.bin\"\n"));
    const base::fs::path library = directory.path() / "libkernels.so";
    tests::run_gcc({"-shared", "-nostdlib", "-Wa,-I" + directory.path().native(), "-o",
                    library.native(), source.native()});
    return sass_of(*host::scan_fatbin_path(library));
  };
  CHECK(build(container(entry(2, 86, 24))) == "86 ");
  CHECK(build(std::string(16, '\0')) == "75 ");
}

TEST_CASE("both forms of a run path are read as they stand", "[elf]") {
  const tests::TemporaryDirectory directory;
  const base::fs::path source = directory.path() / "empty.S";
  REQUIRE(base::write_file(source, "\n"));
  const auto facts_with = [&](const char* dtags) {
    const base::fs::path library = directory.path() / "libpaths.so";
    tests::run_gcc({"-shared", "-nostdlib", "-Wl,-rpath,$ORIGIN/../lib:/opt/x", dtags, "-o",
                    library.native(), source.native()});
    return host::read_elf(host::MappedFile::open(library)->bytes());
  };
  const auto newer = facts_with("-Wl,--enable-new-dtags");
  CHECK(newer->runpath == "$ORIGIN/../lib:/opt/x");
  CHECK(newer->rpath.empty());
  const auto older = facts_with("-Wl,--disable-new-dtags");
  CHECK(older->rpath == "$ORIGIN/../lib:/opt/x");
  CHECK(older->runpath.empty());
}

TEST_CASE("what is no ELF file is refused, and one cut anywhere never hurts", "[elf]") {
  const auto text = host::read_elf(bytes_of("#!/bin/sh\nexit 0\n" + std::string(100, ' ')));
  REQUIRE_FALSE(text);
  CHECK(text.error().kind == ErrorKind::refused);
  CHECK(text.error().message == "not a 64-bit ELF file");
  const tests::TemporaryDirectory directory;
  const auto whole = base::read_file(tests::make_libcuda(directory.path(), "STUB"));
  REQUIRE(whole);
  for (std::size_t length = 0; length < whole->size(); length += 7) {
    const auto elf = host::read_elf(bytes_of(whole->substr(0, length)));
    CHECK((!elf || elf->needed.empty()));
  }
  for (std::size_t place = 16; place < 2000; place += 3) {
    std::string bad = *whole;
    std::memset(bad.data() + place, 0xff, 4);
    CHECK_NOTHROW(host::read_elf(bytes_of(bad)));
  }
}

TEST_CASE("missing and empty files cannot be mapped", "[elf]") {
  const tests::TemporaryDirectory directory;
  CHECK(host::MappedFile::open(directory.path() / "none").error().kind == ErrorKind::not_found);
  REQUIRE(base::write_file(directory.path() / "empty", ""));
  const auto empty = host::MappedFile::open(directory.path() / "empty");
  CHECK(empty.error().kind == ErrorKind::refused);
  CHECK(host::MappedFile::open(directory.path()).error().kind == ErrorKind::refused);
}

struct CacheEntry {
  std::uint32_t flags;
  const char* name;
  const char* path;
};

std::string loader_cache(const std::vector<CacheEntry>& entries) {
  std::string strings;
  std::string table;
  const auto base = static_cast<std::uint32_t>(48 + 24 * entries.size());
  for (const CacheEntry& row : entries) {
    append<std::uint32_t>(table, row.flags);
    append(table, base + static_cast<std::uint32_t>(strings.size()));
    strings += row.name + std::string(1, '\0');
    append(table, base + static_cast<std::uint32_t>(strings.size()));
    strings += row.path + std::string(1, '\0');
    append<std::uint32_t>(table, 0);
    append<std::uint64_t>(table, 0);
  }
  std::string cache = "glibc-ld.so.cache1.1";
  append(cache, static_cast<std::uint32_t>(entries.size()));
  append(cache, static_cast<std::uint32_t>(strings.size()));
  return cache + std::string(20, '\0') + table + strings;
}

TEST_CASE("ld.so.cache names the libraries of this machine's kind", "[loader_cache]") {
  const std::string cache = loader_cache({{0x0303, "libcuda.so.1", "/usr/lib64/libcuda.so.1"},
                                          {0x0003, "libcuda.so.1", "/usr/lib/libcuda.so.1"},
                                          {0x0303, "libcuda.so", "/usr/lib64/libcuda.so"},
                                          {0x0a03, "libcuda.so.1", "/usr/lib/arm/libcuda.so.1"}});
  using Paths = std::vector<std::string>;
  CHECK(host::paths_in_loader_cache(cache, "libcuda.so.1", "x86_64") ==
        Paths{"/usr/lib64/libcuda.so.1"});
  CHECK(host::paths_in_loader_cache(cache, "libcuda.so.1", "aarch64") ==
        Paths{"/usr/lib/arm/libcuda.so.1"});
  std::string old = std::string("ld.so-1.7.0") + '\0';
  append<std::uint32_t>(old, 1);
  old += std::string(12, '\0') + std::string(4, '\0');
  CHECK(host::paths_in_loader_cache(old + cache, "libcuda.so", "x86_64") ==
        Paths{"/usr/lib64/libcuda.so"});
}

TEST_CASE("a damaged ld.so.cache names nothing, wherever it is cut", "[loader_cache]") {
  const std::string cache = loader_cache({{0x0303, "libcuda.so.1", "/usr/lib64/libcuda.so.1"}});
  for (std::size_t length = 0; length < cache.size(); ++length) {
    CHECK(host::paths_in_loader_cache(cache.substr(0, length), "libcuda.so.1", "x86_64").empty());
  }
  std::string many = cache;
  std::memset(many.data() + 20, 0xff, 4);
  CHECK(host::paths_in_loader_cache(many, "libcuda.so.1", "x86_64").empty());
}

TEST_CASE("this machine's own cache can be read", "[loader_cache]") {
  const auto cache = base::read_file("/etc/ld.so.cache");
  if (!cache) SKIP("this machine has no ld.so.cache");
  CHECK_FALSE(host::paths_in_loader_cache(*cache, "libc.so.6", "x86_64").empty());
}

}  // namespace
