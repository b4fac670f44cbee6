// The element-wise kernels of the CUDA machine, compiled at run time by NVRTC for one type of values: define VALUE as
// float, f16 or bf16. No header is included, so that a machine without the CUDA toolkit compiles them too.
//
// Matrices have a row for each pixel and a column for each channel; `step` counts values from row to row. Threads lie
// in x along channels and in y along rows. All arithmetic is in float and in a fixed order. No kernel shares memory between
// threads or waits for other threads.

#ifndef VALUE
#define VALUE float
#endif

typedef unsigned int u32;
typedef unsigned long long u64;

struct f16 {
    unsigned short bits;
};

struct bf16 {
    unsigned short bits;
};

__device__ inline float wide(float x) { return x; }
__device__ inline void narrow(float x, float &y) { y = x; }

#ifndef __LEAP_CPU__
__device__ inline float wide(f16 x) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
}

__device__ inline void narrow(float x, f16 &y) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x)); }
#endif

__device__ inline float wide(bf16 x) { return __uint_as_float((u32)x.bits << 16); }

// To the nearest, ties to even; NaN stays NaN.
__device__ inline void narrow(float x, bf16 &y) {
    u32 bits = __float_as_uint(x);
    y.bits = x != x ? 0x7fff : (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Written so that NaN stays NaN.
__device__ inline float relu(float x) { return x < 0.0f ? 0.0f : x; }

// Neighbouring channels, moved in one go.
template <typename T, int LANES>
struct alignas(sizeof(T) * LANES) Pack {
    T lane[LANES];
};

template <int LANES, typename T>
__device__ inline Pack<T, LANES> &pack(T *at) {
    return *reinterpret_cast<Pack<T, LANES> *>(at);
}

template <int LANES, typename T>
__device__ inline const Pack<T, LANES> &pack(const T *at) {
    return *reinterpret_cast<const Pack<T, LANES> *>(at);
}

#define ROW (blockIdx.x * blockDim.y + threadIdx.y)
#define COLUMN (blockIdx.y * blockDim.x + threadIdx.x)

// Copies `fresh` (rows, grown) behind the `kept` columns of the block, and activates both into `out` (rows, kept + grown).
template <int LANES>
__device__ inline void activate(u32 rows, u32 kept, u32 grown, u32 step, VALUE *block, const VALUE *fresh,
                                const float *scale, const float *shift, VALUE *out) {
    u32 row = ROW, column = COLUMN * LANES, width = kept + grown;
    if (row >= rows || column >= width) return;
    VALUE *place = block + (u64)row * step + column;
    Pack<VALUE, LANES> x;
    if (column < kept) {
        x = pack<LANES>((const VALUE *)place);
    } else {
        x = pack<LANES>(fresh + (u64)row * grown + (column - kept));
        pack<LANES>(place) = x;
    }
    Pack<float, LANES> factors = pack<LANES>(scale + column), summands = pack<LANES>(shift + column);
    for (int lane = 0; lane < LANES; lane++)
        narrow(relu(fmaf(wide(x.lane[lane]), factors.lane[lane], summands.lane[lane])), x.lane[lane]);
    pack<LANES>(out + (u64)row * width + column) = x;
}

// For any widths.
extern "C" __global__ void activate1(u32 rows, u32 kept, u32 grown, u32 step, VALUE *block, const VALUE *fresh,
                                     const float *scale, const float *shift, VALUE *out) {
    activate<1>(rows, kept, grown, step, block, fresh, scale, shift, out);
}

// For kept, grown and step in multiples of four.
extern "C" __global__ void activate4(u32 rows, u32 kept, u32 grown, u32 step, VALUE *block, const VALUE *fresh,
                                     const float *scale, const float *shift, VALUE *out) {
    activate<4>(rows, kept, grown, step, block, fresh, scale, shift, out);
}

// Copies `fresh` (rows, grown) behind the `kept` columns of the block.
extern "C" __global__ void append(u32 rows, u32 kept, u32 grown, u32 step, VALUE *block, const VALUE *fresh) {
    u32 row = ROW, column = COLUMN;
    if (row >= rows || column >= grown) return;
    block[(u64)row * step + kept + column] = fresh[(u64)row * grown + column];
}

// The largest of each 3x3 window with stride 2 and padding 1 over `in` (n * h * w, channels), plus shift, then ReLU.
// `rows` counts the pixels that are left: n * oh * ow. NaN wins its windows.
extern "C" __global__ void max_pool(u32 rows, u32 h, u32 w, u32 oh, u32 ow, u32 channels, u32 step, const VALUE *in,
                                    const float *shift, VALUE *out) {
    u32 row = ROW, column = COLUMN;
    if (row >= rows || column >= channels) return;
    u32 x = row % ow, y = row / ow % oh, image = row / ow / oh;
    const VALUE *plane = in + (u64)image * h * w * channels + column;
    float best = wide(plane[((u64)2 * y * w + 2 * x) * channels]);
    for (u32 line = y ? 2 * y - 1 : 0; line <= 2 * y + 1 && line < h; line++)
        for (u32 place = x ? 2 * x - 1 : 0; place <= 2 * x + 1 && place < w; place++) {
            float value = wide(plane[((u64)line * w + place) * channels]);
            if (value > best || value != value) best = value;
        }
    narrow(relu(best + shift[column]), out[(u64)row * step + column]);
}

// Activates `in` (n * h * w, channels) and takes the mean of each 2x2 window into `out` (rows, channels).
extern "C" __global__ void halve(u32 rows, u32 h, u32 w, u32 channels, u32 step, const VALUE *in, const float *scale,
                                 const float *shift, VALUE *out) {
    u32 row = ROW, column = COLUMN;
    if (row >= rows || column >= channels) return;
    u32 ow = w / 2, oh = h / 2, x = row % ow, y = row / ow % oh, image = row / ow / oh;
    const VALUE *corner = in + (((u64)image * h + 2 * y) * w + 2 * x) * step + column;
    float sum = 0.0f;
    for (u32 line = 0; line < 2; line++)
        for (u32 place = 0; place < 2; place++)
            sum += relu(fmaf(wide(corner[((u64)line * w + place) * step]), scale[column], shift[column]));
    narrow(0.25f * sum, out[(u64)row * channels + column]);
}

// Activates `in` (rows * pixels, channels) and takes the mean over each image's pixels into `out` (rows, channels).
extern "C" __global__ void mean(u32 rows, u32 pixels, u32 channels, u32 step, const VALUE *in, const float *scale,
                                const float *shift, VALUE *out) {
    u32 row = ROW, column = COLUMN;
    if (row >= rows || column >= channels) return;
    const VALUE *first = in + (u64)row * pixels * step + column;
    float sum = 0.0f;
    for (u32 pixel = 0; pixel < pixels; pixel++)
        sum += relu(fmaf(wide(first[(u64)pixel * step]), scale[column], shift[column]));
    narrow(sum / (float)pixels, out[(u64)row * channels + column]);
}

// From `in` (n, channels, pixels) to `out` (n * pixels, width); columns beyond the channels become zero.
extern "C" __global__ void from_planes(u32 rows, u32 pixels, u32 channels, u32 width, u32 step, const VALUE *in, VALUE *out) {
    u32 row = ROW, column = COLUMN;
    if (row >= rows || column >= width) return;
    VALUE *place = out + (u64)row * step + column;
    if (column < channels)
        *place = in[((u64)(row / pixels) * channels + column) * pixels + row % pixels];
    else
        narrow(0.0f, *place);
}

// From `in` (n * pixels, channels) to `out` (n, channels, pixels), through x * scale + shift where there is a scale.
extern "C" __global__ void to_planes(u32 rows, u32 pixels, u32 channels, u32 step, const VALUE *in, const float *scale,
                                     const float *shift, VALUE *out) {
    u32 row = ROW, column = COLUMN;
    if (row >= rows || column >= channels) return;
    VALUE value = in[(u64)row * step + column];
    if (scale) narrow(fmaf(wide(value), scale[column], shift[column]), value);
    out[((u64)(row / pixels) * channels + column) * pixels + row % pixels] = value;
}
