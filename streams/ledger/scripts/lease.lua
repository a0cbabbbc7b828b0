-- KEYS: marker, lease. ARGV: owner, milliseconds. 1 where the owner has the lease now: it was free, or already his.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return nil
end
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[1] then
  return {'0'}
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {'1'}
