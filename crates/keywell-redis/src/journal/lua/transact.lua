-- All writes of a transaction if all of its checks hold.
--
-- KEYS  from 6 on values: those of the checks, then those of the writes, each of which is there once
-- ARGV  6 number of checks; for each check `absent`, `never` or `is`, and a version; for each write
--       `set`, a value and a time to live in milliseconds or nothing, `add`, a delta and nothing,
--       or `del` and twice nothing
--
-- Answers `stale` and the place of the check; `number`; `overflow`; `type`; or `ok` and for each
-- write the sum of a counter or how many keys it changed, and the new version or nothing.

sweep(SWEEP)
local checks = tonumber(ARGV[6])
local writes = #KEYS - 5 - checks

local function write(i)
  local at = 2 * checks + 3 * i + 4
  local name = KEYS[5 + checks + i]
  return name, key_of(name), ARGV[at], ARGV[at + 1], ARGV[at + 2]
end

for i = 1, checks do
  local name = KEYS[5 + i]
  local version = current(key_of(name), name)
  local what, expected = ARGV[2 * i + 5], ARGV[2 * i + 6]
  if not ((what == 'absent' and not version) or (what == 'is' and version == expected)) then
    finish()
    return {'stale', text(i - 1)}
  end
end

local found, sums = {}, {}
for i = 1, writes do
  local name, key, action, delta = write(i)
  found[i] = current(key, name)
  if action == 'add' then
    local value = found[i] and redis.pcall('GET', name) or '0'
    local refused = 'type'
    if type(value) == 'string' then
      sums[i], refused = add(value, delta)
    end
    if refused then
      finish()
      return {refused}
    end
  end
end

local answer = {'ok'}
for i = 1, writes do
  local name, key, action, value, ttl = write(i)
  local changed, version = '1', ''
  if action == 'set' then
    version = put(key, name, value, ttl)
  elseif action == 'add' then
    changed, version = sums[i], text(seq + 1) .. '-' .. nonce
    if found[i] then
      call('SET', name, changed, 'KEEPTTL')
    else
      call('SET', name, changed)
    end
    call('HSET', versions, key, version)
    call('ZADD', index, 0, key)
    emit('set', key, changed)
  elseif found[i] then
    drop(key, name)
  else
    changed = '0'
  end
  answer[2 * i] = changed
  answer[2 * i + 1] = version
end
finish()
return answer
