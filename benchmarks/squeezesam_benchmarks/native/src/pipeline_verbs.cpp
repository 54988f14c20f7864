// The verbs `encode`, `clean`, `look`, `place` and `mask`: what comes before and after the network,
// to check against Python.

#include <array>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "cleaning.h"
#include "json.h"
#include "letterbox.h"
#include "looks.h"
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

void close(std::ofstream &file, const std::string &path) {
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

// What all verbs begin with: TYPE SIZE WIDTH HEIGHT.
struct Setting {
  bool half;
  Letterbox letterbox;

  explicit Setting(const Words &words)
      : half(is_half(words[0])),
        letterbox(Letterbox::fit(whole(words[2]), whole(words[3]), whole(words[1]))) {}

  // Appends numbers in the type.
  void write(const std::vector<float> &values, std::ofstream &file) const {
    Tensor written = tensor(values.size());
    written.set(values);
    file.write(written.bytes.data(), written.bytes.size());
  }

  // A file of numbers in the type.
  void write(const std::vector<float> &values, const std::string &path) const {
    std::ofstream file(path, std::ios::binary);
    write(values, file);
    close(file, path);
  }

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

// Four numbers with commas between them.
template <class Number>
std::array<Number, 4> four(const std::string &word, const std::string &said) {
  std::istringstream text(word);
  std::array<Number, 4> numbers;
  for (Number &number : numbers) {
    char comma = ',';
    if ((&number != &numbers[0] && !(text >> comma)) || comma != ',' || !(text >> number))
      throw UsageError("not " + said + ": " + word);
  }
  if (!text.eof()) throw UsageError("not " + said + ": " + word);
  return numbers;
}

View view_of(const std::string &word, const Letterbox &photo) {
  const auto [left, top, width, height] = four<int>(word, "a view LEFT,TOP,WIDTH,HEIGHT");
  if (left < 0 || top < 0 || width < 1 || height < 1 || left > photo.width - width ||
      top > photo.height - height)
    throw UsageError("not a part of the photo: " + word);
  return {left, top, width, height};
}

// What stands behind NAME= in a word, where it begins with that.
std::optional<std::string> value(const std::string &word, const std::string &name) {
  if (word.rfind(name + "=", 0) != 0) return {};
  return word.substr(name.size() + 1);
}

// Takes a box or a click on the photo from a word.
void ask(const std::string &word, const Letterbox &photo, Asked &asked) {
  if (const auto edges = value(word, "box"))
    asked.box = four<float>(*edges, "a box X0,Y0,X1,Y1");
  else
    asked.clicks.push_back(click_on(word, photo));
}

}  // namespace

void encode(const Words &words) {
  if (words.size() < 6)
    throw UsageError(
        "give TYPE SIZE WIDTH HEIGHT PHOTO INPUTS [view=LEFT,TOP,WIDTH,HEIGHT] [previous=LOGITS] "
        "X,Y,LABEL...");
  const Setting setting(words);
  Letterbox letterbox = setting.letterbox;
  std::optional<View> view;
  Asked asked;
  for (size_t i = 6; i < words.size(); i++) {
    if (const auto part = value(words[i], "view"))
      view = view_of(*part, letterbox);
    else if (const auto path = value(words[i], "previous"))
      asked.previous = setting.low_res_mask(*path);
    else
      asked.clicks.push_back(click_of(words[i]));
  }
  std::vector<uint8_t> photo(static_cast<size_t>(letterbox.width) * letterbox.height * 3);
  read_file(words[4], reinterpret_cast<char *>(photo.data()), photo.size());
  if (view) {
    photo = view->shown(photo, letterbox);
    asked.clicks = view->moved(asked).clicks;
    letterbox = Letterbox::fit(view->width, view->height, letterbox.size);
  }
  const auto clicks = in_input(asked.clicks, letterbox);
  std::ofstream inputs(words[5], std::ios::binary);
  for (const auto &values :
       {letterbox.image(photo), prompt_maps(clicks, asked.previous, letterbox.size),
        prompt_tokens(clicks, letterbox.size)})
    setting.write(values, inputs);
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
    if (const auto path = value(words[i], "previous"))
      asked.previous = setting.low_res_mask(*path);
    else
      ask(words[i], setting.letterbox, asked);
  }
  setting.write(cleaned(setting.low_res_mask(words[4]), asked, setting.letterbox), words[5]);
}

void look(const Words &words) {
  if (words.size() < 6)
    throw UsageError("give TYPE SIZE WIDTH HEIGHT LOGITS PREVIOUS [box=X0,Y0,X1,Y1] X,Y,LABEL...");
  const Setting setting(words);
  Asked asked;
  for (size_t i = 6; i < words.size(); i++) ask(words[i], setting.letterbox, asked);
  const auto logits = setting.low_res_mask(words[4]);
  const auto view = surroundings(logits, asked, setting.letterbox);
  const auto letterbox = Letterbox::fit(view.width, view.height, setting.letterbox.size);
  setting.write(onto_view(logits, setting.letterbox, view, letterbox), words[5]);
  const std::vector<int> sides{view.left, view.top, view.width, view.height};
  std::printf("%s\n", json::numbers(sides).c_str());
}

void place(const Words &words) {
  const auto part = words.size() == 7 ? value(words[6], "view") : std::nullopt;
  if (!part) throw UsageError("give TYPE SIZE WIDTH HEIGHT LOGITS PLACED view=LEFT,TOP,WIDTH,HEIGHT");
  const Setting setting(words);
  const auto view = view_of(*part, setting.letterbox);
  const auto letterbox = Letterbox::fit(view.width, view.height, setting.letterbox.size);
  const auto logits = setting.low_res_mask(words[4]);
  setting.write(onto_photo(logits, view, letterbox, setting.letterbox), words[5]);
}

void mask(const Words &words) {
  const auto part = words.size() == 7 ? value(words[6], "view") : std::nullopt;
  if (words.size() != 6 && !part)
    throw UsageError("give TYPE SIZE WIDTH HEIGHT LOGITS MASK [view=LEFT,TOP,WIDTH,HEIGHT]");
  const Setting setting(words);
  const Letterbox &photo = setting.letterbox;
  const auto view = part ? view_of(*part, photo) : View{0, 0, photo.width, photo.height};
  const auto letterbox = Letterbox::fit(view.width, view.height, photo.size);
  const auto made = photo_mask(setting.low_res_mask(words[4]), view, letterbox, photo);
  std::ofstream answer(words[5], std::ios::binary);
  answer.write(reinterpret_cast<const char *>(made.data()), made.size());
  close(answer, words[5]);
}
