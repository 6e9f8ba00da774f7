// Winograd's F(4x4, 3x3) for few channels, as one pass over the image: what winograd.py says in matrices, with the
// tiles of a strip kept in the cache, and noise, bias and the leaky ReLU applied before a pixel is first written.
// The factor `up` (1 or 2) interleaves up * up groups of output channels into an image of up times the size.
// Channels last, float32. Built by native.py for the machine that it runs on.

#ifdef __AVX512F__
constexpr long LANES = 16, BLOCK = 12;
#else
constexpr long LANES = 8, BLOCK = 6;  // BLOCK * 2 accumulators fill the registers
#endif

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef float Unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static inline Vector load(const float *from) { return *(const Unaligned *)from; }
static inline void store(float *to, Vector value) { *(Unaligned *)to = value; }

// B' of winograd.py (points 0, ±3/4, ±3/2, infinity) applied to six places
static inline void to_points(const Vector d[6], Vector v[6]) {
  Vector even1 = 32.f / 27.f * d[2] - 128.f / 243.f * d[4], odd1 = 8.f / 9.f * d[1] - 32.f / 81.f * d[3];
  Vector even2 = 32.f / 243.f * d[4] - 2.f / 27.f * d[2], odd2 = 16.f / 81.f * d[3] - 1.f / 9.f * d[1];
  v[0] = d[0] - 20.f / 9.f * d[2] + 64.f / 81.f * d[4];
  v[1] = even1 + odd1;
  v[2] = even1 - odd1;
  v[3] = even2 + odd2;
  v[4] = even2 - odd2;
  v[5] = 81.f / 64.f * d[1] - 45.f / 16.f * d[3] + d[5];
}

// A' of winograd.py
static inline void from_points(const Vector m[6], Vector y[4]) {
  Vector sum1 = m[1] + m[2], difference1 = m[1] - m[2], sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum1 + sum2;
  y[1] = 3.f / 4.f * difference1 + 3.f / 2.f * difference2;
  y[2] = 9.f / 16.f * sum1 + 9.f / 4.f * sum2;
  y[3] = 27.f / 64.f * difference1 + 27.f / 8.f * difference2 + m[5];
}

// ROWS rows and two vectors of columns of the product of [tiles, inputs] and [inputs, outputs]
template <long ROWS>
static inline void multiply(const float *a, const float *b, float *c, long inputs, long outputs) {
  Vector sums[ROWS][2];
  for (long row = 0; row < ROWS; row++) sums[row][0] = sums[row][1] = Vector{};
  for (long k = 0; k < inputs; k++) {
    Vector left = load(b + k * outputs), right = load(b + k * outputs + LANES);
    for (long row = 0; row < ROWS; row++) {
      sums[row][0] += a[row * inputs + k] * left;
      sums[row][1] += a[row * inputs + k] * right;
    }
  }
  for (long row = 0; row < ROWS; row++) {
    store(c + row * outputs, sums[row][0]);
    store(c + row * outputs + LANES, sums[row][1]);
  }
}

template <long ROWS>
static inline void multiply_rest(const float *a, const float *b, float *c, long rows, long inputs, long outputs) {
  if (rows == ROWS) return multiply<ROWS>(a, b, c, inputs, outputs);
  if constexpr (ROWS > 1) multiply_rest<ROWS - 1>(a, b, c, rows, inputs, outputs);
}

extern "C" long lanes() { return LANES; }

// x [height, width, inputs], kernel [36, inputs, outputs], noise [up * height, up * width], bias [outputs / up / up],
// out [up * height, up * width, outputs / up / up]; rows of tiles from `first` to `last`; `strip` tiles at a time, which
// divide width / 4; scratch [36 * strip * (inputs + outputs) + 6 * (4 * strip + 2) * inputs].
extern "C" void convolve(const float *x, const float *kernel, const float *noise, const float *bias, float *out,
                         float *scratch, long height, long width, long inputs, long outputs, long up, float slope,
                         long strip, long first, long last) {
  const long columns = 4 * strip + 2, strips = width / (4 * strip), channels = outputs / (up * up);
  float *points = scratch, *products = points + 36 * strip * inputs, *rows = products + 36 * strip * outputs;
  for (long down = first; down < last; down++)
    for (long across = 0; across < strips; across++) {
      const long top = 4 * down - 1, left = 4 * strip * across - 1;
      for (long j = 0; j < columns; j++)
        for (long c = 0; c < inputs; c += LANES) {
          Vector d[6], v[6];
          for (long i = 0; i < 6; i++) {
            long row = top + i, column = left + j;
            bool inside = row >= 0 && row < height && column >= 0 && column < width;
            d[i] = inside ? load(x + (row * width + column) * inputs + c) : Vector{};
          }
          to_points(d, v);
          for (long i = 0; i < 6; i++) store(rows + (i * columns + j) * inputs + c, v[i]);
        }
      for (long i = 0; i < 6; i++)
        for (long tile = 0; tile < strip; tile++)
          for (long c = 0; c < inputs; c += LANES) {
            Vector d[6], v[6];
            for (long j = 0; j < 6; j++) d[j] = load(rows + (i * columns + 4 * tile + j) * inputs + c);
            to_points(d, v);
            for (long j = 0; j < 6; j++) store(points + ((6 * i + j) * strip + tile) * inputs + c, v[j]);
          }
      for (long point = 0; point < 36; point++)
        for (long o = 0; o < outputs; o += 2 * LANES)
          for (long tile = 0; tile < strip; tile += BLOCK)
            multiply_rest<BLOCK>(points + (point * strip + tile) * inputs, kernel + point * inputs * outputs + o,
                                 products + (point * strip + tile) * outputs + o,
                                 strip - tile < BLOCK ? strip - tile : BLOCK, inputs, outputs);
      for (long tile = 0; tile < strip; tile++)
        for (long o = 0; o < outputs; o += LANES) {
          Vector half[6][4], m[6], y[4];
          for (long j = 0; j < 6; j++) {
            for (long i = 0; i < 6; i++) m[i] = load(products + ((6 * i + j) * strip + tile) * outputs + o);
            from_points(m, half[j]);
          }
          const long phase = o / channels, channel = o % channels;
          const Vector shift = load(bias + channel);
          for (long i = 0; i < 4; i++) {
            for (long j = 0; j < 6; j++) m[j] = half[j][i];
            from_points(m, y);
            for (long j = 0; j < 4; j++) {
              long row = up * (4 * down + i) + phase / up;
              long pixel = row * up * width + up * (4 * (strip * across + tile) + j) + phase % up;
              Vector sum = y[j] + noise[pixel] + shift, below = slope * sum;
              store(out + pixel * channels + channel, sum > below ? sum : below);
            }
          }
        }
    }
}
