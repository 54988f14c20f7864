// The verbs `encode` and `mask`: what comes before and after the network, to check against Python.

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "letterbox.h"
#include "prompts.h"
#include "spec.h"
#include "usage.h"
#include "verbs.h"

namespace {

int whole(const std::string &word) {
  std::istringstream text(word);
  int number = 0;
  if (!(text >> number && text.eof() && number > 0))
    throw UsageError("not a whole number above 0: " + word);
  return number;
}

Letterbox letterbox_of(const Words &words) {
  return Letterbox::fit(whole(words[1]), whole(words[2]), whole(words[0]));
}

Click click_of(const std::string &word) {
  std::istringstream text(word);
  Click click;
  char comma[2];
  if (!(text >> click.x >> comma[0] >> click.y >> comma[1] >> click.label && text.eof()) ||
      (click.label != spec::PointLabel::POSITIVE && click.label != spec::PointLabel::NEGATIVE))
    throw UsageError("not a click X,Y,LABEL: " + word);
  return click;
}

template <class Value>
std::vector<Value> read_file(const std::string &path, size_t count) {
  std::vector<Value> values(count);
  std::ifstream file(path, std::ios::binary);
  const std::streamsize size = count * sizeof(Value);
  if (!file.read(reinterpret_cast<char *>(values.data()), size) || file.peek() != file.eof())
    throw std::runtime_error(path + " does not hold " + std::to_string(size) + " bytes");
  return values;
}

template <class Value>
void write(std::ofstream &file, const std::vector<Value> &values) {
  file.write(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(Value));
}

void close(std::ofstream &file, const std::string &path) {
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

}  // namespace

void encode(const Words &words) {
  if (words.size() < 5) throw UsageError("give SIZE WIDTH HEIGHT PHOTO INPUTS X,Y,LABEL...");
  const Letterbox letterbox = letterbox_of(words);
  std::vector<Click> clicks;
  for (size_t i = 5; i < words.size(); i++) clicks.push_back(click_of(words[i]));
  clicks = in_input(clicks, letterbox);
  const size_t bytes = static_cast<size_t>(letterbox.width) * letterbox.height * 3;
  const auto photo = read_file<uint8_t>(words[3], bytes);
  std::ofstream inputs(words[4], std::ios::binary);
  write(inputs, letterbox.image(photo));
  write(inputs, prompt_maps(clicks, letterbox.size));
  write(inputs, prompt_tokens(clicks, letterbox.size));
  close(inputs, words[4]);
}

void mask(const Words &words) {
  if (words.size() != 5) throw UsageError("give SIZE WIDTH HEIGHT LOGITS MASK");
  const Letterbox letterbox = letterbox_of(words);
  const size_t side = letterbox.size / spec::MAP_STRIDE;
  const auto logits = read_file<float>(words[3], side * side);
  std::ofstream answer(words[4], std::ios::binary);
  write(answer, letterbox.photo_mask(logits));
  close(answer, words[4]);
}
