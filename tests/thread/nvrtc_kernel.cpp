// Compiles a kernel at run time with the NVRTC that it was linked with, to PTX and to machine code,
// and says which that was.
#include <nvrtc.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

static const char* const source = R"(
extern "C" __global__ void scale(float factor, float* numbers, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) numbers[i] *= factor;
}
)";

static bool compile(const char* architecture, nvrtcProgram* program) {
  if (nvrtcCreateProgram(program, source, "scale.cu", 0, nullptr, nullptr) != NVRTC_SUCCESS)
    return false;
  return nvrtcCompileProgram(*program, 1, &architecture) == NVRTC_SUCCESS;
}

int main() {
  int major = 0, minor = 0;
  nvrtcProgram program = nullptr;
  std::size_t size = 0;
  if (nvrtcVersion(&major, &minor) != NVRTC_SUCCESS ||
      !compile("--gpu-architecture=compute_90", &program))
    return 1;
  if (nvrtcGetPTXSize(program, &size) != NVRTC_SUCCESS) return 2;
  std::string ptx(size, '\0');
  if (nvrtcGetPTX(program, ptx.data()) != NVRTC_SUCCESS ||
      !compile("--gpu-architecture=sm_90", &program))
    return 3;
  if (nvrtcGetCUBINSize(program, &size) != NVRTC_SUCCESS) return 4;
  std::vector<char> code(size);
  if (nvrtcGetCUBIN(program, code.data()) != NVRTC_SUCCESS) return 5;
  const bool names_kernel = ptx.find(".entry scale") != std::string::npos &&
                            ptx.find(".target sm_90") != std::string::npos;
  const bool is_elf = size > 4 && std::memcmp(code.data(),
                                              "\x7f"
                                              "ELF",
                                              4) == 0;
  std::printf("nvrtc %d.%d ptx %s cubin %s\n", major, minor, names_kernel ? "good" : "bad",
              is_elf ? "good" : "bad");
  std::ifstream maps("/proc/self/maps");
  for (std::string line, last; std::getline(maps, line);) {
    const std::size_t start = line.find('/');
    if (start == std::string::npos || line.find("nvrtc", line.rfind('/')) == std::string::npos)
      continue;
    if (line.substr(start) != last) std::printf("loaded %s\n", (last = line.substr(start)).c_str());
  }
  return names_kernel && is_elf ? 0 : 6;
}
