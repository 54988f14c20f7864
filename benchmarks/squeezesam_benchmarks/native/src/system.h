// What the operating system does for a measurement, and tells about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

// Makes the next reading of a file cold. Throws std::runtime_error where it cannot be opened.
void drop_from_page_cache(const std::string &path);

// Peak resident memory of this process in its life; nothing where the system does not tell.
std::optional<int64_t> peak_rss_bytes();
