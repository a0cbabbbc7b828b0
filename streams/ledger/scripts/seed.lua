-- KEYS: marker; due dates; states. ARGV: per state its key. Those without a state, which have no date either, are due at
-- once; nil without marker.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
for i = 1, #ARGV do
  if redis.call('EXISTS', KEYS[i + 2]) == 0 then
    redis.call('ZADD', KEYS[2], 0, ARGV[i])
  end
end
return {}
