local deep = {} for i = 1, 40 do deep = {deep} end
for _, v in ipairs {deep, 0/0, 1/0, "\xff", {1, a = 2}, {[1.5] = 1}, {[3] = 1}, print, coroutine.create(print), {[true] = 1}} do
  print(pcall(ask, v), pcall(now, {k = v})) end
return json.array {1, nil, 3}, {["a b"] = {["\0"] = -0.0}}, 2^53, 5e-324, math.mininteger, ("x"):rep(70000)
