-- Removes all that is kept of a bucket without keys; whether there is none.
--
-- KEYS  1 meta, 2 index, 3 versions, 4 due, 5 stream

if redis.call('ZCARD', KEYS[2]) > 0 then
  return 0
end
redis.call('DEL', unpack(KEYS))
return 1
