-- KEYS  1 versions, 2 value
-- ARGV  1 key

return redis.call('EXISTS', KEYS[2]) * redis.call('HEXISTS', KEYS[1], ARGV[1])
