-- In front of every script that may write.
--
-- KEYS  1 meta, 2 index, 3 versions, 4 due, 5 stream; values behind them
-- ARGV  1 nonce of this write, 2 events and 3 bytes of history, 4 epoch of a journal that may be
--       begun here, or nothing, 5 length of what stands before a key in the name of its value
--
-- Numbers are below 2^53, so they are exact in Lua. What `tostring` does to them is not.

local call = redis.call
local meta, index, versions, due, stream = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local nonce, skip = ARGV[1], tonumber(ARGV[5])
local history, history_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])

local function text(number)
  return string.format('%.0f', number)
end

local time = call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)

local head = call('HMGET', meta, 'epoch', 'seq', 'nonce', 'bytes', 'floor')
local epoch, seq, last = head[1], tonumber(head[2]), head[3]
local bytes, floor = tonumber(head[4]), tonumber(head[5])
if not epoch then
  if ARGV[4] == '' then
    return {'new'}
  end
  epoch, seq, last, bytes, floor = ARGV[4], micros, ARGV[4], 0, 0
  -- A stream that outlived its meta must still take what comes.
  local newest = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if newest then
    seq = math.max(seq, tonumber(string.match(newest[1], '^%d+')))
  end
  call('HSET', meta, 'epoch', epoch, 'seq', text(seq), 'nonce', last, 'bytes', '0', 'floor', '0')
end
local begun = seq

-- Keys come out of the names of their values.
local function key_of(name)
  return string.sub(name, skip + 1)
end

local function size_of(key, value)
  return #key + #value + 64
end

-- Counts a change, and records it.
local function emit(op, key, value)
  seq = seq + 1
  if history > 0 then
    bytes = bytes + size_of(key, value)
    call('XADD', stream, 'MAXLEN', '~', history, text(seq) .. '-0', 'op', op, 'key', key,
      'value', value, 'nonce', nonce, 'prev', last, 'bytes', text(bytes))
  end
  last = nonce
end

-- Whether a time has ended. A key is there during the millisecond of its deadline, as in Redis.
local function has_ended(deadline)
  return deadline and tonumber(deadline) < now
end

-- Removes what is left of a key whose value is gone by itself.
local function forget(key, op)
  call('ZREM', due, key)
  call('ZREM', index, key)
  call('HDEL', versions, key)
  emit(op, key, '')
end

-- Ends the times that are over, so many at most.
local function sweep(most)
  for _, key in ipairs(call('ZRANGEBYSCORE', due, '-inf', '(' .. text(now), 'LIMIT', 0, most)) do
    forget(key, 'exp')
  end
end

-- The version of a key that is there, or false. One whose time is over is ended first.
local function current(key, name)
  local version = call('HGET', versions, key)
  if not version then
    return false
  end
  local deadline = call('ZSCORE', due, key)
  if has_ended(deadline) then
    call('DEL', name)
    forget(key, 'exp')
    return false
  end
  if call('EXISTS', name) == 0 then
    -- Evicted, or deleted by another program.
    forget(key, deadline and 'exp' or 'del')
    return false
  end
  return version
end

-- Writes a value, and answers its version.
local function put(key, name, value, ttl)
  local version = text(seq + 1) .. '-' .. nonce
  if ttl == '' then
    call('SET', name, value)
    call('ZREM', due, key)
  else
    local till = text(now + tonumber(ttl))
    call('SET', name, value, 'PXAT', till)
    call('ZADD', due, till, key)
  end
  call('HSET', versions, key, version)
  call('ZADD', index, 0, key)
  emit('set', key, value)
  return version
end

local function drop(key, name)
  call('DEL', name)
  call('HDEL', versions, key)
  call('ZREM', index, key)
  call('ZREM', due, key)
  emit('del', key, '')
end

-- Takes the oldest events away while there are too many bytes of them, save the newest.
local function trim()
  local steps = 64 + seq - begun
  while bytes - floor > history_bytes and steps > 0 do
    local oldest = call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    local number = oldest and tonumber(string.match(oldest[1], '^%d+'))
    if not number or number >= seq then
      return
    end
    local fields = oldest[2]
    local upto = tonumber(fields[12])
    floor = upto - size_of(fields[4], fields[6])
    if bytes - floor > history_bytes then
      call('XTRIM', stream, 'MINID', text(number + 1) .. '-0')
      floor = upto
    end
    steps = steps - 1
  end
end

-- Has to be called before a script that may have written ends.
local function finish()
  if seq == begun then
    return
  end
  if history > 0 then
    trim()
  end
  call('HSET', meta, 'seq', text(seq), 'nonce', last, 'bytes', text(bytes), 'floor', text(floor))
end

-- How many ended times a write clears away besides its own.
local SWEEP = 16
