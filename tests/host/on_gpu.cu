// What on-gpu.sh builds inside an environment: says which libraries it got, and, where there is a GPU, lets a kernel, cuBLAS,
// cuDNN (and NCCL, with -DWITH_NCCL) compute and compares with the processor. Exit code 0: all agree; 1: not; 77: no GPU.
#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cudnn.h>
#ifdef WITH_NCCL
#include <nccl.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Numbers = std::vector<float>;

void check(cudaError_t code) {
  if (code != cudaSuccess) throw std::runtime_error(cudaGetErrorString(code));
}
void check(cublasStatus_t code) {
  if (code != CUBLAS_STATUS_SUCCESS) throw std::runtime_error(cublasGetStatusString(code));
}
void check(cudnnStatus_t code) {
  if (code != CUDNN_STATUS_SUCCESS) throw std::runtime_error(cudnnGetErrorString(code));
}

// Numbers on the device, freed at the end of their scope.
class OnDevice {
public:
  explicit OnDevice(std::size_t count) : count_(count) { check(cudaMalloc(&data_, std::max<std::size_t>(count, 1) * sizeof(float))); }
  explicit OnDevice(const Numbers& from) : OnDevice(from.size()) {
    check(cudaMemcpy(data_, from.data(), count_ * sizeof(float), cudaMemcpyHostToDevice));
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { cudaFree(data_); }
  float* get() const { return data_; }
  Numbers read() const {
    Numbers to(count_);
    check(cudaDeviceSynchronize());
    check(cudaMemcpy(to.data(), data_, count_ * sizeof(float), cudaMemcpyDeviceToHost));
    return to;
  }

private:
  float* data_ = nullptr;
  std::size_t count_;
};

Numbers random_numbers(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> range(-1, 1);
  Numbers made(count);
  for (float& one : made) one = range(engine);
  return made;
}

// The largest difference; a result of zeros only, where nothing ran, is one too.
double largest_error(const Numbers& found, const std::vector<double>& expected) {
  double worst = found.size() == expected.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    const double error = std::abs(found[i] - expected[i]);
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  return worst;
}

__global__ void scale_and_add(float factor, const float* more, float* sum, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) sum[i] += factor * more[i];
}

double own_kernel() {
  const int count = 1 << 20;
  const Numbers more = random_numbers(count, 1), start = random_numbers(count, 2);
  const OnDevice a(more), b(start);
  scale_and_add<<<(count + 255) / 256, 256>>>(2.5F, a.get(), b.get(), count);
  check(cudaGetLastError());
  std::vector<double> expected(count);
  for (int i = 0; i < count; ++i) expected[i] = start[i] + 2.5 * more[i];
  return largest_error(b.read(), expected);
}

// C = A * B of 256 x 256 numbers, in the column order of BLAS.
double cublas_product() {
  const int n = 256;
  const Numbers a = random_numbers(n * n, 3), b = random_numbers(n * n, 4);
  const OnDevice da(a), db(b), dc(static_cast<std::size_t>(n) * n);
  cublasHandle_t handle = nullptr;
  check(cublasCreate(&handle));
  check(cublasSetMathMode(handle, CUBLAS_PEDANTIC_MATH));
  const float one = 1, zero = 0;
  check(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &one, da.get(), n, db.get(), n, &zero, dc.get(), n));
  std::vector<double> expected(static_cast<std::size_t>(n) * n);
  for (int column = 0; column < n; ++column)
    for (int k = 0; k < n; ++k)
      for (int row = 0; row < n; ++row) expected[column * n + row] += static_cast<double>(a[k * n + row]) * b[column * n + k];
  const double worst = largest_error(dc.read(), expected);
  check(cublasDestroy(handle));
  return worst;
}

cudnnTensorDescriptor_t tensor(int n, int c, int h, int w) {
  cudnnTensorDescriptor_t made = nullptr;
  check(cudnnCreateTensorDescriptor(&made));
  check(cudnnSetTensor4dDescriptor(made, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, n, c, h, w));
  return made;
}

double cudnn_softmax() {
  const int rows = 64, columns = 1000;
  const Numbers in = random_numbers(rows * columns, 5);
  const OnDevice x(in), y(in.size());
  cudnnHandle_t handle = nullptr;
  check(cudnnCreate(&handle));
  const cudnnTensorDescriptor_t shape = tensor(rows, columns, 1, 1);
  const float one = 1, zero = 0;
  check(cudnnSoftmaxForward(handle, CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_CHANNEL, &one, shape, x.get(), &zero, shape,
                            y.get()));
  std::vector<double> expected(in.size());
  for (int row = 0; row < rows; ++row) {
    double sum = 0;
    for (int i = 0; i < columns; ++i) sum += std::exp(static_cast<double>(in[row * columns + i]));
    for (int i = 0; i < columns; ++i) expected[row * columns + i] = std::exp(static_cast<double>(in[row * columns + i])) / sum;
  }
  const double worst = largest_error(y.read(), expected) * columns;  // the numbers are about 1 / columns
  check(cudnnDestroyTensorDescriptor(shape));
  check(cudnnDestroy(handle));
  return worst;
}

struct Convolution {
  static constexpr int in = 8, out = 16, side = 32, kernel = 3;
  Numbers image = random_numbers(in * side * side, 6), weights = random_numbers(out * in * kernel * kernel, 7);

  double expected(int to, int y, int x) const {
    double sum = 0;
    for (int from = 0; from < in; ++from)
      for (int dy = 0; dy < kernel; ++dy)
        for (int dx = 0; dx < kernel; ++dx) {
          const int sy = y + dy - 1, sx = x + dx - 1;
          if (sy < 0 || sx < 0 || sy >= side || sx >= side) continue;
          sum += static_cast<double>(image[(from * side + sy) * side + sx]) *
                 weights[((to * in + from) * kernel + dy) * kernel + dx];
        }
    return sum;
  }
};

double cudnn_convolution() {
  const Convolution job;
  const OnDevice x(job.image), w(job.weights), y(static_cast<std::size_t>(job.out) * job.side * job.side);
  cudnnHandle_t handle = nullptr;
  check(cudnnCreate(&handle));
  const cudnnTensorDescriptor_t from = tensor(1, job.in, job.side, job.side), to = tensor(1, job.out, job.side, job.side);
  cudnnFilterDescriptor_t filter = nullptr;
  check(cudnnCreateFilterDescriptor(&filter));
  check(cudnnSetFilter4dDescriptor(filter, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, job.out, job.in, job.kernel, job.kernel));
  cudnnConvolutionDescriptor_t how = nullptr;
  check(cudnnCreateConvolutionDescriptor(&how));
  check(cudnnSetConvolution2dDescriptor(how, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
  check(cudnnSetConvolutionMathType(how, CUDNN_FMA_MATH));
  cudnnConvolutionFwdAlgoPerf_t best{};
  int found = 0;
  check(cudnnGetConvolutionForwardAlgorithm_v7(handle, from, filter, how, to, 1, &found, &best));
  if (found == 0) throw std::runtime_error("no algorithm");
  check(best.status);
  const OnDevice space(best.memory / sizeof(float) + 1);
  const float one = 1, zero = 0;
  check(cudnnConvolutionForward(handle, &one, from, x.get(), filter, w.get(), how, best.algo, space.get(),
                                best.memory, &zero, to, y.get()));
  std::vector<double> expected;
  for (int channel = 0; channel < job.out; ++channel)
    for (int row = 0; row < job.side; ++row)
      for (int column = 0; column < job.side; ++column) expected.push_back(job.expected(channel, row, column));
  const double worst = largest_error(y.read(), expected);
  check(cudnnDestroy(handle));
  return worst;
}

#ifdef WITH_NCCL
// A sum over one GPU changes nothing; it needs a communicator all the same.
double nccl_sum() {
  const auto check_nccl = [](ncclResult_t code) {
    if (code != ncclSuccess) throw std::runtime_error(ncclGetErrorString(code));
  };
  const Numbers in = random_numbers(1 << 16, 8);
  const OnDevice x(in), y(in.size());
  ncclComm_t communicator = nullptr;
  const int device = 0;
  check_nccl(ncclCommInitAll(&communicator, 1, &device));
  check_nccl(ncclAllReduce(x.get(), y.get(), in.size(), ncclFloat, ncclSum, communicator, nullptr));
  const double worst = largest_error(y.read(), std::vector<double>(in.begin(), in.end()));
  check_nccl(ncclCommDestroy(communicator));
  return worst;
}
#endif

bool agrees(const char* name, double (*work)(), double limit) {
  try {
    const double error = work();
    const bool good = error <= limit;
    std::printf("%s: largest error %.3g, at most %.0e wanted: %s\n", name, error, limit, good ? "ok" : "WRONG");
    return good;
  } catch (const std::exception& failure) {
    std::printf("%s: FAILED: %s\n", name, failure.what());
    return false;
  }
}

void print_libraries() {
  int driver = 0, runtime = 0, cublas[3] = {};
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  const libraryPropertyType parts[] = {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL};
  for (int i = 0; i < 3; ++i) cublasGetProperty(parts[i], &cublas[i]);
  std::printf("libraries: runtime %d driver %d cublas %d.%d.%d cudnn %zu cudnn-built-for %zu", runtime, driver, cublas[0],
              cublas[1], cublas[2], cudnnGetVersion(), cudnnGetCudartVersion());
#ifdef WITH_NCCL
  int nccl = 0;
  ncclGetVersion(&nccl);
  std::printf(" nccl %d", nccl);
#endif
  std::printf("\n");
}

}  // namespace

int main() {
  print_libraries();
  int devices = 0;
  const cudaError_t code = cudaGetDeviceCount(&devices);
  if (code != cudaSuccess || devices == 0) {
    std::printf("no GPU: %s\n", cudaGetErrorString(code));
    return 77;
  }
  cudaDeviceProp facts{};
  check(cudaGetDeviceProperties(&facts, 0));
  std::printf("device: %s, compute capability %d.%d, %zu MiB\n", facts.name, facts.major, facts.minor,
              facts.totalGlobalMem >> 20U);
  bool good = agrees("kernel compiled with nvcc", own_kernel, 1e-6);
  good = agrees("cuBLAS product of matrices", cublas_product, 1e-3) && good;
  good = agrees("cuDNN softmax", cudnn_softmax, 1e-4) && good;
  good = agrees("cuDNN convolution", cudnn_convolution, 1e-3) && good;
#ifdef WITH_NCCL
  good = agrees("NCCL sum over one GPU", nccl_sum, 1e-6) && good;
#endif
  return good ? 0 : 1;
}
