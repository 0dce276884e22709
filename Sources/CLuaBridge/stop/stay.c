// A script's stay on a thread: what the thread is like while the script is inside, and how it is given back to the
// host.
//
// Inside it can be stopped, and it is in the C locale. In the host's, numbers would have its decimal point, and
// comparing two texts would go by its alphabet, which takes seconds for a few megabytes, in one call that nothing
// interrupts.
#include "stop/stay.h"

#include "CLuaBridge.h"
#include "core/context_record.h"
#include "stop/stopper.h"

#include <locale.h>
#include <stdatomic.h>

// One for the process, never freed: it is in use whenever a script runs.
static locale_t c_locale(void) {
    static _Atomic(locale_t) made;
    locale_t locale = atomic_load(&made), none = (locale_t)0;
    if (locale != none) return locale;
    locale = newlocale(LC_ALL_MASK, "C", none);
    if (locale == none || atomic_compare_exchange_strong(&made, &none, locale)) return locale;
    freelocale(locale);
    return none; // another thread was faster
}

locale_t lwb_use_c_locale(void) {
    return uselocale(c_locale());
}

void lwb_use_locale(locale_t locale) {
    (void)uselocale(locale);
}

void lwb_begin_stay(lwb_context *context) {
    context->host_locale = lwb_use_c_locale();
    lwb_stopper_enter(context->stopper, context);
}

void lwb_end_stay(lwb_context *context) {
    lwb_stopper_leave(context->stopper);
    lwb_use_locale(context->host_locale);
}

void lwb_step_out(lwb_context *context) {
    lwb_stopper_pause(context->stopper);
    lwb_use_locale(context->host_locale);
}

void lwb_step_in(lwb_context *context) {
    context->host_locale = lwb_use_c_locale(); // the callback may have chosen another
    lwb_stopper_resume(context->stopper);
}
