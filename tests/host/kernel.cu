// One kernel, for libraries with code in all forms: see fatbin_test.py.
__global__ void twice(float* values) { values[threadIdx.x] *= 2; }
void run(float* values) { twice<<<1, 32>>>(values); }
