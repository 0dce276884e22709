/*
 * A game's loop at 60 frames a second, without a thread but its own. In each frame every creature thinks once: a script
 * of its own that asks the game where the food is, and is answered within the frame. A story goes on beside them, line
 * by line: one long script that waits for frames. A creature that has not thought to the end goes on in the next one.
 *
 * Usage: loop_game_60hz [FRAMES]
 */
#include <errno.h>
#include <inttypes.h>
#include <luawait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CREATURES = 4, BATCH = 16, FRAME_NS = 1000000000 / 60, BUDGET_US = 4000 };

static const char think[] = "local food = nearest_food(x)\n"
                            "local distance = math.abs(food - x)\n"
                            "if distance <= speed then return food end\n"
                            "return food > x and x + speed or x - speed";

static const char story[] =
    "for _, line in ipairs { 'Once upon a time', 'there was food', 'and then there was none' } do\n"
    "    print(line)\n"
    "    for i = 1, 5 do next_frame() end\n"
    "end";

static struct creature {
    const char *name;
    int place, speed;
    long thoughts;
    uint64_t eval; /* 0: it does not think */
} creatures[CREATURES] = {{"ant", 0, 1, 0, 0}, {"bee", 90, 3, 0, 0}, {"cat", 45, 2, 0, 0}, {"dog", 150, 7, 0, 0}};

static const int food[] = {20, 60, 100};
static uint64_t story_eval, story_request;
static int story_is_told;

static void must_be_ok(luawait_status status, const char *what, const luawait_error *error) {
    if (status == LUAWAIT_OK) return;
    fprintf(stderr, "%s: %s %s\n", what, luawait_status_name(status), error != NULL ? error->message : "");
    exit(EXIT_FAILURE);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void answer(luawait_engine *engine, uint64_t request, int value) {
    char json[16];
    snprintf(json, sizeof json, "%d", value);
    must_be_ok(luawait_provide_result(engine, request, json, LUAWAIT_NUL_TERMINATED, NULL), "answer", NULL);
}

static int nearest_food(int place) {
    int best = food[0];
    for (size_t i = 1; i < sizeof food / sizeof *food; i++) {
        if (abs(food[i] - place) < abs(best - place)) best = food[i];
    }
    return best;
}

static void begin_thoughts(luawait_engine *engine, long frames) {
    for (struct creature *c = creatures; c < creatures + CREATURES; c++) {
        if (c->eval != 0 || c->thoughts == frames) continue;
        luawait_error error = {.struct_size = sizeof error};
        char options[96];
        snprintf(options, sizeof options, "{\"name\":\"%s\",\"globals\":{\"x\":%d,\"speed\":%d}}", c->name, c->place,
                 c->speed);
        must_be_ok(luawait_start(engine, think, sizeof think - 1, options, strlen(options), &c->eval, &error), c->name,
                   &error);
    }
}

static void handle(luawait_engine *engine, const luawait_event *e) {
    if (e->kind == LUAWAIT_EVENT_OUTPUT) {
        printf("story: %s\n", e->text);
    } else if (e->kind == LUAWAIT_EVENT_REQUEST && e->eval_id == story_eval) {
        story_request = e->request_id;
    } else if (e->kind == LUAWAIT_EVENT_REQUEST) {
        answer(engine, e->request_id, nearest_food(atoi(e->text + 1))); /* the arguments, such as [45] */
    } else if (e->kind == LUAWAIT_EVENT_FINISHED) {
        must_be_ok(e->state == LUAWAIT_SUCCEEDED ? LUAWAIT_OK : LUAWAIT_ERR_ARGUMENT, e->text, NULL);
        if (e->eval_id == story_eval) story_is_told = 1;
        for (struct creature *c = creatures; c < creatures + CREATURES; c++) {
            if (c->eval != e->eval_id) continue;
            c->place = atoi(e->text);
            c->thoughts++;
            c->eval = 0;
        }
    }
}

/* Scripts run, ask, are answered and go on, until none can or the frame's time for them is used up. */
static void run_scripts(luawait_engine *engine) {
    luawait_event events[BATCH] = {{.struct_size = sizeof *events}};
    int64_t end = now_ns() + BUDGET_US * 1000, timeout = 0;
    while (timeout == 0 && now_ns() < end) {
        size_t count;
        must_be_ok(luawait_run(engine, (uint64_t)(end - now_ns()) / 1000, NULL), "run", NULL);
        while (luawait_next_events(engine, events, BATCH, &count) == LUAWAIT_OK) {
            for (size_t i = 0; i < count; i++)
                handle(engine, &events[i]);
            luawait_release_events(events, count);
        }
        must_be_ok(luawait_next_timeout(engine, &timeout), "next_timeout", NULL);
    }
}

static int is_over(long frames) {
    int over = story_is_told;
    for (struct creature *c = creatures; c < creatures + CREATURES; c++)
        over &= c->thoughts == frames;
    return over;
}

int main(int argc, char **argv) {
    const char *config = "{\"executor\":\"host\",\"watchdog\":false,\"print\":\"event\"}";
    long frames = argc > 1 ? strtol(argv[1], NULL, 10) : 600, frame = 0;
    luawait_engine *engine;
    luawait_error error = {.struct_size = sizeof error};
    must_be_ok(luawait_engine_new(config, LUAWAIT_NUL_TERMINATED, &engine, &error), "engine", &error);
    must_be_ok(luawait_register(engine, "nearest_food", LUAWAIT_NUL_TERMINATED, NULL, 0, &error), "food", &error);
    must_be_ok(luawait_register(engine, "next_frame", LUAWAIT_NUL_TERMINATED, NULL, 0, &error), "frame", &error);
    must_be_ok(luawait_start(engine, story, sizeof story - 1, NULL, 0, &story_eval, &error), "story", &error);
    for (int64_t due = now_ns(); !is_over(frames); frame++, due += FRAME_NS) {
        struct timespec until = {due / 1000000000, due % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
            continue;
        if (story_request != 0) answer(engine, story_request, (int)frame);
        story_request = 0;
        begin_thoughts(engine, frames);
        run_scripts(engine);
    }
    for (struct creature *c = creatures; c < creatures + CREATURES; c++) {
        printf("%s thought %ld times and is at %d\n", c->name, c->thoughts, c->place);
    }
    printf("# %ld frames\n", frame);
    luawait_engine_free(engine);
}
