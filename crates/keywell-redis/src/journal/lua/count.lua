-- How many keys are there.
--
-- KEYS  1 index, 2 due

local time = redis.call('TIME')
local now = string.format('(%.0f', math.floor((time[1] * 1000000 + time[2]) / 1000))
return redis.call('ZCARD', KEYS[1]) - redis.call('ZCOUNT', KEYS[2], '-inf', now)
