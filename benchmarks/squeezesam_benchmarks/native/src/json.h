// Writing JSON, as far as a measurement takes it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace json {

inline std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6f", value);
  return text;
}

inline std::string number(int64_t value) { return std::to_string(value); }

inline std::string number(int value) { return std::to_string(value); }

// Of text without control characters.
inline std::string string(const std::string &text) {
  std::string made = "\"";
  for (char one : text) {
    if (one == '"' || one == '\\') made += '\\';
    made += one;
  }
  return made + '"';
}

inline std::string joined(const std::vector<std::string> &parts, char open, char close) {
  std::string made(1, open);
  for (const std::string &part : parts) made += (made.size() > 1 ? ", " : "") + part;
  return made + close;
}

inline std::string array(const std::vector<std::string> &items) { return joined(items, '[', ']'); }

template <class Number>
std::string numbers(const std::vector<Number> &values) {
  std::vector<std::string> items;
  for (Number value : values) items.push_back(number(value));
  return array(items);
}

inline std::string object(const std::vector<std::pair<std::string, std::string>> &members) {
  std::vector<std::string> parts;
  for (const auto &[name, value] : members) parts.push_back(string(name) + ": " + value);
  return joined(parts, '{', '}');
}

}  // namespace json
