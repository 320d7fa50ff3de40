-- KEYS  1 versions; then values
-- ARGV  1 length of what stands before a key in the name of its value; 2 how many bytes the values
--       may have together; 3 `1` to read what is left of their times to live, too
--
-- Answers how many they have where that is more.

local skip = tonumber(ARGV[1])
local bytes = 0
for i = 2, #KEYS do
  local length = redis.pcall('STRLEN', KEYS[i])
  if type(length) == 'number' then
    bytes = bytes + length
  end
end
if bytes > tonumber(ARGV[2]) then
  return bytes
end

local answer = {}
-- Lua hands no more than some 8,000 values to a call.
for first = 2, #KEYS, 1000 do
  local upto = math.min(first + 999, #KEYS)
  local keys = {}
  for i = first, upto do
    keys[#keys + 1] = string.sub(KEYS[i], skip + 1)
  end
  local values = redis.call('MGET', unpack(KEYS, first, upto))
  local versions = redis.call('HMGET', KEYS[1], unpack(keys))
  for i = 1, #keys do
    local here = values[i] and versions[i]
    answer[#answer + 1] = here and values[i]
    answer[#answer + 1] = here and versions[i]
    if ARGV[3] == '1' then
      answer[#answer + 1] = here and redis.call('PTTL', KEYS[first + i - 1])
    end
  end
end
return answer
