-- ARGV  6 first and 7 last key of a range, as ZRANGEBYLEX takes them; 8 most keys; 9 most bytes

sweep(256)
finish()
local most, most_bytes = tonumber(ARGV[8]), tonumber(ARGV[9])
-- Where times end faster than they are swept.
local is_behind = call('ZCOUNT', due, '-inf', '(' .. text(now)) > 0
local found = call('ZRANGEBYLEX', index, ARGV[6], ARGV[7], 'LIMIT', 0, most + 1)
local keys, size, last_seen = {}, 0, ''
local is_more = #found > most
for _, key in ipairs(found) do
  if not (is_behind and has_ended(call('ZSCORE', due, key))) then
    if #keys == most or (#keys > 0 and size + #key > most_bytes) then
      is_more = true
      break
    end
    keys[#keys + 1] = key
    size = size + #key
  end
  last_seen = key
end
return {'ok', is_more and 1 or 0, last_seen, keys}
