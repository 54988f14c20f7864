// IEEE 754 half precision, which C++17 lacks.
#pragma once

#include <cstdint>

// Rounds to nearest, ties to even.
uint16_t half_of(float value);

float float_of(uint16_t half);
