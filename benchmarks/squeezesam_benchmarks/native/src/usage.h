// A command line that cannot be understood, told by another exit status than what fails later.
#pragma once

#include <stdexcept>

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
