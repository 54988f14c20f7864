#include "job.h"

#include <cmath>
#include <map>
#include <sstream>

#include "usage.h"

namespace {

class Settings {
 public:
  explicit Settings(const std::vector<std::string> &words) {
    for (const std::string &word : words) {
      const size_t equals = word.find('=');
      if (equals == word.npos) throw UsageError("not a setting such as threads=2: " + word);
      values_[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }

  // The setting of a name, which counts as known from then on.
  std::string take(const std::string &name) {
    const auto found = values_.find(name);
    if (found == values_.end()) throw UsageError("the setting " + name + " is missing");
    const std::string value = found->second;
    values_.erase(found);
    return value;
  }

  double seconds(const std::string &name) { return number(name, take(name), 0); }

  int whole(const std::string &name, int least) { return whole(name, take(name), least); }

  std::vector<int> list(const std::string &name) {
    std::vector<int> numbers;
    if (!values_.count(name)) return numbers;
    std::istringstream parts(take(name));
    for (std::string part; std::getline(parts, part, ',');) numbers.push_back(whole(name, part, 0));
    return numbers;
  }

  void check_all_taken() const {
    if (!values_.empty()) throw UsageError("unknown setting " + values_.begin()->first);
  }

 private:
  static double number(const std::string &name, const std::string &text, int least) {
    size_t used = 0;
    double value = NAN;
    try {
      value = std::stod(text, &used);
    } catch (const std::exception &) {  // said below
    }
    if (used != text.size() || !(value >= least) || std::isinf(value))
      throw UsageError(name + "=" + text + "; give a number of at least " + std::to_string(least));
    return value;
  }

  static int whole(const std::string &name, const std::string &text, int least) {
    const double value = number(name, text, least);
    if (value != std::floor(value) || value > 1e9)
      throw UsageError(name + "=" + text + "; give a whole number");
    return static_cast<int>(value);
  }

  std::map<std::string, std::string> values_;
};

}  // namespace

Job job(const std::vector<std::string> &words) {
  Settings settings(words);
  Job made;
  made.threads = settings.whole("threads", 1);
  made.cores = settings.list("cores");
  made.warm_up_inferences = settings.whole("warm_up_inferences", 0);
  made.timed_inferences = settings.whole("timed_inferences", 1);
  made.time_budget_s = settings.seconds("time_budget_s");
  made.pipeline_runs = settings.whole("pipeline_runs", 0);
  made.photo_width_px = settings.whole("photo_width_px", 1);
  made.photo_height_px = settings.whole("photo_height_px", 1);
  made.sustained_s = settings.seconds("sustained_s");
  settings.check_all_taken();
  return made;
}
