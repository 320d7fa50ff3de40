sweep(SWEEP)
for i = 6, #KEYS do
  local key = key_of(KEYS[i])
  if current(key, KEYS[i]) then
    drop(key, KEYS[i])
  end
end
finish()
return {'ok'}
