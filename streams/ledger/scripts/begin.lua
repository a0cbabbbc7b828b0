-- KEYS: marker, lock. ARGV: token, milliseconds that the lock holds. 'complete', 'yours' or 'wait'.

if redis.call('EXISTS', KEYS[1]) == 1 then
  return 'complete'
end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 'yours'
end
return 'wait'
