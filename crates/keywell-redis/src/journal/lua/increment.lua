-- ARGV  6 delta, 7 time to live of a key that is created, in milliseconds, or nothing

sweep(SWEEP)
local name = KEYS[6]
local key = key_of(name)
local is_there = current(key, name)
if not is_there and ARGV[7] ~= '' then
  put(key, name, ARGV[6], ARGV[7])
  finish()
  return {'ok', ARGV[6]}
end
-- A script that has written is let past the limit of memory, so nothing is deleted for nothing.
if not is_there and call('EXISTS', name) == 1 then
  call('DEL', name)
end
local added = redis.pcall('INCRBY', name, ARGV[6])
if type(added) == 'table' and added.err then
  finish()
  local refused = added.err
  if string.find(refused, 'WRONGTYPE') then
    return {'type'}
  elseif string.find(refused, 'not an integer') then
    return {'number'}
  elseif string.find(refused, 'overflow') then
    return {'overflow'}
  end
  return added
end
-- Read back: in Lua the sum has lost what is past 2^53.
local sum = call('GET', name)
call('HSET', versions, key, text(seq + 1) .. '-' .. nonce)
call('ZADD', index, 0, key)
emit('set', key, sum)
finish()
return {'ok', sum}
