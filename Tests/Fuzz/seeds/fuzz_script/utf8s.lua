for p, c in utf8.codes("hä€😀") do print(p, c) end
return utf8.char(104, 8364, 0x10FFFF), utf8.len("\xff"), utf8.offset("hä€", -1), utf8.codepoint("hä€", 1, -1),
  pcall(utf8.len, "x", 5), ("aB"):upper():lower():reverse(), utf8.charpattern, pcall(utf8.codes, "\xed\xa0\x80", true)
