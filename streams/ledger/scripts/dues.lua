-- KEYS: marker; due dates. ARGV: for each of these: until, limit. For each, key and date by turns, earliest first; nil without
-- marker.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local found = {}
for i = 2, #KEYS do
  found[i - 1] = redis.call('ZRANGE', KEYS[i], '-inf', ARGV[2 * i - 3], 'BYSCORE', 'LIMIT', 0, ARGV[2 * i - 2], 'WITHSCORES')
end
return found
