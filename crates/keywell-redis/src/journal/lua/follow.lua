-- The events after one, and when the next key's time ends.
--
-- ARGV  6 epoch, 7 number and 8 nonce of the last event seen; 9 most events; 10 most bytes, save
--       that there is always room for one

sweep(256)
finish()
local seen = tonumber(ARGV[7])
if ARGV[6] ~= epoch or seen > seq or (seen == seq and ARGV[8] ~= last) then
  return {'compacted'}
end
local most, most_bytes = tonumber(ARGV[9]), tonumber(ARGV[10])
local events, size, step = {}, 0, 1
local after = text(seen) .. '-0'
while seen < seq and #events < most and size < most_bytes do
  local found = call('XRANGE', stream, '(' .. after, '+', 'COUNT', math.min(step, most - #events))
  if #found == 0 then
    break
  end
  for _, event in ipairs(found) do
    events[#events + 1] = event
    size = size + size_of(event[2][4], event[2][6])
    after = event[1]
  end
  -- As many as there is room for if they go on being as large as they were.
  step = math.max(1, math.min(128, math.floor((most_bytes - size) * #events / size)))
end
if seen < seq and #events == 0 then
  return {'compacted'}
end
local soonest = call('ZRANGE', due, 0, 0, 'WITHSCORES')
return {'ok', text(seq), text(now), soonest[2] or '', events}
