// Which case a program of generated cases is at, told also when it crashes: the line repeats the case. Included by one
// file of a program.
#ifndef LUAWAIT_TESTS_CURRENT_CASE_H
#define LUAWAIT_TESTS_CURRENT_CASE_H

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static char current_case[200];

static void tell_case(void) {
    if (write(STDERR_FILENO, current_case, strlen(current_case)) < 0) _exit(3);
}

static void crash(int number) {
    tell_case();
    signal(number, SIG_DFL);
    raise(number);
}

// There with a sanitizer alone.
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

// `on_hang` is the signal by which a case that takes too long is ended.
static void name_case_when_it_crashes(int on_hang) {
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(tell_case);
    } else {
        signal(SIGSEGV, crash);
    }
    signal(SIGABRT, crash);
    signal(on_hang, crash);
}

#endif
