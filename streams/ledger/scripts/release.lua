-- KEYS: lock. ARGV: token. 1; nil if the lock is another's.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
return redis.call('DEL', KEYS[1])
