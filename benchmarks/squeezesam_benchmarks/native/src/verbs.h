// The verbs of the program; each takes the words behind it, and writes or prints its results.
#pragma once

#include <string>
#include <vector>

using Words = std::vector<std::string>;

// MODEL INPUTS OUTPUTS TENSOR... -- TENSOR...
//
// INPUTS holds any number of cases, each the raw input tensors one after another; OUTPUTS gets the
// raw outputs of each. On one thread.
void answer(const Words &words);

// MODEL SETTING=VALUE... -- TENSOR... -- TENSOR...
//
// The settings are those of job.h. Prints a schema.Measurement as one line of JSON, nothing else.
void time_model(const Words &words);

// TYPE SIZE WIDTH HEIGHT PHOTO INPUTS [view=LEFT,TOP,WIDTH,HEIGHT] [previous=LOGITS] X,Y,LABEL...
//
// PHOTO holds RGB bytes; INPUTS gets the inputs of the network, one after another, in the TYPE
// float32 or float16. With a view they are those of that part of the photo, and so is the previous
// mask; clicks are on the photo.
void encode(const Words &words);

// TYPE SIZE WIDTH HEIGHT LOGITS CLEANED [box=X0,Y0,X1,Y1] [previous=LOGITS] X,Y,LABEL...
//
// All files hold one low-resolution mask in the TYPE.
void clean(const Words &words);

// TYPE SIZE WIDTH HEIGHT LOGITS PREVIOUS [box=X0,Y0,X1,Y1] X,Y,LABEL...
//
// LOGITS holds one low-resolution mask of the photo in the TYPE; PREVIOUS gets it as the previous
// mask of the view around it. Prints the view as [LEFT, TOP, WIDTH, HEIGHT].
void look(const Words &words);

// TYPE SIZE WIDTH HEIGHT LOGITS PLACED view=LEFT,TOP,WIDTH,HEIGHT
//
// LOGITS holds one low-resolution mask of the view in the TYPE; PLACED gets that of the photo.
void place(const Words &words);

// TYPE SIZE WIDTH HEIGHT LOGITS MASK [view=LEFT,TOP,WIDTH,HEIGHT]
//
// LOGITS holds one low-resolution mask, of the view where there is one, in the TYPE; MASK gets a
// byte for each pixel of the photo.
void mask(const Words &words);
