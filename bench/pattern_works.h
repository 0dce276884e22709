/* Scripts that live on patterns. Each makes its own texts, so that it is the same everywhere. */
#ifndef BENCH_PATTERN_WORKS_H
#define BENCH_PATTERN_WORKS_H

struct pattern_work {
    const char *name;
    const char *script; // returns an integer
};

#define MAKE_TEXT                                                                                                      \
    "local lines = {}\n"                                                                                               \
    "for i = 1, 2000 do\n"                                                                                             \
    "    lines[i] = ('%04d key_%d = value %d; path=/usr/share/doc%d/readme.txt, %x')\n"                                \
    "        :format(i, i * 7, i * 13, i % 17, i * 7919)\n"                                                            \
    "end\n"                                                                                                            \
    "local text = table.concat(lines, '\\n')\n"

static const struct pattern_work pattern_works[] = {
    {"words with gmatch",
     MAKE_TEXT "local n = 0 for _ = 1, 3 do for word in text:gmatch('%a+') do n = n + #word end end "
               "return n"},
    {"fields of lines with match",
     MAKE_TEXT "local n = 0 for _ = 1, 10 do for i = 1, #lines do\n"
               "local a, b, c = lines[i]:match('^(%d+)%s+([%w_]+)%s*=%s*(.-);') n = n + #a + #b + #c end end return n"},
    {"short finds",
     MAKE_TEXT "local n = 0 for _ = 1, 20 do for i = 1, #lines do\n"
               "n = n + lines[i]:find('=', 1, true) + lines[i]:find('%s') + (lines[i]:find('^%d') or 0)\n"
               "end end return n"},
    {"plain find in a long text", MAKE_TEXT "local n = 0 for _ = 1, 200 do n = n + text:find('value 26000;', 1, true) "
                                            "+ text:find('key_14000', 1, true) end return n"},
    {"pattern find in a long text", MAKE_TEXT "local n = 0 for _ = 1, 20 do n = n + text:find('%f[%d]26000;') "
                                              "+ text:find('(k%a+)_14000') end return n"},
    {"gsub by text", MAKE_TEXT "local n = 0 for _ = 1, 4 do local s, m = text:gsub('(%w+)=(%S+)', '%2=%1') "
                               "n = n + #s + m s, m = text:gsub('%d', '#') n = n + #s + m end return n"},
    {"gsub by function", MAKE_TEXT "local n = 0 for _ = 1, 4 do local s, m = text:gsub('%w+', function(w) "
                                   "if #w > 4 then return w:upper() end end) n = n + #s + m end return n"},
    {"gsub by table", MAKE_TEXT "local n, t = 0, {key = 'K', value = 'V', path = 'P', usr = false}\n"
                                "for _ = 1, 4 do local s, m = text:gsub('%a+', t) n = n + #s + m end return n"},
    {"short gsubs", MAKE_TEXT "local n = 0 for _ = 1, 5 do for i = 1, #lines do\n"
                              "n = n + #lines[i]:gsub('%s+', ' '):gsub('^%s*(.-)%s*$', '%1') end end return n"},
    {"sets and trims", MAKE_TEXT "local n = 0 for _ = 1, 5 do for i = 1, #lines do\n"
                                 "local s = lines[i] n = n + #s:match('[%w/.]+$') + #s:match('([^,]*),') "
                                 "+ #s:match('^.*/') end end return n"},
    {"balanced and frontier", MAKE_TEXT "local s = ('f(a, (b + c) * d[%d]) '):rep(200) local n = 0\n"
                                        "for _ = 1, 100 do for b in s:gmatch('%b()') do n = n + #b end\n"
                                        "for w in s:gmatch('%f[%w]%w+%f[%W]') do n = n + 1 end end return n"},
    {"backtracking", "local s, n = ('a'):rep(200), 0 for _ = 1, 10 do if not s:find('a-a-b') then n = n + 1 end "
                     "if not s:find('a*a*b') then n = n + 1 end end return n"},
};

#define PATTERN_WORK_COUNT (sizeof pattern_works / sizeof *pattern_works)

#endif
