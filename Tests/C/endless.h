/* Scripts that would run for years, and what must end them: each kind of library function is tested with its own. */
#ifndef LUAWAIT_TESTS_ENDLESS_H
#define LUAWAIT_TESTS_ENDLESS_H

#include "events.h"

/** Each calls mark() when it has begun. */
typedef struct endless_scripts {
    const char *const *scripts;
    size_t count;
} endless_scripts;

#define ENDLESS(array) ((endless_scripts){(array), sizeof(array) / sizeof *(array)})

/** A luawait_callback whose user_data is a gate: `mark`, for one. */
void mark_begun(void *user_data, luawait_call *call);

/** `more` is added to the config and begins with a comma, or is empty. */
#define preempting_engine(preemption, more) make_preempting_engine(HERE, (preemption), (more))
luawait_engine *make_preempting_engine(harness_place at, const char *preemption, const char *more);

/** Cancels each on a worker, once it is known to run. */
void cancel_each(endless_scripts all, const char *preemption);
/** Lets each meet a limit, on a worker and in luawait_eval(); `limit` is the part of the config, `type` the error's. */
void limit_each(endless_scripts all, const char *preemption, const char *limit, const char *type);
/** Lets each meet cpu_ms in luawait_run(), however scripts are interrupted there. */
void limit_each_in_run(endless_scripts all);
/** luawait_run() comes back from one when its slice is over, others have their turn, and it can be cancelled. */
void take_turns_in_run(const char *endless);

#endif
