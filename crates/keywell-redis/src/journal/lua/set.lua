-- ARGV  6 time to live in milliseconds, or nothing; then a value for each key

sweep(SWEEP)
local version
for i = 6, #KEYS do
  local name = KEYS[i]
  local key = key_of(name)
  if has_ended(call('ZSCORE', due, key)) then
    forget(key, 'exp')
  end
  version = put(key, name, ARGV[i + 1], ARGV[6])
end
finish()
return {'ok', version}
