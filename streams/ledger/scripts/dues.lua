-- KEYS: marker; due dates. ARGV: until, limit. Key and date by turns, earliest first; nil without marker.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
return redis.call('ZRANGE', KEYS[2], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
