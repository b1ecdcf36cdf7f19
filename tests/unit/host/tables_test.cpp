// Tables: drivers, error codes, processors.
#include <catch2/catch_test_macros.hpp>

#include "host/cpu.hpp"
#include "host/cuda_tables.hpp"

namespace {

using namespace hpcenv::host;

TEST_CASE("CUDA versions from codes and texts", "[tables]") {
  CHECK(cuda_version_from_code(12020)->text() == "12.2");
  CHECK(cuda_version_from_code(13000) == CudaVersion{13, 0});
  CHECK(cuda_version_from_code(6050)->text() == "6.5");
  CHECK_FALSE(cuda_version_from_code(999));
  CHECK_FALSE(cuda_version_from_code(-1));
  CHECK_FALSE(cuda_version_from_code(100000));
  CHECK(parse_cuda_version("12.9.1") == CudaVersion{12, 9});
  CHECK(parse_cuda_version("13") == CudaVersion{13, 0});
  CHECK_FALSE(parse_cuda_version(""));
  CHECK_FALSE(parse_cuda_version("12.x"));
  CHECK_FALSE(parse_cuda_version("99999999999999999999.1"));
  CHECK(CudaVersion{12, 10} > CudaVersion{12, 9});
}

TEST_CASE("a driver's branch tells its CUDA", "[tables]") {
  CHECK(cuda_of_driver("535.261.03") == CudaVersion{12, 2});
  CHECK(cuda_of_driver("470.256.02") == CudaVersion{11, 4});
  CHECK(cuda_of_driver("580.65.06") == CudaVersion{13, 0});
  CHECK_FALSE(cuda_of_driver("999.1"));
  CHECK_FALSE(cuda_of_driver(""));
  CHECK(first_branch_with({13, 0}) == "580");
  CHECK(first_branch_with({12, 2}) == "535");
  CHECK_FALSE(first_branch_with({99, 0}));
}

TEST_CASE("floors: one a major from 11 on, one a release before", "[tables]") {
  CHECK(driver_floor({12, 9}) == "525.60.13");
  CHECK(driver_floor({11, 8}) == "450.80.02");
  CHECK(driver_floor({13, 2}) == "580.65.06");
  CHECK(driver_floor({10, 2}) == "440.33");
  CHECK_FALSE(driver_floor({10, 9}));
  CHECK_FALSE(driver_floor({14, 0}));
}

TEST_CASE("branches of the driver and when they end", "[tables]") {
  CHECK(branch_life("580.95.05")->last_month == 202806);
  CHECK(std::string_view(branch_life("535.54")->kind) == "long-term support branch");
  CHECK(branch_life("550.163.01")->last_month == 0);
  CHECK_FALSE(branch_life("616.56"));
  CHECK_FALSE(branch_life(""));
  CHECK_FALSE(branch_life("580x.1"));
  CHECK(is_newer_than_table("616.56"));
  CHECK_FALSE(is_newer_than_table("610.88"));
  CHECK_FALSE(is_newer_than_table("99999999999.1"));
}

TEST_CASE("the last branch for old GPUs, and the module that a GPU needs", "[tables]") {
  CHECK(last_branch_for(2, 1) == 390);
  CHECK(last_branch_for(3, 7) == 470);
  CHECK(last_branch_for(7, 0) == 580);
  CHECK_FALSE(last_branch_for(7, 5));
  CHECK_FALSE(last_branch_for(0, 0));

  CHECK(flavour_for(7, 0) == ModuleFlavour::proprietary);
  CHECK(flavour_for(9, 0) == ModuleFlavour::either);
  CHECK(flavour_for(12, 0) == ModuleFlavour::open);
  CHECK(flavour_for(0, 0) == ModuleFlavour::either);
  CHECK(flavour_for_pci("0x1db6") == ModuleFlavour::proprietary);
  CHECK(flavour_for_pci("0x1eb8") == ModuleFlavour::either);
  CHECK(flavour_for_pci("0x2335") == ModuleFlavour::either);
  CHECK(flavour_for_pci("0x2b85") == ModuleFlavour::open);
  for (const char* text : {"", "0x", "20b2", "0x20b2 ", "0xffffffffffffffffffff", "-1"}) {
    CHECK(flavour_for_pci(text) == ModuleFlavour::either);
  }
}

TEST_CASE("error codes have a name, a meaning and an advice", "[tables]") {
  CHECK(std::string(cuda_error(803).name) == "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH");
  CHECK(std::string(cuda_error(34).name) == "CUDA_ERROR_STUB_LIBRARY");
  for (const int code : {2, 34, 46, 100, 101, 304, 802, 803, 804, 805, 999, 424242}) {
    CHECK_FALSE(std::string(cuda_error(code).meaning).empty());
    CHECK_FALSE(std::string(cuda_error(code).advice).empty());
  }
  CHECK(std::string(cuda_error(424242).name) == "unknown code");
}

constexpr const char* v2 =
    "fpu cx8 cmov mmx fxsr sse sse2 pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm";
constexpr const char* v3 = " movbe xsave avx f16c abm bmi1 avx2 bmi2 fma";
constexpr const char* v4 = " avx512f avx512dq avx512cd avx512bw avx512vl";

std::string cpuinfo(const char* vendor, int family, int model, const std::string& flags) {
  return std::string("processor\t: 0\nvendor_id\t: ") + vendor +
         "\ncpu family\t: " + std::to_string(family) + "\nmodel\t\t: " + std::to_string(model) +
         "\nmodel name\t: a processor\nflags\t\t: " + flags + "\n";
}

TEST_CASE("levels of x86-64 by flags", "[cpu]") {
  CHECK(x86_64_level("") == 0);
  CHECK(x86_64_level("fpu cx8 cmov mmx fxsr sse sse2") == 1);
  CHECK(x86_64_level(v2) == 2);
  CHECK(x86_64_level(std::string(v2) + v3) == 3);
  CHECK(x86_64_level(std::string(v2) + v3 + v4) == 4);
  CHECK(x86_64_level(std::string(v2) + v4) == 2);
}

TEST_CASE("processors by archspec's names, masked ones by their level", "[cpu]") {
  const std::string flags = std::string(v2) + v3;
  CHECK(microarchitecture(cpuinfo("AuthenticAMD", 25, 1, flags + " vaes"), "x86_64") == "zen3");
  CHECK(microarchitecture(cpuinfo("AuthenticAMD", 23, 49, flags), "x86_64") == "zen2");
  CHECK(microarchitecture(cpuinfo("GenuineIntel", 6, 106, flags + v4 + " avx512_vbmi2"),
                          "x86_64") == "icelake");
  CHECK(microarchitecture(cpuinfo("GenuineIntel", 6, 106, flags), "x86_64") == "x86_64_v3");
  CHECK(microarchitecture(cpuinfo("Unknown", 6, 1, v2), "x86_64") == "x86_64_v2");
  CHECK(microarchitecture("", "x86_64") == "x86_64");
  CHECK(microarchitecture("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "aarch64") ==
        "neoverse_n1");
  CHECK(microarchitecture("CPU implementer\t: 0x99\n", "aarch64") == "aarch64");
  CHECK(microarchitecture("", "riscv64") == "riscv64");
}

}  // namespace
