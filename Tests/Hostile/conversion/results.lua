-- Values that are no JSON, or too much of it, as what the script returns.

--# a_cycle -> conversion
local t = {}
t.t = t
return t

--# a_cycle_through_an_array -> conversion
local t = { { {} } }
t[1][1][1] = t
return t

--# a_deep_table -> conversion
local t = {}
for _ = 1, 10000 do t = { t } end
return t

--# a_deep_mixture -> conversion
local t = {}
for i = 1, 10000 do t = i % 2 == 0 and { t } or { k = t } end
return t

--# mixed_keys -> conversion
return { 1, 2, x = 3 }

--# keys_that_are_no_text -> conversion
return { [true] = 1 }

--# keys_that_are_tables -> conversion
return { [{}] = 1 }

--# holes -> conversion, value
return { 1, nil, 3, [100] = 4 }

--# an_index_beyond_everything -> conversion
return json.array { [math.maxinteger] = 1 }

--# not_a_number -> conversion
return 0 / 0

--# infinity_deep_inside -> conversion
return { a = { b = { -1 / 0 } } }

--# text_that_is_no_utf8 -> conversion
return "\xff\xfe"

--# surrogates_and_overlong_forms -> value
for _, text in ipairs { "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "\x80", "a\xe2\x82", "\xf8\x88\x80\x80\x80" } do
    local ok, e = pcall(fetch, text)
    assert(not ok and e.type == "conversion", text)
end

--# a_key_that_is_no_utf8 -> conversion
return { ["\xff"] = 1 }

--# functions_and_coroutines -> conversion
return print, coroutine.create(print)

--# a_huge_text -> limit
return ("x"):rep(2000000)

--# a_text_of_escapes -> limit
return ("\1"):rep(500000)

--# a_huge_array -> limit, memory
local t = {}
for i = 1, 180000 do t[i] = i end
return t

--# many_results -> value
return table.unpack({}, 1, 50000)

--# the_same_table_a_thousand_times -> limit, value
local t = { 1, 2, 3 }
for _ = 1, 40 do t = { t, t } end
return t

--# a_bomb_of_shared_tables -> limit, memory
local t = { "text" }
for _ = 1, 100 do t = { t, t, t, t, t, t, t, t } end
return t
