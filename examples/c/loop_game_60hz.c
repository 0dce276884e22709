/*
 * A game's loop at 60 frames a second that runs the scripts itself. In each frame every creature thinks once: a script
 * of its own that asks the game where the food is, and is answered within the frame. A story goes on beside them, line
 * by line: one long script that waits for frames. A creature that has not thought to the end goes on in the next one.
 *
 * What touches the game's world is a main-thread function: its requests come to the loop alone, whatever other threads
 * look for requests. Here one does: it loads the story's lines, as it would load maps. Those are for any thread, and
 * whichever comes first provides them.
 *
 * Usage: loop_game_60hz [FRAMES]
 */
#include <errno.h>
#include <inttypes.h>
#include <luawait.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CREATURES = 4, BATCH = 16, FRAME_NS = 1000000000 / 60, BUDGET_US = 4000 };

static const char think[] = "local food = nearest_food(x)\n"
                            "local distance = math.abs(food - x)\n"
                            "if distance <= speed then return food end\n"
                            "return food > x and x + speed or x - speed";

static const char story[] = "for i = 1, 3 do\n"
                            "    print(load_line(i))\n"
                            "    for i = 1, 5 do next_frame() end\n"
                            "end";

static struct creature {
    const char *name;
    int place, speed;
    long thoughts;
    uint64_t eval; /* 0: it does not think */
} creatures[CREATURES] = {{"ant", 0, 1, 0, 0}, {"bee", 90, 3, 0, 0}, {"cat", 45, 2, 0, 0}, {"dog", 150, 7, 0, 0}};

static const char *const lines[] = {"\"Once upon a time\"", "\"there was food\"", "\"and then there was none\""};

static const int food[] = {20, 60, 100};
static uint64_t story_eval, story_request;
static int story_is_told;
static sem_t loader_wakes;
static atomic_int loader_is_done;

static void must_be_ok(luawait_status status, const char *what, const luawait_error *error) {
    if (status == LUAWAIT_OK) return;
    fprintf(stderr, "%s: %s %s\n", what, luawait_status_name(status), error != NULL ? error->message : "");
    exit(EXIT_FAILURE);
}

static void declare(luawait_engine *engine, const char *name, const char *options) {
    luawait_error error = {.struct_size = sizeof error};
    must_be_ok(luawait_register(engine, name, LUAWAIT_NUL_TERMINATED, options, strlen(options), &error), name, &error);
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

static void provide_line(luawait_engine *engine, uint64_t request, const char *args) {
    const char *line = lines[atoi(args + 1) - 1]; /* the arguments, such as [2] */
    must_be_ok(luawait_provide_result(engine, request, line, LUAWAIT_NUL_TERMINATED, NULL), "line", NULL);
}

/* There may be something to load. Called by whichever thread makes a request. */
static void wake_loader(void *data) {
    sem_post(data);
}

/* The loading thread's whole life. That it finds nothing asks for being woken by the next request. */
static void *load(void *data) {
    luawait_engine *engine = data;
    uint64_t request;
    char *args;
    while (!atomic_load(&loader_is_done)) {
        while (luawait_get_pending_request(engine, &request, NULL, NULL, &args, NULL) == LUAWAIT_OK) {
            provide_line(engine, request, args);
            luawait_free(args);
        }
        while (sem_wait(&loader_wakes) != 0)
            continue;
    }
    return NULL;
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
    } else if (e->kind == LUAWAIT_EVENT_REQUEST && strcmp(e->name, "next_frame") == 0) {
        story_request = e->request_id;
    } else if (e->kind == LUAWAIT_EVENT_REQUEST && strcmp(e->name, "load_line") == 0) {
        provide_line(engine, e->request_id, e->text);
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
    pthread_t loader;
    luawait_error error = {.struct_size = sizeof error};
    must_be_ok(luawait_engine_new(config, LUAWAIT_NUL_TERMINATED, &engine, &error), "engine", &error);
    declare(engine, "nearest_food", "{\"thread\":\"main\"}");
    declare(engine, "next_frame", "{\"thread\":\"main\"}");
    declare(engine, "load_line", "{\"thread\":\"any\"}");
    must_be_ok(luawait_bind_main_thread(engine), "main thread", NULL);
    sem_init(&loader_wakes, 0, 0);
    must_be_ok(luawait_set_notifier(engine, wake_loader, &loader_wakes, NULL), "notifier", NULL);
    if (pthread_create(&loader, NULL, load, engine) != 0) abort();
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
    atomic_store(&loader_is_done, 1);
    sem_post(&loader_wakes);
    pthread_join(loader, NULL);
    for (struct creature *c = creatures; c < creatures + CREATURES; c++) {
        printf("%s thought %ld times and is at %d\n", c->name, c->thoughts, c->place);
    }
    printf("# %ld frames\n", frame);
    luawait_engine_free(engine);
}
