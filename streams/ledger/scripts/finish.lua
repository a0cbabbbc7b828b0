-- KEYS: lock, marker. ARGV: token, the highest version written. 1; nil if the lock is another's.
-- The marker holds microseconds since 1970: later, and so higher, than any version that was granted before.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
local now = redis.call('TIME')
redis.call('SET', KEYS[2], next_version(ARGV[2], tonumber(now[1]) * 1000000 + tonumber(now[2])))
return redis.call('DEL', KEYS[1])
