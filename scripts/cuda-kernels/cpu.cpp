// The kernels of src/nn/cuda/densenet.cu on the CPU: the same source, with loops for the grid. Built by check.py as a shared
// library, once for each type of values (-DVALUE=float, f16 or bf16), with f16 in hardware (-mf16c).
//
// The kernels share nothing between threads, so that the order of the loops cannot matter; `reverse` turns it round to
// show that.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <immintrin.h>

#define __LEAP_CPU__
#define __device__
#define __global__

struct Index {
    unsigned int x, y;
};
static Index blockIdx, threadIdx, blockDim;

static inline float __uint_as_float(unsigned int bits) {
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
}
static inline unsigned int __float_as_uint(float x) {
    unsigned int bits;
    std::memcpy(&bits, &x, 4);
    return bits;
}

struct f16;
static inline float wide(f16 x);
static inline void narrow(float x, f16 &y);

#include "../../src/nn/cuda/densenet.cu"

static inline float wide(f16 x) { return _cvtsh_ss(x.bits); }
static inline void narrow(float x, f16 &y) { y.bits = _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }

// Threads as src/nn/cuda/kernels.rs lays them out: 256 a block, at most 32 of them along columns.
template <typename Kernel> static void grid(u32 rows, u32 columns, bool reverse, Kernel kernel) {
    u32 across = 1;
    while (across < columns && across < 32) across *= 2;
    u32 down = 256 / across;
    blockDim = {across, down};
    u32 blocks_x = (rows + down - 1) / down, blocks_y = (columns + across - 1) / across;
    u64 count = (u64)blocks_x * blocks_y * 256;
    for (u64 i = 0; i < count; i++) {
        u64 place = reverse ? count - 1 - i : i;
        threadIdx = {(u32)(place % across), (u32)(place / across % down)};
        blockIdx = {(u32)(place / 256 % blocks_x), (u32)(place / 256 / blocks_x)};
        kernel();
    }
}

extern "C" {
void run_activate(int lanes, int reverse, u32 rows, u32 kept, u32 grown, u32 step, VALUE *block, const VALUE *fresh,
                  const float *scale, const float *shift, VALUE *out) {
    grid(rows, (kept + grown) / lanes, reverse, [&] {
        (lanes == 4 ? activate4 : activate1)(rows, kept, grown, step, block, fresh, scale, shift, out);
    });
}
void run_append(int reverse, u32 rows, u32 kept, u32 grown, u32 step, VALUE *block, const VALUE *fresh) {
    grid(rows, grown, reverse, [&] { append(rows, kept, grown, step, block, fresh); });
}
void run_max_pool(int reverse, u32 rows, u32 h, u32 w, u32 oh, u32 ow, u32 channels, u32 step, const VALUE *in,
                  const float *shift, VALUE *out) {
    grid(rows, channels, reverse, [&] { max_pool(rows, h, w, oh, ow, channels, step, in, shift, out); });
}
void run_halve(int reverse, u32 rows, u32 h, u32 w, u32 channels, u32 step, const VALUE *in, const float *scale,
               const float *shift, VALUE *out) {
    grid(rows, channels, reverse, [&] { halve(rows, h, w, channels, step, in, scale, shift, out); });
}
void run_mean(int reverse, u32 rows, u32 pixels, u32 channels, u32 step, const VALUE *in, const float *scale,
              const float *shift, VALUE *out) {
    grid(rows, channels, reverse, [&] { mean(rows, pixels, channels, step, in, scale, shift, out); });
}
void run_from_planes(int reverse, u32 rows, u32 pixels, u32 channels, u32 width, u32 step, const VALUE *in, VALUE *out) {
    grid(rows, width, reverse, [&] { from_planes(rows, pixels, channels, width, step, in, out); });
}
void run_to_planes(int reverse, u32 rows, u32 pixels, u32 channels, u32 step, const VALUE *in, const float *scale,
                   const float *shift, VALUE *out) {
    grid(rows, channels, reverse, [&] { to_planes(rows, pixels, channels, step, in, scale, shift, out); });
}
}
