/* What ONNX Runtime's Android library asks of Android's C library, on glibc: for tests on a desktop's
   JVM. Every name gets the version LIBC, under which that library looks for it. */

#include <stdlib.h>
#include <string.h>

extern int __cxa_atexit(void (*call)(void *), void *argument, void *library);
extern void __cxa_finalize(void *library);
extern int __register_atfork(void (*before)(void), void (*parent)(void), void (*child)(void), void *library);

#define LIBC(name) __asm__(".symver bionic_" #name "," #name "@LIBC")

LIBC(__cxa_atexit);
int bionic___cxa_atexit(void (*call)(void *), void *argument, void *library) {
    return __cxa_atexit(call, argument, library);
}

LIBC(__cxa_finalize);
void bionic___cxa_finalize(void *library) { __cxa_finalize(library); }

LIBC(__register_atfork);
int bionic___register_atfork(void (*before)(void), void (*parent)(void), void (*child)(void), void *library) {
    return __register_atfork(before, parent, child, library);
}

LIBC(malloc);
void *bionic_malloc(size_t size) { return malloc(size); }

LIBC(realloc);
void *bionic_realloc(void *block, size_t size) { return realloc(block, size); }

LIBC(free);
void bionic_free(void *block) { free(block); }

LIBC(strlen);
size_t bionic_strlen(const char *text) { return strlen(text); }

LIBC(memcpy);
void *bionic_memcpy(void *to, const void *from, size_t size) { return memcpy(to, from, size); }

LIBC(__stack_chk_fail);
void bionic___stack_chk_fail(void) { abort(); }

LIBC(dlclose);
int bionic_dlclose(void *library) { return library == NULL; /* the tests never unload it */ }

/* NNAPI exists on Android alone; the library of the same version for Linux lacks its one function. */
void *bionic_nnapi(void *options, unsigned flags) {
    (void)options, (void)flags;
    abort();
}
__asm__(".symver bionic_nnapi,OrtSessionOptionsAppendExecutionProvider_Nnapi@VERS_1.29.0");
