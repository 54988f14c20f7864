#include "system.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <stdexcept>

void drop_from_page_cache(const std::string &path) {
  const int file = open(path.c_str(), O_RDONLY);
  if (file < 0) throw std::runtime_error("cannot read " + path + ": " + std::strerror(errno));
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  close(file);
}

std::optional<int64_t> peak_rss_bytes() {
  // Not getrusage: its maximum survives fork and exec, so a big parent would show in the child.
  std::ifstream status("/proc/self/status");
  const std::string label = "VmHWM:";
  for (std::string line; std::getline(status, line);)
    if (line.compare(0, label.size(), label) == 0)
      return std::stoll(line.substr(label.size())) * 1024;
  return std::nullopt;
}
