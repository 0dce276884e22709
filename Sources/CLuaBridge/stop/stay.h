// A script's stay on a thread. Nothing here raises.
#ifndef LUAWAIT_BRIDGE_STAY_H
#define LUAWAIT_BRIDGE_STAY_H

#include "CLuaBridge.h"

#include <locale.h>

// A stay of the context's eval on this thread begins, ends.
void lwb_begin_stay(lwb_context *context);
void lwb_end_stay(lwb_context *context);
// Around a call of the host's inside a stay.
void lwb_step_out(lwb_context *context);
void lwb_step_in(lwb_context *context);
// Where Lua works outside of stays. Gives the locale that the calling thread had.
locale_t lwb_use_c_locale(void);
void lwb_use_locale(locale_t locale);

#endif
