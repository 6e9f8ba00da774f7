// The tile registers of a processor that has AMX.

#pragma once

#ifdef __AMX_BF16__
#include <cstdint>
#include <immintrin.h>

struct TileConfiguration {
  uint8_t palette = 1, start = 0, unused[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Eight registers of 16 rows of 64 bytes, until _tile_release
static inline void start_tiles() {
  const TileConfiguration configuration;
  _tile_loadconfig(&configuration);
}
#endif

// Whether the processor has tiles and the system lets this process use them.
extern "C" bool multiplies_tiles();
