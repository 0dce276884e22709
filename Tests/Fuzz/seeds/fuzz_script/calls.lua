local a, b = ask("one", 2, {3}), db.find({name = "x"})
now() print(db.count(1, "two"))
return {a, b, json.null, json.array {}, n = n, config = config, ...}
