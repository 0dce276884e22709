/* The host's pool for executor "custom": one for the whole run, so that tasks outlive their engines. */
#ifndef LUAWAIT_STRESS_CREW_H
#define LUAWAIT_STRESS_CREW_H

#include "ledger.h"

void crew_begin(void);
/** Runs what is left, and ends the threads. */
void crew_end(void);
/** An executor that now and then refuses; `one` is its data. */
luawait_executor crew_as_executor(token *one);

#endif
