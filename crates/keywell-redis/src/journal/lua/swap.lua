-- ARGV  6 version expected, or nothing where no key is; 7 `set` or `delete`; 8 value; 9 time to live

sweep(SWEEP)
local name = KEYS[6]
local key = key_of(name)
local version = current(key, name)
local stands = version == ARGV[6] or (not version and ARGV[6] == '')
if not stands then
  finish()
  return {'stale'}
end
if ARGV[7] == 'set' then
  version = put(key, name, ARGV[8], ARGV[9])
  finish()
  return {'ok', version}
end
if version then
  drop(key, name)
end
finish()
return {'ok'}
