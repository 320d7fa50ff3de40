-- All writes of a transaction if all of its checks hold.
--
-- KEYS  those of the checks, then those of the writes, each of which is there once
-- ARGV  1 number of checks; for each check `absent`, `never` or `is`, and a value; for each write
--       `set`, a value and a time to live in milliseconds or nothing, `add`, a delta and nothing,
--       or `del` and twice nothing
--
-- Answers `stale` and the place of the check; `number`; `overflow`; or `ok` and for each write the
-- sum of a counter or how many keys it changed, and nothing.
--
-- A script is not undone where it fails half-way, so all that can be refused comes first.

local call = redis.call
local checks = tonumber(ARGV[1])
local writes = #KEYS - checks

local function write(i)
  local at = 2 * checks + 3 * i - 1
  return KEYS[checks + i], ARGV[at], ARGV[at + 1], ARGV[at + 2]
end

for i = 1, checks do
  local what, value = ARGV[2 * i], ARGV[2 * i + 1]
  local holds = false
  if what == 'absent' then
    holds = call('EXISTS', KEYS[i]) == 0
  elseif what == 'is' then
    holds = call('GET', KEYS[i]) == value
  end
  if not holds then
    return {'stale', string.format('%d', i - 1)}
  end
end

local sums, set_at = {}, nil
for i = 1, writes do
  local key, action, delta = write(i)
  if action == 'add' then
    local refused
    sums[i], refused = add(call('GET', key) or '0', delta)
    if refused then
      return {refused}
    end
  end
  if action ~= 'del' then
    set_at = key
  end
  -- Since Redis 7, which can grant a command for some keys only.
  local command = action == 'del' and {'DEL', key} or {'SET', key, ''}
  if redis.acl_check_cmd and not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this account may not do all writes of the transaction')
  end
end

-- A set whose condition does not hold does nothing, and is refused as any other is: where there is
-- no memory, or this account may set nothing. Deletes come first, as no such thing can be done for
-- them; where one is refused, the first is.
if set_at then
  call('SET', set_at, '', call('EXISTS', set_at) == 1 and 'NX' or 'XX')
end

local changed = {}
for i = 1, writes do
  local key, action = write(i)
  if action == 'del' then
    changed[i] = string.format('%d', call('DEL', key))
  end
end
for i = 1, writes do
  local key, action, value, ttl = write(i)
  if action == 'add' then
    call('SET', key, sums[i], 'KEEPTTL')
    changed[i] = sums[i]
  elseif action == 'set' then
    if ttl == '' then
      call('SET', key, value)
    else
      call('SET', key, value, 'PX', ttl)
    end
    changed[i] = '1'
  end
end

local answer = {'ok'}
for i = 1, writes do
  answer[2 * i] = changed[i]
  answer[2 * i + 1] = ''
end
return answer
