// RUNNER VERB WORD...; the verbs are in verbs.h.
//
// A result goes to standard output or to a named file. A failure is the last line on standard
// error, behind what the runtime may log there, with exit status 1, or 2 where the command line is
// not understood.

#include <cstdio>
#include <exception>
#include <map>

#include "usage.h"
#include "verbs.h"

int main(int count, char **words) try {
  const std::map<std::string, void (*)(const Words &)> verbs = {
      {"answer", answer},
      {"clean", clean},
      {"encode", encode},
      {"look", look},
      {"mask", mask},
      {"place", place},
      {"time", time_model},
  };
  std::string known;
  for (const auto &[name, work] : verbs) known += " " + name;
  const auto verb = count > 1 ? verbs.find(words[1]) : verbs.end();
  if (verb == verbs.end()) throw UsageError("give a verb, one of" + known);
  verb->second({words + 2, words + count});
  return 0;
} catch (const UsageError &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
} catch (const std::exception &error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
