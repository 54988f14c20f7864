// The verbs `encode`, `clean` and `mask`: what comes before and after the network, to check against Python.

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "cleaning.h"
#include "letterbox.h"
#include "prompts.h"
#include "spec.h"
#include "tensors.h"
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

void read_file(const std::string &path, char *to, std::streamsize size) {
  std::ifstream file(path, std::ios::binary);
  if (!file.read(to, size) || file.peek() != std::ifstream::traits_type::eof())
    throw std::runtime_error(path + " does not hold " + std::to_string(size) + " bytes");
}

// What all verbs begin with: TYPE SIZE WIDTH HEIGHT.
struct Setting {
  bool half;
  Letterbox letterbox;

  explicit Setting(const Words &words)
      : half(is_half(words[0])),
        letterbox(Letterbox::fit(whole(words[2]), whole(words[3]), whole(words[1]))) {}

  // A flat tensor of the type.
  Tensor tensor(size_t size) const {
    return {"", half, {}, std::vector<char>(size * (half ? 2 : 4))};
  }

  // The logits of one low-resolution mask in a file.
  std::vector<float> low_res_mask(const std::string &path) const {
    const size_t side = letterbox.size / spec::MAP_STRIDE;
    Tensor logits = tensor(side * side);
    read_file(path, logits.bytes.data(), logits.bytes.size());
    return logits.first(side * side);
  }
};

Click click_of(const std::string &word) {
  std::istringstream text(word);
  Click click;
  char comma[2];
  if (!(text >> click.x >> comma[0] >> click.y >> comma[1] >> click.label && text.eof()) ||
      (click.label != spec::PointLabel::POSITIVE && click.label != spec::PointLabel::NEGATIVE))
    throw UsageError("not a click X,Y,LABEL: " + word);
  return click;
}

Click click_on(const std::string &word, const Letterbox &letterbox) {
  const Click click = click_of(word);
  if (!(click.x >= 0 && click.x < letterbox.width && click.y >= 0 && click.y < letterbox.height))
    throw UsageError("not on the photo: " + word);
  return click;
}

std::array<float, 4> box_of(const std::string &word) {
  std::istringstream text(word);
  std::array<float, 4> box;
  for (float &edge : box) {
    char comma = ',';
    if ((&edge != &box[0] && !(text >> comma)) || comma != ',' || !(text >> edge))
      throw UsageError("not a box X0,Y0,X1,Y1: " + word);
  }
  if (!text.eof()) throw UsageError("not a box X0,Y0,X1,Y1: " + word);
  return box;
}

void close(std::ofstream &file, const std::string &path) {
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

}  // namespace

void encode(const Words &words) {
  if (words.size() < 6) throw UsageError("give TYPE SIZE WIDTH HEIGHT PHOTO INPUTS X,Y,LABEL...");
  const Setting setting(words);
  const Letterbox &letterbox = setting.letterbox;
  std::vector<Click> clicks;
  for (size_t i = 6; i < words.size(); i++) clicks.push_back(click_of(words[i]));
  clicks = in_input(clicks, letterbox);
  std::vector<uint8_t> photo(static_cast<size_t>(letterbox.width) * letterbox.height * 3);
  read_file(words[4], reinterpret_cast<char *>(photo.data()), photo.size());
  std::ofstream inputs(words[5], std::ios::binary);
  for (const auto &values :
       {letterbox.image(photo), prompt_maps(clicks, letterbox.size),
        prompt_tokens(clicks, letterbox.size)}) {
    Tensor tensor = setting.tensor(values.size());
    tensor.set(values);
    inputs.write(tensor.bytes.data(), tensor.bytes.size());
  }
  close(inputs, words[5]);
}

void clean(const Words &words) {
  if (words.size() < 6)
    throw UsageError(
        "give TYPE SIZE WIDTH HEIGHT LOGITS CLEANED [box=X0,Y0,X1,Y1] [previous=LOGITS] "
        "X,Y,LABEL...");
  const Setting setting(words);
  Asked asked;
  for (size_t i = 6; i < words.size(); i++) {
    const auto equals = words[i].find('=') + 1;
    if (words[i].rfind("box=", 0) == 0)
      asked.box = box_of(words[i].substr(equals));
    else if (words[i].rfind("previous=", 0) == 0)
      asked.previous = setting.low_res_mask(words[i].substr(equals));
    else
      asked.clicks.push_back(click_on(words[i], setting.letterbox));
  }
  const auto made = cleaned(setting.low_res_mask(words[4]), asked, setting.letterbox);
  Tensor tensor = setting.tensor(made.size());
  tensor.set(made);
  std::ofstream answer(words[5], std::ios::binary);
  answer.write(tensor.bytes.data(), tensor.bytes.size());
  close(answer, words[5]);
}

void mask(const Words &words) {
  if (words.size() != 6) throw UsageError("give TYPE SIZE WIDTH HEIGHT LOGITS MASK");
  const Setting setting(words);
  const auto made = setting.letterbox.photo_mask(setting.low_res_mask(words[4]));
  std::ofstream answer(words[5], std::ios::binary);
  answer.write(reinterpret_cast<const char *>(made.data()), made.size());
  close(answer, words[5]);
}
