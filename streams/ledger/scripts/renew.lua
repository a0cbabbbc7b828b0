-- KEYS: lock. ARGV: token, milliseconds. 1; nil if the lock is another's.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
