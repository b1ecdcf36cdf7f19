#include "host/cpu.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <vector>

#include "base/text.hpp"

namespace hpcenv::host {

namespace {

using Words = std::set<std::string_view>;

// The levels of the x86-64 psABI in the kernel's words (pni is SSE3, abm is LZCNT).
constexpr std::array<std::array<const char*, 10>, 4> level_flags = {{
    {"cmov", "cx8", "fpu", "fxsr", "mmx", "sse", "sse2"},
    {"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"},
    {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"},
    {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}};

bool has_all(const Words& flags, const std::array<const char*, 10>& wanted) {
  return std::ranges::all_of(
      wanted, [&](const char* flag) { return flag == nullptr || flags.contains(flag); });
}

int level_of(const Words& flags) {
  int level = 0;
  for (const auto& wanted : level_flags) {
    if (!has_all(flags, wanted)) break;
    ++level;
  }
  return level;
}

/// The value of the first line "key : value".
std::string_view field(std::string_view cpuinfo, std::string_view key) {
  for (const std::string_view line : base::split_lines(cpuinfo)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || base::trim(line.substr(0, colon)) != key) continue;
    return base::trim(line.substr(colon + 1));
  }
  return {};
}

struct VendorModel {
  const char* vendor;
  int family;
  int first_model;
  int last_model;
  const char* flag;  // that has to be there, or nullptr
  const char* name;
};

// Families and models of server CPUs, AMD's from its processor programming references, Intel's from
// the kernel's intel-family.h. A flag keeps a masked (virtual) CPU from a name whose code it cannot
// run.
constexpr std::array vendor_models = {
    VendorModel{"AuthenticAMD", 0x17, 0x00, 0x2f, "avx2", "zen"},
    VendorModel{"AuthenticAMD", 0x17, 0x30, 0xff, "avx2", "zen2"},
    VendorModel{"AuthenticAMD", 0x19, 0x10, 0x1f, "avx512_vbmi2", "zen4"},
    VendorModel{"AuthenticAMD", 0x19, 0x60, 0xaf, "avx512_vbmi2", "zen4"},
    VendorModel{"AuthenticAMD", 0x19, 0x00, 0x5f, "vaes", "zen3"},
    VendorModel{"AuthenticAMD", 0x1a, 0x00, 0xff, "avx512_vp2intersect", "zen5"},
    VendorModel{"GenuineIntel", 6, 0x3c, 0x3f, "avx2", "haswell"},
    VendorModel{"GenuineIntel", 6, 0x4f, 0x4f, "adx", "broadwell"},
    VendorModel{"GenuineIntel", 6, 0x56, 0x56, "adx", "broadwell"},
    VendorModel{"GenuineIntel", 6, 0x55, 0x55, "avx512_vnni", "cascadelake"},
    VendorModel{"GenuineIntel", 6, 0x55, 0x55, "avx512vl", "skylake_avx512"},
    VendorModel{"GenuineIntel", 6, 0x6a, 0x6c, "avx512_vbmi2", "icelake"},
    VendorModel{"GenuineIntel", 6, 0x8f, 0x8f, "amx_tile", "sapphirerapids"},
    VendorModel{"GenuineIntel", 6, 0xcf, 0xcf, "amx_tile", "sapphirerapids"},
};

std::string x86_64_name(std::string_view cpuinfo, const Words& flags) {
  const std::string_view vendor = field(cpuinfo, "vendor_id");
  const auto family = base::parse_unsigned(field(cpuinfo, "cpu family"));
  const auto model = base::parse_unsigned(field(cpuinfo, "model"));
  if (family && model) {
    for (const VendorModel& known : vendor_models) {
      const bool same = vendor == known.vendor &&
                        *family == static_cast<std::uint64_t>(known.family) &&
                        *model >= static_cast<std::uint64_t>(known.first_model) &&
                        *model <= static_cast<std::uint64_t>(known.last_model);
      if (same && flags.contains(known.flag)) return known.name;
    }
  }
  const int level = level_of(flags);
  // archspec has no x86_64_v1: the plain name is that.
  return level < 2 ? "x86_64" : "x86_64_v" + std::to_string(level);
}

struct ArmPart {
  const char* implementer;
  const char* part;
  const char* name;
};

// MIDR fields; names as archspec has them.
constexpr std::array arm_parts = {
    ArmPart{"0x41", "0xd0c", "neoverse_n1"}, ArmPart{"0x41", "0xd40", "neoverse_v1"},
    ArmPart{"0x41", "0xd49", "neoverse_n2"}, ArmPart{"0x41", "0xd4f", "neoverse_v2"},
    ArmPart{"0x41", "0xd08", "cortex_a72"},  ArmPart{"0x43", "0x0af", "thunderx2"},
    ArmPart{"0x46", "0x001", "a64fx"},
};

std::string aarch64_name(std::string_view cpuinfo) {
  const std::string_view implementer = field(cpuinfo, "CPU implementer");
  const std::string_view part = field(cpuinfo, "CPU part");
  for (const ArmPart& known : arm_parts) {
    if (implementer == known.implementer && part == known.part) return known.name;
  }
  return "aarch64";
}

Words words_of(std::string_view text) {
  const std::vector<std::string_view> words = base::split_words(text);
  return {words.begin(), words.end()};
}

struct Ancestor {
  std::string_view name;
  std::string_view of;
};

// What can run what: archspec's order, as far as our names go. A name may stand several times.
constexpr std::array ancestors = {
    Ancestor{"x86_64", "x86_64_v2"},
    Ancestor{"x86_64_v2", "x86_64_v3"},
    Ancestor{"x86_64_v3", "x86_64_v4"},
    Ancestor{"x86_64_v3", "haswell"},
    Ancestor{"haswell", "broadwell"},
    Ancestor{"broadwell", "skylake_avx512"},
    Ancestor{"x86_64_v4", "skylake_avx512"},
    Ancestor{"skylake_avx512", "cascadelake"},
    Ancestor{"skylake_avx512", "icelake"},
    Ancestor{"icelake", "sapphirerapids"},
    Ancestor{"x86_64_v3", "zen"},
    Ancestor{"zen", "zen2"},
    Ancestor{"zen2", "zen3"},
    Ancestor{"zen3", "zen4"},
    Ancestor{"x86_64_v4", "zen4"},
    Ancestor{"zen4", "zen5"},
    Ancestor{"aarch64", "neoverse_n1"},
    Ancestor{"neoverse_n1", "neoverse_v1"},
    Ancestor{"aarch64", "neoverse_n2"},
    Ancestor{"neoverse_n2", "neoverse_v2"},
    Ancestor{"aarch64", "cortex_a72"},
    Ancestor{"aarch64", "thunderx2"},
    Ancestor{"aarch64", "a64fx"},
};

/// A name, then what it can run, the nearest first.
std::vector<std::string_view> lineage(std::string_view name) {
  std::vector<std::string_view> line{name};
  for (std::size_t i = 0; i < line.size(); ++i) {
    for (const Ancestor& ancestor : ancestors) {
      const bool is_new = std::ranges::find(line, ancestor.name) == line.end();
      if (ancestor.of == line[i] && is_new) line.push_back(ancestor.name);
    }
  }
  return line;
}

bool is_known(std::string_view name) {
  return std::ranges::any_of(ancestors, [&](const Ancestor& ancestor) {
    return ancestor.name == name || ancestor.of == name;
  });
}

}  // namespace

int x86_64_level(std::string_view flags) { return level_of(words_of(flags)); }

std::string microarchitecture(std::string_view cpuinfo, std::string_view machine) {
  if (machine == "x86_64") return x86_64_name(cpuinfo, words_of(field(cpuinfo, "flags")));
  if (machine == "aarch64") return aarch64_name(cpuinfo);
  return std::string(machine);
}

std::string common_microarchitecture(const std::string& one, const std::string& other,
                                     const std::string& machine) {
  const std::vector<std::string_view> ours = lineage(one);
  const std::vector<std::string_view> theirs = lineage(other);
  for (const std::string_view name : theirs) {
    if (std::ranges::find(ours, name) != ours.end()) return std::string(name);
  }
  return machine;
}

int x86_64_level_of(const std::string& name) {
  constexpr std::array levels = {"x86_64", "x86_64_v2", "x86_64_v3", "x86_64_v4"};
  const std::vector<std::string_view> line = lineage(name);
  for (int level = static_cast<int>(levels.size()); level > 0; --level) {
    const std::string_view wanted = levels[static_cast<std::size_t>(level - 1)];
    if (std::ranges::find(line, wanted) != line.end()) return level;
  }
  return 0;
}

std::vector<std::string> runnable_microarchitectures(const std::string& name) {
  if (!is_known(name)) return {};
  const std::vector<std::string_view> line = lineage(name);
  return {line.begin(), line.end()};
}

}  // namespace hpcenv::host
