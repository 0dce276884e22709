// One thread's place in the stop protocol, as the script on it sees it. Nothing here raises.
#ifndef LUAWAIT_BRIDGE_STOPPER_H
#define LUAWAIT_BRIDGE_STOPPER_H

#include "CLuaBridge.h"

void lwb_stopper_enter(lwb_stopper *stopper, lwb_context *context);
void lwb_stopper_leave(lwb_stopper *stopper);
void lwb_stopper_pause(lwb_stopper *stopper);
void lwb_stopper_resume(lwb_stopper *stopper);
// Whether orders are looked for by counting in this run; and whether that is so because signals do not arrive.
bool lwb_stopper_counts(const lwb_stopper *stopper);
bool lwb_stopper_counts_for_once(const lwb_stopper *stopper);
// How many instructions pass between two looks for orders.
int lwb_stopper_interval(const lwb_stopper *stopper);
bool lwb_stopper_slices_by_instructions(const lwb_stopper *stopper);
// Takes the orders that no signal brings. Where they are looked for by counting, looks at the clock, too, for the ends
// of slice and run.
int lwb_stopper_look(lwb_stopper *stopper);
int64_t lwb_stopper_cpu_mark(const lwb_stopper *stopper);
int64_t lwb_thread_cpu_ns(void);

#endif
