-- Where a watch begins, or goes on.
--
-- ARGV  6 epoch, 7 number and 8 nonce of the last event seen, or nothing to begin now

sweep(256)
finish()
if ARGV[6] ~= '' then
  local seen = tonumber(ARGV[7])
  if ARGV[6] ~= epoch then
    return {'foreign'}
  end
  if seen > seq or (seen == seq and ARGV[8] ~= last) then
    -- Of writes that the server has lost since.
    return {'compacted'}
  end
  if seen < seq then
    local next_id = text(seen + 1) .. '-0'
    local next_event = call('XRANGE', stream, next_id, next_id)[1]
    if not next_event or next_event[2][10] ~= ARGV[8] then
      return {'compacted'}
    end
  end
end
local is_behind = call('ZCOUNT', due, '-inf', '(' .. text(now)) > 0
return {'ok', epoch, text(seq), last, is_behind and 1 or 0}
